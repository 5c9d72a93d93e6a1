package ext4

import (
	"context"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Tree reads what the filesystem holds, all but the content of files, which
// is read from the volume when it is asked for. What is damaged is left out
// and listed as a problem. An error is a failure to read, or ctx's.
//
// lost+found is a folder like any other. The filesystem's own inodes, which no
// name leads to, are not in the tree.
func (fs *FS) Tree(ctx context.Context) (*tree.Node, []*Problem, error) {
	t := treeReader{fs: fs, inodes: map[uint32]*tree.Inode{}}
	visited := 0
	problems, err := fs.Walk(func(e Entry) error {
		if visited++; visited%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		t.add(e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return t.root, append(problems, t.ps.done()...), nil
}

// treeReader builds a tree while the volume is walked, a directory before what
// it holds.
type treeReader struct {
	fs     *FS
	root   *tree.Node
	at     []*tree.Node // the directories from the root to the last entry's
	inodes map[uint32]*tree.Inode
	ps     problems
}

func (t *treeReader) add(e Entry) {
	inode := t.inode(e)
	if e.Path == "/" {
		t.root = &tree.Node{Inode: inode}
		t.at = []*tree.Node{t.root}
		return
	}
	depth := strings.Count(e.Path, "/")
	if depth > len(t.at) {
		return // below what is no directory any more: a problem already
	}
	dir := t.at[depth-1]
	n := &tree.Node{Name: e.Path[strings.LastIndexByte(e.Path, '/')+1:], Inode: inode}
	if k := len(dir.Children); k > 0 && dir.Children[k-1].Name == n.Name {
		return // the second of two entries of one name
	}
	dir.Children = append(dir.Children, n) // names come in order
	t.at = t.at[:depth]
	if n.IsDir() {
		t.at = append(t.at, n)
	}
}

// inode is the object that an entry names. Hard links share it.
func (t *treeReader) inode(e Entry) *tree.Inode {
	if i, ok := t.inodes[e.Number]; ok {
		return i
	}
	d := e.Raw.Decode()
	i := &tree.Inode{
		Mode: uint32(d.Mode), UID: d.Owner(), GID: d.Group(),
		Atime: e.Raw.Atime(), Mtime: e.Raw.Mtime(), Ctime: e.Raw.Ctime(), Btime: e.Raw.Mtime(),
		Flags: d.Flags & InodeUserFlags,
	}
	if birth, ok := e.Raw.Crtime(); ok { // an inode of 128 bytes has none
		i.Btime = birth
	}
	switch i.Type() {
	case tree.Regular:
		i.Size = clampSize(d.Size())
		i.Content = content{t.fs, e.Number}
	case tree.Symlink:
		target, err := t.fs.Target(e.DiskInode)
		if err != nil {
			t.ps.add(e.Offset, "%q: %s", e.Path, text(err))
		}
		i.Target = target
	case tree.Char, tree.Block:
		i.Major, i.Minor = e.Raw.Device()
	}
	attrs, problems := t.fs.Xattrs(e.DiskInode)
	for _, p := range problems {
		t.ps.add(p.Offset, "%q: %s", e.Path, p.Text)
	}
	for _, a := range attrs {
		i.Xattrs = append(i.Xattrs, a.Xattr)
	}
	if d.LinksCount > 1 || i.IsDir() {
		t.inodes[e.Number] = i
	}
	return i
}

// content is a regular file's, which is found again by its inode's number:
// trees are large, and most files are read once.
type content struct {
	fs     *FS
	number uint32
}

// Open implements tree.Content. A file whose blocks cannot all be found is an
// error: what would be read in their place is not the file.
func (c content) Open() (tree.Reader, error) {
	d, err := c.fs.Inode(c.number)
	if err != nil {
		return nil, err
	}
	f := c.fs.OpenFile(d)
	if p := f.Problems(); len(p) > 0 {
		return nil, p[0]
	}
	return contentReader{f, io.NewSectionReader(f, 0, f.Size())}, nil
}

// contentReader reads a file from its start as well as anywhere.
type contentReader struct {
	*File
	io.Reader
}

package ext4

import (
	"bytes"
	"encoding/base64"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Entry is a name met on a walk.
type Entry struct {
	Path   string // absolute
	Parent uint32 // inode of the directory; the root's own for "/"
	Type   uint8  // file_type of the directory entry; FtUnknown where there is none
	Offset int64  // of the directory entry, in bytes from the volume's start; 0 for "/"
	DiskInode
}

// maxPath is the longest path that is followed, in bytes. The kernel takes
// paths of 4096 bytes, but trees may be deeper than that.
const maxPath = 32 << 10

// Walk calls visit for the root and everything below it: a directory before
// what it holds, names in the order of their bytes. Hard links come once for
// each name. A directory that is met a second time is not followed again. An
// error of visit ends the walk and is returned; what is damaged is left out,
// and listed as problems.
//
// Names in an encrypted directory are shown in base64 (RFC 4648 section 5),
// since the stored bytes may hold anything.
func (fs *FS) Walk(visit func(Entry) error) ([]*Problem, error) {
	w := walker{fs: fs, visit: visit, budget: fs.blocks, seen: map[uint32]uint64{}}
	root, err := fs.Inode(RootIno)
	if err != nil {
		return nil, err
	}
	if root.Raw.Type() != tree.Directory {
		return nil, problemf(root.Offset, "the root, inode %d, is no directory: i_mode is 0%o", RootIno, root.Raw.Mode())
	}
	err = w.visit(Entry{Path: "/", Parent: RootIno, Type: FtDir, DiskInode: root})
	if err == nil {
		w.enter(root)
		err = w.dir(root, "")
	}
	return w.ps.done(), err
}

type walker struct {
	fs     *FS
	visit  func(Entry) error
	ps     problems
	budget uint64            // directory blocks that may still be read
	seen   map[uint32]uint64 // directories met so far: a bit an inode, 64 to a word
}

// enter tells whether a directory is met for the first time.
func (w *walker) enter(d DiskInode) bool {
	word, bit := d.Number/64, uint64(1)<<(d.Number%64)
	first := w.seen[word]&bit == 0
	w.seen[word] |= bit
	return first
}

type name struct {
	start, end int // within the names
	inode      uint32
	ft         uint8
	offset     int64
}

func (w *walker) dir(d DiskInode, path string) error {
	var names []byte
	var list []name
	encrypted := d.Raw.Flags()&InodeEncrypt != 0
	err := w.fs.readDir(d, &w.ps, &w.budget, func(e Dirent) error {
		if string(e.Name) == "." || string(e.Name) == ".." {
			return nil
		}
		if !encrypted && bytes.ContainsAny(e.Name, "/\x00") {
			w.ps.add(e.Offset, "inode %d: the name %q holds a character that none may", d.Number, e.Name)
			return nil
		}
		start := len(names)
		if encrypted {
			names = base64.RawURLEncoding.AppendEncode(names, e.Name)
		} else {
			names = append(names, e.Name...)
		}
		list = append(list, name{start, len(names), e.Inode, e.Type, e.Offset})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(list, func(a, b name) int {
		return bytes.Compare(names[a.start:a.end], names[b.start:b.end])
	})
	for i, n := range list {
		text1 := names[n.start:n.end]
		if i > 0 && bytes.Equal(text1, names[list[i-1].start:list[i-1].end]) {
			w.ps.add(n.offset, "the name %q stands twice in %q", text1, path+"/")
		}
		child, err := w.fs.Inode(n.inode)
		if err != nil {
			w.ps.add(n.offset, "%q: %s", path+"/"+string(text1), text(err))
			continue
		}
		if child.Raw.Mode() == 0 {
			w.ps.add(n.offset, "%q: inode %d is not in use", path+"/"+string(text1), n.inode)
			continue
		}
		e := Entry{Path: path + "/" + string(text1), Parent: d.Number, Type: n.ft, Offset: n.offset, DiskInode: child}
		if err := w.visit(e); err != nil {
			return err
		}
		if child.Raw.Type() != tree.Directory {
			continue
		}
		switch {
		case !w.enter(child):
			w.ps.add(n.offset, "%q: directory inode %d has another name already", e.Path, n.inode)
		case len(e.Path) > maxPath:
			w.ps.add(n.offset, "%.80q…: the path is longer than %d bytes, and is not followed", e.Path, maxPath)
		default:
			if err := w.dir(child, e.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

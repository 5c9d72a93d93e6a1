package volume

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// squash is a squashfs.
type squash struct {
	fs   *squashfs.FS
	v    *Volume
	dirs map[uint32]bool // directories met, by inode
}

func openSquashfs(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := squashfs.Open(r, size)
	if err != nil {
		return nil, err
	}
	sb := fs.Superblock()
	bs := int64(sb.BlockSize)
	v := &Volume{Type: "squashfs", BlockSize: bs, Blocks: (int64(sb.BytesUsed) + bs - 1) / bs}
	v.reader = &squash{fs: fs, v: v, dirs: map[uint32]bool{}}
	return v, nil
}

func (x *squash) walk(_ context.Context, visit func(*Object) error) error {
	root, err := x.fs.Root()
	if err != nil {
		return err
	}
	return x.visit("/", root, root.Number, 0, visit)
}

func (x *squash) visit(path string, in *squashfs.Inode, parent uint32, depth int, visit func(*Object) error) error {
	o := x.object(path, in, parent)
	if err := visit(o); err != nil || !in.IsDir() {
		return err
	}
	switch {
	case x.dirs[in.Number]:
		x.v.problem(fmt.Sprintf("%.80q: directory inode %d has another name already, and is not followed", path, in.Number))
		return nil
	case depth == maxDepth || len(path) > maxPath:
		x.v.problem(fmt.Sprintf("%.80q: is nested too deeply, and is not followed", path))
		return nil
	}
	x.dirs[in.Number] = true
	entries, err := x.fs.ReadDir(in)
	if err != nil {
		x.v.problem(fmt.Sprintf("%.80q: %v", path, err))
		return nil
	}
	slices.SortStableFunc(entries, func(a, b squashfs.Entry) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if e.Name == "" || strings.ContainsAny(e.Name, "/\x00") {
			x.v.problem(fmt.Sprintf("%.80q holds the name %q", path, e.Name))
			continue
		}
		child, err := x.fs.Inode(e)
		if err != nil {
			x.v.problem(fmt.Sprintf("%.80q: %v", join(path, e.Name), err))
			continue
		}
		if err := x.visit(join(path, e.Name), child, in.Number, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

func (x *squash) object(path string, in *squashfs.Inode, parent uint32) *Object {
	o := &Object{
		Path: path, Mode: in.Mode, Size: int64(min(in.Size, 1<<63-1)), Has: HasInode | HasLinks | HasOwner,
		Inode: uint64(in.Number), Parent: uint64(parent), Links: in.Links, UID: in.UID, GID: in.GID, Target: in.Target,
		Mtime: Time{Time: tree.Time{Sec: int64(in.Mtime)}, Set: true}, ref: in,
	}
	switch o.Type() {
	case tree.Symlink:
		o.Size = int64(len(in.Target))
	case tree.Block, tree.Char:
		// The kernel's new_encode_dev: 12 bits of major between the minor's.
		o.Major, o.Minor = in.Rdev>>8&0xfff, in.Rdev&0xff|in.Rdev>>12&0xfff00
	}
	attributes, err := x.fs.Xattrs(in)
	if err != nil {
		x.v.problem(fmt.Sprintf("%.80q: %v", path, err))
	}
	for _, a := range attributes {
		o.Xattrs = append(o.Xattrs, Xattr{a.Name, len(a.Value), sha256.Sum256(a.Value)})
	}
	return o
}

// squashFile is a file's content.
type squashFile struct{ *squashfs.File }

// NextData knows of holes where whole blocks are holes.
func (f squashFile) NextData(off int64) (start, end int64) {
	for off < f.Size() {
		_, length, follow, ok := f.Block(off)
		if !ok || length > 0 {
			return off, off + follow
		}
		off += follow
	}
	return f.Size(), f.Size()
}

func (x *squash) content(o *Object) (Content, error) {
	return squashFile{x.fs.OpenFile(o.ref.(*squashfs.Inode))}, nil
}

func (x *squash) runs(o *Object, limit int) ([]Run, bool, error) {
	in := o.ref.(*squashfs.Inode)
	if o.Type() != tree.Regular {
		return nil, true, nil
	}
	f := x.fs.OpenFile(in)
	var out []Run
	for off := int64(0); off < f.Size(); {
		start, length, follow, ok := f.Block(off)
		r := Run{Logical: off, Physical: start, Length: length, Unpacked: follow}
		switch {
		case !ok:
			var stored bool
			if r.Physical, r.Length, stored, ok = x.fs.Fragment(in.Fragment); !ok {
				return out, true, fmt.Errorf("there is no fragment %d", in.Fragment)
			}
			r.Shared, r.Within = true, int64(in.InFrag)
			if stored {
				r.Physical, r.Length, r.Unpacked, r.Shared = r.Physical+r.Within, follow, 0, false
			}
		case f.Stored(off):
			r.Unpacked = 0
		}
		off += follow
		if r.Length == 0 {
			continue // a hole
		}
		if len(out) == limit {
			return out, false, nil
		}
		out = append(out, r)
	}
	return out, true, nil
}

package volume

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// squash is a squashfs.
type squash struct {
	fs *squashfs.FS
	v  *Volume
}

func openSquashfs(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := squashfs.Open(r, size)
	if err != nil {
		return nil, err
	}
	sb := fs.Superblock()
	bs := int64(sb.BlockSize)
	v := &Volume{Type: "squashfs", BlockSize: bs, Blocks: (int64(sb.BytesUsed) + bs - 1) / bs}
	v.reader = &squash{fs: fs, v: v}
	return v, nil
}

func (x *squash) walk(_ context.Context, visit func(*Object) error) error {
	root, err := x.fs.Root()
	if err != nil {
		return err
	}
	return walkInodes(x.v, x, root, uint64(root.Number), visit)
}

func (x *squash) id(in *squashfs.Inode) [2]uint64 { return [2]uint64{uint64(in.Number)} }

func (x *squash) isDir(in *squashfs.Inode) bool { return in.IsDir() }

func (x *squash) list(in *squashfs.Inode) ([]link[*squashfs.Inode], error) {
	entries, err := x.fs.ReadDir(in)
	out := make([]link[*squashfs.Inode], len(entries))
	for i, e := range entries {
		out[i] = link[*squashfs.Inode]{e.Name, func() (*squashfs.Inode, error) { return x.fs.Inode(e) }}
	}
	return out, err
}

func (x *squash) object(path string, in *squashfs.Inode, parent uint64) *Object {
	o := &Object{
		Path: path, Mode: in.Mode, Size: int64(min(in.Size, 1<<63-1)), Has: HasInode | HasLinks | HasOwner,
		Inode: uint64(in.Number), Parent: parent, Links: in.Links, UID: in.UID, GID: in.GID, Target: in.Target,
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
	x.v.problemAt(path, err)
	for _, a := range attributes {
		o.addXattr(a.Name, a.Value)
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

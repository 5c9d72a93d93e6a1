package volume

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// ero is an EROFS.
type ero struct {
	fs *erofs.FS
	v  *Volume
}

func openEROFS(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := erofs.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Volume{Type: "erofs", BlockSize: fs.BlockSize(), Blocks: int64(fs.Superblock().Blocks)}
	v.reader = &ero{fs, v}
	return v, nil
}

func (x *ero) walk(_ context.Context, visit func(*Object) error) error {
	root, err := x.fs.Root()
	if err != nil {
		return err
	}
	return walkInodes(x.v, x, root, root.NID, visit)
}

func (x *ero) id(in *erofs.Inode) [2]uint64 { return [2]uint64{in.NID} }

func (x *ero) isDir(in *erofs.Inode) bool { return in.IsDir() }

func (x *ero) list(in *erofs.Inode) ([]link[*erofs.Inode], error) {
	entries, err := x.fs.ReadDir(in)
	out := make([]link[*erofs.Inode], 0, len(entries))
	for _, e := range entries {
		if e.Name != "." && e.Name != ".." {
			out = append(out, link[*erofs.Inode]{e.Name, func() (*erofs.Inode, error) { return x.fs.Inode(e) }})
		}
	}
	return out, err
}

func (x *ero) object(path string, in *erofs.Inode, parent uint64) *Object {
	o := &Object{
		Path: path, Mode: in.Mode, Size: in.Size, Has: HasInode | HasLinks | HasOwner,
		Inode: in.NID, Parent: parent, Links: in.Links, UID: in.UID, GID: in.GID,
		Mtime: Time{Time: in.Mtime, Set: true}, ref: in,
	}
	x.v.special(o, func() (string, error) { return x.fs.Readlink(in) }, in.Device)
	attributes, err := x.fs.Xattrs(in)
	x.v.problemAt(path, err)
	for _, a := range attributes {
		o.addXattr(a.Name, a.Value)
	}
	return o
}

// eroFile is a file's content.
type eroFile struct{ *erofs.File }

func (f eroFile) NextData(off int64) (start, end int64) {
	for off < f.Size() {
		e, ok := f.Extent(off)
		if !ok {
			break
		}
		if end = min(e.Offset+e.Length, f.Size()); e.Form != erofs.Hole {
			return off, end
		}
		off = end
	}
	return f.Size(), f.Size()
}

func (x *ero) content(o *Object) (Content, error) {
	f, err := x.fs.OpenFile(o.ref.(*erofs.Inode))
	if err != nil {
		return nil, err
	}
	return eroFile{f}, nil
}

func (x *ero) runs(o *Object, limit int) ([]Run, bool, error) {
	in := o.ref.(*erofs.Inode)
	if o.Type() != tree.Regular && o.Type() != tree.Directory {
		return nil, true, nil
	}
	f, err := x.fs.OpenFile(in)
	if err != nil {
		return nil, true, err
	}
	var out []Run
	for _, e := range f.Extents() {
		r := Run{Logical: e.Offset, Physical: e.Start, Length: e.Length}
		switch e.Form {
		case erofs.Hole:
			continue
		case erofs.Packed, erofs.Rotated:
			r.Length, r.Unpacked, r.Packing = e.Size, e.Length, e.Algorithm
		case erofs.Fragment, erofs.Device:
			r.Physical = -1
		}
		if len(out) == limit {
			return out, false, nil
		}
		out = append(out, r)
	}
	return out, true, nil
}

package volume

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// xfsVolume is an XFS.
type xfsVolume struct {
	fs *xfs.FS
	v  *Volume
}

func openXFS(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := xfs.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Volume{Type: "xfs", BlockSize: int64(fs.SB.BlockSize), Blocks: int64(fs.SB.DBlocks)}
	v.reader = &xfsVolume{fs, v}
	if dirty, err := fs.Dirty(); err == nil && dirty {
		v.problem("the log holds changes that are not in their places yet, and are not shown")
	}
	return v, nil
}

func (x *xfsVolume) walk(_ context.Context, visit func(*Object) error) error {
	root, err := x.fs.ReadInode(x.fs.SB.RootIno)
	if err != nil {
		return err
	}
	return walkInodes(x.v, x, root, root.Ino, visit)
}

func (x *xfsVolume) id(in *xfs.Inode) [2]uint64 { return [2]uint64{in.Ino} }

func (x *xfsVolume) isDir(in *xfs.Inode) bool { return in.Type() == tree.Directory }

func (x *xfsVolume) list(in *xfs.Inode) ([]link[*xfs.Inode], error) {
	entries, err := x.fs.List(in)
	out := make([]link[*xfs.Inode], len(entries))
	for i, e := range entries {
		out[i] = link[*xfs.Inode]{e.Name, func() (*xfs.Inode, error) { return x.fs.ReadInode(e.Ino) }}
	}
	return out, err
}

func (x *xfsVolume) object(path string, in *xfs.Inode, parent uint64) *Object {
	time := func(stored uint64) Time { return Time{Time: xfs.TimeOf(stored, in.Flags2), Set: true} }
	o := &Object{
		Path: path, Mode: uint32(in.Mode), Size: int64(min(in.Core.Size, 1<<63-1)), Has: HasInode | HasLinks | HasOwner,
		Inode: in.Ino, Parent: parent, Links: in.Links, UID: in.UID, GID: in.GID,
		Atime: time(in.Atime), Mtime: time(in.Mtime), Ctime: time(in.Ctime), Crtime: time(in.Crtime), ref: in.Ino,
	}
	x.v.special(o, func() (string, error) { return x.fs.Target(in) }, in.Device)
	attributes, err := x.fs.Xattrs(in)
	x.v.problemAt(path, err)
	for _, a := range attributes {
		o.addXattr(a.Name, a.Value)
	}
	return o
}

// xfsFile is a file's content.
type xfsFile struct{ *xfs.File }

func (f xfsFile) NextData(off int64) (start, end int64) {
	for off < f.Size() {
		at, follow := f.Piece(off)
		if at >= 0 {
			return off, off + follow
		}
		off += follow
	}
	return f.Size(), f.Size()
}

func (x *xfsVolume) file(o *Object) (*xfs.File, error) {
	in, err := x.fs.ReadInode(o.ref.(uint64))
	if err != nil {
		return nil, err
	}
	return x.fs.File(in)
}

func (x *xfsVolume) content(o *Object) (Content, error) {
	f, err := x.file(o)
	if err != nil {
		return nil, err
	}
	return xfsFile{f}, nil
}

func (x *xfsVolume) runs(o *Object, limit int) ([]Run, bool, error) {
	if o.Type() != tree.Regular && o.Type() != tree.Directory {
		return nil, true, nil
	}
	f, err := x.file(o)
	if err != nil {
		return nil, true, err
	}
	if len(f.Extents()) == 0 {
		if o.Type() == tree.Directory && o.Size > 0 {
			return []Run{{Physical: -1, Length: o.Size}}, true, nil // within the inode
		}
		return nil, true, nil
	}
	var out []Run
	for _, e := range f.Extents() {
		at := int64(e.Offset) << x.fs.SB.BlockLog
		if at >= f.Size() {
			break // allocated ahead of the end; of a directory, its index
		}
		if e.Unwritten {
			continue // it reads as a hole does
		}
		if len(out) == limit {
			return out, false, nil
		}
		start, _ := f.Piece(at)
		out = append(out, Run{Logical: at, Physical: start, Length: min(int64(e.Count)<<x.fs.SB.BlockLog, f.Size()-at)})
	}
	return out, true, nil
}

package volume

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// btr is a btrfs: one tree of paths, with its subvolumes in it.
type btr struct {
	fs *btrfs.FS
	v  *Volume
}

// btrfsKind is TSK_FS_TYPE_BTRFS.
const btrfsKind = 0x8000

func openBtrfs(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := btrfs.Open(r, size)
	if err != nil {
		return nil, err
	}
	bs := int64(fs.SB.SectorSize)
	v := &Volume{Type: "btrfs", Kind: btrfsKind, BlockSize: bs, Blocks: int64(fs.SB.TotalBytes) / bs}
	v.reader = &btr{fs, v}
	if fs.SB.LogRoot != 0 {
		v.problem("the log holds changes that were not replayed, and are not shown")
	}
	return v, nil
}

func (x *btr) walk(_ context.Context, visit func(*Object) error) error {
	top := x.fs.Tree(btrfs.FSTree)
	if top == nil {
		return &btrfs.Error{Offset: btrfs.SuperOffsets[0], Text: "the root tree has no fs tree"}
	}
	root, err := x.fs.Root(top)
	if err != nil {
		return err
	}
	return walkInodes(x.v, x, root, root.Number, visit)
}

func (x *btr) id(in *btrfs.Inode) [2]uint64 {
	if in.Stub {
		return [2]uint64{^uint64(0), uint64(in.Offset)}
	}
	return [2]uint64{in.Tree.ID, in.Number}
}

func (x *btr) isDir(in *btrfs.Inode) bool { return in.IsDir() }

func (x *btr) list(in *btrfs.Inode) ([]link[*btrfs.Inode], error) {
	entries, err := x.fs.List(in)
	out := make([]link[*btrfs.Inode], len(entries))
	for i, e := range entries {
		out[i] = link[*btrfs.Inode]{e.Name, func() (*btrfs.Inode, error) { return x.fs.Open(in, e) }}
	}
	return out, err
}

// btrNumber is an inode's number. Each subvolume counts anew, so that outside of
// the first one a number is made of where the inode lies.
func btrNumber(in *btrfs.Inode) (n uint64, stored bool) {
	if !in.Stub && in.Tree.ID == btrfs.FSTree {
		return in.Number, true
	}
	return 1<<63 | uint64(in.Offset), false
}

func (x *btr) object(path string, in *btrfs.Inode, parent uint64) *Object {
	time := func(t btrfs.Timespec) Time { return Time{Time: tree.Time{Sec: t.Sec, Nsec: t.Nsec}, Set: !in.Stub} }
	o := &Object{
		Path: path, Mode: in.Mode, Size: int64(min(in.Size, 1<<63-1)), Has: HasLinks | HasOwner,
		Parent: parent, Links: in.Links, UID: in.UID, GID: in.GID,
		Atime: time(in.Atime), Mtime: time(in.Mtime), Ctime: time(in.Ctime), Crtime: time(in.Otime), ref: in,
	}
	var stored bool
	if o.Inode, stored = btrNumber(in); stored {
		o.Has |= HasInode
	}
	x.v.special(o, func() (string, error) { return x.fs.Target(in) }, in.Device)
	attributes, err := x.fs.Xattrs(in)
	x.v.problemAt(path, err)
	for _, a := range attributes {
		o.addXattr(a.Name, a.Data)
	}
	return o
}

// btrFile is a file's content.
type btrFile struct{ *btrfs.File }

func (f btrFile) NextData(off int64) (start, end int64) {
	for off < f.Size() {
		e, err := f.Extent(off)
		if err != nil { // which reading will say
			return off, f.Size()
		}
		if end = min(e.End, f.Size()); !e.Hole {
			return off, end
		}
		off = end
	}
	return f.Size(), f.Size()
}

func (x *btr) content(o *Object) (Content, error) {
	return btrFile{x.fs.File(o.ref.(*btrfs.Inode))}, nil
}

func (x *btr) runs(o *Object, limit int) ([]Run, bool, error) {
	if o.Type() != tree.Regular {
		return nil, true, nil
	}
	f := x.fs.File(o.ref.(*btrfs.Inode))
	var out []Run
	for off := int64(0); off < f.Size(); {
		e, err := f.Extent(off)
		if err != nil {
			return out, true, err
		}
		end := min(e.End, f.Size())
		for at := off; at < end && !e.Hole; {
			r := Run{Logical: at, Physical: -1, Length: end - at}
			switch {
			case e.Inline != nil:
			case e.Plain():
				r.Physical, r.Length = x.fs.Physical(e.Logical()+uint64(at-e.Start), end-at)
			default:
				// A packed extent is packed as a whole, of which a file may have
				// a part. Its chunk holds it in one piece.
				r.Physical, r.Length = x.fs.Physical(e.DiskBytenr, int64(min(e.DiskNumBytes, 1<<62)))
				r.Unpacked, r.Packing = end-at, int(e.Head.Compression)
				r.Shared, r.Within = true, int64(e.FileExtentItem.Offset)+at-e.Start
			}
			if r.Length == 0 {
				return out, true, &btrfs.Error{Offset: e.Offset, Text: "an extent lies in no chunk"}
			}
			if len(out) == limit {
				return out, false, nil
			}
			out = append(out, r)
			if r.Unpacked > 0 {
				break
			}
			at += r.Length
		}
		off = end
	}
	return out, true, nil
}

package volume

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// ext is an ext2, ext3 or ext4 filesystem.
type ext struct {
	fs *ext4.FS
	v  *Volume
}

// The numbers of TSK_FS_TYPE_EXT2, _EXT3 and _EXT4.
var extKinds = map[string]int{"ext2": 0x80, "ext3": 0x100, "ext4": 0x2000}

func openExt(r io.ReaderAt, size int64, name string) (*Volume, error) {
	fs, err := ext4.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Volume{Type: name, Kind: extKinds[name], BlockSize: fs.BlockSize(), Blocks: int64(fs.Blocks())}
	v.reader = &ext{fs, v}
	for _, p := range fs.Warnings() {
		v.problem(p.Error())
	}
	return v, nil
}

func (x *ext) walk(_ context.Context, visit func(*Object) error) error {
	problems, err := x.fs.Walk(func(e ext4.Entry) error { return visit(x.object(e)) })
	for _, p := range problems {
		x.v.problem(p.Error())
	}
	return err
}

func (x *ext) object(e ext4.Entry) *Object {
	raw := e.Raw
	o := &Object{
		Path: e.Path, Mode: raw.Mode(), Size: int64(min(raw.Size(), 1<<63-1)),
		Has: HasInode | HasLinks | HasOwner, Inode: uint64(e.Number), Parent: uint64(e.Parent),
		Links: uint32(raw.Links()), UID: raw.UID(), GID: raw.GID(), Flags: raw.Flags(),
		Atime: Time{Time: raw.Atime(), Set: true}, Mtime: Time{Time: raw.Mtime(), Set: true}, Ctime: Time{Time: raw.Ctime(), Set: true},
		// The inode itself would hold on to the whole of its table that it
		// was read with.
		ref: e.Number,
	}
	o.Crtime.Time, o.Crtime.Set = raw.Crtime()
	switch o.Type() {
	case tree.Symlink:
		target, err := x.fs.Target(e.DiskInode)
		if err != nil {
			x.v.problem(err.Error())
		}
		o.Target = target
	case tree.Block, tree.Char:
		o.Major, o.Minor = raw.Device()
	}
	if raw.HasXattrs() {
		attributes, problems := x.fs.Xattrs(e.DiskInode)
		for _, p := range problems {
			x.v.problem(p.Error())
		}
		for _, a := range attributes {
			o.addXattr(a.Name, a.Value)
		}
	}
	return o
}

func (x *ext) file(o *Object) (*ext4.File, ext4.DiskInode, error) {
	d, err := x.fs.Inode(o.ref.(uint32))
	if err != nil {
		return nil, d, err
	}
	return x.fs.OpenFile(d), d, nil
}

// extFile is a file's content. Where its mapping is damaged, what it holds is
// not known.
type extFile struct{ *ext4.File }

func (f extFile) NextData(off int64) (start, end int64) {
	start, end, _ = f.File.NextData(off) // which knows of no error
	return start, end
}

func (x *ext) content(o *Object) (Content, error) {
	f, _, err := x.file(o)
	if err != nil {
		return nil, err
	}
	if p := f.Problems(); len(p) > 0 {
		return nil, p[0]
	}
	return extFile{f}, nil
}

func (x *ext) runs(o *Object, limit int) ([]Run, bool, error) {
	f, d, err := x.file(o)
	if err != nil {
		return nil, true, err
	}
	if !d.HasBlocks() {
		if o.Type() == tree.Regular || o.Type() == tree.Directory {
			return []Run{{Physical: -1, Length: o.Size}}, true, nil // inline data
		}
		return nil, true, nil
	}
	var out []Run
	bs := x.fs.BlockSize()
	for _, r := range f.Runs() {
		at := int64(r.Logical) * bs
		if at >= f.Size() {
			break // allocated ahead of the end
		}
		if len(out) == limit {
			return out, false, nil
		}
		out = append(out, Run{Logical: at, Physical: int64(r.Physical) * bs, Length: min(int64(r.Blocks)*bs, f.Size()-at), Zeros: r.Unwritten})
	}
	return out, true, nil
}

package volume

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// fatVolume is a FAT filesystem.
type fatVolume struct {
	fs  *fat.FS
	vol *fat.Volume
	v   *Volume
}

// The numbers of TSK_FS_TYPE_FAT12, _FAT16 and _FAT32.
var fatKinds = map[fat.Variant]int{fat.FAT12: 0x02, fat.FAT16: 0x04, fat.FAT32: 0x08}

func openFAT(r io.ReaderAt, size int64) (*Volume, error) {
	fs, err := fat.Open(r, size)
	if err != nil {
		return nil, err
	}
	v := &Volume{
		Type: fmt.Sprintf("fat%d", int(fs.Variant)), Kind: fatKinds[fs.Variant],
		BlockSize: fs.ClusterSize, Blocks: int64(fs.Clusters),
	}
	v.reader = &fatVolume{fs: fs, v: v}
	return v, nil
}

func (x *fatVolume) walk(ctx context.Context, visit func(*Object) error) error {
	var err error
	if x.vol, err = x.fs.Scan(ctx); err != nil {
		return err
	}
	for _, p := range x.vol.Problems() {
		x.v.problem(p.String())
	}
	return x.vol.Walk(func(path string, i uint32) error {
		if len(path) > maxPath {
			return fmt.Errorf("%.80q…: the path is longer than %d bytes", path, maxPath)
		}
		return visit(x.object(path, i))
	})
}

// FAT stores no permissions: these are what The Sleuth Kit shows, but for what
// is read-only, of which it takes away the permission to read (4.11.1).
const (
	fatMode     = 0o777
	fatReadOnly = 0o555
)

func (x *fatVolume) object(path string, i uint32) *Object {
	f := &x.vol.Files[i]
	o := &Object{Path: path, Mode: tree.Regular | fatMode, Size: f.Size, Inode: x.number(i), Parent: x.number(f.Parent), ref: i}
	if f.Dir {
		o.Mode = tree.Directory | fatMode
	}
	if i == 0 {
		return o
	}
	e := &f.Entry
	if e.Attr&fat.AttrReadOnly != 0 {
		o.Mode = o.Mode&^fatMode | fatReadOnly
	}
	o.Flags = uint32(e.Attr)
	o.Mtime = fatTime(e.WrtDate, e.WrtTime, 0, 2)
	o.Atime = fatTime(e.LstAccDate, 0, 0, 24*60*60)
	o.Crtime = fatTime(e.CrtDate, e.CrtTime, e.CrtTimeTenth, 0)
	return o
}

// fatTime is a stored local time, taken as UTC.
func fatTime(date, clock uint16, tenth uint8, precision int) Time {
	if date == 0 {
		return Time{}
	}
	sec, nsec, ok := fat.DecodeTime(date, clock, tenth)
	if !ok {
		return Time{}
	}
	return Time{Time: tree.Time{Sec: sec, Nsec: nsec}, Set: true, Precision: precision, Local: true}
}

// number is the number that The Sleuth Kit gives to an object: that of its
// directory slot among all that the sectors behind the FATs could hold, from
// 3 on; the root is 2.
func (x *fatVolume) number(i uint32) uint64 {
	const root, first = 2, 3
	if i == 0 {
		return root
	}
	at := x.vol.Files[i].EntryOffset - x.fs.FATOffset(x.fs.NumFATs)
	if at < 0 {
		return 0
	}
	return uint64(at/fat.SlotSize) + first
}

// fatFile is a file's content.
type fatFile struct {
	*fat.Reader
	held int64 // bytes that the chain holds
}

func (f fatFile) NextData(off int64) (start, end int64) {
	if end = min(f.held, f.Size()); off < end {
		return off, end
	}
	return f.Size(), f.Size()
}

func (x *fatVolume) content(o *Object) (Content, error) {
	i := o.ref.(uint32)
	var held int64
	for _, e := range x.vol.Files[i].Extents {
		held += e.Length
	}
	if held < o.Size {
		return nil, fmt.Errorf("the chain holds %d bytes of %d", held, o.Size)
	}
	return fatFile{x.vol.Open(i), held}, nil
}

func (x *fatVolume) runs(o *Object, limit int) ([]Run, bool, error) {
	f := &x.vol.Files[o.ref.(uint32)]
	var out []Run
	for _, e := range f.Extents {
		if e.Logical >= f.Size {
			break
		}
		if len(out) == limit {
			return out, false, nil
		}
		out = append(out, Run{Logical: e.Logical, Physical: e.Physical, Length: min(e.Length, f.Size-e.Logical)})
	}
	return out, true, nil
}

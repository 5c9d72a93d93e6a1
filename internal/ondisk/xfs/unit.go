package xfs

import (
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Part is a run of bytes of a structure. Start and End are bytes of the
// filesystem.
type Part struct {
	Start, End int64
	Structure  string // "superblock", "inode", "directory block", …
	Field      string // the kernel's name; "slack" for bytes that nothing reads
	Kind       field.Kind
	Name       string // of the entry or the attribute that it is about
	Ino        uint64 // whose it is
	Index      string // which of several, where no file has it: "group 3"
}

// FreeInode is the structure of an inode that no file has.
const FreeInode = "free inode"

// Names of parts that are no field of a structure.
const (
	SlackField   = "slack"   // bytes that nothing reads
	TargetField  = "target"  // of a symbolic link
	DeviceField  = "rdev"    // of a device
	ExtentsField = "extents" // where a fork lies
	RecordsField = "records" // of a tree's block
	HashField    = "hashes"  // of a directory's or the attributes' index
	FreeField    = "free space"
	InumberField = "inumber"
	NameField    = "name"
	TagField     = "tag"
	ValueField   = "value"
)

// unit is a structure that is read as a whole. Places in it are bytes from its
// first one; shift takes them to those of the filesystem, as long as they are
// within start and end.
type unit struct {
	region     Region
	start, end int64
	shift      int64
	parts      []Part
}

// Units tells what the bytes of structures are for. It remembers the structure
// that was asked for last.
type Units struct {
	fs   *FS
	now  unit
	file struct {
		in   *Inode
		list []Extent
	}
	attrs struct {
		ino  uint64
		list []Attribute
	}
}

// Units returns what tells parts of structures apart.
func (fs *FS) Units() *Units { return &Units{fs: fs} }

// At is the part of the structure in a region that holds the byte at off. It
// fails only where reading does.
func (u *Units) At(r Region, off int64) (Part, error) {
	if u.now.region != r || off < u.now.start || off >= u.now.end || u.now.parts == nil {
		if err := u.load(r, off); err != nil {
			return Part{}, err
		}
	}
	in := off - u.now.shift
	i, _ := slices.BinarySearchFunc(u.now.parts, in, func(p Part, in int64) int {
		if p.End <= in {
			return -1
		}
		return 1
	})
	p := u.now.parts[min(i, len(u.now.parts)-1)]
	p.Start = max(p.Start+u.now.shift, u.now.start)
	p.End = min(p.End+u.now.shift, u.now.end)
	return p, nil
}

// Around lists all parts of the structure in a region that holds the byte at
// off, as far as they lie in one piece with it.
func (u *Units) Around(r Region, off int64) ([]Part, error) {
	if _, err := u.At(r, off); err != nil {
		return nil, err
	}
	out := make([]Part, 0, len(u.now.parts))
	for _, p := range u.now.parts {
		p.Start = max(p.Start+u.now.shift, u.now.start)
		p.End = min(p.End+u.now.shift, u.now.end)
		if p.Start < p.End {
			out = append(out, p)
		}
	}
	return out, nil
}

// load reads the structure around a byte.
func (u *Units) load(r Region, off int64) error {
	fs := u.fs
	size := int64(fs.SB.BlockSize)
	switch r.Kind {
	case Super, GroupFree, GroupInodes, FreeList:
		size = r.End - r.Start
	case InodeTable:
		size = int64(fs.SB.InodeSize)
	case DirBlock:
		return u.loadDir(r, off)
	case Log:
		size = logSector
	case TreeBlock, ExtentTree, AttrBlock, TargetBlock:
	default:
		u.now = unit{r, r.Start, r.End, r.Start, []Part{{End: r.End - r.Start, Ino: r.Ino}}}
		return nil
	}
	start := r.Start + (off-r.Start)/size*size
	end := min(start+size, r.End)
	b, err := fs.read(start, end-start)
	if err != nil {
		return err
	}
	p := &parts{size: len(b), list: u.now.parts[:0]}
	switch r.Kind {
	case Super:
		p.structure, p.index = "superblock", ""
		if r.Group > 0 {
			p.structure, p.index = "backup superblock", group(r.Group)
		}
		p.layout(0, SuperblockLayout.Fields())
	case GroupFree:
		p.structure, p.index = "AGF", group(r.Group)
		p.layout(0, AGFLayout.Fields())
	case GroupInodes:
		p.structure, p.index = "AGI", group(r.Group)
		p.layout(0, AGILayout.Fields())
	case FreeList:
		p.structure, p.index = "AGFL", group(r.Group)
		p.layout(0, AGFLLayout.Fields())
		p.to(len(b)/4*4, "agfl_bno", "")
	case TreeBlock:
		p.structure, p.index = r.Tree, group(r.Group)
		p.treeBlock(b, treeNamed(r.Tree))
	case InodeTable:
		p.structure, p.ino = "inode", r.Ino+uint64((start-r.Start)/size)
		p.inode(decodeInode(p.ino, start, b))
	case ExtentTree:
		p.structure, p.ino = "extent tree", r.Ino
		p.layout(0, longLayout.Fields())
		level := be.Uint16(b[4:])
		most := (len(b) - bmapHeaderSize) / 16
		n := min(int(be.Uint16(b[6:])), most)
		p.to(bmapHeaderSize+n*map[bool]int{true: 16, false: 8}[level == 0], ExtentsField, "")
		if level > 0 {
			p.to(bmapHeaderSize+most*8, SlackField, "")
			p.to(bmapHeaderSize+most*8+n*8, ExtentsField, "")
		}
	case AttrBlock:
		p.structure, p.ino = "attributes", r.Ino
		about := ""
		if be.Uint32(b) == remoteMagic {
			if about, err = u.valueOf(r.Ino, uint64(r.Off+start-r.Start)>>fs.SB.BlockLog); err != nil {
				return err
			}
		}
		p.attributes(b, about)
	case TargetBlock:
		p.structure, p.ino = "symlink block", r.Ino
		n := len(b)
		if be.Uint32(b) == symlinkMagic {
			p.layout(0, symlinkLayout.Fields())
			n = min(n, symlinkHeaderSize+int(min(be.Uint32(b[8:]), maxTarget)))
		}
		p.to(n, TargetField, "")
	case Log:
		p.structure = "log"
		if be.Uint32(b) == logMagic {
			p.layout(0, logLayout.Fields())
		}
		p.to(len(b), "content", "")
	}
	p.to(len(b), SlackField, "")
	u.now = unit{r, start, end, start, p.list}
	return nil
}

// valueOf is the name of the attribute of which a block of its own holds the
// value.
func (u *Units) valueOf(ino, block uint64) (string, error) {
	if u.attrs.ino != ino {
		u.attrs.ino, u.attrs.list = ino, nil
		in, err := u.fs.ReadInode(ino)
		if err == nil {
			u.attrs.list, err = u.fs.Xattrs(in)
		}
		if _, damaged := err.(*Error); err != nil && !damaged {
			return "", err
		}
	}
	for _, x := range u.attrs.list {
		if block >= x.First && block < x.Behind {
			return x.Name, nil
		}
	}
	return "", nil
}

const logSector = 512 // BBSIZE: the log's unit, in bytes

// loadDir reads a directory block, whose pieces may lie apart.
func (u *Units) loadDir(r Region, off int64) error {
	fs := u.fs
	if u.file.in == nil || u.file.in.Ino != r.Ino {
		in, err := fs.ReadInode(r.Ino)
		if err == nil {
			u.file.in = in
			u.file.list, _, err = fs.Map(in, DataFork)
		}
		if _, damaged := err.(*Error); err != nil && !damaged {
			return err
		}
		if err != nil {
			u.file.in = nil
		}
	}
	size := int64(fs.SB.BlockSize) << fs.SB.DirBlkLog
	at := r.Off + off - r.Start // in the fork
	first := at / size * size
	start, end := max(r.Start, off-(at-first)), min(r.End, off+size-(at-first))
	p := &parts{size: int(size), structure: "directory", ino: r.Ino, list: u.now.parts[:0]}
	if u.file.in != nil {
		b, _, err := fs.dirBlock(u.file.in, u.file.list, uint64(first)>>fs.SB.BlockLog)
		if _, damaged := err.(*Error); err != nil && !damaged {
			return err
		}
		if err == nil {
			p.directory(b)
		}
	}
	p.to(int(size), RecordsField, "")
	u.now = unit{r, start, end, off - (at - first), p.list}
	return nil
}

// parts are put one behind the other.
type parts struct {
	size      int
	structure string
	index     string
	ino       uint64
	list      []Part
	end       int
}

// to adds a part up to end; none where that has been passed.
func (p *parts) to(end int, name, about string) { p.add(end, name, field.Bytes, about) }

func (p *parts) add(end int, name string, kind field.Kind, about string) {
	if end = min(end, p.size); end <= p.end {
		return
	}
	p.list = append(p.list, Part{
		Start: int64(p.end), End: int64(end), Structure: p.structure, Field: name, Kind: kind, Name: about, Ino: p.ino, Index: p.index,
	})
	p.end = end
}

// layout adds the fields of a structure that begins at start.
func (p *parts) layout(start int, fields []field.Field) {
	for _, f := range fields {
		p.add(start+f.End(), f.Name, f.Kind, "")
	}
}

func treeNamed(name string) agTree {
	for _, t := range []agTree{bnobt, cntbt, inobt, finobt, rmapbt} {
		if t.name == name {
			return t
		}
	}
	return refcount
}

func (p *parts) treeBlock(b []byte, t agTree) {
	p.layout(0, shortLayout.Fields())
	level := be.Uint16(b[4:])
	header, most := shortLayout.Size(), t.most(len(b), level)
	n := min(int(be.Uint16(b[6:])), most)
	if level == 0 {
		p.to(header+n*t.record, RecordsField, "")
		return
	}
	p.to(header+n*t.key, RecordsField, "")
	p.to(header+most*t.key, SlackField, "")
	p.to(header+most*t.key+n*4, RecordsField, "")
}

// Show renders a part's bytes for a person.
func (p Part) Show(raw []byte) string {
	switch {
	case p.Kind == field.Text:
		return field.ShowText(raw)
	case p.Kind == field.UUID && len(raw) == 16:
		return field.ShowUUID(raw)
	case p.Kind == field.Uint && len(raw) <= 8:
		var v uint64
		for _, b := range raw {
			v = v<<8 | uint64(b)
		}
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("0x%x", raw)
}

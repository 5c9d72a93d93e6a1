package erofs

import (
	"math"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Inode is one of the filesystem's objects.
type Inode struct {
	NID      uint64
	Offset   int64 // bytes in the filesystem
	Large    bool  // 64 bytes, with a time of its own
	Format   uint16
	Mode     uint32 // type and permissions, as st_mode
	UID, GID uint32
	Links    uint32
	Mtime    tree.Time // the superblock's where the inode is not Large
	Size     int64     // bytes of data: of a file, of a directory's blocks, of a link's target
	Ino      uint32    // for stat(2) with 32 bits
	Union    uint32    // i_u: the first block, the device, …
	Raw      []byte    // the structure's bytes

	xattrs int64 // bytes of extended attributes behind the structure
}

// IsDir tells whether the inode is a directory.
func (i *Inode) IsDir() bool { return i.Mode&tree.TypeMask == tree.Directory }

// Layout says how its data lies: FlatPlain, FlatInline, …
func (i *Inode) Layout() uint16 { return i.Format & layoutMask }

// Compressed tells whether its data is.
func (i *Inode) Compressed() bool {
	l := i.Layout()
	return l == CompressedFull || l == CompressedCompact
}

// Fields lists the fields of the structure, at their places from Offset.
func (i *Inode) Fields() []field.Field {
	if i.Large {
		return LargeInodeLayout.Fields()
	}
	return CompactInodeLayout.Fields()
}

// Device is what a device's inode stands for; it is the kernel's
// new_encode_dev: 12 bits of major between those of minor.
func (i *Inode) Device() (major, minor uint32) {
	return i.Union >> 8 & 0xfff, i.Union&0xff | i.Union>>12&0xfff00
}

// HasData tells whether the inode's type has data.
func (i *Inode) HasData() bool {
	switch i.Mode & tree.TypeMask {
	case tree.Regular, tree.Directory, tree.Symlink:
		return true
	}
	return false
}

// Root is the root directory.
func (fs *FS) Root() (*Inode, error) {
	in, err := fs.inode(uint64(fs.sb.RootNID))
	if err == nil && !in.IsDir() {
		return nil, wrong(at("root_nid"), "root_nid is no directory")
	}
	return in, err
}

// Inode is what an entry names.
func (fs *FS) Inode(e Entry) (*Inode, error) { return fs.inode(e.NID) }

// Packed is the inode that holds the fragments of others; nil for none.
func (fs *FS) Packed() *Inode {
	if fs.packed == nil {
		return nil
	}
	return fs.packed.in
}

func (fs *FS) inode(nid uint64) (*Inode, error) {
	base := int64(fs.sb.MetaBlock) << fs.sb.BlockBits
	if nid > uint64(fs.size)/SlotSize {
		return nil, wrong(base, "inode %d is outside of the filesystem", nid)
	}
	off := base + int64(nid)*SlotSize
	raw, err := fs.read(off, CompactInodeSize)
	if err != nil {
		return nil, err
	}
	in := &Inode{NID: nid, Offset: off, Format: le.Uint16(raw)}
	var count uint16
	switch {
	case in.Format&^formatAll != 0:
		return nil, wrong(off, "i_format 0x%x of inode %d is not read", in.Format, nid)
	case in.Format&FormatLarge != 0:
		rest, err := fs.read(off+CompactInodeSize, LargeInodeSize-CompactInodeSize)
		if err != nil {
			return nil, err
		}
		in.Raw = append(raw, rest...)
		d := LargeInodeLayout.Decode(in.Raw)
		if d.Size > math.MaxInt64/2 {
			return nil, wrong(off, "inode %d is %d bytes long", nid, d.Size)
		}
		in.Large, in.Mode, in.UID, in.GID, in.Links, in.Size = true, uint32(d.Mode), d.UID, d.GID, d.Links, int64(d.Size)
		in.Mtime, in.Ino, in.Union, count = tree.Time{Sec: d.Mtime, Nsec: d.MtimeNsec}, d.Ino, d.Union, d.XattrICount
	default:
		in.Raw = raw
		d := CompactInodeLayout.Decode(raw)
		in.Mode, in.UID, in.GID, in.Links, in.Size = uint32(d.Mode), uint32(d.UID), uint32(d.GID), uint32(d.Links), int64(d.Size)
		in.Mtime, in.Ino, in.Union, count = fs.sb.Time(), d.Ino, d.Union, d.XattrICount
	}
	switch in.Mode & tree.TypeMask {
	case tree.Regular, tree.Directory, tree.Symlink, tree.Char, tree.Block, tree.FIFO, tree.Socket:
	default:
		return nil, wrong(off, "i_mode 0%o of inode %d has no type", in.Mode, nid)
	}
	if l := in.Layout(); l > ChunkBased {
		return nil, wrong(off, "the data of inode %d is laid out in way %d", nid, l>>1)
	}
	if count > 0 {
		in.xattrs = XattrHeaderSize + int64(count-1)*4
	}
	if in.xattrsEnd() > fs.size {
		return nil, wrong(off, "the attributes of inode %d end outside of the filesystem", nid)
	}
	return in, nil
}

// xattrsEnd is where an inode and its attributes end.
func (i *Inode) xattrsEnd() int64 { return i.Offset + int64(len(i.Raw)) + i.xattrs }

// Form says in words how large the inode is, and how its data lies.
func (i *Inode) Form() string {
	size := "compact"
	if i.Large {
		size = "extended"
	}
	layout := map[uint16]string{
		FlatPlain: "flat plain", CompressedFull: "compressed with a full index", FlatInline: "flat inline",
		CompressedCompact: "compressed with a compact index", ChunkBased: "chunk-based",
	}[i.Layout()]
	return size + ", " + layout
}

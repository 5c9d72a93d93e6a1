package erofs

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	Magic            = 0xE0F5E1E2 // EROFS_SUPER_MAGIC_V1
	SuperOffset      = 1024       // EROFS_SUPER_OFFSET: bytes
	SlotSize         = 32         // EROFS_ISLOTSIZE: an inode's number times this is its place, in bytes
	CompactInodeSize = 32         // bytes
	LargeInodeSize   = 64         // bytes
	DirentSize       = 12         // bytes
	XattrHeaderSize  = 12         // bytes
	XattrEntrySize   = 4          // bytes, without name and value
)

// Features that a kernel may ignore (feature_compat).
const (
	FeatureCompatChecksum = 0x1 // EROFS_FEATURE_COMPAT_SB_CHKSUM
	FeatureCompatMtime    = 0x2 // EROFS_FEATURE_COMPAT_MTIME: i_mtime is the modification time
)

// Superblock is struct erofs_super_block.
type Superblock struct {
	Magic              uint32   `disk:"magic,hex"`
	Checksum           uint32   `disk:"checksum,checksum"`
	FeatureCompat      uint32   `disk:"feature_compat,flags"`
	BlockBits          uint8    `disk:"blkszbits"`
	ExtSlots           uint8    `disk:"sb_extslots"`
	RootNID            uint16   `disk:"root_nid"`
	Inodes             uint64   `disk:"inos"`
	BuildTime          uint64   `disk:"build_time,time"`
	BuildTimeNsec      uint32   `disk:"build_time_nsec"`
	Blocks             uint32   `disk:"blocks"`
	MetaBlock          uint32   `disk:"meta_blkaddr"`
	XattrBlock         uint32   `disk:"xattr_blkaddr"`
	UUID               [16]byte `disk:"uuid,uuid"`
	VolumeName         [16]byte `disk:"volume_name,text"`
	FeatureIncompat    uint32   `disk:"feature_incompat,flags"`
	Compression        uint16   `disk:"available_compr_algs,flags"`
	ExtraDevices       uint16   `disk:"extra_devices"`
	DeviceSlot         uint16   `disk:"devt_slotoff"`
	DirBlockBits       uint8    `disk:"dirblkbits"`
	XattrPrefixCount   uint8    `disk:"xattr_prefix_count"`
	XattrPrefixStart   uint32   `disk:"xattr_prefix_start"`
	PackedNID          uint64   `disk:"packed_nid"`
	XattrFilterReserve uint8    `disk:"xattr_filter_reserved,reserved"`
	Reserved           [23]byte `disk:"reserved2,reserved"`
}

// i_format: bit 0 is the inode's form, bits 1 to 3 say how its data lies.
const (
	FormatLarge = 1
	FlatPlain   = 0 << 1 // EROFS_INODE_FLAT_PLAIN: whole blocks
	FlatInline  = 2 << 1 // EROFS_INODE_FLAT_INLINE: whole blocks, and the rest behind the inode
)

// CompactInode is struct erofs_inode_compact. Its time is the superblock's.
type CompactInode struct {
	Format      uint16 `disk:"i_format,flags"`
	XattrICount uint16 `disk:"i_xattr_icount"`
	Mode        uint16 `disk:"i_mode"`
	Links       uint16 `disk:"i_nlink"`
	Size        uint32 `disk:"i_size"`
	Reserved    uint32 `disk:"i_reserved,reserved"`
	Union       uint32 `disk:"i_u"` // raw_blkaddr, or rdev
	Ino         uint32 `disk:"i_ino"`
	UID         uint16 `disk:"i_uid"`
	GID         uint16 `disk:"i_gid"`
	Reserved2   uint32 `disk:"i_reserved2,reserved"`
}

// LargeInode is struct erofs_inode_extended.
type LargeInode struct {
	Format      uint16   `disk:"i_format,flags"`
	XattrICount uint16   `disk:"i_xattr_icount"`
	Mode        uint16   `disk:"i_mode"`
	Reserved    uint16   `disk:"i_reserved,reserved"`
	Size        uint64   `disk:"i_size"`
	Union       uint32   `disk:"i_u"` // raw_blkaddr, or rdev
	Ino         uint32   `disk:"i_ino"`
	UID         uint32   `disk:"i_uid"`
	GID         uint32   `disk:"i_gid"`
	Mtime       int64    `disk:"i_mtime,time"`
	MtimeNsec   uint32   `disk:"i_mtime_nsec"`
	Links       uint32   `disk:"i_nlink"`
	Reserved2   [16]byte `disk:"i_reserved2,reserved"`
}

// Dirent is struct erofs_dirent. The names follow a block's last one.
type Dirent struct {
	NID        uint64 `disk:"nid"`
	NameOffset uint16 `disk:"nameoff"`
	FileType   uint8  `disk:"file_type"`
	Reserved   uint8  `disk:"reserved,reserved"`
}

// XattrEntry is struct erofs_xattr_entry; name and value follow.
type XattrEntry struct {
	NameLen   uint8  `disk:"e_name_len"`
	NameIndex uint8  `disk:"e_name_index"`
	ValueSize uint16 `disk:"e_value_size"`
}

// Prefixes of names of extended attributes (e_name_index).
const (
	XattrUser       = 1
	XattrACLAccess  = 2
	XattrACLDefault = 3
	XattrTrusted    = 4
	XattrSecurity   = 6
)

var le = binary.LittleEndian

// The layouts name the structures' bytes.
var (
	SuperblockLayout   = field.MustOf[Superblock](le)
	CompactInodeLayout = field.MustOf[CompactInode](le)
	LargeInodeLayout   = field.MustOf[LargeInode](le)
	DirentLayout       = field.MustOf[Dirent](le)
	XattrEntryLayout   = field.MustOf[XattrEntry](le)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the superblock's: of what follows it in its block too. The
// field itself must be zero in b.
func Checksum(b []byte) uint32 { return ^crc32.Checksum(b, castagnoli) }

package btrfs

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	Magic           = 0x4D5F53665248425F // "_BHRfS_M"
	SuperSize       = 4096               // BTRFS_SUPER_INFO_SIZE: bytes
	SectorSize      = 4096               // bytes
	NodeSize        = 16384              // bytes, mkfs.btrfs' default
	StripeLen       = 65536              // BTRFS_STRIPE_LEN: bytes
	HeaderSize      = 101
	ItemSize        = 25
	KeyPtrSize      = 33
	DirEntrySize    = 30   // struct btrfs_dir_item, without name and data
	InlineHead      = 21   // bytes of an extent's item before inline data
	MaxLabel        = 255  // bytes
	SysChunkArray   = 2048 // BTRFS_SYSTEM_CHUNK_ARRAY_SIZE
	CsumSize        = 32   // BTRFS_CSUM_SIZE: the field's bytes
	MaxExtent       = 128 << 20
	FirstDirIndex   = 2 // a directory's first entry
	WrittenFlag     = 1
	MixedBackref    = 1 << 56 // BTRFS_MIXED_BACKREF_REV in a header's flags
	InodeRootInit   = 1 << 31 // BTRFS_INODE_ROOT_ITEM_INIT
	FlagData        = 1       // BTRFS_EXTENT_FLAG_DATA
	FlagTreeBlock   = 2       // BTRFS_EXTENT_FLAG_TREE_BLOCK
	ExtentInline    = 0       // BTRFS_FILE_EXTENT_INLINE
	ExtentRegular   = 1       // BTRFS_FILE_EXTENT_REG
	ExtentPrealloc  = 2       // BTRFS_FILE_EXTENT_PREALLOC: reads as zeros
	FileTypeXattr   = 8       // BTRFS_FT_XATTR
	GroupData       = 1       // BTRFS_BLOCK_GROUP_DATA
	GroupSystem     = 2
	GroupMetadata   = 4
	GroupRAID0      = 1 << 3
	GroupDup        = 1 << 5
	GroupProfiles   = 0x7F8                                                                                                             // all bits that say how a chunk's stripes go together
	CompatROSpace   = 1                                                                                                                 // FREE_SPACE_TREE
	CompatROValid   = 2                                                                                                                 // FREE_SPACE_TREE_VALID
	DefaultIncompat = 1<<0 /* MIXED_BACKREF */ | 1<<5 /* BIG_METADATA */ | 1<<6 /* EXTENDED_IREF */ | 1<<8 /* SKINNY_METADATA */ | 1<<9 /* NO_HOLES */
)

// SuperOffsets are where the superblock's copies lie, in bytes.
var SuperOffsets = []int64{64 << 10, 64 << 20, 256 << 30}

// Timespec is struct btrfs_timespec.
type Timespec struct {
	Sec  int64  `disk:"sec,time"`
	Nsec uint32 `disk:"nsec"`
}

// Header is struct btrfs_header, at the front of each block of a tree.
type Header struct {
	Csum          [32]byte `disk:"csum,checksum"`
	FSID          [16]byte `disk:"fsid,uuid"`
	Bytenr        uint64   `disk:"bytenr"`
	Flags         uint64   `disk:"flags,flags"`
	ChunkTreeUUID [16]byte `disk:"chunk_tree_uuid,uuid"`
	Generation    uint64   `disk:"generation"`
	Owner         uint64   `disk:"owner"`
	Items         uint32   `disk:"nritems"`
	Level         uint8    `disk:"level"`
}

// Item is struct btrfs_item, of a leaf.
type Item struct {
	Key    Key    `disk:"key"`
	Offset uint32 `disk:"offset"` // from the header's end
	Size   uint32 `disk:"size"`
}

// KeyPtr is struct btrfs_key_ptr, of a node that is no leaf.
type KeyPtr struct {
	Key        Key    `disk:"key"`
	Blockptr   uint64 `disk:"blockptr"`
	Generation uint64 `disk:"generation"`
}

// InodeItem is struct btrfs_inode_item.
type InodeItem struct {
	Generation uint64    `disk:"generation"`
	Transid    uint64    `disk:"transid"`
	Size       uint64    `disk:"size"`
	Nbytes     uint64    `disk:"nbytes"`
	BlockGroup uint64    `disk:"block_group"`
	Links      uint32    `disk:"nlink"`
	UID        uint32    `disk:"uid"`
	GID        uint32    `disk:"gid"`
	Mode       uint32    `disk:"mode"`
	Rdev       uint64    `disk:"rdev"`
	Flags      uint64    `disk:"flags,flags"`
	Sequence   uint64    `disk:"sequence"`
	Reserved   [4]uint64 `disk:"reserved,reserved"`
	Atime      Timespec  `disk:"atime"`
	Ctime      Timespec  `disk:"ctime"`
	Mtime      Timespec  `disk:"mtime"`
	Otime      Timespec  `disk:"otime"`
}

// InodeRef is struct btrfs_inode_ref; the name follows.
type InodeRef struct {
	Index   uint64 `disk:"index"`
	NameLen uint16 `disk:"name_len"`
}

// InodeExtref is struct btrfs_inode_extref; the name follows.
type InodeExtref struct {
	Parent  uint64 `disk:"parent_objectid"`
	Index   uint64 `disk:"index"`
	NameLen uint16 `disk:"name_len"`
}

// DirItem is struct btrfs_dir_item; name and data follow.
type DirItem struct {
	Location Key    `disk:"location"`
	Transid  uint64 `disk:"transid"`
	DataLen  uint16 `disk:"data_len"`
	NameLen  uint16 `disk:"name_len"`
	Type     uint8  `disk:"type"`
}

// ExtentHead is what struct btrfs_file_extent_item begins with; inline data
// follows it.
type ExtentHead struct {
	Generation    uint64 `disk:"generation"`
	RAMBytes      uint64 `disk:"ram_bytes"`
	Compression   uint8  `disk:"compression"`
	Encryption    uint8  `disk:"encryption"`
	OtherEncoding uint16 `disk:"other_encoding"`
	Type          uint8  `disk:"type"`
}

// FileExtentItem is struct btrfs_file_extent_item.
type FileExtentItem struct {
	Head         ExtentHead `disk:""`
	DiskBytenr   uint64     `disk:"disk_bytenr"`
	DiskNumBytes uint64     `disk:"disk_num_bytes"`
	Offset       uint64     `disk:"offset"`
	NumBytes     uint64     `disk:"num_bytes"`
}

// RootItem is struct btrfs_root_item.
type RootItem struct {
	Inode        InodeItem `disk:"inode"`
	Generation   uint64    `disk:"generation"`
	RootDirID    uint64    `disk:"root_dirid"`
	Bytenr       uint64    `disk:"bytenr"`
	ByteLimit    uint64    `disk:"byte_limit"`
	BytesUsed    uint64    `disk:"bytes_used"`
	LastSnapshot uint64    `disk:"last_snapshot"`
	Flags        uint64    `disk:"flags,flags"`
	Refs         uint32    `disk:"refs"`
	DropProgress Key       `disk:"drop_progress"`
	DropLevel    uint8     `disk:"drop_level"`
	Level        uint8     `disk:"level"`
	GenerationV2 uint64    `disk:"generation_v2"`
	UUID         [16]byte  `disk:"uuid,uuid"`
	ParentUUID   [16]byte  `disk:"parent_uuid,uuid"`
	ReceivedUUID [16]byte  `disk:"received_uuid,uuid"`
	Ctransid     uint64    `disk:"ctransid"`
	Otransid     uint64    `disk:"otransid"`
	Stransid     uint64    `disk:"stransid"`
	Rtransid     uint64    `disk:"rtransid"`
	Ctime        Timespec  `disk:"ctime"`
	Otime        Timespec  `disk:"otime"`
	Stime        Timespec  `disk:"stime"`
	Rtime        Timespec  `disk:"rtime"`
	Reserved     [8]uint64 `disk:"reserved,reserved"`
}

// ExtentItem is struct btrfs_extent_item; its references follow.
type ExtentItem struct {
	Refs       uint64 `disk:"refs"`
	Generation uint64 `disk:"generation"`
	Flags      uint64 `disk:"flags,flags"`
}

// MetadataExtent is a tree block's extent item with its one reference.
type MetadataExtent struct {
	Item ExtentItem `disk:""`
	Type uint8      `disk:"type"`
	Root uint64     `disk:"offset"`
}

// DataExtent is a data extent's item with its one reference.
type DataExtent struct {
	Item     ExtentItem `disk:""`
	Type     uint8      `disk:"type"`
	Root     uint64     `disk:"root"`
	ObjectID uint64     `disk:"objectid"`
	Offset   uint64     `disk:"offset"`
	Count    uint32     `disk:"count"`
}

// BlockGroupItem is struct btrfs_block_group_item.
type BlockGroupItem struct {
	Used          uint64 `disk:"used"`
	ChunkObjectID uint64 `disk:"chunk_objectid"`
	Flags         uint64 `disk:"flags,flags"`
}

// FreeSpaceInfo is struct btrfs_free_space_info.
type FreeSpaceInfo struct {
	ExtentCount uint32 `disk:"extent_count"`
	Flags       uint32 `disk:"flags,flags"`
}

// DevExtent is struct btrfs_dev_extent.
type DevExtent struct {
	ChunkTree     uint64   `disk:"chunk_tree"`
	ChunkObjectID uint64   `disk:"chunk_objectid"`
	ChunkOffset   uint64   `disk:"chunk_offset"`
	Length        uint64   `disk:"length"`
	ChunkTreeUUID [16]byte `disk:"chunk_tree_uuid,uuid"`
}

// DevItem is struct btrfs_dev_item.
type DevItem struct {
	DevID       uint64   `disk:"devid"`
	TotalBytes  uint64   `disk:"total_bytes"`
	BytesUsed   uint64   `disk:"bytes_used"`
	IOAlign     uint32   `disk:"io_align"`
	IOWidth     uint32   `disk:"io_width"`
	SectorSize  uint32   `disk:"sector_size"`
	Type        uint64   `disk:"type"`
	Generation  uint64   `disk:"generation"`
	StartOffset uint64   `disk:"start_offset"`
	DevGroup    uint32   `disk:"dev_group"`
	SeekSpeed   uint8    `disk:"seek_speed"`
	Bandwidth   uint8    `disk:"bandwidth"`
	UUID        [16]byte `disk:"uuid,uuid"`
	FSID        [16]byte `disk:"fsid,uuid"`
}

// Chunk is struct btrfs_chunk; its stripes follow.
type Chunk struct {
	Length     uint64 `disk:"length"`
	Owner      uint64 `disk:"owner"`
	StripeLen  uint64 `disk:"stripe_len"`
	Type       uint64 `disk:"type,flags"`
	IOAlign    uint32 `disk:"io_align"`
	IOWidth    uint32 `disk:"io_width"`
	SectorSize uint32 `disk:"sector_size"`
	NumStripes uint16 `disk:"num_stripes"`
	SubStripes uint16 `disk:"sub_stripes"`
}

// Stripe is struct btrfs_stripe.
type Stripe struct {
	DevID   uint64   `disk:"devid"`
	Offset  uint64   `disk:"offset"`
	DevUUID [16]byte `disk:"dev_uuid,uuid"`
}

// RootRef is struct btrfs_root_ref: where a subvolume has its name, which
// follows.
type RootRef struct {
	DirID    uint64 `disk:"dirid"`
	Sequence uint64 `disk:"sequence"`
	NameLen  uint16 `disk:"name_len"`
}

// FreeSpaceHeader is struct btrfs_free_space_header, of the free space cache's
// first version.
type FreeSpaceHeader struct {
	Location   Key    `disk:"location"`
	Generation uint64 `disk:"generation"`
	Entries    uint64 `disk:"num_entries"`
	Bitmaps    uint64 `disk:"num_bitmaps"`
}

// TreeBlockInfo is struct btrfs_tree_block_info, of a tree block's extent item
// without SKINNY_METADATA.
type TreeBlockInfo struct {
	Key   Key   `disk:"key"`
	Level uint8 `disk:"level"`
}

// ExtentDataRef is struct btrfs_extent_data_ref: who refers to a data extent.
type ExtentDataRef struct {
	Root     uint64 `disk:"root"`
	ObjectID uint64 `disk:"objectid"`
	Offset   uint64 `disk:"offset"`
	Count    uint32 `disk:"count"`
}

// Backup is struct btrfs_root_backup: the trees of an earlier transaction.
type Backup struct {
	TreeRoot       uint64    `disk:"tree_root"`
	TreeRootGen    uint64    `disk:"tree_root_gen"`
	ChunkRoot      uint64    `disk:"chunk_root"`
	ChunkRootGen   uint64    `disk:"chunk_root_gen"`
	ExtentRoot     uint64    `disk:"extent_root"`
	ExtentRootGen  uint64    `disk:"extent_root_gen"`
	FSRoot         uint64    `disk:"fs_root"`
	FSRootGen      uint64    `disk:"fs_root_gen"`
	DevRoot        uint64    `disk:"dev_root"`
	DevRootGen     uint64    `disk:"dev_root_gen"`
	CsumRoot       uint64    `disk:"csum_root"`
	CsumRootGen    uint64    `disk:"csum_root_gen"`
	TotalBytes     uint64    `disk:"total_bytes"`
	BytesUsed      uint64    `disk:"bytes_used"`
	NumDevices     uint64    `disk:"num_devices"`
	Unused64       [4]uint64 `disk:"unused_64,reserved"`
	TreeRootLevel  uint8     `disk:"tree_root_level"`
	ChunkRootLevel uint8     `disk:"chunk_root_level"`
	ExtentLevel    uint8     `disk:"extent_root_level"`
	FSRootLevel    uint8     `disk:"fs_root_level"`
	DevRootLevel   uint8     `disk:"dev_root_level"`
	CsumRootLevel  uint8     `disk:"csum_root_level"`
	Unused8        [10]uint8 `disk:"unused_8,reserved"`
}

// Superblock is struct btrfs_super_block.
type Superblock struct {
	Csum                [32]byte   `disk:"csum,checksum"`
	FSID                [16]byte   `disk:"fsid,uuid"`
	Bytenr              uint64     `disk:"bytenr"`
	Flags               uint64     `disk:"flags,flags"`
	Magic               uint64     `disk:"magic,hex"`
	Generation          uint64     `disk:"generation"`
	Root                uint64     `disk:"root"`
	ChunkRoot           uint64     `disk:"chunk_root"`
	LogRoot             uint64     `disk:"log_root"`
	LogRootTransid      uint64     `disk:"log_root_transid"`
	TotalBytes          uint64     `disk:"total_bytes"`
	BytesUsed           uint64     `disk:"bytes_used"`
	RootDirObjectID     uint64     `disk:"root_dir_objectid"`
	NumDevices          uint64     `disk:"num_devices"`
	SectorSize          uint32     `disk:"sectorsize"`
	NodeSize            uint32     `disk:"nodesize"`
	LeafSize            uint32     `disk:"leafsize"`
	StripeSize          uint32     `disk:"stripesize"`
	SysChunkArraySize   uint32     `disk:"sys_chunk_array_size"`
	ChunkRootGeneration uint64     `disk:"chunk_root_generation"`
	CompatFlags         uint64     `disk:"compat_flags,flags"`
	CompatROFlags       uint64     `disk:"compat_ro_flags,flags"`
	IncompatFlags       uint64     `disk:"incompat_flags,flags"`
	CsumType            uint16     `disk:"csum_type"`
	RootLevel           uint8      `disk:"root_level"`
	ChunkRootLevel      uint8      `disk:"chunk_root_level"`
	LogRootLevel        uint8      `disk:"log_root_level"`
	DevItem             DevItem    `disk:"dev_item"`
	Label               [256]byte  `disk:"label,text"`
	CacheGeneration     uint64     `disk:"cache_generation"`
	UUIDTreeGeneration  uint64     `disk:"uuid_tree_generation"`
	MetadataUUID        [16]byte   `disk:"metadata_uuid,uuid"`
	NrGlobalRoots       uint64     `disk:"nr_global_roots"`
	Reserved            [27]uint64 `disk:"reserved,reserved"`
	SysChunkArray       [2048]byte `disk:"sys_chunk_array,bytes"`
	SuperRoots          [4]Backup  `disk:"super_roots"`
	Padding             [565]byte  `disk:"padding,reserved"`
}

var le = binary.LittleEndian

// The layouts name the structures' bytes.
var (
	TimespecLayout        = field.MustOf[Timespec](le)
	RootRefLayout         = field.MustOf[RootRef](le)
	FreeSpaceHeaderLayout = field.MustOf[FreeSpaceHeader](le)
	TreeBlockInfoLayout   = field.MustOf[TreeBlockInfo](le)
	ExtentDataRefLayout   = field.MustOf[ExtentDataRef](le)
	ExtentItemLayout      = field.MustOf[ExtentItem](le)
	HeaderLayout          = field.MustOf[Header](le)
	ItemLayout            = field.MustOf[Item](le)
	KeyPtrLayout          = field.MustOf[KeyPtr](le)
	InodeItemLayout       = field.MustOf[InodeItem](le)
	InodeRefLayout        = field.MustOf[InodeRef](le)
	InodeExtrefLayout     = field.MustOf[InodeExtref](le)
	DirItemLayout         = field.MustOf[DirItem](le)
	ExtentHeadLayout      = field.MustOf[ExtentHead](le)
	FileExtentItemLayout  = field.MustOf[FileExtentItem](le)
	RootItemLayout        = field.MustOf[RootItem](le)
	MetadataExtentLayout  = field.MustOf[MetadataExtent](le)
	DataExtentLayout      = field.MustOf[DataExtent](le)
	BlockGroupItemLayout  = field.MustOf[BlockGroupItem](le)
	FreeSpaceInfoLayout   = field.MustOf[FreeSpaceInfo](le)
	DevExtentLayout       = field.MustOf[DevExtent](le)
	DevItemLayout         = field.MustOf[DevItem](le)
	ChunkLayout           = field.MustOf[Chunk](le)
	StripeLayout          = field.MustOf[Stripe](le)
	SuperblockLayout      = field.MustOf[Superblock](le)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the crc32c of blocks and of sectors of data.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// raw is the kernel's crc32c: without inversions at the ends.
func raw(seed uint32, b []byte) uint32 { return ^crc32.Update(^seed, castagnoli, b) }

// NameHash is btrfs_name_hash: of an entry or an extended attribute.
func NameHash(name string) uint64 { return uint64(raw(^uint32(1), []byte(name))) }

// ExtrefHash is btrfs_extref_hash.
func ExtrefHash(parent uint64, name string) uint64 { return uint64(raw(uint32(parent), []byte(name))) }

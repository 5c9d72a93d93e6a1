package erofs

import (
	"encoding/binary"
	"fmt"
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
	FeatureCompatChecksum    = 0x1  // EROFS_FEATURE_COMPAT_SB_CHKSUM
	FeatureCompatMtime       = 0x2  // EROFS_FEATURE_COMPAT_MTIME: i_mtime is the modification time
	FeatureCompatXattrFilter = 0x4  // EROFS_FEATURE_COMPAT_XATTR_FILTER
	FeatureCompatPlainPrefix = 0x10 // EROFS_FEATURE_COMPAT_PLAIN_XATTR_PFX: the prefixes are not in the packed inode
)

// Features that a reader must know (feature_incompat). Two of the bits have two
// names, as the kernel gives them.
const (
	FeatureZeroPadding   = 0x01 // EROFS_FEATURE_INCOMPAT_ZERO_PADDING: packed bytes end with their block, zeros before them
	FeatureConfigs       = 0x02 // EROFS_FEATURE_INCOMPAT_COMPR_CFGS, BIG_PCLUSTER
	FeatureChunked       = 0x04 // EROFS_FEATURE_INCOMPAT_CHUNKED_FILE
	FeatureDeviceTable   = 0x08 // EROFS_FEATURE_INCOMPAT_DEVICE_TABLE, COMPR_HEAD2
	FeatureTailPacking   = 0x10 // EROFS_FEATURE_INCOMPAT_ZTAILPACKING
	FeatureFragments     = 0x20 // EROFS_FEATURE_INCOMPAT_FRAGMENTS, DEDUPE
	FeatureXattrPrefixes = 0x40 // EROFS_FEATURE_INCOMPAT_XATTR_PREFIXES
	featuresRead         = 0x7f
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
	FormatLarge       = 1
	FlatPlain         = 0 << 1 // EROFS_INODE_FLAT_PLAIN: whole blocks
	CompressedFull    = 1 << 1 // EROFS_INODE_COMPRESSED_FULL: with an index of eight bytes an entry
	FlatInline        = 2 << 1 // EROFS_INODE_FLAT_INLINE: whole blocks, and the rest behind the inode
	CompressedCompact = 3 << 1 // EROFS_INODE_COMPRESSED_COMPACT: with an index of four or two bytes an entry
	ChunkBased        = 4 << 1 // EROFS_INODE_CHUNK_BASED
	layoutMask        = 7 << 1
	formatAll         = FormatLarge | layoutMask
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

// XattrHeader is struct erofs_xattr_ibody_header. The numbers of shared
// attributes follow, four bytes each, and then the inode's own attributes.
type XattrHeader struct {
	NameFilter  uint32  `disk:"h_name_filter,hex"`
	SharedCount uint8   `disk:"h_shared_count"`
	Reserved    [7]byte `disk:"h_reserved2,reserved"`
}

// MapHeader is struct z_erofs_map_header, behind the inode and its attributes
// at the next multiple of eight bytes. A compressed file's index follows.
type MapHeader struct {
	Fragment    uint32 `disk:"h_fragmentoff"` // or h_reserved1 and h_idata_size, 16 bits each
	Advise      uint16 `disk:"h_advise,flags"`
	Algorithm   uint8  `disk:"h_algorithmtype,hex"`
	ClusterBits uint8  `disk:"h_clusterbits,hex"`
}

// Flags of h_advise.
const (
	adviseCompact2B  = 0x01 // Z_EROFS_ADVISE_COMPACTED_2B
	adviseBig1       = 0x02 // Z_EROFS_ADVISE_BIG_PCLUSTER_1
	adviseBig2       = 0x04 // Z_EROFS_ADVISE_BIG_PCLUSTER_2
	adviseInline     = 0x08 // Z_EROFS_ADVISE_INLINE_PCLUSTER
	adviseInterlaced = 0x10 // Z_EROFS_ADVISE_INTERLACED_PCLUSTER
	adviseFragment   = 0x20 // Z_EROFS_ADVISE_FRAGMENT_PCLUSTER
	adviseAll        = 0x3f

	wholeFragment = 0x80 // of h_clusterbits: the file is a fragment as a whole, Z_EROFS_FRAGMENT_INODE_BIT
)

// LclusterIndex is struct z_erofs_lcluster_index: an entry of a full index.
type LclusterIndex struct {
	Advise     uint16 `disk:"di_advise,flags"`
	ClusterOfs uint16 `disk:"di_clusterofs"`
	Union      uint32 `disk:"di_u"` // blkaddr, or two distances
}

// Types of a logical cluster, in the low bits of di_advise.
const (
	clusterPlain   = 0 // Z_EROFS_LCLUSTER_TYPE_PLAIN
	clusterHead1   = 1 // Z_EROFS_LCLUSTER_TYPE_HEAD1
	clusterNonHead = 2 // Z_EROFS_LCLUSTER_TYPE_NONHEAD
	clusterHead2   = 3 // Z_EROFS_LCLUSTER_TYPE_HEAD2

	partialRef = 1 << 15 // of di_advise, Z_EROFS_LI_PARTIAL_REF
	blockCount = 1 << 11 // of the first distance, Z_EROFS_LI_D0_CBLKCNT: the rest counts blocks
)

// ChunkIndex is struct erofs_inode_chunk_index.
type ChunkIndex struct {
	Advise uint16 `disk:"advise"`
	Device uint16 `disk:"device_id"`
	Block  uint32 `disk:"blkaddr"`
}

// What i_u of a chunk-based inode says.
const (
	chunkBitsMask = 0x1f // EROFS_CHUNK_FORMAT_BLKBITS_MASK
	chunkIndexes  = 0x20 // EROFS_CHUNK_FORMAT_INDEXES
)

// nullBlock stands for a hole (EROFS_NULL_ADDR).
const nullBlock = 0xffffffff

// DeviceSlot is struct erofs_deviceslot.
type DeviceSlot struct {
	Tag      [64]byte `disk:"tag,bytes"`
	Blocks   uint32   `disk:"blocks"`
	Mapped   uint32   `disk:"mapped_blkaddr"`
	Reserved [56]byte `disk:"reserved,reserved"`
}

// Algorithms of compression, as in available_compr_algs and h_algorithmtype.
const (
	LZ4     = 0
	LZMA    = 1
	DEFLATE = 2
	ZSTD    = 3
)

var algorithmNames = []string{LZ4: "lz4", LZMA: "lzma", DEFLATE: "deflate", ZSTD: "zstd"}

// AlgorithmName is the name that mkfs.erofs -z takes.
func AlgorithmName(n int) string {
	if n >= 0 && n < len(algorithmNames) {
		return algorithmNames[n]
	}
	return fmt.Sprintf("algorithm %d", n)
}

// The configurations of algorithms, each behind its length in two bytes.
type (
	lz4Config struct {
		MaxDistance uint16   `disk:"max_distance"`
		MaxBlocks   uint16   `disk:"max_pclusterblks"`
		Reserved    [10]byte `disk:"reserved,reserved"`
	}
	lzmaConfig struct {
		DictSize uint32  `disk:"dict_size"`
		Format   uint16  `disk:"format"`
		Reserved [8]byte `disk:"reserved,reserved"`
	}
	deflateConfig struct {
		WindowBits uint8   `disk:"windowbits"`
		Reserved   [5]byte `disk:"reserved,reserved"`
	}
	zstdConfig struct {
		Format    uint8   `disk:"format"`
		WindowLog uint8   `disk:"windowlog"`
		Reserved  [4]byte `disk:"reserved,reserved"`
	}
)

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
	XattrLustre     = 5
	XattrSecurity   = 6

	xattrLongPrefix = 0x80 // EROFS_XATTR_LONG_PREFIX: the rest is the number of a prefix of the superblock's
)

var le = binary.LittleEndian

// The layouts name the structures' bytes.
var (
	SuperblockLayout   = field.MustOf[Superblock](le)
	CompactInodeLayout = field.MustOf[CompactInode](le)
	LargeInodeLayout   = field.MustOf[LargeInode](le)
	DirentLayout       = field.MustOf[Dirent](le)
	XattrEntryLayout   = field.MustOf[XattrEntry](le)
	XattrHeaderLayout  = field.MustOf[XattrHeader](le)
	MapHeaderLayout    = field.MustOf[MapHeader](le)
	ChunkIndexLayout   = field.MustOf[ChunkIndex](le)
	DeviceSlotLayout   = field.MustOf[DeviceSlot](le)

	lclusterLayout = field.MustOf[LclusterIndex](le)
)

var configFields = [][]field.Field{
	LZ4:     field.MustOf[lz4Config](le).Fields(),
	LZMA:    field.MustOf[lzmaConfig](le).Fields(),
	DEFLATE: field.MustOf[deflateConfig](le).Fields(),
	ZSTD:    field.MustOf[zstdConfig](le).Fields(),
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the superblock's: of what follows it in its block too. The
// field itself must be zero in b.
func Checksum(b []byte) uint32 { return ^crc32.Checksum(b, castagnoli) }

package qcow2

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Magic is what every image begins with: "QFI\xfb".
const Magic = 0x514649fb

// Limits that QEMU has too, except for the last two.
const (
	MinClusterBits  = 9
	MaxClusterBits  = 21
	MinExtendedBits = 14       // of cluster_bits with extended L2 entries
	MaxL1Bytes      = 32 << 20 // of the L1 table
	MaxNameBytes    = 1023     // of a backing file's name
	maxExtensions   = 64       // header extensions that are decoded
	maxSnapshots    = 256      // snapshots that are listed
)

// Lengths of the header, in bytes.
const (
	HeaderLengthV2 = 72
	HeaderLengthV3 = 104 // at least
)

// Values of crypt_method.
const (
	CryptNone = 0
	CryptAES  = 1
	CryptLUKS = 2
)

// Bits of incompatible_features.
const (
	FeatureDirty       = 1 << 0
	FeatureCorrupt     = 1 << 1
	FeatureDataFile    = 1 << 2
	FeatureCompression = 1 << 3
	FeatureExtendedL2  = 1 << 4
	knownIncompatible  = 1<<5 - 1
)

// Bits of autoclear_features.
const (
	AutoclearBitmaps = 1 << 0
	AutoclearRawData = 1 << 1
)

// Values of compression_type.
const (
	CompressionZlib = 0 // deflate without a zlib header
	CompressionZstd = 1
)

// Types of header extensions.
const (
	ExtEnd           = 0
	ExtBackingFormat = 0xe2792aca
	ExtFeatureNames  = 0x6803f857
	ExtBitmaps       = 0x23852875
	ExtEncryption    = 0x0537be77
	ExtDataFile      = 0x44415441
)

// Bits of L1 and L2 entries.
const (
	offsetMask     = 0x00fffffffffffe00
	entryCopied    = 1 << 63
	entryPacked    = 1 << 62 // the cluster is compressed
	entryZero      = 1 << 0
	subclusters    = 32 // of a cluster with extended L2 entries
	packedSector   = 512
	maxPackedField = 62
)

// Header is what an image begins with. Version 2 ends before
// IncompatibleFeatures, version 3 at header_length; what is missing is zero.
type Header struct {
	Magic                 uint32  `disk:"magic,hex"`
	Version               uint32  `disk:"version"`
	BackingFileOffset     uint64  `disk:"backing_file_offset"`
	BackingFileSize       uint32  `disk:"backing_file_size"` // bytes
	ClusterBits           uint32  `disk:"cluster_bits"`
	Size                  uint64  `disk:"size"` // of the virtual disk, in bytes
	CryptMethod           uint32  `disk:"crypt_method"`
	L1Size                uint32  `disk:"l1_size"` // entries
	L1TableOffset         uint64  `disk:"l1_table_offset"`
	RefcountTableOffset   uint64  `disk:"refcount_table_offset"`
	RefcountTableClusters uint32  `disk:"refcount_table_clusters"`
	NbSnapshots           uint32  `disk:"nb_snapshots"`
	SnapshotsOffset       uint64  `disk:"snapshots_offset"`
	IncompatibleFeatures  uint64  `disk:"incompatible_features,flags"`
	CompatibleFeatures    uint64  `disk:"compatible_features,flags"`
	AutoclearFeatures     uint64  `disk:"autoclear_features,flags"`
	RefcountOrder         uint32  `disk:"refcount_order"`
	HeaderLength          uint32  `disk:"header_length"` // bytes
	CompressionType       uint8   `disk:"compression_type"`
	Padding               [7]byte `disk:"padding,reserved"`
}

// ExtensionHeader stands before the data of a header extension, which is
// padded to a multiple of 8 bytes.
type ExtensionHeader struct {
	Type   uint32 `disk:"type,hex"`
	Length uint32 `disk:"length"` // bytes of the data
}

// Bitmaps is the data of the bitmaps extension.
type Bitmaps struct {
	NbBitmaps             uint32 `disk:"nb_bitmaps"`
	Reserved              uint32 `disk:"reserved,reserved"`
	BitmapDirectorySize   uint64 `disk:"bitmap_directory_size"` // bytes
	BitmapDirectoryOffset uint64 `disk:"bitmap_directory_offset"`
}

// Feature is an entry of the feature name table.
type Feature struct {
	Type uint8    `disk:"type"` // 0 incompatible, 1 compatible, 2 autoclear
	Bit  uint8    `disk:"bit"`
	Name [46]byte `disk:"name,text"`
}

// Snapshot is the fixed part of an entry of the snapshot table. Behind it come
// the extra data, the identifier and the name.
type Snapshot struct {
	L1TableOffset uint64 `disk:"l1_table_offset"`
	L1Size        uint32 `disk:"l1_size"` // entries
	IDStrSize     uint16 `disk:"id_str_size"`
	NameSize      uint16 `disk:"name_size"`
	DateSec       uint32 `disk:"date_sec"`      // since 1970
	DateNsec      uint32 `disk:"date_nsec"`     // below a second
	VMClockNsec   uint64 `disk:"vm_clock_nsec"` // that the guest had run for
	VMStateSize   uint32 `disk:"vm_state_size"` // bytes
	ExtraDataSize uint32 `disk:"extra_data_size"`
}

// SnapshotExtra is what a snapshot's extra data begin with, as far as they go.
type SnapshotExtra struct {
	VMStateSizeLarge uint64 `disk:"vm_state_size_large"`
	DiskSize         uint64 `disk:"disk_size"` // bytes
	Icount           uint64 `disk:"icount"`
}

// Layouts of the structures.
var (
	HeaderLayout          = field.MustOf[Header](binary.BigEndian)
	ExtensionHeaderLayout = field.MustOf[ExtensionHeader](binary.BigEndian)
	BitmapsLayout         = field.MustOf[Bitmaps](binary.BigEndian)
	FeatureLayout         = field.MustOf[Feature](binary.BigEndian)
	SnapshotLayout        = field.MustOf[Snapshot](binary.BigEndian)
	SnapshotExtraLayout   = field.MustOf[SnapshotExtra](binary.BigEndian)
)

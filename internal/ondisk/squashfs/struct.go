package squashfs

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	Magic          = 0x73717368 // s_magic: "hsqs"
	SuperblockSize = 96         // bytes
	MetadataSize   = 8192       // SQUASHFS_METADATA_SIZE: bytes of an unpacked metadata block
	MinBlockLog    = 12         // the smallest data block has 4 KiB
	MaxBlockLog    = 20         // SQUASHFS_FILE_MAX_LOG: the largest has 1 MiB
	None           = ^uint64(0) // SQUASHFS_INVALID_BLK: a table that is not there
	NoFragment     = ^uint32(0) // SQUASHFS_INVALID_FRAG
	NoXattr        = ^uint32(0) // SQUASHFS_INVALID_XATTR
)

// Superblock is struct squashfs_super_block.
type Superblock struct {
	Magic               uint32 `disk:"s_magic,hex"`
	Inodes              uint32 `disk:"inodes"`
	MkfsTime            uint32 `disk:"mkfs_time,time"`
	BlockSize           uint32 `disk:"block_size"` // bytes
	Fragments           uint32 `disk:"fragments"`
	Compression         uint16 `disk:"compression"`
	BlockLog            uint16 `disk:"block_log"`
	Flags               uint16 `disk:"flags,flags"`
	NoIDs               uint16 `disk:"no_ids"`
	Major               uint16 `disk:"s_major"`
	Minor               uint16 `disk:"s_minor"`
	RootInode           uint64 `disk:"root_inode,hex"`
	BytesUsed           uint64 `disk:"bytes_used"`
	IDTableStart        uint64 `disk:"id_table_start"`
	XattrIDTableStart   uint64 `disk:"xattr_id_table_start"`
	InodeTableStart     uint64 `disk:"inode_table_start"`
	DirectoryTableStart uint64 `disk:"directory_table_start"`
	FragmentTableStart  uint64 `disk:"fragment_table_start"`
	LookupTableStart    uint64 `disk:"lookup_table_start"`
}

var le = binary.LittleEndian

// SuperblockLayout names the superblock's bytes.
var SuperblockLayout = field.MustOf[Superblock](le)

// Compressions, as in the superblock.
const (
	ZLIB = 1
	LZMA = 2
	LZO  = 3
	XZ   = 4
	LZ4  = 5
	ZSTD = 6
)

var compressionNames = []string{ZLIB: "gzip", LZMA: "lzma", LZO: "lzo", XZ: "xz", LZ4: "lz4", ZSTD: "zstd"}

// CompressionName is the name that mksquashfs -comp takes.
func CompressionName(c uint16) string {
	if int(c) < len(compressionNames) && c > 0 {
		return compressionNames[c]
	}
	return fmt.Sprintf("compression %d", c)
}

// Flags of the superblock, by bit.
var flagNames = []string{
	"noI", "noD", "check", "noF", "no_fragments", "always_fragments", "duplicates", "exportable",
	"noX", "no_xattrs", "compressor_options", "noId",
}

const flagOptions = 1 << 10 // the compressor's options follow the superblock

// FlagNames lists the names of the flags that are set.
func FlagNames(flags uint16) []string {
	var out []string
	for i := range 16 {
		if flags>>i&1 == 0 {
			continue
		}
		if i < len(flagNames) {
			out = append(out, flagNames[i])
		} else {
			out = append(out, fmt.Sprintf("bit %d", i))
		}
	}
	return out
}

// The options of a compressor, as its metadata block behind the superblock
// holds them.
type (
	zlibOptions struct {
		Level    uint32 `disk:"compression_level"`
		Window   uint16 `disk:"window_size"`
		Strategy uint16 `disk:"strategy,flags"`
	}
	lzoOptions struct {
		Algorithm uint32 `disk:"algorithm"`
		Level     uint32 `disk:"compression_level"`
	}
	xzOptions struct {
		Dictionary uint32 `disk:"dictionary_size"`
		Flags      uint32 `disk:"flags,flags"`
	}
	lz4Options struct {
		Version uint32 `disk:"version"`
		Flags   uint32 `disk:"flags,flags"`
	}
	zstdOptions struct {
		Level uint32 `disk:"compression_level"`
	}
)

var optionFields = [][]field.Field{
	ZLIB: field.MustOf[zlibOptions](le).Fields(),
	LZO:  field.MustOf[lzoOptions](le).Fields(),
	XZ:   field.MustOf[xzOptions](le).Fields(),
	LZ4:  field.MustOf[lz4Options](le).Fields(),
	ZSTD: field.MustOf[zstdOptions](le).Fields(),
}

// optionsStart is where the options stand: behind the superblock and the
// header of their metadata block.
const optionsStart = SuperblockSize + 2

// OptionFields lists the fields of the compressor's options, at their offsets
// in the filesystem. It is empty where the superblock says that there are none.
func (sb Superblock) OptionFields() []field.Field {
	if sb.Flags&flagOptions == 0 || int(sb.Compression) >= len(optionFields) {
		return nil
	}
	var out []field.Field
	for _, f := range optionFields[sb.Compression] {
		f.Offset += optionsStart
		out = append(out, f)
	}
	return out
}

// Error is what is wrong with the bytes of a filesystem.
type Error struct {
	Offset int64 // of the byte in the filesystem
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("squashfs: byte %d: %s", e.Offset, e.Text) }

func wrong(off int64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...)}
}

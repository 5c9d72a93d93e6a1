package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// MaxNameLen is the length of the longest file name in bytes.
const MaxNameLen = 255

// DirEntry is struct ext4_dir_entry_2 without its name, which follows it.
// Without the feature filetype, file_type is the high byte of name_len.
type DirEntry struct {
	Inode    uint32 `disk:"inode"` // 0: unused
	RecLen   uint16 `disk:"rec_len"`
	NameLen  uint8  `disk:"name_len"`
	FileType uint8  `disk:"file_type"`
}

// DirEntryTail is struct ext4_dir_entry_tail, the last 12 bytes of a linear
// directory block with metadata_csum.
type DirEntryTail struct {
	ReservedZero1 uint32 `disk:"det_reserved_zero1,reserved"`
	RecLen        uint16 `disk:"det_rec_len"` // 12
	ReservedZero2 uint8  `disk:"det_reserved_zero2,reserved"`
	ReservedFt    uint8  `disk:"det_reserved_ft,hex"` // FtDirCsum
	Checksum      uint32 `disk:"det_checksum,checksum"`
}

// DxRoot is struct dx_root, the first block of a hashed directory; entries
// follow, of which the first is a DxCountLimit and a block number.
type DxRoot struct {
	Dot        DirEntry   `disk:"dot"`
	DotName    [4]byte    `disk:"dot_name,text"`
	DotDot     DirEntry   `disk:"dotdot"`
	DotDotName [4]byte    `disk:"dotdot_name,text"`
	Info       DxRootInfo `disk:"info"`
}

// DxRootInfo is struct dx_root_info.
type DxRootInfo struct {
	ReservedZero   uint32 `disk:"reserved_zero,reserved"`
	HashVersion    uint8  `disk:"hash_version"`
	InfoLength     uint8  `disk:"info_length"` // 8; 16 with encryption and case folding
	IndirectLevels uint8  `disk:"indirect_levels"`
	UnusedFlags    uint8  `disk:"unused_flags"`
}

// DxNode is struct dx_node, an inner block of a hashed directory; entries
// follow as in DxRoot.
type DxNode struct {
	Fake DirEntry `disk:"fake"` // inode 0, rec_len of the whole block
}

// DxCountLimit is struct dx_countlimit, in place of the first entry's hash.
type DxCountLimit struct {
	Limit uint16 `disk:"limit"` // entries that fit, this one included
	Count uint16 `disk:"count"` // entries in use, this one included
}

// DxEntry is struct dx_entry. The lowest bit of Hash says that the block
// before ends in names of the same hash.
type DxEntry struct {
	Hash  uint32 `disk:"hash,hex"`
	Block uint32 `disk:"block"` // logical block; with large_dir the low 28 bits
}

// DxTail is struct dx_tail: it follows entry number limit, with metadata_csum.
type DxTail struct {
	Reserved uint32 `disk:"dt_reserved,reserved"`
	Checksum uint32 `disk:"dt_checksum,checksum"`
}

// Layouts of the structures above.
var (
	DirEntryLayout     = field.MustOf[DirEntry](binary.LittleEndian)
	DirEntryTailLayout = field.MustOf[DirEntryTail](binary.LittleEndian)
	DxRootLayout       = field.MustOf[DxRoot](binary.LittleEndian)
	DxNodeLayout       = field.MustOf[DxNode](binary.LittleEndian)
	DxCountLimitLayout = field.MustOf[DxCountLimit](binary.LittleEndian)
	DxEntryLayout      = field.MustOf[DxEntry](binary.LittleEndian)
	DxTailLayout       = field.MustOf[DxTail](binary.LittleEndian)
)

// Sizes in bytes that a directory's writer and reader both need.
const (
	DirEntryHeaderSize = 8
	DirTailSize        = 12 // DirEntryTail
	DxRootSize         = 32 // DxRoot: where its entries start
	DxNodeSize         = 8  // DxNode: where its entries start
	DxEntrySize        = 8
	DxTailSize         = 8
	DxInfoLength       = 8 // info_length
)

// DirRecLen is the least rec_len of an entry whose name has n bytes.
func DirRecLen(n int) int { return (n + DirEntryHeaderSize + 3) &^ 3 }

// DecodeRecLen turns a stored rec_len into bytes. In blocks of 64 KiB, a
// record of the whole block is stored as 65535 or 0.
func DecodeRecLen(v uint16, blockSize int) int {
	if blockSize < 65536 {
		return int(v)
	}
	if v == 65535 || v == 0 {
		return blockSize
	}
	return int(v)&65532 | int(v&3)<<16
}

// EncodeRecLen is the reverse of DecodeRecLen.
func EncodeRecLen(n, blockSize int) uint16 {
	if blockSize >= 65536 && n == blockSize {
		return 65535
	}
	return uint16(n)
}

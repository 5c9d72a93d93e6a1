package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Constants of extent trees (fs/ext4/ext4_extents.h).
const (
	ExtentMagic = 0xF30A // eh_magic

	// MaxExtentLength is the longest run of blocks in one extent. A larger
	// ee_len is an unwritten extent of ee_len - MaxExtentLength blocks.
	MaxExtentLength = 1 << 15

	// MaxUnwrittenLength is the longest unwritten run.
	MaxUnwrittenLength = MaxExtentLength - 1

	// MaxExtentDepth is the deepest tree that the kernel accepts.
	MaxExtentDepth = 5
)

// ExtentHeader is struct ext4_extent_header, at the front of i_block and of
// every block of the tree.
type ExtentHeader struct {
	Magic      uint16 `disk:"eh_magic,hex"`
	Entries    uint16 `disk:"eh_entries"`
	Max        uint16 `disk:"eh_max"`
	Depth      uint16 `disk:"eh_depth"` // 0: Extents follow, else ExtentIdxs
	Generation uint32 `disk:"eh_generation"`
}

// ExtentIdx is struct ext4_extent_idx: an inner node's entry.
type ExtentIdx struct {
	Block  uint32 `disk:"ei_block"` // first logical block below
	LeafLo uint32 `disk:"ei_leaf_lo"`
	LeafHi uint16 `disk:"ei_leaf_hi"`
	Unused uint16 `disk:"ei_unused,reserved"`
}

// Leaf is the block number of the node below.
func (e *ExtentIdx) Leaf() uint64 { return uint64(e.LeafHi)<<32 | uint64(e.LeafLo) }

// Extent is struct ext4_extent: a leaf's entry.
type Extent struct {
	Block   uint32 `disk:"ee_block"` // first logical block
	Len     uint16 `disk:"ee_len"`
	StartHi uint16 `disk:"ee_start_hi"`
	StartLo uint32 `disk:"ee_start_lo"`
}

// Start is the first physical block.
func (e *Extent) Start() uint64 { return uint64(e.StartHi)<<32 | uint64(e.StartLo) }

// Length is the number of blocks, and whether they are allocated but not
// written, and so read as zeros.
func (e *Extent) Length() (blocks uint32, unwritten bool) {
	if e.Len > MaxExtentLength {
		return uint32(e.Len) - MaxExtentLength, true
	}
	return uint32(e.Len), false
}

// ExtentTail is struct ext4_extent_tail: it follows entry eh_max of a block
// (not of i_block) with metadata_csum.
type ExtentTail struct {
	Checksum uint32 `disk:"et_checksum,checksum"`
}

// Layouts of the structures above.
var (
	ExtentHeaderLayout = field.MustOf[ExtentHeader](binary.LittleEndian)
	ExtentIdxLayout    = field.MustOf[ExtentIdx](binary.LittleEndian)
	ExtentLayout       = field.MustOf[Extent](binary.LittleEndian)
	ExtentTailLayout   = field.MustOf[ExtentTail](binary.LittleEndian)
)

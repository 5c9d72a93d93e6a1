package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Sizes of a group descriptor in bytes. Without the feature 64bit only the
// first 32 bytes of GroupDesc are stored; with it, s_desc_size bytes are.
const (
	GroupDescSize32  = 32
	GroupDescSize64  = 64
	MaxGroupDescSize = 1024
)

// GroupDesc is struct ext4_group_desc.
type GroupDesc struct {
	BlockBitmapLo     uint32 `disk:"bg_block_bitmap_lo"`
	InodeBitmapLo     uint32 `disk:"bg_inode_bitmap_lo"`
	InodeTableLo      uint32 `disk:"bg_inode_table_lo"`
	FreeBlocksCountLo uint16 `disk:"bg_free_blocks_count_lo"` // in clusters
	FreeInodesCountLo uint16 `disk:"bg_free_inodes_count_lo"`
	UsedDirsCountLo   uint16 `disk:"bg_used_dirs_count_lo"`
	Flags             uint16 `disk:"bg_flags,flags"`
	ExcludeBitmapLo   uint32 `disk:"bg_exclude_bitmap_lo"`
	BlockBitmapCsumLo uint16 `disk:"bg_block_bitmap_csum_lo,checksum"`
	InodeBitmapCsumLo uint16 `disk:"bg_inode_bitmap_csum_lo,checksum"`
	ItableUnusedLo    uint16 `disk:"bg_itable_unused_lo"`
	Checksum          uint16 `disk:"bg_checksum,checksum"`
	BlockBitmapHi     uint32 `disk:"bg_block_bitmap_hi"` // from here on: 64bit only
	InodeBitmapHi     uint32 `disk:"bg_inode_bitmap_hi"`
	InodeTableHi      uint32 `disk:"bg_inode_table_hi"`
	FreeBlocksCountHi uint16 `disk:"bg_free_blocks_count_hi"`
	FreeInodesCountHi uint16 `disk:"bg_free_inodes_count_hi"`
	UsedDirsCountHi   uint16 `disk:"bg_used_dirs_count_hi"`
	ItableUnusedHi    uint16 `disk:"bg_itable_unused_hi"`
	ExcludeBitmapHi   uint32 `disk:"bg_exclude_bitmap_hi"`
	BlockBitmapCsumHi uint16 `disk:"bg_block_bitmap_csum_hi,checksum"`
	InodeBitmapCsumHi uint16 `disk:"bg_inode_bitmap_csum_hi,checksum"`
	Reserved          uint32 `disk:"bg_reserved,reserved"`
}

// GroupDescLayout is the layout of GroupDesc.
var GroupDescLayout = field.MustOf[GroupDesc](binary.LittleEndian)

// Bits of bg_flags.
const (
	BgInodeUninit = 0x0001 // inode table and bitmap are not initialised
	BgBlockUninit = 0x0002 // block bitmap is not initialised
	BgInodeZeroed = 0x0004 // inode table is zeroed
)

// BlockBitmap is the block number of the group's block bitmap.
func (g *GroupDesc) BlockBitmap() uint64 {
	return uint64(g.BlockBitmapHi)<<32 | uint64(g.BlockBitmapLo)
}

// InodeBitmap is the block number of the group's inode bitmap.
func (g *GroupDesc) InodeBitmap() uint64 {
	return uint64(g.InodeBitmapHi)<<32 | uint64(g.InodeBitmapLo)
}

// InodeTable is the block number of the group's first inode table block.
func (g *GroupDesc) InodeTable() uint64 {
	return uint64(g.InodeTableHi)<<32 | uint64(g.InodeTableLo)
}

// FreeBlocksCount is the number of free clusters of the group.
func (g *GroupDesc) FreeBlocksCount() uint32 {
	return uint32(g.FreeBlocksCountHi)<<16 | uint32(g.FreeBlocksCountLo)
}

// FreeInodesCount is the number of free inodes of the group.
func (g *GroupDesc) FreeInodesCount() uint32 {
	return uint32(g.FreeInodesCountHi)<<16 | uint32(g.FreeInodesCountLo)
}

// UsedDirsCount is the number of directories whose inode is in the group.
func (g *GroupDesc) UsedDirsCount() uint32 {
	return uint32(g.UsedDirsCountHi)<<16 | uint32(g.UsedDirsCountLo)
}

// ItableUnused is the number of inodes at the table's end never used so far.
func (g *GroupDesc) ItableUnused() uint32 {
	return uint32(g.ItableUnusedHi)<<16 | uint32(g.ItableUnusedLo)
}

// BlockBitmapCsum is the stored checksum of the block bitmap.
func (g *GroupDesc) BlockBitmapCsum() uint32 {
	return uint32(g.BlockBitmapCsumHi)<<16 | uint32(g.BlockBitmapCsumLo)
}

// InodeBitmapCsum is the stored checksum of the inode bitmap.
func (g *GroupDesc) InodeBitmapCsum() uint32 {
	return uint32(g.InodeBitmapCsumHi)<<16 | uint32(g.InodeBitmapCsumLo)
}

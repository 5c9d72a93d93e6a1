package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Values of mmp_magic and mmp_seq.
const (
	MMPMagic    = 0x004D4D50
	MMPSeqClean = 0xFF4D4D50
	MMPSeqFsck  = 0xE24D4D50
	MMPSeqMax   = 0xE24D4D4F
)

// MMP is struct mmp_struct, in block s_mmp_block: protection against mounting
// on two machines at once.
type MMP struct {
	Magic         uint32      `disk:"mmp_magic,hex"`
	Seq           uint32      `disk:"mmp_seq,hex"`
	Time          uint64      `disk:"mmp_time,time"`
	Nodename      [64]byte    `disk:"mmp_nodename,text"`
	Bdevname      [32]byte    `disk:"mmp_bdevname,text"`
	CheckInterval uint16      `disk:"mmp_check_interval"` // seconds
	Pad1          uint16      `disk:"mmp_pad1,reserved"`
	Pad2          [226]uint32 `disk:"mmp_pad2,reserved"`
	Checksum      uint32      `disk:"mmp_checksum,checksum"`
}

// OrphanTail is struct ext4_orphan_block_tail, the last bytes of each block
// of the orphan file; inode numbers of four bytes stand before it.
type OrphanTail struct {
	Magic    uint32 `disk:"ob_magic,hex"`
	Checksum uint32 `disk:"ob_checksum,checksum"`
}

// OrphanMagic is the ob_magic.
const OrphanMagic = 0x0B10CA04

// Layouts of the structures above.
var (
	MMPLayout        = field.MustOf[MMP](binary.LittleEndian)
	OrphanTailLayout = field.MustOf[OrphanTail](binary.LittleEndian)
)

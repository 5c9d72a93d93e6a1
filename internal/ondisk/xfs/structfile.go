package xfs

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// Magic numbers of directories', attributes' and symbolic links' blocks.
const (
	blockMagic = 0x58444233 // XFS_DIR3_BLOCK_MAGIC: "XDB3"
	dataMagic  = 0x58444433 // XFS_DIR3_DATA_MAGIC: "XDD3"
	freeMagic  = 0x58444633 // XFS_DIR3_FREE_MAGIC: "XDF3"
	leaf1Magic = 0x3DF1     // XFS_DIR3_LEAF1_MAGIC
	leafNMagic = 0x3DFF     // XFS_DIR3_LEAFN_MAGIC
	nodeMagic  = 0x3EBE     // XFS_DA3_NODE_MAGIC
	attrMagic  = 0x3BEE     // XFS_ATTR3_LEAF_MAGIC

	remoteMagic  = 0x5841524D // XFS_ATTR3_RMT_MAGIC: "XARM"
	symlinkMagic = 0x58534C4D // XFS_SYMLINK_MAGIC: "XSLM"

	freeTag    = 0xFFFF   // XFS_DIR2_DATA_FREE_TAG
	leafOffset = 32 << 30 // XFS_DIR2_LEAF_OFFSET: bytes; entries lie before it

	attrIncomplete = 1 << 7 // XFS_ATTR_INCOMPLETE
	attrParent     = 1 << 3
	attrSecure     = 1 << 2
	attrRoot       = 1 << 1
	attrLocal      = 1 << 0
)

// dirHeader is struct xfs_dir3_blk_hdr, of blocks that hold entries or say
// where room for them is.
type dirHeader struct {
	Magic uint32   `disk:"magic,hex"`
	CRC   [4]byte  `disk:"crc,checksum"`
	BlkNo uint64   `disk:"blkno"`
	LSN   uint64   `disk:"lsn,hex"`
	UUID  [16]byte `disk:"uuid,uuid"`
	Owner uint64   `disk:"owner"`
}

// dataHeader is struct xfs_dir3_data_hdr.
type dataHeader struct {
	Header   dirHeader `disk:""`
	BestFree [12]byte  `disk:"best_free,bytes"`
	Pad      uint32    `disk:"pad,reserved"`
}

// freeHeader is struct xfs_dir3_free_hdr.
type freeHeader struct {
	Header  dirHeader `disk:""`
	FirstDB uint32    `disk:"firstdb"`
	NValid  uint32    `disk:"nvalid"`
	NUsed   uint32    `disk:"nused"`
	Pad     uint32    `disk:"pad,reserved"`
}

// blockInfo is struct xfs_da3_blkinfo, the head of an index's blocks.
type blockInfo struct {
	Forw  uint32   `disk:"forw"`
	Back  uint32   `disk:"back"`
	Magic uint16   `disk:"magic,hex"`
	Pad   uint16   `disk:"pad,reserved"`
	CRC   [4]byte  `disk:"crc,checksum"`
	BlkNo uint64   `disk:"blkno"`
	LSN   uint64   `disk:"lsn,hex"`
	UUID  [16]byte `disk:"uuid,uuid"`
	Owner uint64   `disk:"owner"`
}

// leafHeader is struct xfs_dir3_leaf_hdr.
type leafHeader struct {
	Info  blockInfo `disk:""`
	Count uint16    `disk:"count"`
	Stale uint16    `disk:"stale"`
	Pad   uint32    `disk:"pad32,reserved"`
}

// nodeHeader is struct xfs_da3_node_hdr.
type nodeHeader struct {
	Info  blockInfo `disk:""`
	Count uint16    `disk:"count"`
	Level uint16    `disk:"level"`
	Pad   uint32    `disk:"pad32,reserved"`
}

// attrHeader is struct xfs_attr3_leaf_hdr.
type attrHeader struct {
	Info      blockInfo `disk:""`
	Count     uint16    `disk:"count"`
	UsedBytes uint16    `disk:"usedbytes"`
	FirstUsed uint16    `disk:"firstused"`
	Holes     uint8     `disk:"holes"`
	Pad1      uint8     `disk:"pad1,reserved"`
	FreeMap   [12]byte  `disk:"freemap,bytes"`
	Pad2      uint32    `disk:"pad2,reserved"`
}

// remoteHeader is struct xfs_attr3_rmt_hdr, before each block of an
// attribute's value that is too long for the attribute's block.
type remoteHeader struct {
	Magic  uint32   `disk:"rm_magic,hex"`
	Offset uint32   `disk:"rm_offset"`
	Bytes  uint32   `disk:"rm_bytes"`
	CRC    [4]byte  `disk:"rm_crc,checksum"`
	UUID   [16]byte `disk:"rm_uuid,uuid"`
	Owner  uint64   `disk:"rm_owner"`
	BlkNo  uint64   `disk:"rm_blkno"`
	LSN    uint64   `disk:"rm_lsn,hex"`
}

// symlinkHeader is struct xfs_dsymlink_hdr, before each block of a target that
// is too long for the inode.
type symlinkHeader struct {
	Magic  uint32   `disk:"sl_magic,hex"`
	Offset uint32   `disk:"sl_offset"`
	Bytes  uint32   `disk:"sl_bytes"`
	CRC    [4]byte  `disk:"sl_crc,checksum"`
	UUID   [16]byte `disk:"sl_uuid,uuid"`
	Owner  uint64   `disk:"sl_owner"`
	BlkNo  uint64   `disk:"sl_blkno"`
	LSN    uint64   `disk:"sl_lsn,hex"`
}

// logHeader is struct xlog_rec_header, at the start of each record of the log.
type logHeader struct {
	Magic     uint32    `disk:"h_magicno,hex"`
	Cycle     uint32    `disk:"h_cycle"`
	Version   uint32    `disk:"h_version"`
	Len       uint32    `disk:"h_len"`
	LSN       uint64    `disk:"h_lsn,hex"`
	TailLSN   uint64    `disk:"h_tail_lsn,hex"`
	CRC       [4]byte   `disk:"h_crc,checksum"`
	PrevBlock uint32    `disk:"h_prev_block"`
	NumLogOps uint32    `disk:"h_num_logops"`
	CycleData [256]byte `disk:"h_cycle_data,bytes"`
	Fmt       uint32    `disk:"h_fmt"`
	UUID      [16]byte  `disk:"h_fs_uuid,uuid"`
	Size      uint32    `disk:"h_size"`
}

const logMagic = 0xFEEDBABE // XLOG_HEADER_MAGIC_NUM

var (
	dataLayout    = field.MustOf[dataHeader](be)
	freeLayout    = field.MustOf[freeHeader](be)
	leafLayout    = field.MustOf[leafHeader](be)
	nodeLayout    = field.MustOf[nodeHeader](be)
	attrLayout    = field.MustOf[attrHeader](be)
	remoteLayout  = field.MustOf[remoteHeader](be)
	symlinkLayout = field.MustOf[symlinkHeader](be)
	logLayout     = field.MustOf[logHeader](be)
)

// Bytes of headers.
var (
	dataHeaderSize    = dataLayout.Size()
	leafHeaderSize    = leafLayout.Size()
	attrHeaderSize    = attrLayout.Size()
	remoteHeaderSize  = remoteLayout.Size()
	symlinkHeaderSize = symlinkLayout.Size()
)

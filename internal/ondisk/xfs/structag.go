package xfs

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// Magic numbers of an allocation group's structures.
const (
	agfMagic  = 0x58414746 // "XAGF"
	agiMagic  = 0x58414749 // "XAGI"
	agflMagic = 0x5841464C // "XAFL"

	bnobtMagic    = 0x41423342 // XFS_ABTB_CRC_MAGIC: "AB3B"
	cntbtMagic    = 0x41423343 // XFS_ABTC_CRC_MAGIC: "AB3C"
	inobtMagic    = 0x49414233 // XFS_IBT_CRC_MAGIC: "IAB3"
	finobtMagic   = 0x46494233 // XFS_FIBT_CRC_MAGIC: "FIB3"
	rmapbtMagic   = 0x524D4233 // XFS_RMAP_CRC_MAGIC: "RMB3"
	refcountMagic = 0x52334643 // XFS_REFC_CRC_MAGIC: "R3FC"
	bmapMagic     = 0x424D4133 // XFS_BMAP_CRC_MAGIC: "BMA3"

)

// AGF is struct xfs_agf: the group's free space.
type AGF struct {
	Magic          uint32    `disk:"agf_magicnum,hex"`
	Version        uint32    `disk:"agf_versionnum"`
	SeqNo          uint32    `disk:"agf_seqno"`
	Length         uint32    `disk:"agf_length"`
	BnoRoot        uint32    `disk:"agf_bno_root"`
	CntRoot        uint32    `disk:"agf_cnt_root"`
	RmapRoot       uint32    `disk:"agf_rmap_root"`
	BnoLevel       uint32    `disk:"agf_bno_level"`
	CntLevel       uint32    `disk:"agf_cnt_level"`
	RmapLevel      uint32    `disk:"agf_rmap_level"`
	FLFirst        uint32    `disk:"agf_flfirst"`
	FLLast         uint32    `disk:"agf_fllast"`
	FLCount        uint32    `disk:"agf_flcount"`
	FreeBlks       uint32    `disk:"agf_freeblks"`
	Longest        uint32    `disk:"agf_longest"`
	BtreeBlks      uint32    `disk:"agf_btreeblks"`
	UUID           [16]byte  `disk:"agf_uuid,uuid"`
	RmapBlocks     uint32    `disk:"agf_rmap_blocks"`
	RefcountBlocks uint32    `disk:"agf_refcount_blocks"`
	RefcountRoot   uint32    `disk:"agf_refcount_root"`
	RefcountLevel  uint32    `disk:"agf_refcount_level"`
	Spare          [112]byte `disk:"agf_spare64,reserved"`
	LSN            uint64    `disk:"agf_lsn,hex"`
	CRC            [4]byte   `disk:"agf_crc,checksum"`
	Spare2         uint32    `disk:"agf_spare2,reserved"`
}

// AGI is struct xfs_agi: the group's inodes.
type AGI struct {
	Magic     uint32    `disk:"agi_magicnum,hex"`
	Version   uint32    `disk:"agi_versionnum"`
	SeqNo     uint32    `disk:"agi_seqno"`
	Length    uint32    `disk:"agi_length"`
	Count     uint32    `disk:"agi_count"`
	Root      uint32    `disk:"agi_root"`
	Level     uint32    `disk:"agi_level"`
	FreeCount uint32    `disk:"agi_freecount"`
	NewIno    uint32    `disk:"agi_newino"`
	DirIno    uint32    `disk:"agi_dirino"`
	Unlinked  [256]byte `disk:"agi_unlinked,bytes"`
	UUID      [16]byte  `disk:"agi_uuid,uuid"`
	CRC       [4]byte   `disk:"agi_crc,checksum"`
	Pad       uint32    `disk:"agi_pad32,reserved"`
	LSN       uint64    `disk:"agi_lsn,hex"`
	FreeRoot  uint32    `disk:"agi_free_root"`
	FreeLevel uint32    `disk:"agi_free_level"`
	IBlocks   uint32    `disk:"agi_iblocks"`
	FBlocks   uint32    `disk:"agi_fblocks"`
}

// AGFL is struct xfs_agfl, before its block numbers.
type AGFL struct {
	Magic uint32   `disk:"agfl_magicnum,hex"`
	SeqNo uint32   `disk:"agfl_seqno"`
	UUID  [16]byte `disk:"agfl_uuid,uuid"`
	LSN   uint64   `disk:"agfl_lsn,hex"`
	CRC   [4]byte  `disk:"agfl_crc,checksum"`
}

// shortBlock is struct xfs_btree_block with the pointers of a group's trees.
type shortBlock struct {
	Magic    uint32   `disk:"bb_magic,hex"`
	Level    uint16   `disk:"bb_level"`
	NumRecs  uint16   `disk:"bb_numrecs"`
	LeftSib  uint32   `disk:"bb_leftsib"`
	RightSib uint32   `disk:"bb_rightsib"`
	BlkNo    uint64   `disk:"bb_blkno"`
	LSN      uint64   `disk:"bb_lsn,hex"`
	UUID     [16]byte `disk:"bb_uuid,uuid"`
	Owner    uint32   `disk:"bb_owner"`
	CRC      [4]byte  `disk:"bb_crc,checksum"`
}

// longBlock is struct xfs_btree_block with the pointers of an inode's tree.
type longBlock struct {
	Magic    uint32   `disk:"bb_magic,hex"`
	Level    uint16   `disk:"bb_level"`
	NumRecs  uint16   `disk:"bb_numrecs"`
	LeftSib  uint64   `disk:"bb_leftsib"`
	RightSib uint64   `disk:"bb_rightsib"`
	BlkNo    uint64   `disk:"bb_blkno"`
	LSN      uint64   `disk:"bb_lsn,hex"`
	UUID     [16]byte `disk:"bb_uuid,uuid"`
	Owner    uint64   `disk:"bb_owner"`
	CRC      [4]byte  `disk:"bb_crc,checksum"`
	Pad      uint32   `disk:"bb_pad,reserved"`
}

var (
	AGFLayout  = field.MustOf[AGF](be)
	AGILayout  = field.MustOf[AGI](be)
	AGFLLayout = field.MustOf[AGFL](be)

	shortLayout = field.MustOf[shortBlock](be)
	longLayout  = field.MustOf[longBlock](be)
)

// bmapHeaderSize is where the records of a block of an inode's tree begin.
var bmapHeaderSize = longLayout.Size()

// agTree is what the trees of a group have of their own.
type agTree struct {
	name   string
	magic  uint32
	record int // bytes of a record
	key    int // bytes of a key; one of a reverse map is two, the lowest and the highest
}

var (
	bnobt    = agTree{"bnobt", bnobtMagic, 8, 8}
	cntbt    = agTree{"cntbt", cntbtMagic, 8, 8}
	inobt    = agTree{"inobt", inobtMagic, 16, 4}
	finobt   = agTree{"finobt", finobtMagic, 16, 4}
	rmapbt   = agTree{"rmapbt", rmapbtMagic, 24, 40}
	refcount = agTree{"refcountbt", refcountMagic, 12, 4}
)

// maxLevels is more than any tree here has: XFS_BTREE_MAXLEVELS is 9.
const maxLevels = 9

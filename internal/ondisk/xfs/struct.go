package xfs

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	Magic      = 0x58465342 // sb_magicnum: "XFSB"
	InodeMagic = 0x494E     // di_magic: "IN"
	CoreSize   = 176        // bytes of an inode of version 3 before its data fork

	formatDev     = 0 // di_format: XFS_DINODE_FMT_DEV
	formatLocal   = 1
	formatExtents = 2
	formatBtree   = 3

	flags2NRExt64 = 1 << 4 // XFS_DIFLAG2_NREXT64

	incompatMetaUUID = 1 << 2 // XFS_SB_FEAT_INCOMPAT_META_UUID
	incompatSparse   = 1 << 1 // XFS_SB_FEAT_INCOMPAT_SPINODES
	incompatZoned    = 1 << 9 // XFS_SB_FEAT_INCOMPAT_ZONED
	roFinobt         = 1 << 0 // XFS_SB_FEAT_RO_COMPAT_FINOBT
	roRmapbt         = 1 << 1
	roReflink        = 1 << 2

	// MetaUUID is the flag of sb_features_incompat by which copies of the UUID
	// are those of sb_meta_uuid.
	MetaUUID = 1 << 2

	// Reflink is the flag of di_flags2 by which a file may share its blocks.
	Reflink = 1 << 1

	// BigTime is the flag of di_flags2 by which times are 64 bits of
	// nanoseconds since December 1901.
	BigTime = 1 << 3
)

// Superblock is struct xfs_dsb.
type Superblock struct {
	Magic      uint32   `disk:"sb_magicnum,hex"`
	BlockSize  uint32   `disk:"sb_blocksize"`
	DBlocks    uint64   `disk:"sb_dblocks"`
	RBlocks    uint64   `disk:"sb_rblocks"`
	RExtents   uint64   `disk:"sb_rextents"`
	UUID       [16]byte `disk:"sb_uuid,uuid"`
	LogStart   uint64   `disk:"sb_logstart"`
	RootIno    uint64   `disk:"sb_rootino"`
	RBmIno     uint64   `disk:"sb_rbmino"`
	RSumIno    uint64   `disk:"sb_rsumino"`
	RExtSize   uint32   `disk:"sb_rextsize"`
	AGBlocks   uint32   `disk:"sb_agblocks"`
	AGCount    uint32   `disk:"sb_agcount"`
	RBmBlocks  uint32   `disk:"sb_rbmblocks"`
	LogBlocks  uint32   `disk:"sb_logblocks"`
	VersionNum uint16   `disk:"sb_versionnum,flags"`
	SectSize   uint16   `disk:"sb_sectsize"`
	InodeSize  uint16   `disk:"sb_inodesize"`
	InoPBlock  uint16   `disk:"sb_inopblock"`
	FName      [12]byte `disk:"sb_fname,text"`
	BlockLog   uint8    `disk:"sb_blocklog"`
	SectLog    uint8    `disk:"sb_sectlog"`
	InodeLog   uint8    `disk:"sb_inodelog"`
	InoPBLog   uint8    `disk:"sb_inopblog"`
	AGBlkLog   uint8    `disk:"sb_agblklog"`
	RExtSLog   uint8    `disk:"sb_rextslog"`
	InProgress uint8    `disk:"sb_inprogress"`
	IMaxPct    uint8    `disk:"sb_imax_pct"`
	ICount     uint64   `disk:"sb_icount"`
	IFree      uint64   `disk:"sb_ifree"`
	FDBlocks   uint64   `disk:"sb_fdblocks"`
	FRExtents  uint64   `disk:"sb_frextents"`
	UQuotIno   uint64   `disk:"sb_uquotino"`
	GQuotIno   uint64   `disk:"sb_gquotino"`
	QFlags     uint16   `disk:"sb_qflags,flags"`
	Flags      uint8    `disk:"sb_flags,flags"`
	SharedVn   uint8    `disk:"sb_shared_vn"`
	InoAlignMt uint32   `disk:"sb_inoalignmt"`
	Unit       uint32   `disk:"sb_unit"`
	Width      uint32   `disk:"sb_width"`
	DirBlkLog  uint8    `disk:"sb_dirblklog"`

	LogSectLog   uint8    `disk:"sb_logsectlog"`
	LogSectSize  uint16   `disk:"sb_logsectsize"`
	LogSUnit     uint32   `disk:"sb_logsunit"`
	Features2    uint32   `disk:"sb_features2,flags"`
	BadFeatures2 uint32   `disk:"sb_bad_features2,flags"`
	Compat       uint32   `disk:"sb_features_compat,flags"`
	ROCompat     uint32   `disk:"sb_features_ro_compat,flags"`
	Incompat     uint32   `disk:"sb_features_incompat,flags"`
	LogIncompat  uint32   `disk:"sb_features_log_incompat,flags"`
	CRC          [4]byte  `disk:"sb_crc,checksum"` // little-endian, as all checksums here
	SpinoAlign   uint32   `disk:"sb_spino_align"`
	PQuotIno     uint64   `disk:"sb_pquotino"`
	LSN          uint64   `disk:"sb_lsn,hex"`
	MetaUUID     [16]byte `disk:"sb_meta_uuid,uuid"`
	MetaDirIno   uint64   `disk:"sb_metadirino"`
	RGCount      uint32   `disk:"sb_rgcount"`
	RGExtents    uint32   `disk:"sb_rgextents"`
	RGBlkLog     uint8    `disk:"sb_rgblklog"`
	Pad          [7]byte  `disk:"sb_pad,reserved"`
	RTStart      uint64   `disk:"sb_rtstart"`
	RTReserved   uint64   `disk:"sb_rtreserved"`
}

// Core is struct xfs_dinode of version 3, without its forks.
type Core struct {
	Magic        uint16   `disk:"di_magic,hex"`
	Mode         uint16   `disk:"di_mode"`
	Version      uint8    `disk:"di_version"`
	Format       uint8    `disk:"di_format"`
	OnLink       uint16   `disk:"di_onlink"`
	UID          uint32   `disk:"di_uid"`
	GID          uint32   `disk:"di_gid"`
	Links        uint32   `disk:"di_nlink"`
	ProjIDLo     uint16   `disk:"di_projid_lo"`
	ProjIDHi     uint16   `disk:"di_projid_hi"`
	Big          uint64   `disk:"di_big_nextents"`
	Atime        uint64   `disk:"di_atime,hex"`
	Mtime        uint64   `disk:"di_mtime,hex"`
	Ctime        uint64   `disk:"di_ctime,hex"`
	Size         uint64   `disk:"di_size"`
	NBlocks      uint64   `disk:"di_nblocks"`
	ExtSize      uint32   `disk:"di_extsize"`
	NExtents     uint32   `disk:"di_nextents"`
	ANExtents    uint16   `disk:"di_anextents"`
	ForkOff      uint8    `disk:"di_forkoff"`
	AFormat      uint8    `disk:"di_aformat"`
	DMEvMask     uint32   `disk:"di_dmevmask"`
	DMState      uint16   `disk:"di_dmstate"`
	Flags        uint16   `disk:"di_flags,flags"`
	Gen          uint32   `disk:"di_gen"`
	NextUnlinked uint32   `disk:"di_next_unlinked"`
	CRC          [4]byte  `disk:"di_crc,checksum"` // little-endian, alone of all
	ChangeCount  uint64   `disk:"di_changecount"`
	LSN          uint64   `disk:"di_lsn,hex"`
	Flags2       uint64   `disk:"di_flags2,flags"`
	CowExtSize   uint32   `disk:"di_cowextsize"`
	Pad          [12]byte `disk:"di_pad2,reserved"`
	Crtime       uint64   `disk:"di_crtime,hex"`
	Ino          uint64   `disk:"di_ino"`
	UUID         [16]byte `disk:"di_uuid,uuid"`
}

var be = binary.BigEndian

// The layouts name the structures' bytes.
var (
	SuperblockLayout = field.MustOf[Superblock](be)
	CoreLayout       = field.MustOf[Core](be)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxBigTime is the last second of 64 bits of nanoseconds since -2^31: in 2486.
const maxBigTime = (1<<64-1)/1_000_000_000 - 1<<31 - 1

const crcOffset = 100 // of di_crc, in bytes

// TimeOf is the time that an inode with these di_flags2 stores so.
func TimeOf(stored, flags2 uint64) tree.Time {
	if flags2&BigTime == 0 {
		return tree.Time{Sec: int64(int32(stored >> 32)), Nsec: uint32(stored)}
	}
	return tree.Time{Sec: int64(stored/1_000_000_000) - 1<<31, Nsec: uint32(stored % 1_000_000_000)}
}

// Seal enters the checksum of a whole inode.
func Seal(inode []byte) {
	binary.LittleEndian.PutUint32(inode[crcOffset:], 0)
	binary.LittleEndian.PutUint32(inode[crcOffset:], crc32.Checksum(inode, castagnoli))
}

// Sealed tells whether a whole inode's checksum is right.
func Sealed(inode []byte) bool {
	b := append([]byte(nil), inode...)
	Seal(b)
	return string(b[crcOffset:crcOffset+4]) == string(inode[crcOffset:crcOffset+4])
}

// Time is a time as an inode with these di_flags2 stores it; ok is false where
// it cannot.
func Time(sec int64, nsec uint32, flags2 uint64) (stored uint64, ok bool) {
	if flags2&BigTime == 0 {
		return uint64(uint32(sec))<<32 | uint64(nsec), sec == int64(int32(sec))
	}
	if sec < -1<<31 || sec > maxBigTime {
		return 0, false
	}
	return uint64(sec+1<<31)*1_000_000_000 + uint64(nsec), true
}

package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Where the superblock lies, and what it says at its s_magic.
const (
	SuperblockOffset = 1024 // bytes from the volume's start, whatever the block size
	SuperblockSize   = 1024 // bytes
	SuperMagic       = 0xEF53
)

// Superblock is struct ext4_super_block.
type Superblock struct {
	InodesCount       uint32     `disk:"s_inodes_count"`
	BlocksCountLo     uint32     `disk:"s_blocks_count_lo"`
	RBlocksCountLo    uint32     `disk:"s_r_blocks_count_lo"`
	FreeBlocksCountLo uint32     `disk:"s_free_blocks_count_lo"`
	FreeInodesCount   uint32     `disk:"s_free_inodes_count"`
	FirstDataBlock    uint32     `disk:"s_first_data_block"`
	LogBlockSize      uint32     `disk:"s_log_block_size"`   // block size is 1024 << this
	LogClusterSize    uint32     `disk:"s_log_cluster_size"` // cluster size is 1024 << this
	BlocksPerGroup    uint32     `disk:"s_blocks_per_group"`
	ClustersPerGroup  uint32     `disk:"s_clusters_per_group"`
	InodesPerGroup    uint32     `disk:"s_inodes_per_group"`
	Mtime             uint32     `disk:"s_mtime,time"` // last mount
	Wtime             uint32     `disk:"s_wtime,time"` // last write
	MntCount          uint16     `disk:"s_mnt_count"`
	MaxMntCount       uint16     `disk:"s_max_mnt_count"` // signed: 0xffff is -1, "never check"
	Magic             uint16     `disk:"s_magic,hex"`
	State             uint16     `disk:"s_state,flags"`
	Errors            uint16     `disk:"s_errors"`
	MinorRevLevel     uint16     `disk:"s_minor_rev_level"`
	Lastcheck         uint32     `disk:"s_lastcheck,time"`
	Checkinterval     uint32     `disk:"s_checkinterval"` // seconds
	CreatorOS         uint32     `disk:"s_creator_os"`
	RevLevel          uint32     `disk:"s_rev_level"`
	DefResuid         uint16     `disk:"s_def_resuid"`
	DefResgid         uint16     `disk:"s_def_resgid"`
	FirstIno          uint32     `disk:"s_first_ino"`  // from here on: revision 1 only
	InodeSize         uint16     `disk:"s_inode_size"` // bytes
	BlockGroupNr      uint16     `disk:"s_block_group_nr"`
	FeatureCompat     uint32     `disk:"s_feature_compat,flags"`
	FeatureIncompat   uint32     `disk:"s_feature_incompat,flags"`
	FeatureRoCompat   uint32     `disk:"s_feature_ro_compat,flags"`
	UUID              [16]byte   `disk:"s_uuid,uuid"`
	VolumeName        [16]byte   `disk:"s_volume_name,text"`
	LastMounted       [64]byte   `disk:"s_last_mounted,text"`
	AlgorithmUsage    uint32     `disk:"s_algorithm_usage_bitmap,hex"`
	PreallocBlocks    uint8      `disk:"s_prealloc_blocks"`
	PreallocDirBlocks uint8      `disk:"s_prealloc_dir_blocks"`
	ReservedGdtBlocks uint16     `disk:"s_reserved_gdt_blocks"`
	JournalUUID       [16]byte   `disk:"s_journal_uuid,uuid"`
	JournalInum       uint32     `disk:"s_journal_inum"`
	JournalDev        uint32     `disk:"s_journal_dev,hex"`
	LastOrphan        uint32     `disk:"s_last_orphan"`
	HashSeed          [16]byte   `disk:"s_hash_seed,uuid"` // four little-endian words; shown as dumpe2fs shows it
	DefHashVersion    uint8      `disk:"s_def_hash_version"`
	JnlBackupType     uint8      `disk:"s_jnl_backup_type"`
	DescSize          uint16     `disk:"s_desc_size"` // bytes
	DefaultMountOpts  uint32     `disk:"s_default_mount_opts,flags"`
	FirstMetaBg       uint32     `disk:"s_first_meta_bg"`
	MkfsTime          uint32     `disk:"s_mkfs_time,time"`
	JnlBlocks         [17]uint32 `disk:"s_jnl_blocks,bytes"` // journal inode's i_block, i_size_high, i_size_lo
	BlocksCountHi     uint32     `disk:"s_blocks_count_hi"`
	RBlocksCountHi    uint32     `disk:"s_r_blocks_count_hi"`
	FreeBlocksCountHi uint32     `disk:"s_free_blocks_count_hi"`
	MinExtraIsize     uint16     `disk:"s_min_extra_isize"`
	WantExtraIsize    uint16     `disk:"s_want_extra_isize"`
	Flags             uint32     `disk:"s_flags,flags"`
	RaidStride        uint16     `disk:"s_raid_stride"`
	MmpInterval       uint16     `disk:"s_mmp_interval"` // seconds
	MmpBlock          uint64     `disk:"s_mmp_block"`
	RaidStripeWidth   uint32     `disk:"s_raid_stripe_width"`
	LogGroupsPerFlex  uint8      `disk:"s_log_groups_per_flex"`
	ChecksumType      uint8      `disk:"s_checksum_type"`
	EncryptionLevel   uint8      `disk:"s_encryption_level"`
	ReservedPad       uint8      `disk:"s_reserved_pad,reserved"`
	KbytesWritten     uint64     `disk:"s_kbytes_written"`
	SnapshotInum      uint32     `disk:"s_snapshot_inum"`
	SnapshotID        uint32     `disk:"s_snapshot_id"`
	SnapshotRBlocks   uint64     `disk:"s_snapshot_r_blocks_count"`
	SnapshotList      uint32     `disk:"s_snapshot_list"`
	ErrorCount        uint32     `disk:"s_error_count"`
	FirstErrorTime    uint32     `disk:"s_first_error_time,time"`
	FirstErrorIno     uint32     `disk:"s_first_error_ino"`
	FirstErrorBlock   uint64     `disk:"s_first_error_block"`
	FirstErrorFunc    [32]byte   `disk:"s_first_error_func,text"`
	FirstErrorLine    uint32     `disk:"s_first_error_line"`
	LastErrorTime     uint32     `disk:"s_last_error_time,time"`
	LastErrorIno      uint32     `disk:"s_last_error_ino"`
	LastErrorLine     uint32     `disk:"s_last_error_line"`
	LastErrorBlock    uint64     `disk:"s_last_error_block"`
	LastErrorFunc     [32]byte   `disk:"s_last_error_func,text"`
	MountOpts         [64]byte   `disk:"s_mount_opts,text"`
	UsrQuotaInum      uint32     `disk:"s_usr_quota_inum"`
	GrpQuotaInum      uint32     `disk:"s_grp_quota_inum"`
	OverheadClusters  uint32     `disk:"s_overhead_clusters"`
	BackupBgs         [2]uint32  `disk:"s_backup_bgs,bytes"` // groups with backups, with sparse_super2
	EncryptAlgos      [4]byte    `disk:"s_encrypt_algos,bytes"`
	EncryptPwSalt     [16]byte   `disk:"s_encrypt_pw_salt,uuid"`
	LpfIno            uint32     `disk:"s_lpf_ino"`
	PrjQuotaInum      uint32     `disk:"s_prj_quota_inum"`
	ChecksumSeed      uint32     `disk:"s_checksum_seed,hex"`
	WtimeHi           uint8      `disk:"s_wtime_hi"` // bits 32 to 39 of the times above
	MtimeHi           uint8      `disk:"s_mtime_hi"`
	MkfsTimeHi        uint8      `disk:"s_mkfs_time_hi"`
	LastcheckHi       uint8      `disk:"s_lastcheck_hi"`
	FirstErrorTimeHi  uint8      `disk:"s_first_error_time_hi"`
	LastErrorTimeHi   uint8      `disk:"s_last_error_time_hi"`
	FirstErrorErrcode uint8      `disk:"s_first_error_errcode"`
	LastErrorErrcode  uint8      `disk:"s_last_error_errcode"`
	Encoding          uint16     `disk:"s_encoding"`
	EncodingFlags     uint16     `disk:"s_encoding_flags,flags"`
	OrphanFileInum    uint32     `disk:"s_orphan_file_inum"`
	DefResuidHi       uint16     `disk:"s_def_resuid_hi"`
	DefResgidHi       uint16     `disk:"s_def_resgid_hi"`
	Reserved          [93]uint32 `disk:"s_reserved,reserved"`
	Checksum          uint32     `disk:"s_checksum,checksum"`
}

// SuperblockLayout is the layout of Superblock.
var SuperblockLayout = field.MustOf[Superblock](binary.LittleEndian)

// Values of s_rev_level.
const (
	GoodOldRev = 0 // 128-byte inodes, no features
	DynamicRev = 1

	GoodOldInodeSize = 128 // bytes, in revision 0
	GoodOldFirstIno  = 11  // in revision 0
)

// Bits of s_state.
const (
	ValidFS  = 0x0001 // unmounted cleanly
	ErrorFS  = 0x0002 // errors detected
	OrphanFS = 0x0004 // orphans are being recovered
	FCReplay = 0x0020 // a fast commit is being replayed
)

// Values of s_errors.
const (
	ErrorsContinue = 1
	ErrorsRO       = 2
	ErrorsPanic    = 3
)

// Values of s_creator_os.
const (
	OSLinux   = 0
	OSHurd    = 1
	OSMasix   = 2
	OSFreeBSD = 3
	OSLites   = 4
)

// Bits of s_flags.
const (
	FlagsSignedHash   = 0x0001 // directory hashes take characters as signed
	FlagsUnsignedHash = 0x0002
	FlagsTestFilesys  = 0x0004
)

// Bits of s_default_mount_opts.
const (
	DefmDebug         = 0x0001
	DefmBsdgroups     = 0x0002
	DefmXattrUser     = 0x0004
	DefmACL           = 0x0008
	DefmUID16         = 0x0010
	DefmJmodeData     = 0x0020
	DefmJmodeOrdered  = 0x0040
	DefmJmodeWback    = 0x0060
	DefmNobarrier     = 0x0100
	DefmBlockValidity = 0x0200
	DefmDiscard       = 0x0400
	DefmNodelalloc    = 0x0800
)

// ChecksumTypeCRC32C is the only value of s_checksum_type there is.
const ChecksumTypeCRC32C = 1

// JnlBackupBlocks is the value of s_jnl_backup_type that makes s_jnl_blocks
// valid.
const JnlBackupBlocks = 1

// Numbers of the inodes with a purpose of their own.
const (
	BadIno        = 1 // list of bad blocks
	RootIno       = 2
	UsrQuotaIno   = 3
	GrpQuotaIno   = 4
	BootLoaderIno = 5
	UndelDirIno   = 6
	ResizeIno     = 7 // holds the reserved group descriptor blocks
	JournalIno    = 8
	ExcludeIno    = 9
	ReplicaIno    = 10
)

// BlockSize is the size of a block in bytes, or 0 where s_log_block_size is
// beyond the specification's 64 KiB.
func (s *Superblock) BlockSize() int64 {
	if s.LogBlockSize > 6 {
		return 0
	}
	return 1024 << s.LogBlockSize
}

// ClusterSize is the size of an allocation unit in bytes: a block, except
// with bigalloc. It is 0 where s_log_cluster_size is beyond 512 MiB.
func (s *Superblock) ClusterSize() int64 {
	if !s.HasRoCompat(RoCompatBigalloc) {
		return s.BlockSize()
	}
	if s.LogClusterSize > 19 {
		return 0
	}
	return 1024 << s.LogClusterSize
}

// BlocksCount is the number of blocks of the volume.
func (s *Superblock) BlocksCount() uint64 {
	return s.hi64(s.BlocksCountLo, s.BlocksCountHi)
}

// FreeBlocksCount is the number of free blocks as the superblock has it.
func (s *Superblock) FreeBlocksCount() uint64 {
	return s.hi64(s.FreeBlocksCountLo, s.FreeBlocksCountHi)
}

// RBlocksCount is the number of blocks reserved for the superuser.
func (s *Superblock) RBlocksCount() uint64 {
	return s.hi64(s.RBlocksCountLo, s.RBlocksCountHi)
}

func (s *Superblock) hi64(lo, hi uint32) uint64 {
	if s.HasIncompat(Incompat64bit) {
		return uint64(hi)<<32 | uint64(lo)
	}
	return uint64(lo)
}

// InodeBytes is the size of an on-disk inode in bytes, as stated.
func (s *Superblock) InodeBytes() int {
	if s.RevLevel == GoodOldRev {
		return GoodOldInodeSize
	}
	return int(s.InodeSize)
}

// DescBytes is the size of a group descriptor in bytes, as stated.
func (s *Superblock) DescBytes() int {
	if s.HasIncompat(Incompat64bit) {
		return int(s.DescSize)
	}
	return GroupDescSize32
}

// FirstInode is the first inode number without a purpose of its own.
func (s *Superblock) FirstInode() uint32 {
	if s.RevLevel == GoodOldRev {
		return GoodOldFirstIno
	}
	return s.FirstIno
}

// ChecksumSeedValue is what metadata_csum's checksums start from: the CRC of
// the UUID, or s_checksum_seed with metadata_csum_seed.
func (s *Superblock) ChecksumSeedValue() uint32 {
	if s.HasIncompat(IncompatCsumSeed) {
		return s.ChecksumSeed
	}
	return CRC32C(^uint32(0), s.UUID[:])
}

// HashSeedWords is s_hash_seed as the directory hash takes it.
func (s *Superblock) HashSeedWords() [4]uint32 {
	var w [4]uint32
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(s.HashSeed[4*i:])
	}
	return w
}

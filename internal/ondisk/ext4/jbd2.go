package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Constants of the journal (include/linux/jbd2.h).
const (
	JournalMagic = 0xC03B3998 // h_magic

	// Values of h_blocktype.
	JournalDescriptorBlock = 1
	JournalCommitBlock     = 2
	JournalSuperblockV1    = 3
	JournalSuperblockV2    = 4
	JournalRevokeBlock     = 5

	// Bits of s_feature_compat.
	JournalCompatChecksum = 0x1

	// Bits of s_feature_incompat.
	JournalIncompatRevoke      = 0x01
	JournalIncompat64bit       = 0x02
	JournalIncompatAsyncCommit = 0x04
	JournalIncompatCsumV2      = 0x08
	JournalIncompatCsumV3      = 0x10
	JournalIncompatFastCommit  = 0x20

	// Bits of t_flags.
	JournalTagEscape   = 1 // the block's first four bytes are zeroed in the log
	JournalTagSameUUID = 2
	JournalTagDeleted  = 4
	JournalTagLast     = 8

	JournalChecksumCRC32C = 4 // s_checksum_type, h_chksum_type

	JournalSuperblockSize = 1024 // bytes
)

// JournalHeader is struct journal_header_s, at the front of every block of
// the log that is not a copy of a filesystem block.
type JournalHeader struct {
	Magic     uint32 `disk:"h_magic,hex"`
	Blocktype uint32 `disk:"h_blocktype"`
	Sequence  uint32 `disk:"h_sequence"`
}

// JournalSuperblock is struct journal_superblock_s.
type JournalSuperblock struct {
	Header          JournalHeader `disk:"s_header"`
	Blocksize       uint32        `disk:"s_blocksize"` // bytes
	Maxlen          uint32        `disk:"s_maxlen"`    // blocks of the journal
	First           uint32        `disk:"s_first"`     // first block of the log
	Sequence        uint32        `disk:"s_sequence"`  // first commit to expect
	Start           uint32        `disk:"s_start"`     // block of the log's start; 0: clean
	Errno           uint32        `disk:"s_errno"`
	FeatureCompat   uint32        `disk:"s_feature_compat,flags"`
	FeatureIncompat uint32        `disk:"s_feature_incompat,flags"`
	FeatureRoCompat uint32        `disk:"s_feature_ro_compat,flags"`
	UUID            [16]byte      `disk:"s_uuid,uuid"`
	NrUsers         uint32        `disk:"s_nr_users"`
	Dynsuper        uint32        `disk:"s_dynsuper"`
	MaxTransaction  uint32        `disk:"s_max_transaction"`
	MaxTransData    uint32        `disk:"s_max_trans_data"`
	ChecksumType    uint8         `disk:"s_checksum_type"`
	Padding2        [3]byte       `disk:"s_padding2,reserved"`
	NumFcBlks       uint32        `disk:"s_num_fc_blks"`
	Head            uint32        `disk:"s_head"`
	Padding         [40]uint32    `disk:"s_padding,reserved"`
	Checksum        uint32        `disk:"s_checksum,checksum"`
	Users           [768]byte     `disk:"s_users,bytes"` // 48 UUIDs
}

// JournalTag is struct journal_block_tag_s: which block a logged copy is of.
// The last field is there only with JournalIncompat64bit. Unless
// JournalTagSameUUID is set, 16 bytes of UUID follow.
type JournalTag struct {
	Blocknr     uint32 `disk:"t_blocknr"`
	Checksum    uint16 `disk:"t_checksum,checksum"`
	Flags       uint16 `disk:"t_flags,flags"`
	BlocknrHigh uint32 `disk:"t_blocknr_high"`
}

// JournalTag3 is struct journal_block_tag3_s, with JournalIncompatCsumV3.
type JournalTag3 struct {
	Blocknr     uint32 `disk:"t_blocknr"`
	Flags       uint32 `disk:"t_flags,flags"`
	BlocknrHigh uint32 `disk:"t_blocknr_high"`
	Checksum    uint32 `disk:"t_checksum,checksum"`
}

// JournalBlockTail is struct jbd2_journal_block_tail, the last four bytes of
// descriptor and revoke blocks with checksums of version 2 or 3.
type JournalBlockTail struct {
	Checksum uint32 `disk:"t_checksum,checksum"`
}

// JournalCommit is struct commit_header.
type JournalCommit struct {
	Header     JournalHeader `disk:""`
	ChksumType uint8         `disk:"h_chksum_type"`
	ChksumSize uint8         `disk:"h_chksum_size"`
	Padding    [2]byte       `disk:"h_padding,reserved"`
	Chksum     [8]uint32     `disk:"h_chksum,checksum"`
	CommitSec  uint64        `disk:"h_commit_sec,time"`
	CommitNsec uint32        `disk:"h_commit_nsec"`
}

// JournalRevoke is struct jbd2_journal_revoke_header_s; block numbers of four
// bytes (eight with JournalIncompat64bit) follow.
type JournalRevoke struct {
	Header JournalHeader `disk:""`
	Count  uint32        `disk:"r_count"` // bytes used in the block
}

// Layouts of the structures above.
var (
	JournalHeaderLayout     = field.MustOf[JournalHeader](binary.BigEndian)
	JournalSuperblockLayout = field.MustOf[JournalSuperblock](binary.BigEndian)
	JournalTagLayout        = field.MustOf[JournalTag](binary.BigEndian)
	JournalTag3Layout       = field.MustOf[JournalTag3](binary.BigEndian)
	JournalBlockTailLayout  = field.MustOf[JournalBlockTail](binary.BigEndian)
	JournalCommitLayout     = field.MustOf[JournalCommit](binary.BigEndian)
	JournalRevokeLayout     = field.MustOf[JournalRevoke](binary.BigEndian)
)

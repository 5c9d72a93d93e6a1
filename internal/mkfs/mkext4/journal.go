package mkext4

import "github.com/reprodisk/reprodisk/internal/ondisk/ext4"

// journalSuperblock is the first block of an empty journal, the only one that
// is written: the kernel reads no further than the log's start, of which
// there is none. The UUID is the filesystem's, as mke2fs has it.
func journalSuperblock(uuid [16]byte, blocks uint64) []byte {
	j := ext4.JournalSuperblock{
		Header:    ext4.JournalHeader{Magic: ext4.JournalMagic, Blocktype: ext4.JournalSuperblockV2},
		Blocksize: blockSize, Maxlen: uint32(blocks), First: 1, Sequence: 1,
		UUID: uuid, NrUsers: 1,
	}
	b := make([]byte, blockSize)
	ext4.JournalSuperblockLayout.Put(b, &j)
	return b
}

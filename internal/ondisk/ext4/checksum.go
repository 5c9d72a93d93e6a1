package ext4

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C continues a CRC-32C over b in the kernel's convention: the register
// is neither inverted before nor after. A fresh one starts from ^uint32(0).
func CRC32C(crc uint32, b []byte) uint32 {
	return ^crc32.Update(^crc, castagnoli, b)
}

func crc32cLE32(crc uint32, v uint32) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	return CRC32C(crc, b[:])
}

var crc16Table = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xA001 // x^16 + x^15 + x^2 + 1, reflected
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()

// CRC16 continues the CRC-16 of gdt_csum over b; a fresh one starts from
// ^uint16(0).
func CRC16(crc uint16, b []byte) uint16 {
	for _, c := range b {
		crc = crc>>8 ^ crc16Table[byte(crc)^c]
	}
	return crc
}

// Offsets of the fields that a checksum leaves out or stores into.
var (
	offSbChecksum   = mustOffset(SuperblockLayout.Named("s_checksum"))
	offBgChecksum   = mustOffset(GroupDescLayout.Named("bg_checksum"))
	offCsumLo       = mustOffset(InodeLayout.Named("i_checksum_lo"))
	offCsumHi       = mustOffset(InodeLayout.Named("i_checksum_hi"))
	offXhChecksum   = mustOffset(XattrHeaderLayout.Named("h_checksum"))
	offJsbChecksum  = mustOffset(JournalSuperblockLayout.Named("s_checksum"))
	offMmpChecksum  = mustOffset(MMPLayout.Named("mmp_checksum"))
	offCommitChksum = mustOffset(JournalCommitLayout.Named("h_chksum"))
)

var zeros [16]byte

// crcSkipping continues crc over b as though the n bytes at off were zero.
func crcSkipping(crc uint32, b []byte, off, n int) uint32 {
	crc = CRC32C(crc, b[:off])
	crc = CRC32C(crc, zeros[:n])
	return CRC32C(crc, b[off+n:])
}

// SuperblockChecksum is the s_checksum of the encoded superblock sb (1024
// bytes).
func SuperblockChecksum(sb []byte) uint32 {
	return CRC32C(^uint32(0), sb[:offSbChecksum])
}

// GroupDescChecksum is the bg_checksum of the encoded descriptor of a group
// with metadata_csum. desc has s_desc_size bytes.
func GroupDescChecksum(seed, group uint32, desc []byte) uint16 {
	return uint16(crcSkipping(crc32cLE32(seed, group), desc, offBgChecksum, 2))
}

// GroupDescChecksum16 is the bg_checksum with gdt_csum (uninit_bg).
func GroupDescChecksum16(uuid [16]byte, group uint32, desc []byte) uint16 {
	var g [4]byte
	binary.LittleEndian.PutUint32(g[:], group)
	crc := CRC16(CRC16(^uint16(0), uuid[:]), g[:])
	crc = CRC16(crc, desc[:offBgChecksum])
	if len(desc) > GroupDescSize32 {
		crc = CRC16(crc, desc[offBgChecksum+2:])
	}
	return crc
}

// InodeSeed is what the checksums of an inode and of its directory and extent
// blocks start from.
func InodeSeed(seed, ino, generation uint32) uint32 {
	return crc32cLE32(crc32cLE32(seed, ino), generation)
}

// InodeChecksum is the checksum of an encoded inode of s_inode_size bytes.
// Its low half is i_checksum_lo; its high half is i_checksum_hi where
// InodeHasChecksumHi says so.
func InodeChecksum(inodeSeed uint32, inode []byte) uint32 {
	crc := CRC32C(inodeSeed, inode[:offCsumLo])
	crc = CRC32C(crc, zeros[:2])
	if !InodeHasChecksumHi(inode) {
		return CRC32C(crc, inode[offCsumLo+2:])
	}
	crc = CRC32C(crc, inode[offCsumLo+2:offCsumHi])
	crc = CRC32C(crc, zeros[:2])
	return CRC32C(crc, inode[offCsumHi+2:])
}

// InodeHasChecksumHi tells whether the encoded inode has an i_checksum_hi.
func InodeHasChecksumHi(inode []byte) bool {
	return len(inode) > GoodOldInodeSize &&
		int(binary.LittleEndian.Uint16(inode[GoodOldInodeSize:])) >= offCsumHi+2-GoodOldInodeSize
}

// PutInodeChecksum computes and stores the checksum of an encoded inode.
func PutInodeChecksum(inodeSeed uint32, inode []byte) {
	crc := InodeChecksum(inodeSeed, inode)
	binary.LittleEndian.PutUint16(inode[offCsumLo:], uint16(crc))
	if InodeHasChecksumHi(inode) {
		binary.LittleEndian.PutUint16(inode[offCsumHi:], uint16(crc>>16))
	}
}

// BitmapChecksum is the checksum of a bitmap, of which the first
// clusters_per_group/8 or inodes_per_group/8 bytes count. Where descriptors
// have 32 bytes, only the low half is stored.
func BitmapChecksum(seed uint32, bitmap []byte) uint32 {
	return CRC32C(seed, bitmap)
}

// DirBlockChecksum is the det_checksum of a linear directory block, tail
// included in block.
func DirBlockChecksum(inodeSeed uint32, block []byte) uint32 {
	return CRC32C(inodeSeed, block[:len(block)-DirTailSize])
}

// DxChecksum is the dt_checksum of a block of a hashed directory's index.
// countOff is the offset of its DxCountLimit: DxRootSize or DxNodeSize. The
// caller has checked that count ≤ limit, and that limit entries and the tail
// fit into the block.
func DxChecksum(inodeSeed uint32, block []byte, countOff, count, limit int) uint32 {
	tail := countOff + limit*DxEntrySize
	crc := CRC32C(inodeSeed, block[:countOff+count*DxEntrySize])
	crc = CRC32C(crc, block[tail:tail+4])
	return CRC32C(crc, zeros[:4])
}

// ExtentTailOffset is where the checksum of an extent block lies.
func ExtentTailOffset(ehMax int) int {
	return ExtentHeaderLayout.Size() + ehMax*ExtentLayout.Size()
}

// ExtentBlockChecksum is the et_checksum of a block of an extent tree. The
// caller has checked that ExtentTailOffset(ehMax)+4 is within the block.
func ExtentBlockChecksum(inodeSeed uint32, block []byte, ehMax int) uint32 {
	return CRC32C(inodeSeed, block[:ExtentTailOffset(ehMax)])
}

// XattrBlockChecksum is the h_checksum of the attribute block with that block
// number.
func XattrBlockChecksum(seed uint32, blocknr uint64, block []byte) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], blocknr)
	return crcSkipping(CRC32C(seed, n[:]), block, offXhChecksum, 4)
}

// MMPChecksum is the mmp_checksum of an encoded MMP structure.
func MMPChecksum(seed uint32, mmp []byte) uint32 {
	return CRC32C(seed, mmp[:offMmpChecksum])
}

// OrphanBlockChecksum is the ob_checksum of a block of the orphan file, whose
// physical block number goes in. inodeSeed is the orphan file's.
func OrphanBlockChecksum(inodeSeed uint32, blocknr uint64, block []byte) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], blocknr)
	return CRC32C(CRC32C(inodeSeed, n[:]), block[:len(block)-OrphanTailLayout.Size()])
}

// JournalSuperblockChecksum is the s_checksum of an encoded journal superblock
// (1024 bytes).
func JournalSuperblockChecksum(jsb []byte) uint32 {
	return crcSkipping(^uint32(0), jsb[:JournalSuperblockSize], offJsbChecksum, 4)
}

// JournalSeed is what the checksums of a journal's blocks start from.
func JournalSeed(uuid [16]byte) uint32 { return CRC32C(^uint32(0), uuid[:]) }

// JournalTailChecksum is the checksum in the last four bytes of a descriptor
// or revoke block.
func JournalTailChecksum(journalSeed uint32, block []byte) uint32 {
	return crcSkipping(journalSeed, block, len(block)-4, 4)
}

// JournalCommitChecksum is the h_chksum[0] of a commit block.
func JournalCommitChecksum(journalSeed uint32, block []byte) uint32 {
	return crcSkipping(journalSeed, block, offCommitChksum, 4)
}

// JournalTagChecksum is the t_checksum of a logged block; only its low half is
// stored by JournalTag.
func JournalTagChecksum(journalSeed, sequence uint32, block []byte) uint32 {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], sequence)
	return CRC32C(CRC32C(journalSeed, n[:]), block)
}

package probe

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// xfsSuper is the front of struct xfs_dsb.
type xfsSuper struct {
	Magic      uint32    `disk:"sb_magicnum,hex"`
	BlockSize  uint32    `disk:"sb_blocksize"`
	DBlocks    uint64    `disk:"sb_dblocks"`
	RBlocks    uint64    `disk:"sb_rblocks"`
	RExtents   uint64    `disk:"sb_rextents"`
	UUID       [16]byte  `disk:"sb_uuid,uuid"`
	Inodes     [4]uint64 `disk:"sb_logstart…sb_rsumino"`
	RExtSize   uint32    `disk:"sb_rextsize"`
	AGBlocks   uint32    `disk:"sb_agblocks"`
	AGCount    uint32    `disk:"sb_agcount"`
	RBMBlocks  uint32    `disk:"sb_rbmblocks"`
	LogBlocks  uint32    `disk:"sb_logblocks"`
	VersionNum uint16    `disk:"sb_versionnum,flags"`
	SectSize   uint16    `disk:"sb_sectsize"`
	InodeSize  uint16    `disk:"sb_inodesize"`
	InOPBlock  uint16    `disk:"sb_inopblock"`
	FName      [12]byte  `disk:"sb_fname,text"`
	BlockLog   uint8     `disk:"sb_blocklog"`
	SectLog    uint8     `disk:"sb_sectlog"`
	InodeLog   uint8     `disk:"sb_inodelog"`
}

var xfsLayout = field.MustOf[xfsSuper](binary.BigEndian)

func decodeXFS(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, xfsLayout.Size())
	x := xfsLayout.Decode(b)
	ok := b != nil && x.AGCount != 0 &&
		x.SectLog >= 9 && x.SectLog <= 15 && x.SectSize == 1<<x.SectLog &&
		x.BlockLog >= 9 && x.BlockLog <= 16 && x.BlockSize == 1<<x.BlockLog &&
		x.InodeLog >= 8 && x.InodeLog <= 11 && x.InodeSize == 1<<x.InodeLog
	return Info{Label: text(x.FName[:]), UUID: uuid(x.UUID)}, ok
}

// btrfsSuper is struct btrfs_super_block as far as its label.
type btrfsSuper struct {
	Csum     [32]byte  `disk:"csum,checksum"`
	FSID     [16]byte  `disk:"fsid,uuid"`
	ByteNr   uint64    `disk:"bytenr"`
	Flags    uint64    `disk:"flags,flags"`
	Magic    [8]byte   `disk:"magic,text"`
	Geometry [227]byte `disk:"generation…dev_item,bytes"`
	Label    [256]byte `disk:"label,text"`
}

var btrfsLayout = field.MustOf[btrfsSuper](binary.LittleEndian)

func decodeBtrfs(s *source, m magic) (Info, bool) {
	b := s.bytes(m.base, btrfsLayout.Size())
	sb := btrfsLayout.Decode(b)
	return Info{Label: text(sb.Label[:]), UUID: uuid(sb.FSID)}, b != nil
}

// f2fsSuper is struct f2fs_super_block as far as its label.
type f2fsSuper struct {
	Magic      uint32     `disk:"magic,hex"`
	MajorVer   uint16     `disk:"major_ver"`
	MinorVer   uint16     `disk:"minor_ver"`
	Geometry   [25]uint32 `disk:"log_sectorsize…meta_ino"`
	UUID       [16]byte   `disk:"uuid,uuid"`
	VolumeName [1024]byte `disk:"volume_name,utf16"`
}

var f2fsLayout = field.MustOf[f2fsSuper](binary.LittleEndian)

func decodeF2FS(s *source, m magic) (Info, bool) {
	b := s.bytes(m.base, f2fsLayout.Size())
	f := f2fsLayout.Decode(b)
	if f.MajorVer == 1 && f.MinorVer == 0 {
		return Info{}, b != nil // the structure of version 1.0 was another
	}
	return Info{
		Label: wide(f.VolumeName[:], binary.LittleEndian), UUID: uuid(f.UUID),
		Version: fmt.Sprintf("%d.%d", f.MajorVer, f.MinorVer),
	}, b != nil
}

// erofsSuper is struct erofs_super_block as far as its label.
type erofsSuper struct {
	Magic         uint32    `disk:"magic,hex"`
	Checksum      uint32    `disk:"checksum,checksum"`
	FeatureCompat uint32    `disk:"feature_compat,flags"`
	BlkSzBits     uint8     `disk:"blkszbits"`
	Unread        [35]uint8 `disk:"sb_extslots…xattr_blkaddr,bytes"`
	UUID          [16]byte  `disk:"uuid,uuid"`
	VolumeName    [16]byte  `disk:"volume_name,text"`
}

var erofsLayout = field.MustOf[erofsSuper](binary.LittleEndian)

func decodeEROFS(s *source, m magic) (Info, bool) {
	b := s.bytes(m.base, 128)
	e := erofsLayout.Decode(b)
	return Info{Label: text(e.VolumeName[:]), UUID: uuid(e.UUID)}, b != nil && e.BlkSzBits >= 9 && e.BlkSzBits <= 16
}

// nilfsSuper is struct nilfs_super_block as far as its label.
type nilfsSuper struct {
	RevLevel      uint32     `disk:"s_rev_level"`
	MinorRevLevel uint16     `disk:"s_minor_rev_level"`
	Magic         uint16     `disk:"s_magic,hex"`
	Bytes         uint16     `disk:"s_bytes"`
	Flags         uint16     `disk:"s_flags,flags"`
	CRCSeed       uint32     `disk:"s_crc_seed,hex"`
	Sum           uint32     `disk:"s_sum,checksum"`
	LogBlockSize  uint32     `disk:"s_log_block_size"`
	NSegments     uint64     `disk:"s_nsegments"`
	DevSize       uint64     `disk:"s_dev_size"`
	FirstData     [2]uint64  `disk:"s_first_data_block…s_r_segments_percentage"`
	LastCno       uint64     `disk:"s_last_cno"`
	Unread        [22]uint32 `disk:"s_last_pseg…s_segment_usage_size"`
	UUID          [16]byte   `disk:"s_uuid,uuid"`
	VolumeName    [80]byte   `disk:"s_volume_name,text"`
}

var nilfsLayout = field.MustOf[nilfsSuper](binary.LittleEndian)

const (
	nilfsMagic     = 0x3434
	nilfsMaxBytes  = 1024
	nilfsSumOffset = 16
)

// decodeNilfs2 asks the first copy of the superblock and the one in the last
// whole 4096 bytes; the newer one that is valid counts.
func decodeNilfs2(s *source, _ magic) (Info, bool) {
	first, ok := readNilfs2(s, 1024)
	second, ok2 := readNilfs2(s, (s.size/512-8)*512)
	if ok2 && second.DevSize == uint64(s.size) && (!ok || second.LastCno > first.LastCno) {
		first, ok = second, true
	}
	return Info{Label: text(first.VolumeName[:]), UUID: uuid(first.UUID), Version: fmt.Sprint(first.RevLevel)}, ok
}

// readNilfs2 verifies the checksum: a magic of two bytes says too little.
func readNilfs2(s *source, off int64) (nilfsSuper, bool) {
	b := s.bytes(off, nilfsMaxBytes)
	n := nilfsLayout.Decode(b)
	if b == nil || n.Magic != nilfsMagic || int(n.Bytes) < nilfsLayout.Size() || n.Bytes > nilfsMaxBytes {
		return n, false
	}
	crc := rawCRC(n.CRCSeed, b[:nilfsSumOffset])
	crc = rawCRC(crc, make([]byte, 4))
	return n, rawCRC(crc, b[nilfsSumOffset+4:n.Bytes]) == n.Sum
}

// rawCRC is CRC-32 as the kernel's crc32_le computes it: without the inversion
// before and after.
func rawCRC(seed uint32, b []byte) uint32 {
	return ^crc32.Update(^seed, crc32.IEEETable, b)
}

// squashfsVersion reads s_major and s_minor, which stand at one place in all
// versions of the superblock.
func squashfsVersion(s *source, order binary.ByteOrder) (major, minor uint16, ok bool) {
	b := s.bytes(28, 4)
	if b == nil {
		return 0, 0, false
	}
	return order.Uint16(b), order.Uint16(b[2:]), true
}

func decodeSquashfs(s *source, _ magic) (Info, bool) {
	major, minor, ok := squashfsVersion(s, binary.LittleEndian)
	return Info{Version: fmt.Sprintf("%d.%d", major, minor)}, ok && major >= 4
}

// decodeSquashfs3 reads the versions before 4, which were written in the byte
// order of the machine that wrote them.
func decodeSquashfs3(s *source, m magic) (Info, bool) {
	var order binary.ByteOrder = binary.LittleEndian
	if m.text == "sqsh" {
		order = binary.BigEndian
	}
	major, minor, ok := squashfsVersion(s, order)
	return Info{Version: fmt.Sprintf("%d.%d", major, minor)}, ok && major <= 3
}

func decodeCramfs(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 64)
	if b == nil {
		return Info{}, false
	}
	return Info{Label: text(b[48:64])}, true
}

const (
	tuxOnIce  = "\xed\xc3\x02\xe9\x98\x56\xe5\x0c"
	swapOld   = "SWAP-SPACE"
	swapBytes = 512 // of the header behind the first 1024 bytes
)

// swapHeader is the part of union swap_header behind its boot block.
type swapHeader struct {
	Version    uint32     `disk:"version"`
	LastPage   uint32     `disk:"last_page"`
	NrBadPages uint32     `disk:"nr_badpages"`
	SwsUUID    [16]byte   `disk:"sws_uuid,uuid"`
	SwsVolume  [16]byte   `disk:"sws_volume,text"`
	Padding    [117]int32 `disk:"padding,reserved"`
}

var swapLayout = field.MustOf[swapHeader](binary.LittleEndian)

func decodeSwap(s *source, m magic) (Info, bool) {
	if string(s.bytes(0, len(tuxOnIce))) == tuxOnIce {
		return Info{}, false // suspended by TuxOnIce, which leaves swap's own mark in place
	}
	if m.text == swapOld {
		return Info{Version: "0"}, true
	}
	return swapInfo(s, "1")
}

func decodeSuspend(s *source, m magic) (Info, bool) {
	switch m.text {
	case tuxOnIce:
		return swapInfo(s, "tuxonice")
	case "S1SUSPEND":
		return swapInfo(s, "s1suspend")
	case "S2SUSPEND":
		return swapInfo(s, "s2suspend")
	case "ULSUSPEND":
		return swapInfo(s, "ulsuspend")
	}
	return swapInfo(s, "linhib0001")
}

func swapInfo(s *source, version string) (Info, bool) {
	b := s.bytes(1024, swapBytes)
	h := swapLayout.Decode(b)
	if b == nil || version == "1" && (h.Version != 1 && h.Version != 1<<24 || h.LastPage == 0) {
		return Info{}, false
	}
	info := Info{Version: version}
	if h.Padding[32] == 0 && h.Padding[33] == 0 { // else an old header, with something else in its place
		info.Label, info.UUID = text(h.SwsVolume[:]), uuid(h.SwsUUID)
	}
	return info, true
}

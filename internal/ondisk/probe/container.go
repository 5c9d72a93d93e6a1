package probe

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// raid1Super is the front of struct mdp_superblock_1.
type raid1Super struct {
	Magic        uint32    `disk:"magic,hex"`
	MajorVersion uint32    `disk:"major_version"`
	FeatureMap   uint32    `disk:"feature_map,flags"`
	Pad0         uint32    `disk:"pad0,reserved"`
	SetUUID      [16]byte  `disk:"set_uuid,uuid"`
	SetName      [32]byte  `disk:"set_name,text"`
	Unread       [64]uint8 `disk:"ctime…pad1,bytes"`
	DataOffset   uint64    `disk:"data_offset"`
	DataSize     uint64    `disk:"data_size"`
	SuperOffset  uint64    `disk:"super_offset"`
}

// raid0Super is the front of struct mdp_superblock_s, version 0.90.
type raid0Super struct {
	Magic        uint32    `disk:"md_magic,hex"`
	MajorVersion uint32    `disk:"major_version"`
	MinorVersion uint32    `disk:"minor_version"`
	PatchVersion uint32    `disk:"patch_version"`
	GValidWords  uint32    `disk:"gvalid_words"`
	SetUUID0     uint32    `disk:"set_uuid0,hex"`
	CTime        uint32    `disk:"ctime,time"`
	Level        uint32    `disk:"level"`
	Size         uint32    `disk:"size"` // KiB
	Disks        [4]uint32 `disk:"nr_disks…not_persistent"`
	SetUUID1     uint32    `disk:"set_uuid1,hex"`
	SetUUID2     uint32    `disk:"set_uuid2,hex"`
	SetUUID3     uint32    `disk:"set_uuid3,hex"`
}

var (
	raid1Layout   = field.MustOf[raid1Super](binary.LittleEndian)
	raid0LayoutLE = field.MustOf[raid0Super](binary.LittleEndian)
	raid0LayoutBE = field.MustOf[raid0Super](binary.BigEndian)
)

const (
	raidMagic    = 0xa92b4efc
	raidReserved = 64 << 10 // bytes at the end that version 0.90 keeps for itself
)

// decodeRAID looks where each version of the metadata keeps its superblock:
// 0.90 and 1.0 near the end, 1.1 at the start, 1.2 at 4096 bytes.
func decodeRAID(s *source, _ magic) (Info, bool) {
	if s.size > raidReserved {
		if info, ok := readRAID0(s, s.size&^(raidReserved-1)-raidReserved); ok {
			return info, true
		}
		if info, ok := readRAID1(s, s.size&^(4096-1)-8192, "1.0"); ok {
			return info, true
		}
	}
	if info, ok := readRAID1(s, 0, "1.1"); ok {
		return info, true
	}
	return readRAID1(s, 4096, "1.2")
}

func readRAID1(s *source, off int64, version string) (Info, bool) {
	b := s.bytes(off, 256)
	r := raid1Layout.Decode(b)
	// The superblock says where it stands: one that a copied or a shorter
	// range shows elsewhere does not count.
	ok := b != nil && r.Magic == raidMagic && r.MajorVersion == 1 && r.SuperOffset == uint64(off)/512
	return Info{Label: text(r.SetName[:]), UUID: uuid(r.SetUUID), Version: version}, ok
}

func readRAID0(s *source, off int64) (Info, bool) {
	b := s.bytes(off, raid0LayoutLE.Size())
	if b == nil {
		return Info{}, false
	}
	r := raid0LayoutLE.Decode(b)
	if r.Magic != raidMagic {
		r = raid0LayoutBE.Decode(b)
	}
	data := int64(r.Size) << 10
	if r.Magic != raidMagic || s.size < data+raidReserved || off < data {
		return Info{}, false
	}
	var id [16]byte
	binary.BigEndian.PutUint32(id[0:], r.SetUUID0)
	if r.MinorVersion >= 90 {
		binary.BigEndian.PutUint32(id[4:], r.SetUUID1)
		binary.BigEndian.PutUint32(id[8:], r.SetUUID2)
		binary.BigEndian.PutUint32(id[12:], r.SetUUID3)
	}
	return Info{UUID: uuid(id), Version: fmt.Sprintf("%d.%d.%d", r.MajorVersion, r.MinorVersion, r.PatchVersion)}, true
}

// lvmLabel is struct label_header with the front of struct pv_header.
type lvmLabel struct {
	ID       [8]byte  `disk:"id,text"`
	SectorXL uint64   `disk:"sector_xl"` // 512 bytes each
	CRCXL    uint32   `disk:"crc_xl,checksum"`
	OffsetXL uint32   `disk:"offset_xl"`
	Type     [8]byte  `disk:"type,text"`
	PVUUID   [32]byte `disk:"pv_uuid,text"`
}

var lvmLayout = field.MustOf[lvmLabel](binary.LittleEndian)

const (
	lvmCRCSeed  = 0xf597a6cf // INITIAL_CRC of lib/misc/crc.h
	lvmCRCStart = 20         // the checksum covers the sector from offset_xl on
)

func decodeLVM2(s *source, m magic) (Info, bool) {
	b := s.bytes(m.base, 512)
	l := lvmLayout.Decode(b)
	if b == nil || string(l.ID[:]) != "LABELONE" || l.SectorXL != uint64(m.base)/512 || rawCRC(lvmCRCSeed, b[lvmCRCStart:]) != l.CRCXL {
		return Info{}, false
	}
	info := Info{Version: m.text}
	if !zero(l.PVUUID[:]) {
		id := string(l.PVUUID[:])
		info.UUID = strings.Join([]string{id[:6], id[6:10], id[10:14], id[14:18], id[18:22], id[22:26], id[26:]}, "-")
		info.UUID, _, _ = strings.Cut(info.UUID, "\x00")
	}
	return info, true
}

func decodeVerity(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 512)
	if b == nil || binary.LittleEndian.Uint32(b[8:]) != 1 {
		return Info{}, false
	}
	return Info{UUID: uuid([16]byte(b[16:32])), Version: "1"}, true
}

// luksHeader is struct luks2_hdr_disk. A header of version 1 has its version
// and its identifier in the same places.
type luksHeader struct {
	Magic       [6]byte  `disk:"magic,bytes"`
	Version     uint16   `disk:"version"`
	HdrSize     uint64   `disk:"hdr_size"`
	SeqID       uint64   `disk:"seqid"`
	Label       [48]byte `disk:"label,text"`
	ChecksumAlg [32]byte `disk:"checksum_alg,text"`
	Salt        [64]byte `disk:"salt,bytes"`
	UUID        [40]byte `disk:"uuid,text"`
	Subsystem   [48]byte `disk:"subsystem,text"`
	HdrOffset   uint64   `disk:"hdr_offset"`
}

var luksLayout = field.MustOf[luksHeader](binary.BigEndian)

// luksSecond are the places where the second header of LUKS2 may stand, in
// bytes: behind a first one of each size that the specification allows.
var luksSecond = []int64{16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20}

func decodeLUKS(s *source, _ magic) (Info, bool) {
	if info, ok := readLUKS(s, 0, "LUKS\xba\xbe"); ok {
		return info, true
	}
	for _, off := range luksSecond {
		if info, ok := readLUKS(s, off, "SKUL\xba\xbe"); ok {
			return info, true
		}
	}
	return Info{}, false
}

func readLUKS(s *source, off int64, want string) (Info, bool) {
	b := s.bytes(off, 512)
	h := luksLayout.Decode(b)
	if b == nil || string(h.Magic[:]) != want || h.Version == 2 && h.HdrOffset != uint64(off) {
		return Info{}, false
	}
	info := Info{Version: fmt.Sprint(h.Version)}
	switch h.Version {
	case 1:
		info.UUID = text(h.UUID[:])
	case 2:
		info.UUID, info.Label = text(h.UUID[:]), text(h.Label[:])
	}
	return info, true
}

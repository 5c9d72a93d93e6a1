package probe

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// fatBPB is the BIOS parameter block, the part that all FAT types share.
type fatBPB struct {
	JmpBoot    [3]byte `disk:"BS_jmpBoot,bytes"`
	OEMName    [8]byte `disk:"BS_OEMName,text"`
	BytsPerSec uint16  `disk:"BPB_BytsPerSec"`
	SecPerClus uint8   `disk:"BPB_SecPerClus"`
	RsvdSecCnt uint16  `disk:"BPB_RsvdSecCnt"`
	NumFATs    uint8   `disk:"BPB_NumFATs"`
	RootEntCnt uint16  `disk:"BPB_RootEntCnt"`
	TotSec16   uint16  `disk:"BPB_TotSec16"`
	Media      uint8   `disk:"BPB_Media,hex"`
	FATSz16    uint16  `disk:"BPB_FATSz16"`
	SecPerTrk  uint16  `disk:"BPB_SecPerTrk"`
	NumHeads   uint16  `disk:"BPB_NumHeads"`
	HiddSec    uint32  `disk:"BPB_HiddSec"`
	TotSec32   uint32  `disk:"BPB_TotSec32"`
	FATSz32    uint32  `disk:"BPB_FATSz32"` // from here on as FAT32 has it
	ExtFlags   uint16  `disk:"BPB_ExtFlags,flags"`
	FSVer      uint16  `disk:"BPB_FSVer"`
	RootClus   uint32  `disk:"BPB_RootClus"`
	FSInfo     uint16  `disk:"BPB_FSInfo"`
}

var fatLayout = field.MustOf[fatBPB](binary.LittleEndian)

const (
	fat12Clusters = 4084 // the most that a FAT12 has, by the drivers' count
	fat16Clusters = 65524
	fat32Clusters = 0x0ffffff6

	fat16VolID  = 39 // BS_VolID of FAT12 and FAT16
	fat16FSType = 54 // BS_FilSysType of FAT12 and FAT16
	fat32VolID  = 67 // BS_VolID of FAT32

	fatEntry      = 32 // bytes of a directory entry
	fatAttr       = 11 // DIR_Attr
	fatFstClusHI  = 20
	fatFstClusLO  = 26
	attrVolumeID  = 0x08
	attrDirectory = 0x10
	attrLongName  = 0x0f
	attrMask      = 0x3f

	// rootMax is how many bytes of a root directory are searched for the
	// volume's entry, which formatters put first.
	rootMax = 64 << 10
)

// fatShape is what the BIOS parameter block says about where things are.
type fatShape struct {
	fatBPB
	fatSectors int64 // of all FATs together
	clusters   int64
}

func decodeFAT(s *source, m magic) (Info, bool) {
	b := s.bytes(0, 512)
	if b == nil {
		return Info{}, false
	}
	f, ok := fatCheck(b, len(m.text) <= 2)
	if !ok {
		return Info{}, false
	}
	if _, locked := decodeBitLocker(s, magic{}); locked {
		return Info{}, false
	}
	var info Info
	id := b[fat16VolID:]
	if f.FATSz16 != 0 {
		root := (int64(f.RsvdSecCnt) + f.fatSectors) * int64(f.BytsPerSec)
		info.Label, _ = volumeEntry(s, root, min(int(f.RootEntCnt)*fatEntry, rootMax))
		switch {
		case f.clusters < fat12Clusters:
			info.Version = "FAT12"
		case f.clusters < fat16Clusters:
			info.Version = "FAT16"
		}
	} else if f.FATSz32 != 0 {
		if !fsInfoFits(s, f) {
			return Info{}, false
		}
		id = b[fat32VolID:]
		info.Label, info.Version = f.label32(s), "FAT32"
	}
	if !zero(id[:4]) {
		info.UUID = fmt.Sprintf("%02X%02X-%02X%02X", id[3], id[2], id[1], id[0])
	}
	return info, true
}

// fatCheck tells whether a first sector can be FAT's. Where only the jump or
// 55 AA speak for it, which every boot record has, it must have the latter,
// and must not be a boot sector that OS/2 made to look like FAT.
func fatCheck(b []byte, weak bool) (fatShape, bool) {
	f := fatShape{fatBPB: fatLayout.Decode(b)}
	fsType := string(b[fat16FSType : fat16FSType+8])
	if weak && (b[510] != 0x55 || b[511] != 0xaa || fsType == "JFS     " || fsType == "HPFS    ") {
		return f, false
	}
	if f.NumFATs == 0 || f.RsvdSecCnt == 0 || f.Media < 0xf8 && f.Media != 0xf0 ||
		f.SecPerClus == 0 || f.SecPerClus&(f.SecPerClus-1) != 0 ||
		f.BytsPerSec < 512 || f.BytsPerSec > 4096 || f.BytsPerSec&(f.BytsPerSec-1) != 0 {
		return f, false
	}
	sectors, size := int64(f.TotSec16), int64(f.FATSz16)
	if sectors == 0 {
		sectors = int64(f.TotSec32)
	}
	if size == 0 {
		size = int64(f.FATSz32)
	}
	f.fatSectors = size * int64(f.NumFATs)
	dir := (int64(f.RootEntCnt)*fatEntry + int64(f.BytsPerSec) - 1) / int64(f.BytsPerSec)
	// The drivers count in 32 bits, and so does a sector count that is too
	// small for what it should hold.
	f.clusters = int64(uint32(sectors-int64(f.RsvdSecCnt)-f.fatSectors-dir)) / int64(f.SecPerClus)
	most := int64(fat12Clusters)
	switch {
	case f.FATSz16 == 0 && f.FATSz32 != 0:
		most = fat32Clusters
	case f.clusters > fat12Clusters:
		most = fat16Clusters
	}
	return f, f.clusters <= most
}

// fsInfoFits tells whether the FSInfo sector has its signatures. Some
// formatters leave them zero.
func fsInfoFits(s *source, f fatShape) bool {
	if f.FSInfo == 0 {
		return true
	}
	b := s.bytes(int64(f.FSInfo)*int64(f.BytsPerSec), 512)
	if b == nil {
		return false
	}
	lead, struc := string(b[:4]), string(b[484:488])
	return (lead == "RRaA" || lead == "RRdA" || zero(b[:4])) && (struc == "rrAa" || zero(b[484:488]))
}

// label32 searches the clusters of FAT32's root directory.
func (f fatShape) label32(s *source) string {
	sector := int64(f.BytsPerSec)
	cluster := int64(f.SecPerClus) * sector
	entries := int64(f.FATSz32) * sector / 4
	fat := int64(f.RsvdSecCnt) * sector
	data := fat + f.fatSectors*sector
	next := int64(f.RootClus)
	for left := int64(rootMax); left > 0 && next >= 2 && next < entries; left -= cluster {
		label, end := volumeEntry(s, data+(next-2)*cluster, int(min(cluster, left)))
		if end {
			return label
		}
		b := s.bytes(fat+next*4, 4)
		if b == nil {
			return ""
		}
		next = int64(binary.LittleEndian.Uint32(b) & 0x0fffffff)
	}
	return ""
}

// volumeEntry searches n bytes of a root directory for the entry that holds
// the volume's name. End tells that there is no point in searching on.
func volumeEntry(s *source, off int64, n int) (label string, end bool) {
	for ; n >= fatEntry; off, n = off+fatEntry, n-fatEntry {
		e := s.bytes(off, fatEntry)
		if e == nil || e[0] == 0 {
			return "", true
		}
		if e[0] == 0xe5 || !zero(e[fatFstClusHI:fatFstClusHI+2]) || !zero(e[fatFstClusLO:fatFstClusLO+2]) ||
			e[fatAttr]&attrMask == attrLongName || e[fatAttr]&(attrVolumeID|attrDirectory) != attrVolumeID {
			continue
		}
		name := [11]byte(e)
		if name[0] == 0x05 { // stands for E5, which means a deleted entry
			name[0] = 0xe5
		}
		return text(name[:]), true
	}
	return "", false
}

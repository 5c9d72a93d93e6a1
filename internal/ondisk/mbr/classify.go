package mbr

import "encoding/binary"

// Kind is what sort of table a first sector holds.
type Kind string

const (
	None       Kind = ""           // no table: zeros, data, or a filesystem's boot sector
	MSDOS      Kind = "msdos"      // partitions of its own
	Protective Kind = "protective" // only keeps others off a GPT
	Hybrid     Kind = "hybrid"     // a GPT, with some of its partitions repeated
)

// probeSize is how much of a disk Classify looks at: as far as the end of an
// ext2, ext3 or ext4 superblock's magic number.
const probeSize = 1024 + 58

// Classify tells what sort of table the front of a disk holds. Front holds at
// least 512 bytes, better 1082; sectors is the size of the disk.
//
// 55 AA alone proves nothing: boot sectors of FAT, NTFS and exFAT end in it
// too, and so does the boot block of a bare ext4 filesystem that GRUB was
// installed to. As Linux does it, a boot indicator other than 0x00 and 0x80
// rules a table out. Where the sector is also a filesystem's, it is a table
// only if it holds at least one partition and each of them begins on the disk
// and behind the first sector: mkfs.vfat leaves these 64 bytes zero, others
// put text there.
func Classify(front []byte, sectors uint64) Kind {
	if len(front) < Size {
		return None
	}
	s := Layout.Decode(front)
	if s.Signature != BootSignature {
		return None
	}
	used, protective, sane := 0, 0, true
	for _, r := range s.PartitionRecord {
		if r.BootIndicator != 0 && r.BootIndicator != Active {
			return None
		}
		if !r.Used() {
			continue
		}
		used++
		if r.OSType == TypeProtective {
			protective++
		}
		if r.OSType == 0 || r.StartingLBA == 0 || uint64(r.StartingLBA) >= sectors {
			sane = false
		}
	}
	switch {
	case holdsFilesystem(front) && (used == 0 || !sane):
		return None
	case protective == 0:
		return MSDOS
	case used == protective:
		return Protective
	}
	return Hybrid
}

// holdsFilesystem tells whether a filesystem without a partition table begins
// at the first byte of front.
func holdsFilesystem(front []byte) bool {
	if string(front[3:11]) == "NTFS    " || string(front[3:11]) == "EXFAT   " || isFAT(front) {
		return true
	}
	return len(front) >= probeSize && binary.LittleEndian.Uint16(front[1024+56:]) == 0xef53 // s_magic of ext2, ext3, ext4
}

// isFAT checks the BIOS parameter block by the rules of Microsoft's FAT
// specification (fatgen103), section "Boot Sector and BPB".
func isFAT(b []byte) bool {
	le := binary.LittleEndian
	bytesPerSec, secPerClus := le.Uint16(b[11:]), b[13]
	rsvdSecCnt, numFATs, media := le.Uint16(b[14:]), b[16], b[21]
	fatSz16, fatSz32 := le.Uint16(b[22:]), le.Uint32(b[36:])
	return (b[0] == 0xeb || b[0] == 0xe9) &&
		bytesPerSec >= 512 && bytesPerSec <= 4096 && bytesPerSec&(bytesPerSec-1) == 0 &&
		secPerClus != 0 && secPerClus&(secPerClus-1) == 0 &&
		rsvdSecCnt != 0 && (numFATs == 1 || numFATs == 2) &&
		(media == 0xf0 || media >= 0xf8) && (fatSz16 != 0 || fatSz32 != 0)
}

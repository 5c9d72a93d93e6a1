package fat

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Variant is the width of a FAT entry in bits: 12, 16 or 32.
type Variant int

// The variants.
const (
	FAT12 Variant = 12
	FAT16 Variant = 16
	FAT32 Variant = 32
)

func (v Variant) String() string { return fmt.Sprintf("FAT%d", int(v)) }

// FAT entry values that are no cluster number, without FAT32's top four bits.
func (v Variant) mask() uint32 {
	if v == FAT32 {
		return 0x0FFFFFFF
	}
	return 1<<v - 1
}

// Bad is the FAT entry of a cluster that is not to be used.
func (v Variant) Bad() uint32 { return v.mask() - 8 }

// EndOfChain is the FAT entry of a file's last cluster, as it is written; all
// values from EndMin are read as such.
func (v Variant) EndOfChain() uint32 { return v.mask() }

// EndMin is the least FAT entry that marks a file's last cluster.
func (v Variant) EndMin() uint32 { return v.mask() - 7 }

// Geometry says where the parts of a filesystem lie. Offsets and sizes are in
// bytes from its first byte unless they say otherwise.
type Geometry struct {
	Variant      Variant
	SectorSize   int64
	ClusterSize  int64
	TotalSectors int64 // as the boot sector says
	Reserved     int64 // end of the reserved sectors, start of the first FAT
	NumFATs      int
	FATSize      int64  // of one copy
	RootOffset   int64  // of the fixed root directory; FAT32 has none, and RootSize 0
	RootSize     int64  // 32 bytes a slot
	DataOffset   int64  // of cluster 2
	Clusters     uint32 // number of clusters; they are numbered 2 to Clusters+1
	RootCluster  uint32 // FAT32
	FSInfo       int64  // FAT32: offset of the FSInfo sector, 0 where there is none
	Backup       int64  // FAT32: offset of the backup boot sector, 0 where there is none
	ActiveFAT    int    // the copy that counts
}

// FATOffset is where copy n of the FAT begins, n counted from 0.
func (g *Geometry) FATOffset(n int) int64 { return g.Reserved + int64(n)*g.FATSize }

// DataEnd is the end of the last cluster.
func (g *Geometry) DataEnd() int64 { return g.DataOffset + int64(g.Clusters)*g.ClusterSize }

// HasCluster tells whether there is a cluster of that number.
func (g *Geometry) HasCluster(c uint32) bool { return c >= 2 && c-2 < g.Clusters }

// ClusterOffset is where cluster c begins; c must exist.
func (g *Geometry) ClusterOffset(c uint32) int64 { return g.DataOffset + int64(c-2)*g.ClusterSize }

// ClusterAt is the cluster that holds the byte at off; ok is false outside the clusters.
func (g *Geometry) ClusterAt(off int64) (c uint32, ok bool) {
	if off < g.DataOffset || off >= g.DataEnd() {
		return 0, false
	}
	return uint32((off-g.DataOffset)/g.ClusterSize) + 2, true
}

// EntriesAt lists the FAT entries that own bits of the byte at off of a FAT
// copy. There are two where off is a FAT12 entry's middle byte.
func (g *Geometry) EntriesAt(off int64) []uint32 {
	switch g.Variant {
	case FAT32:
		return []uint32{uint32(off / 4)}
	case FAT16:
		return []uint32{uint32(off / 2)}
	}
	pair := uint32(off/3) * 2
	switch off % 3 {
	case 0:
		return []uint32{pair}
	case 1:
		return []uint32{pair, pair + 1}
	}
	return []uint32{pair + 1}
}

// EntryOffset is the offset in a FAT copy of the first byte that entry c has
// bits in, and how many bytes those are.
func (g *Geometry) EntryOffset(c uint32) (off int64, length int) {
	switch g.Variant {
	case FAT32:
		return int64(c) * 4, 4
	case FAT16:
		return int64(c) * 2, 2
	}
	return int64(c) * 3 / 2, 2
}

// usedFAT is how many bytes of a FAT copy hold entries.
func (g *Geometry) usedFAT() int64 {
	n := int64(g.Clusters) + 2
	return (n*int64(g.Variant) + 7) / 8
}

// parseGeometry checks a boot sector's parameter block and derives the
// geometry from it. What is odd but readable is passed to problem.
func parseGeometry(b []byte, problem func(off int64, format string, args ...any)) (*Geometry, error) {
	if err := foreign(b); err != nil {
		return nil, err
	}
	bs := BootSector32Layout.Decode(b)
	jump := b[0] == 0xEB || b[0] == 0xE9
	if !jump && string(b[54:57]) != "FAT" && string(b[82:85]) != "FAT" {
		return nil, formatError(0, "BS_jmpBoot is %x: no FAT boot sector", b[:3])
	}
	g := &Geometry{SectorSize: int64(bs.BytsPerSec), NumFATs: int(bs.NumFATs)}
	switch {
	case bs.BytsPerSec < 512 || bs.BytsPerSec > 4096 || bits.OnesCount16(bs.BytsPerSec) != 1:
		return nil, formatError(11, "BPB_BytsPerSec is %d: no FAT boot sector", bs.BytsPerSec)
	case bits.OnesCount8(bs.SecPerClus) != 1:
		return nil, formatError(13, "BPB_SecPerClus is %d: no FAT boot sector", bs.SecPerClus)
	case bs.RsvdSecCnt == 0:
		return nil, formatError(14, "BPB_RsvdSecCnt is 0: no FAT boot sector")
	case bs.NumFATs == 0 || bs.NumFATs > 16:
		return nil, formatError(16, "BPB_NumFATs is %d: no FAT boot sector", bs.NumFATs)
	case bs.Media != 0xF0 && bs.Media < 0xF8:
		return nil, formatError(21, "BPB_Media is %#x: no FAT boot sector", bs.Media)
	}
	fatSectors := int64(bs.FATSz16)
	wide := fatSectors == 0 // the FAT32 form of the parameter block
	if wide {
		fatSectors = int64(bs.FATSz32)
	}
	if fatSectors == 0 {
		return nil, formatError(22, "BPB_FATSz16 and BPB_FATSz32 are 0: no FAT boot sector")
	}
	if !wide && bs.RootEntCnt == 0 {
		return nil, formatError(17, "BPB_RootEntCnt is 0 where BPB_FATSz16 is not: no FAT boot sector")
	}
	g.TotalSectors = int64(bs.TotSec16)
	if g.TotalSectors == 0 {
		g.TotalSectors = int64(bs.TotSec32)
	}
	g.ClusterSize = int64(bs.SecPerClus) * g.SectorSize
	g.Reserved = int64(bs.RsvdSecCnt) * g.SectorSize
	g.FATSize = fatSectors * g.SectorSize
	g.RootOffset = g.FATOffset(g.NumFATs)
	g.RootSize = int64(bs.RootEntCnt) * SlotSize
	if wide && g.RootSize != 0 {
		problem(17, "BPB_RootEntCnt is %d, FAT32 has no fixed root directory", bs.RootEntCnt)
	}
	rootSectors := (g.RootSize + g.SectorSize - 1) / g.SectorSize
	g.DataOffset = g.RootOffset + rootSectors*g.SectorSize
	data := g.TotalSectors - g.DataOffset/g.SectorSize
	if data < int64(bs.SecPerClus) {
		return nil, formatError(19, "the boot sector counts %d sectors, of which none is left for clusters: no FAT boot sector", g.TotalSectors)
	}
	clusters := data / int64(bs.SecPerClus)

	switch {
	case wide:
		// Only the count tells the variant, says the specification; but this
		// form has no place for a fixed root directory, so that every driver
		// takes it for FAT32 whatever the count.
		g.Variant = FAT32
		if clusters < MinClusters32 {
			problem(32, "FAT32 with %d clusters, fewer than %d: some systems take it for FAT16", clusters, MinClusters32)
		}
	case clusters < MinClusters16:
		g.Variant = FAT12
	default:
		g.Variant = FAT16
	}
	if fits := min(g.FATSize*8/int64(g.Variant), int64(g.Variant.Bad())) - 2; clusters > fits {
		problem(19, "%d clusters, but the FAT has room for %d", clusters, max(fits, 0))
		clusters = fits
	}
	if clusters < 1 {
		return nil, formatError(19, "no cluster: no FAT boot sector")
	}
	g.Clusters = uint32(clusters)
	if binary.LittleEndian.Uint16(b[510:]) != BootSignature {
		problem(510, "BS_Signature is %#04x, not %#04x", binary.LittleEndian.Uint16(b[510:]), BootSignature)
	}
	if g.Variant == FAT32 {
		g.wideFields(&bs, problem)
	}
	return g, nil
}

// wideFields takes over what only FAT32's parameter block holds.
func (g *Geometry) wideFields(bs *BootSector32, problem func(off int64, format string, args ...any)) {
	g.RootCluster = bs.RootClus
	if !g.HasCluster(g.RootCluster) {
		problem(44, "BPB_RootClus is %d, which is no cluster", bs.RootClus)
	}
	if bs.FSVer != 0 {
		problem(42, "BPB_FSVer is %#04x, only version 0 is known", bs.FSVer)
	}
	if bs.ExtFlags&0x80 != 0 {
		if n := int(bs.ExtFlags & 15); n < g.NumFATs {
			g.ActiveFAT = n
		} else {
			problem(40, "BPB_ExtFlags makes FAT copy %d the active one, there are %d", n, g.NumFATs)
		}
	}
	// FFFF and 0 both stand for "none" in these two.
	if s := bs.FSInfo; s != 0 && s != 0xFFFF {
		if s < bs.RsvdSecCnt {
			g.FSInfo = int64(s) * g.SectorSize
		} else {
			problem(48, "BPB_FSInfo is sector %d, outside the %d reserved ones", s, bs.RsvdSecCnt)
		}
	}
	if s := bs.BkBootSec; s != 0 && s != 0xFFFF {
		switch {
		case s < bs.RsvdSecCnt && int64(s)*g.SectorSize != g.FSInfo:
			g.Backup = int64(s) * g.SectorSize
		default:
			problem(50, "BPB_BkBootSec is sector %d, outside the %d reserved ones", s, bs.RsvdSecCnt)
		}
	}
}

// foreign names the filesystems whose boot sector looks like FAT's.
func foreign(b []byte) error {
	switch string(b[3:11]) {
	case "NTFS    ":
		return formatError(3, "this is NTFS, not FAT")
	case "EXFAT   ":
		return formatError(3, "this is exFAT, not FAT")
	case "-FVE-FS-":
		return formatError(3, "this is a BitLocker volume, not FAT")
	case "ReFS\x00\x00\x00\x00":
		return formatError(3, "this is ReFS, not FAT")
	}
	return nil
}

package mkfat

import (
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
)

// layout is a boot sector's parameter block, as mkfs.vfat 4.2 chooses it, and
// what follows from it. Counts are in sectors.
type layout struct {
	variant   fat.Variant
	sector    int64 // bytes
	total     int64
	perTrack  int
	heads     int
	media     uint8
	spc       int64
	reserved  int64
	fatSize   int64
	rootSlots int64
	clusters  int64
}

const (
	numFATs = 2
	mebi    = 1 << 20

	// mkfs.vfat keeps a distance from the specification's bounds between the
	// variants, because some drivers are off by a few clusters.
	maxClusters12 = fat.MinClusters16 - 1
	minClusters16 = 4087
	maxClusters16 = fat.MinClusters32 - 1
	minClusters32 = fat.MinClusters32
	maxClusters32 = 268435446

	// autoFAT32 is the size in bytes from which on mkfs.vfat makes FAT32.
	autoFAT32 = 512 * mebi

	maxSectors = 1<<32 - 1
)

// Why a size has no layout: callers that look for a size go up or down.
var (
	errTooSmall = errors.New("too small")
	errTooLarge = errors.New("too large")
)

// layoutError carries one of the two above and the message for a person.
type layoutError struct {
	cause error
	err   error
}

func (e *layoutError) Error() string { return e.err.Error() }
func (e *layoutError) Unwrap() error { return e.cause }

func (l *layout) clusterSize() int64 { return l.spc * l.sector }
func (l *layout) rootSectors() int64 { return ceil(l.rootSlots*fat.SlotSize, l.sector) }
func (l *layout) dataStart() int64   { return l.reserved + numFATs*l.fatSize + l.rootSectors() }

func ceil(a, b int64) int64 { return (a + b - 1) / b }

// geometry is the dummy geometry that mkfs.vfat gives an image without one:
// the table of the SD specification, by the number of sectors.
func geometry(sectors int64) (perTrack, heads int) {
	for _, g := range []struct {
		upTo            int64
		perTrack, heads int
	}{
		{4096, 16, 2},
		{32768, 32, 2},
		{65536, 32, 4},
		{262144, 32, 8},
		{524288, 32, 16},
		{63 * 16 * 1024, 63, 16},
		{63 * 32 * 1024, 63, 32},
		{63 * 64 * 1024, 63, 64},
		{63 * 128 * 1024, 63, 128},
	} {
		if sectors <= g.upTo {
			return g.perTrack, g.heads
		}
	}
	return 63, 255
}

// floppies are the sizes that mkfs.vfat takes for diskettes.
var floppies = map[int64]struct { // KiB
	perTrack  int
	media     uint8
	spc       int64
	rootSlots int64
}{
	360:  {9, 0xFD, 2, 112},
	720:  {9, 0xF9, 2, 112},
	1200: {15, 0xF9, 1, 224},
	1440: {18, 0xF0, 1, 224},
	2880: {36, 0xF0, 2, 224},
}

// chooseLayout is the layout for opt.Size. Its error is a *layoutError.
func chooseLayout(opt *Options) (*layout, error) {
	sectors := min(opt.Size/int64(opt.SectorSize), maxSectors)
	l := &layout{variant: opt.Type, sector: int64(opt.SectorSize), media: 0xF8, spc: 4, rootSlots: 512}
	l.perTrack, l.heads = geometry(sectors)
	if l.variant == 0 && opt.Size >= autoFAT32 {
		l.variant = fat.FAT32
	}
	if f, ok := floppies[opt.Size/1024]; ok && l.variant != fat.FAT32 && opt.SectorSize == 512 && opt.Size%1024 == 0 {
		l.perTrack, l.heads, l.media, l.spc, l.rootSlots = f.perTrack, 2, f.media, f.spc, f.rootSlots
	}
	l.total = sectors - sectors%int64(l.perTrack)
	if l.total == 0 {
		return nil, &layoutError{errTooSmall, fmt.Errorf("fat: %d bytes are too few for a filesystem", opt.Size)}
	}
	if l.variant == fat.FAT32 {
		return l, l.fit32(opt)
	}
	return l, l.fit16(opt)
}

// startSize32 is Microsoft's table of cluster sizes for FAT32, in sectors of
// 512 bytes, with mkfs.vfat's bounds.
func startSize32(size int64) int64 {
	switch m := size / mebi; {
	case m > 32*1024:
		return 64
	case m > 16*1024:
		return 32
	case m > 8*1024:
		return 16
	case m > 260:
		return 8
	}
	return 1
}

// fit32 sizes FAT32. Where the table's clusters would be too few for FAT32,
// smaller ones are taken, where too many, larger ones.
func (l *layout) fit32(opt *Options) error {
	l.rootSlots = 0
	if opt.SectorsPerCluster != 0 {
		l.spc = int64(opt.SectorsPerCluster)
		l.size(32)
		if l.clusters < minClusters32 {
			for spc := l.spc / 2; spc >= 1; spc /= 2 {
				if t := *l; t.with(spc, 32) >= minClusters32 {
					return &layoutError{errTooSmall, fmt.Errorf("fat: %d sectors per cluster make %d clusters of %d bytes, FAT32 needs %d: choose %d sectors per cluster", l.spc, l.clusters, opt.Size, minClusters32, spc)}
				}
			}
			return l.tooSmall32(opt)
		}
		if l.clusters > maxClusters32 {
			return &layoutError{errTooLarge, fmt.Errorf("fat: %d sectors per cluster make %d clusters of %d bytes, FAT32 has at most %d: choose more sectors per cluster", l.spc, l.clusters, opt.Size, maxClusters32)}
		}
		return nil
	}
	l.spc = max(startSize32(opt.Size)*512/l.sector, 1)
	for l.size(32); l.clusters < minClusters32; l.size(32) {
		if l.spc == 1 {
			return l.tooSmall32(opt)
		}
		l.spc /= 2
	}
	for l.clusters > maxClusters32 {
		if l.spc == 128 {
			return &layoutError{errTooLarge, fmt.Errorf("fat: %d bytes are too many for FAT32", opt.Size)}
		}
		l.spc *= 2
		l.size(32)
	}
	return nil
}

func (l *layout) with(spc int64, bits int64) int64 {
	l.spc = spc
	l.size(bits)
	return l.clusters
}

// tooSmall32 says by how much a size misses FAT32.
func (l *layout) tooSmall32(opt *Options) error {
	want := *l
	for want.total = minClusters32; ; want.total++ {
		perTrack, _ := geometry(want.total)
		if want.total%int64(perTrack) == 0 && want.with(1, 32) >= minClusters32 {
			break
		}
	}
	missing := want.total*l.sector - opt.Size
	return &layoutError{errTooSmall, &SpaceError{
		Missing: missing,
		Text:    fmt.Sprintf("FAT32 needs %d clusters, so at least %d bytes, not %d (or choose FAT16)", minClusters32, want.total*l.sector, opt.Size),
	}}
}

// fit16 sizes FAT12 and FAT16: the smallest clusters from the start on that
// are few enough.
func (l *layout) fit16(opt *Options) error {
	limit := int64(128)
	if opt.SectorsPerCluster != 0 {
		l.spc = int64(opt.SectorsPerCluster)
		limit = l.spc
	}
	few := false
	slots := l.rootSlots
	for ; l.spc <= limit; l.spc *= 2 {
		n := map[fat.Variant]layout{}
		for _, v := range []fat.Variant{fat.FAT12, fat.FAT16} {
			if l.variant != 0 && l.variant != v {
				continue
			}
			t := *l
			t.rootSlots = slots
			t.size(int64(v))
			switch {
			case t.clusters < 1 || v == fat.FAT16 && t.clusters < minClusters16:
				few = true
			case v == fat.FAT12 && t.clusters <= maxClusters12, v == fat.FAT16 && t.clusters <= maxClusters16:
				t.variant = v
				n[v] = t
			}
		}
		if len(n) > 0 {
			*l = n[fat.FAT12]
			if t, ok := n[fat.FAT16]; ok && t.clusters > l.clusters {
				*l = t
			}
			return nil
		}
		if few && l.variant != 0 {
			break // larger clusters would be fewer still
		}
	}
	switch {
	case few && l.variant == fat.FAT16:
		return &layoutError{errTooSmall, fmt.Errorf("fat: %d bytes make fewer than the %d clusters that FAT16 needs: choose FAT12 or smaller clusters", opt.Size, minClusters16)}
	case few:
		return &layoutError{errTooSmall, fmt.Errorf("fat: %d bytes are too few for a filesystem", opt.Size)}
	case l.variant != 0:
		return &layoutError{errTooLarge, fmt.Errorf("fat: %d bytes are too many for %v: choose a wider FAT or more sectors per cluster", opt.Size, l.variant)}
	}
	return &layoutError{errTooLarge, fmt.Errorf("fat: %d bytes are too many for FAT16 with these clusters: choose FAT32 or more sectors per cluster", opt.Size)}
}

// size derives the sizes of the FAT, the reserved sectors and the root
// directory from the cluster size. From 4 MiB on everything is rounded up to
// whole clusters, so that clusters are aligned as the partition is.
func (l *layout) size(bits int64) {
	align := func(n int64) int64 { return n }
	if l.total > 8192 {
		align = func(n int64) int64 { return ceil(n, l.spc) * l.spc }
	}
	reserved := int64(1)
	if bits == 32 {
		reserved = 32
	}
	l.reserved = align(reserved)
	root := align(l.rootSectors())
	if l.total > 8192 {
		l.rootSlots = root * l.sector / fat.SlotSize
	}
	avail := l.total - l.reserved - root // for FATs and clusters
	if avail < 0 {
		l.clusters, l.fatSize = 0, 0
		return
	}
	// As many clusters as there is room for with their FAT entries, in eighths
	// of bytes; the two entries that no cluster has count too.
	clusters := (8*avail*l.sector + numFATs*2*bits) / (8*l.clusterSize() + numFATs*bits)
	l.fatSize = align(ceil(ceil((clusters+2)*bits, 8), l.sector))
	// Rounding the FAT up may have taken room from the clusters, or left some.
	for {
		l.clusters = max((avail-numFATs*l.fatSize)/l.spc, 0)
		if (l.clusters+2)*bits <= l.fatSize*l.sector*8 {
			return
		}
		l.fatSize += align(1)
	}
}

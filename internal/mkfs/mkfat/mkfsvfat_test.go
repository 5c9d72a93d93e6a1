package mkfat

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
)

// vfat is the parameter block that mkfs.vfat writes at a size; ok is false
// where it refuses.
func vfat(t *testing.T, size int64, variant fat.Variant, args ...string) (l layout, ok bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vfat.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if variant != 0 {
		args = append(args, "-F", fmt.Sprint(int(variant)))
	}
	if r := judge.Run(t, "mkfs.vfat", append(args, "--invariant", path)...); r.Status != 0 {
		return l, false
	}
	b := make([]byte, 512)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	l = layout{
		sector: int64(le.Uint16(b[11:])), spc: int64(b[13]), reserved: int64(le.Uint16(b[14:])),
		rootSlots: int64(le.Uint16(b[17:])), total: int64(le.Uint16(b[19:])), media: b[21], fatSize: int64(le.Uint16(b[22:])),
		perTrack: int(le.Uint16(b[24:])), heads: int(le.Uint16(b[26:])),
	}
	if l.total == 0 {
		l.total = int64(le.Uint32(b[32:]))
	}
	if l.fatSize == 0 {
		l.variant, l.fatSize = fat.FAT32, int64(le.Uint32(b[36:]))
	} else if string(b[54:62]) == "FAT16   " {
		l.variant = fat.FAT16
	} else {
		l.variant = fat.FAT12
	}
	l.clusters = (l.total - l.dataStart()) / l.spc
	return l, true
}

// The layout of every size is that of mkfs.vfat, except where that makes a
// FAT32 of too few clusters, which is no FAT32 by the specification.
func TestLayoutIsThatOfMkfsVfat(t *testing.T) {
	var sizes []int64
	for _, m := range []int64{1, 2, 4, 8, 15, 16, 17, 32, 33, 64, 100, 129, 194, 236, 256, 257, 259, 260, 261, 300, 511, 512, 513, 1024, 2150, 4096, 8192, 8193, 16385, 32769, 65536, 1 << 20} {
		sizes = append(sizes, m*mebi)
	}
	for _, s := range []int64{128, 255, 720, 1440, 2400, 2880, 5760, 4095, 4097, 8191, 8193, 8225, 16352, 16385, 16400, 16416, 16448, 32769, 65535, 65537, 66560, 66592, 66624, 131073, 262144, 262145, 524287, 524289, 1048575, 2064385, 4128769, 8257537} {
		sizes = append(sizes, s*512)
	}
	if !testing.Short() {
		for s := int64(20000); s < 5_000_000; s = s*4/3 + 77 {
			sizes = append(sizes, s*512)
		}
	}
	for _, size := range sizes {
		for _, v := range []fat.Variant{0, fat.FAT12, fat.FAT16, fat.FAT32} {
			want, ok := vfat(t, size, v)
			got, err := chooseLayout(&Options{Size: size, Type: v, SectorSize: 512})
			switch {
			case ok && want.variant == fat.FAT32 && want.clusters < minClusters32:
				if err == nil {
					t.Errorf("%d sectors, type %d: a FAT32 of %d clusters", size/512, v, got.clusters)
				}
			case ok && err != nil:
				t.Errorf("%d sectors, type %d: %v; mkfs.vfat makes %+v", size/512, v, err, want)
			case ok && *got != want:
				t.Errorf("%d sectors, type %d:\n got %+v\nwant %+v", size/512, v, *got, want)
			case !ok && err == nil:
				t.Logf("%d sectors, type %d: mkfs.vfat refuses what gets %+v", size/512, v, *got)
			}
		}
	}
}

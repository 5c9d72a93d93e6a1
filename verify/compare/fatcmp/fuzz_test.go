package fatcmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// small are filesystems that a fuzzer can compare by the thousand.
var small = []variant{
	{"FAT12", 96 << 10, []string{"-F", "12", "-s", "1", "-r", "32"}},
	{"FAT16", 2200 << 10, []string{"-F", "16", "-s", "1"}},
}

// smallFAT32 is a FAT32 filesystem with fewer clusters than mtools accept,
// which has files put in by hand: /DIR with /DIR/FILE.BIN in it, and /NOTE.TXT.
func smallFAT32(t testing.TB) disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fat32")
	if err := os.WriteFile(path, make([]byte, 256<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-n", "SMALL", path)
	b := load(t, path)
	fs, err := fat.Open(b, b.Size())
	if err != nil {
		t.Fatal(err)
	}
	put := func(cluster uint32, slot int, name string, attr uint8, first uint16, size uint32) {
		e := fat.DirEntry{Name: [11]byte([]byte(name)), Attr: attr, FstClusLO: first, FileSize: size, WrtDate: 0x5000, CrtDate: 0x5000, WrtTime: 0x6000}
		copy(b[fs.ClusterOffset(cluster)+int64(slot)*fat.SlotSize:], fat.DirEntryLayout.Encode(&e))
	}
	put(2, 1, "DIR        ", fat.AttrDirectory, 3, 0)
	put(2, 2, "NOTE    TXT", fat.AttrArchive, 6, 5)
	put(3, 0, ".          ", fat.AttrDirectory, 3, 0)
	put(3, 1, "..         ", fat.AttrDirectory, 0, 0)
	put(3, 2, "FILE    BIN", fat.AttrArchive, 4, 900)
	copy(b[fs.ClusterOffset(4):], bytes.Repeat([]byte("bytes"), 180))
	copy(b[fs.ClusterOffset(6):], "note\n")
	for c, e := range map[uint32]uint32{3: fat.FAT32.EndOfChain(), 4: 5, 5: fat.FAT32.EndOfChain(), 6: fat.FAT32.EndOfChain()} {
		for n := range fs.NumFATs {
			binary.LittleEndian.PutUint32(b[fs.FATOffset(n)+int64(c)*4:], e)
		}
	}
	return b
}

// mutate changes a few bytes of an image: each five bytes of edits are an
// offset, counted from a place that means something, a value and what to do
// with it.
func mutate(b disk, edits []byte) disk {
	b = bytes.Clone(b)
	g := struct{ reserved, fat int }{int(binary.LittleEndian.Uint16(b[14:])) * 512, 2 * int(binary.LittleEndian.Uint16(b[22:])) * 512}
	if g.fat == 0 {
		g.fat = 2 * int(binary.LittleEndian.Uint32(b[36:])) * 512
	}
	places := []int{0, g.reserved, g.reserved + g.fat, 0}
	for ; len(edits) >= 5 && g.reserved > 0; edits = edits[5:] {
		off := (places[edits[0]%4] + int(binary.LittleEndian.Uint16(edits[1:]))*(1+int(edits[0]>>6))) % len(b)
		switch edits[4] % 3 {
		case 0:
			b[off] = edits[3]
		case 1:
			b[off] ^= edits[3]
		case 2:
			copy(b[off:min(off+32, len(b))], b[int(edits[3])*32%(len(b)-32):])
		}
	}
	return b
}

func FuzzDamage(f *testing.F) {
	dir := sampleTree(f)
	var images []disk
	for _, v := range small {
		path := filepath.Join(f.TempDir(), v.name)
		makeFAT(f, v, dir, path, "1700000000", true, topNames...)
		images = append(images, load(f, path))
	}
	images = append(images, smallFAT32(f))
	for i := range images {
		f.Add(byte(i), []byte{})
		f.Add(byte(i), []byte{2, 11, 0, 0x10, 1, 2, 26, 0, 1, 1, 1, 6, 0, 9, 0})
		f.Add(byte(i), []byte{0, 13, 0, 2, 0, 0, 17, 0, 64, 0})
		f.Add(byte(i), []byte{2, 32, 0, 20, 2, 2, 64, 0, 7, 2, 1, 9, 0, 0xFF, 0, 130, 0, 9, 3, 1})
	}
	f.Fuzz(func(t *testing.T, n byte, edits []byte) {
		if len(edits) > 500 {
			return
		}
		a := images[int(n)%len(images)]
		b := mutate(a, edits)
		for _, pair := range [][2]disk{{a, b}, {b, a}} {
			accountAddsUp(t, pair[0], pair[1])
		}
	})
}

// accountAddsUp compares two images that may be no filesystems any more.
func accountAddsUp(t *testing.T, a, b disk) {
	ctx := context.Background()
	found, err := scan.Compare(ctx, a, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, aligned := range []bool{true, false} {
		l := ledger.New()
		p := ledger.Pair{A: ledger.Side{R: a, Size: a.Size()}, B: ledger.Side{R: b, Size: b.Size()}, Aligned: aligned}
		if aligned {
			p.Dirty = found.Spans
		}
		res, err := Compare(ctx, l, p)
		if err != nil {
			return // no FAT any more
		}
		if len(res.Warnings) > 2*(maxWarnings+1) {
			t.Errorf("%d warnings", len(res.Warnings))
		}
		if !aligned {
			return
		}
		if err := l.Sweep(ctx, ledger.Volume{A: a, B: b, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
			t.Fatal(err)
		}
		var sum int64
		roots := 0
		for _, f := range l.Findings() {
			sum += f.Bytes
			if !f.Derived {
				roots++
			}
			if f.Structure == report.UnknownStructure {
				t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
			}
		}
		if sum != found.Bytes {
			t.Errorf("%d bytes differ, the findings own %d", found.Bytes, sum)
		}
		if found.Bytes > 0 && roots == 0 {
			t.Error("bytes differ, but there is no root")
		}
	}
}

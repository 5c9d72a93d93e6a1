package blockmap

import (
	"bytes"
	"strings"
	"testing"
)

// file is a file in memory with one hole.
type file struct {
	b              []byte
	hole, holeEnd  int64
	reads, lookups int
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.reads++
	return bytes.NewReader(f.b).ReadAt(b, off)
}
func (f *file) Size() int64  { return int64(len(f.b)) }
func (f *file) Close() error { return nil }

func (f *file) NextData(off int64) (start, end int64, err error) {
	f.lookups++
	switch {
	case off < f.hole:
		return off, f.hole, nil
	case off < f.holeEnd:
		off = f.holeEnd
	}
	return off, f.Size(), nil
}

func build(t *testing.T, b *Builder, places map[int64]int64) *Map {
	t.Helper()
	for block := range (b.Size + b.BlockSize - 1) / b.BlockSize {
		if place, ok := places[block]; ok {
			if err := b.Add(block, place); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.Map()
}

func TestNeighboursAreReadInOneGo(t *testing.T) {
	f := &file{b: bytes.Repeat([]byte("0123456789abcdef"), 64)}
	m := build(t, &Builder{Size: 70, BlockSize: 8, FileSize: f.Size()}, map[int64]int64{1: 100, 2: 108, 3: 116, 5: 16, 6: 200, 8: 208})
	got := make([]byte, 70)
	if _, err := m.ReadAt(f, got, 0); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 70)
	copy(want[8:32], f.b[100:])
	copy(want[40:48], f.b[16:])
	copy(want[48:56], f.b[200:])
	copy(want[64:70], f.b[208:])
	if !bytes.Equal(got, want) || f.reads != 4 {
		t.Errorf("%d reads give %q, want %q", f.reads, got, want)
	}
	if m.Blocks() != 6 {
		t.Errorf("%d blocks", m.Blocks())
	}
}

func TestHolesOfTheFileAreHolesOfTheDisk(t *testing.T) {
	f := &file{b: make([]byte, 4096), hole: 1024, holeEnd: 3072}
	// Of the blocks in the hole the file is asked once.
	m := build(t, &Builder{Size: 4096, BlockSize: 256, FileSize: f.Size()},
		map[int64]int64{0: 1024, 1: 2048, 2: 1536, 3: 2560, 6: 2944, 9: 512})
	start, end, err := m.NextData(f, 10)
	if start != 6*256+128 || end != 7*256 || err != nil || f.lookups != 2 {
		t.Errorf("data at %d to %d (%v) after %d lookups", start, end, err, f.lookups)
	}
	if start, end, _ = m.NextData(f, end); start != 9*256 || end != 10*256 {
		t.Errorf("data at %d to %d", start, end)
	}
	if start, end, _ = m.NextData(f, end); start != 4096 || end != 4096 {
		t.Errorf("data at %d to %d", start, end)
	}
}

func TestTablesThatCannotBe(t *testing.T) {
	b := &Builder{Size: 1 << 20, BlockSize: 512, FileSize: 2048}
	if err := b.Add(0, 1537); err == nil || !strings.Contains(err.Error(), "behind the end") {
		t.Error(err)
	}
	if err := b.Add(0, -512); err == nil {
		t.Error("a place before the file")
	}
	var err error
	n := int64(0)
	for ; err == nil && n < 1000; n++ {
		err = b.Add(n, 512)
	}
	if n > 6 || err == nil || !strings.Contains(err.Error(), "more blocks") {
		t.Errorf("after %d blocks at one place: %v", n, err)
	}
}

func TestDigestTellsTheOrder(t *testing.T) {
	forward := build(t, &Builder{Size: 16, BlockSize: 8, FileSize: 64}, map[int64]int64{0: 8, 1: 16})
	again := build(t, &Builder{Size: 16, BlockSize: 8, FileSize: 64}, map[int64]int64{0: 8, 1: 16})
	backward := build(t, &Builder{Size: 16, BlockSize: 8, FileSize: 64}, map[int64]int64{0: 16, 1: 8})
	if forward.Digest() != again.Digest() || forward.Digest() == backward.Digest() {
		t.Errorf("%s %s %s", forward.Digest(), again.Digest(), backward.Digest())
	}
}

func TestTableInAHoleCostsNothing(t *testing.T) {
	f := &file{b: make([]byte, 1<<20), hole: 64, holeEnd: 1<<20 - 64}
	f.b[1<<20-8] = 7
	var seen []int64
	err := Entries(f, 0, 1<<17, 8, true, func(n int64, e []byte) error {
		if e[0] != 0 {
			seen = append(seen, n)
		}
		return nil
	})
	if err != nil || len(seen) != 1 || seen[0] != 1<<17-1 || f.reads > 3 {
		t.Errorf("%v, %d reads, %v", seen, f.reads, err)
	}
}

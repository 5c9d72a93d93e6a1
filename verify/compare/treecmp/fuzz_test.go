package treecmp

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// smallTree is a folder that makes an image of a few blocks.
func smallTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	must(t, os.MkdirAll(filepath.Join(dir, "folder/inner"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("some text\n"), 2000), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "folder/noise"), noise(5, 9000), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "folder/inner/a name that is long enough to need Rock Ridge"), []byte("x"), 0o600))
	must(t, os.Symlink("folder/inner", filepath.Join(dir, "link")))
	setTimes(t, dir, "1600000000")
	return dir
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// mutate damages a copy of an image: bits, bytes, and whole numbers, more
// often near the front, where the structures that lead to others stand.
func mutate(r *rand.Rand, b []byte, hot []int) []byte {
	out := bytes.Clone(b)
	for range 1 + r.IntN(6) {
		at := r.IntN(len(out))
		if len(hot) > 0 && r.IntN(3) > 0 {
			at = hot[r.IntN(len(hot))]
		}
		switch r.IntN(4) {
		case 0:
			out[at] ^= 1 << r.IntN(8)
		case 1:
			out[at] = byte(r.Uint32())
		case 2:
			for i := at; i < min(at+4, len(out)); i++ {
				out[i] = 0xff
			}
		case 3:
			from := r.IntN(len(out))
			copy(out[at:min(at+r.IntN(64), len(out))], out[from:])
		}
	}
	return out
}

// squashHot and isoHot are where damage tells most: the superblock and
// everything behind the data; the descriptors and the directories.
func squashHot(b []byte) []int {
	var out []int
	for i := range 96 {
		out = append(out, i)
	}
	for i := max(len(b)-4096, 0); i < len(b); i++ {
		if b[i] != 0 {
			out = append(out, i)
		}
	}
	return out
}

func isoHot(b []byte) []int {
	var out []int
	for i := 32 << 10; i < len(b); i++ {
		if b[i] != 0 && b[i] != ' ' {
			out = append(out, i)
		}
	}
	return out
}

func damaged(t *testing.T, compare ledger.Comparer, good []byte, hot []int, seed uint64, rounds int) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range rounds {
		bad := mutate(r, good, hot)
		a, b := good, bad
		if i%2 == 1 {
			a, b = bad, good
		}
		if i%5 == 4 {
			a = mutate(r, good, hot)
		}
		if !tolerates(t, compare, a, b) || t.Failed() {
			t.Fatalf("seed %d, round %d", seed, i)
		}
	}
}

// tolerates compares two images, of which either may be damaged: a report that
// adds up, or an error.
func tolerates(t *testing.T, compare ledger.Comparer, a, b []byte) bool {
	t.Helper()
	_, _, _ = compareBytes(t, compare, a, b)
	return true
}

func rounds() int {
	if testing.Short() {
		return 50
	}
	return 150
}

func TestDamagedSquashfsAddsUp(t *testing.T) {
	dir := smallTree(t)
	for i, args := range [][]string{{"-comp", "gzip"}, {"-comp", "xz"}, {"-comp", "lz4"}, {"-comp", "zstd"}, {"-noI", "-noD", "-noF", "-noX"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			good := read(t, makeSquash(t, dir, append(args, "-b", "4096", "-nopad")...))
			damaged(t, Squashfs, good, squashHot(good), uint64(i), rounds())
		})
	}
}

func TestDamagedISOAddsUp(t *testing.T) {
	dir := smallTree(t)
	for i, args := range [][]string{{"-R", "-J"}, nil, {"-b", "folder/noise", "-c", "boot.cat", "-no-emul-boot", "-R"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			good := read(t, makeISO(t, dir, append(args, "-no-pad")...))
			damaged(t, ISO9660, good, isoHot(good), uint64(i), rounds())
		})
	}
}

func FuzzSquashfs(f *testing.F) {
	dir := smallTree(f)
	for _, comp := range []string{"gzip", "zstd"} {
		good := read(f, makeSquash(f, dir, "-comp", comp, "-b", "4096", "-nopad"))
		f.Add(good, good)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) >= 96 && len(b) >= 96 { // what is recognised as squashfs has a superblock
			tolerates(t, Squashfs, a, b)
		}
	})
}

func FuzzISO9660(f *testing.F) {
	path := filepath.Join(f.TempDir(), "image")
	judge.Must(f, "genisoimage", "-quiet", "-R", "-J", "-no-pad", "-o", path, smallTree(f))
	good := read(f, path)
	f.Add(good, good)
	f.Fuzz(func(t *testing.T, a, b []byte) { tolerates(t, ISO9660, a, b) })
}

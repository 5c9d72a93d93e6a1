package comparetest

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// SmallTree is a folder that makes an image of a few blocks.
func SmallTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	Must(t, os.MkdirAll(filepath.Join(dir, "folder/inner"), 0o755))
	Must(t, os.WriteFile(filepath.Join(dir, "text"), bytes.Repeat([]byte("some text\n"), 2000), 0o644))
	Must(t, os.WriteFile(filepath.Join(dir, "folder/noise"), Noise(5, 9000), 0o600))
	Must(t, os.WriteFile(filepath.Join(dir, "folder/inner/a name that is long enough to need Rock Ridge"), []byte("x"), 0o600))
	Must(t, os.Symlink("folder/inner", filepath.Join(dir, "link")))
	SetTimes(t, dir, "1600000000")
	return dir
}

// Read is a file's content.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	Must(t, err)
	return b
}

// Mutate damages a copy of an image: bits, bytes, and whole numbers, more
// often near the front, where the structures that lead to others stand.
func Mutate(r *rand.Rand, b []byte, hot []int) []byte {
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

// Damaged compares a good image with many damaged ones, in both directions.
func Damaged(t *testing.T, compare ledger.Comparer, good []byte, hot []int, seed uint64, rounds int) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range rounds {
		bad := Mutate(r, good, hot)
		a, b := good, bad
		if i%2 == 1 {
			a, b = bad, good
		}
		if i%5 == 4 {
			a = Mutate(r, good, hot)
		}
		if !Tolerates(t, compare, a, b) || t.Failed() {
			t.Fatalf("seed %d, round %d", seed, i)
		}
	}
}

// Tolerates compares two images, of which either may be damaged: a report that
// adds up, or an error.
func Tolerates(t *testing.T, compare ledger.Comparer, a, b []byte) bool {
	t.Helper()
	_, _, _ = Bytes(t, compare, a, b)
	return true
}

// Rounds is how many damaged images a test tries.
func Rounds() int {
	if testing.Short() {
		return 50
	}
	return 150
}

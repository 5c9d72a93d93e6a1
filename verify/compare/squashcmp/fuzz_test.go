package squashcmp

import (
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// hot is where damage tells most: the superblock and everything behind the
// data.
func hot(b []byte) []int {
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

func TestDamagedSquashfsAddsUp(t *testing.T) {
	dir := comparetest.SmallTree(t)
	for i, args := range [][]string{{"-comp", "gzip"}, {"-comp", "xz"}, {"-comp", "lz4"}, {"-comp", "lzo"}, {"-comp", "zstd"}, {"-noI", "-noD", "-noF", "-noX"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			good := comparetest.Read(t, makeSquash(t, dir, append(args, "-b", "4096", "-nopad")...))
			comparetest.Damaged(t, Compare, good, hot(good), uint64(i), comparetest.Rounds())
		})
	}
}

func FuzzSquashfs(f *testing.F) {
	dir := comparetest.SmallTree(f)
	for _, comp := range []string{"gzip", "zstd"} {
		good := comparetest.Read(f, makeSquash(f, dir, "-comp", comp, "-b", "4096", "-nopad"))
		f.Add(good, good)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if len(a) >= 96 && len(b) >= 96 { // what is recognised as squashfs has a superblock
			comparetest.Tolerates(t, Compare, a, b)
		}
	})
}

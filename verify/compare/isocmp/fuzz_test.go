package isocmp

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// hot is where damage tells most: the descriptors and the directories.
func hot(b []byte) []int {
	var out []int
	for i := 32 << 10; i < len(b); i++ {
		if b[i] != 0 && b[i] != ' ' {
			out = append(out, i)
		}
	}
	return out
}

func TestDamagedISOAddsUp(t *testing.T) {
	dir := comparetest.SmallTree(t)
	for i, args := range [][]string{{"-R", "-J"}, nil, {"-b", "folder/noise", "-c", "boot.cat", "-no-emul-boot", "-R"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			good := comparetest.Read(t, makeISO(t, dir, append(args, "-no-pad")...))
			comparetest.Damaged(t, Compare, good, hot(good), uint64(i), comparetest.Rounds())
		})
	}
}

func FuzzISO9660(f *testing.F) {
	path := filepath.Join(f.TempDir(), "image")
	judge.Must(f, "genisoimage", "-quiet", "-R", "-J", "-no-pad", "-o", path, comparetest.SmallTree(f))
	good := comparetest.Read(f, path)
	f.Add(good, good)
	f.Fuzz(func(t *testing.T, a, b []byte) { comparetest.Tolerates(t, Compare, a, b) })
}

package erofscmp

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// random makes a folder of files of all lengths, some of which share parts.
// Where change is not nil, it decides what comes out otherwise.
func random(t *testing.T, seed uint64, change *rand.Rand) string {
	t.Helper()
	dir := t.TempDir()
	comparetest.Must(t, os.Chmod(dir, 0o755))
	r := rand.New(rand.NewPCG(seed, 5))
	for i := range 30 {
		p := filepath.Join(dir, fmt.Sprintf("%d/%d/%d", r.IntN(2), r.IntN(3), i))
		comparetest.Must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		n := int(r.ExpFloat64() * 8000)
		b := comparetest.Noise(uint64(i%5), n)
		if r.IntN(2) == 0 {
			var s strings.Builder
			for s.Len() < n {
				fmt.Fprintf(&s, "line %d %d\n", s.Len(), i%5)
			}
			b = []byte(s.String()[:n])
		}
		attribute := r.IntN(3) == 0
		if change != nil && change.IntN(15) == 0 {
			switch change.IntN(6) {
			case 0:
				continue
			case 1:
				b = append(b, "more"...)
			case 2:
				b = append([]byte("first"), b...)
			case 3:
				attribute = !attribute
			case 4:
				b = b[:len(b)/2]
			default:
				comparetest.Must(t, os.WriteFile(p+"new", b, 0o644))
			}
		}
		comparetest.Must(t, os.WriteFile(p, b, 0o644))
		if attribute {
			comparetest.Must(t, unix.Setxattr(p, fmt.Sprintf("user.a%d", i%3), []byte(strings.Repeat("v", i)), 0))
		}
	}
	comparetest.SetTimes(t, dir, "1600000000")
	return dir
}

// TestRandomTrees: what was changed in a tree is all that a report leads with,
// whatever that moves.
func TestRandomTrees(t *testing.T) {
	judge.Root(t)
	options := []string{"--chunksize=4096", "-zlz4hc -Eztailpacking", "", "-zlz4 -C16384", "-x1"}
	for seed := uint64(46); seed < 58; seed++ {
		a, b := random(t, seed, nil), random(t, seed, rand.New(rand.NewPCG(seed, 9)))
		way := strings.Fields(options[int(seed)%len(options)])
		fs, warnings, _ := comparetest.Bytes(t, Compare, comparetest.Read(t, makeErofs(t, a, way...)), comparetest.Read(t, makeErofs(t, b, way...)))
		for _, w := range warnings {
			t.Errorf("seed %d: %s", seed, w)
		}
		for _, f := range fs {
			if !f.Derived && f.Field != "content" && f.Field != "entry" && !strings.HasPrefix(f.Field, "xattr:") || !f.Derived && f.Structure == "padding" {
				t.Errorf("seed %d, %q: %s, %d bytes", seed, way, f.ID, f.Bytes)
			}
		}
	}
}

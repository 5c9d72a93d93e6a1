package normalize

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// BenchmarkNormalize writes 5,000 files of 200 MB in all anew, beside mke2fs,
// which makes a filesystem of the same files: ratio is our time to its.
func BenchmarkNormalize(b *testing.B) {
	dir := b.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		name := filepath.Join(dir, "tree", fmt.Sprint(i%50), fmt.Sprint(i))
		must(b, os.MkdirAll(filepath.Dir(name), 0o755))
		content := bytes.Repeat([]byte{byte(i), byte(i >> 8), 1, 2}, 5000+random.IntN(10_000))
		must(b, os.WriteFile(name, content, 0o644))
	}
	image := filepath.Join(dir, "image")
	for _, derive := range []bool{false, true} {
		b.Run(fmt.Sprintf("derive=%v", derive), func(b *testing.B) {
			var ours, theirs time.Duration
			for b.Loop() {
				start := time.Now()
				must(b, os.RemoveAll(image))
				must(b, os.WriteFile(image, nil, 0o666))
				must(b, os.Truncate(image, 512<<20))
				judge.Must(b, "mkfs.ext4", "-q", "-d", filepath.Join(dir, "tree"), image)
				theirs += time.Since(start)
				start = time.Now()
				img, err := split.Open(image)
				must(b, err)
				_, err = File(context.Background(), filepath.Join(dir, "out"), format.Raw, img, Options{Epoch: tree.Time{Sec: epoch}, DeriveIDs: derive})
				must(b, err)
				must(b, img.Close())
				ours += time.Since(start)
			}
			b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
		})
	}
}

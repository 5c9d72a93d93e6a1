package mkext4

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// benchTree fills a folder with files of a system's mix of sizes and returns
// it as a tree: mostly small ones, a few large, sizes summing to about bytes.
func benchTree(b *testing.B, folder string, files int, bytes int64) *tree.Node {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	pool := make([]byte, 8<<20)
	for i := range pool {
		pool[i] = byte(r.Uint32()) | 1
	}
	root := dir("")
	left := bytes
	for d := 0; files > 0; d++ {
		sub := dir(fmt.Sprintf("dir%04d", d))
		path := filepath.Join(folder, sub.Name)
		if err := os.Mkdir(path, 0o755); err != nil {
			b.Fatal(err)
		}
		for f := range min(files, 20) {
			size := int64(r.ExpFloat64() * float64(left) / float64(files) / 2)
			if f == 0 {
				size = min(left/int64(files)*10, int64(len(pool)))
			}
			size = min(size, int64(len(pool))-1)
			left -= size
			n := &tree.Node{Name: fmt.Sprintf("file%02d", f), Inode: inode(tree.Regular | 0o644)}
			n.Size, n.Content = size, onDisk{filepath.Join(path, fmt.Sprintf("file%02d", f))}
			at := r.IntN(len(pool) - int(size))
			if err := os.WriteFile(n.Content.(onDisk).path, pool[at:at+int(size)], 0o644); err != nil {
				b.Fatal(err)
			}
			sub.Children = append(sub.Children, n)
		}
		files -= min(files, 20)
		root.Children = append(root.Children, sub)
	}
	return root
}

// BenchmarkTree reports how many times as long as mke2fs -d it takes to write
// the same 20,000 files, in ratio.
func BenchmarkTree(b *testing.B) {
	folder := b.TempDir()
	root := benchTree(b, folder, 20_000, 600<<20)
	out := filepath.Join(b.TempDir(), "image")
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := imageAt(out, root, options(2<<30)); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(start)
		b.StopTimer()
		_ = os.Remove(out)
		start = time.Now()
		if err := os.WriteFile(out, nil, 0o644); err != nil {
			b.Fatal(err)
		}
		if err := os.Truncate(out, 2<<30); err != nil {
			b.Fatal(err)
		}
		judge.Must(b, "mkfs.ext4", "-q", "-F", "-b", "4096", "-d", folder, out)
		theirs += time.Since(start)
		_ = os.Remove(out)
		b.StartTimer()
	}
	b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "mke2fs-s/op")
}

// BenchmarkHugeDirectory writes one directory of 40,000 empty files.
func BenchmarkHugeDirectory(b *testing.B) {
	root := dir("", bulkDir("many", numbered(40_000, func(i int) string { return fmt.Sprintf("file-%08d", i) })))
	for b.Loop() {
		if _, err := Write(context.Background(), discard{}, root, options(2<<30)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkManyFiles writes 500,000 files of a few bytes in 500 directories.
func BenchmarkManyFiles(b *testing.B) {
	root := dir("")
	for d := range 500 {
		sub := bulkDir(fmt.Sprintf("dir%03d", d), nil)
		for f := range 1000 {
			sub.Children = append(sub.Children, file(fmt.Sprintf("file%03d", f), []byte("a few bytes\n")))
		}
		root.Children = append(root.Children, sub)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Write(context.Background(), discard{}, root, options(8<<30)); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a target that forgets.
type discard struct{}

func (discard) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

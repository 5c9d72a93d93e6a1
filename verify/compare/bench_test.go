package compare

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// noise is a file's content: the same bytes for the same seed.
type noise struct {
	seed uint64
	size int
}

type noiseReader struct{ *bytes.Reader }

func (noiseReader) Close() error { return nil }

func (n noise) Open() (tree.Reader, error) {
	b := make([]byte, n.size)
	c := rand.NewChaCha8([32]byte{byte(n.seed), byte(n.seed >> 8), byte(n.seed >> 16)})
	c.Read(b)
	return noiseReader{bytes.NewReader(b)}, nil
}

// benchDisk makes a bare filesystem of 20,000 files and 200 MB on a disk of
// the given size, with its own times, UUID and hash seed.
func benchDisk(b *testing.B, path string, size int64, id byte) {
	b.Helper()
	when := tree.Time{Sec: 1700000000 + int64(id)*100}
	node := func(name string, mode uint32) *tree.Node {
		return &tree.Node{Name: name, Inode: &tree.Inode{Mode: mode, Atime: when, Mtime: when, Ctime: when, Btime: when}}
	}
	root := node("", tree.Directory|0o755)
	for d := range 200 {
		dir := node(fmt.Sprintf("dir-%03d", d), tree.Directory|0o755)
		root.Add(dir)
		for i := range 100 {
			f := node(fmt.Sprintf("file-%03d", i), tree.Regular|0o644)
			f.Size = int64(1000 + (i*7919+d*104729)%18000)
			f.Content = noise{uint64(d*100 + i), int(f.Size)}
			dir.Add(f)
		}
	}
	f, err := os.Create(path)
	must(b, err)
	defer f.Close()
	must(b, f.Truncate(size))
	_, err = mkext4.Write(context.Background(), f, root, mkext4.Options{Size: size, UUID: [16]byte{id}, HashSeed: [16]byte{id}, Epoch: when})
	must(b, err)
}

// against measures our comparison and a tool in turn, and reports the ratio of
// their times in the same run.
func against(b *testing.B, pathA, pathB string, tool ...string) {
	b.Helper()
	program := judge.Tool(b, tool[0])
	var ours, theirs time.Duration
	for b.Loop() {
		start := time.Now()
		imgA, err := split.Open(pathA)
		must(b, err)
		imgB, err := split.Open(pathB)
		must(b, err)
		_, err = Images(context.Background(), imgA, imgB, Options{})
		must(b, err)
		imgA.Close()
		imgB.Close()
		ours += time.Since(start)
		start = time.Now()
		cmd := exec.Command(program, append(tool[1:], pathA, pathB)...)
		cmd.Stdout = io.Discard
		cmd.Run() // its exit status says whether they differ
		theirs += time.Since(start)
	}
	b.ReportMetric(float64(ours)/float64(theirs), "×"+tool[0])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/op")
}

func BenchmarkTwoBuilds(b *testing.B) {
	dir := b.TempDir()
	pa, pb := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	benchDisk(b, pa, 2<<30, 1)
	benchDisk(b, pb, 2<<30, 2)
	against(b, pa, pb, "cmp", "-l")
}

func BenchmarkTwoBuildsOn64GiB(b *testing.B) {
	dir := b.TempDir()
	pa, pb := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	benchDisk(b, pa, 64<<30, 1)
	benchDisk(b, pb, 64<<30, 2)
	for b.Loop() {
		imgA, err := split.Open(pa)
		must(b, err)
		imgB, err := split.Open(pb)
		must(b, err)
		_, err = Images(context.Background(), imgA, imgB, Options{})
		must(b, err)
		imgA.Close()
		imgB.Close()
	}
}

func BenchmarkEqualDisks(b *testing.B) {
	dir := b.TempDir()
	pa, pb := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	benchDisk(b, pa, 2<<30, 1)
	benchDisk(b, pb, 2<<30, 1)
	against(b, pa, pb, "cmp")
}

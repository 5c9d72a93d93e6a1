package ext4cmp

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// manyFiles writes a filesystem of n empty files in folders of a thousand,
// whose ctimes are sec and what their number adds.
func manyFiles(b *testing.B, path string, n int, sec int64) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	size := int64(n)*640 + 256<<20
	if err := f.Truncate(size); err != nil {
		b.Fatal(err)
	}
	when := tree.Time{Sec: 1700000000}
	node := func(name string, mode uint32, i int) *tree.Node {
		return &tree.Node{Name: name, Inode: &tree.Inode{Mode: mode, Atime: when, Mtime: when, Ctime: tree.Time{Sec: sec + int64(i/1000)}, Btime: when}}
	}
	root := node("", tree.Directory|0o755, 0)
	var dir *tree.Node
	for i := range n {
		if i%1000 == 0 {
			dir = node(fmt.Sprintf("folder-%d", i/1000), tree.Directory|0o755, i)
			root.Add(dir)
		}
		dir.Add(node(fmt.Sprintf("file-with-a-name-%d", i), tree.Regular|0o644, i))
	}
	opt := mkext4.Options{Size: size, UUID: [16]byte{1}, HashSeed: [16]byte{2}, Epoch: when, Inodes: uint32(n) + 2000}
	if _, err := mkext4.Write(context.Background(), f, root, opt); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCtimes compares two filesystems in which the ctime of every inode
// differs. It reports the memory in use at the end of it for each inode.
func BenchmarkCtimes(b *testing.B) {
	n := 100_000
	if os.Getenv("REPRODISK_MUTATIONS") != "" {
		n = 500_000
	}
	tmp := b.TempDir()
	pa, pb := filepath.Join(tmp, "a"), filepath.Join(tmp, "b")
	manyFiles(b, pa, n, 1700000000)
	manyFiles(b, pb, n, 1700000777)
	benchmark(b, pa, pb, n)
}

func benchmark(b *testing.B, pa, pb string, n int) {
	b.Helper()
	fa, err := os.Open(pa)
	if err != nil {
		b.Fatal(err)
	}
	defer fa.Close()
	fb, err := os.Open(pb)
	if err != nil {
		b.Fatal(err)
	}
	defer fb.Close()
	da, db := memDisk{fa}, memDisk{fb}
	ctx := context.Background()
	found, err := scan.Compare(ctx, da, db, nil)
	if err != nil {
		b.Fatal(err)
	}
	side := func(f *os.File, size int64) ledger.Side {
		return ledger.Side{R: io.NewSectionReader(f, 0, size), Size: size}
	}
	b.ReportAllocs()
	for b.Loop() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l := ledger.New()
		res, err := Compare(ctx, l, ledger.Pair{A: side(fa, da.Size()), B: side(fb, db.Size()), Aligned: true, Dirty: found.Spans})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Sweep(ctx, ledger.Volume{A: fa, B: fb, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B-live/inode")
		b.ReportMetric(float64(len(l.Findings())), "findings")
	}
}

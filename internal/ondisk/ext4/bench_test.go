package ext4

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// benchImage holds 20,000 small files in 200 directories.
func benchImage(b *testing.B) *FS {
	src := b.TempDir()
	for d := range 200 {
		dir := filepath.Join(src, fmt.Sprintf("dir%d", d))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for i := range 100 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d", i)), bytes.Repeat([]byte{'x'}, i*50), 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	return openImage(b, newImage(b, 512, "-d", src))
}

func BenchmarkWalk(b *testing.B) {
	fs := benchImage(b)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, err := fs.Walk(func(e Entry) error { n++; return nil }); err != nil || n < 20000 {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkRegions(b *testing.B) {
	fs := benchImage(b)
	b.ReportAllocs()
	for b.Loop() {
		if r, ps := fs.Regions(); len(r) < 20000 || len(ps) > 0 {
			b.Fatal(len(r), ps)
		}
	}
}

func BenchmarkInodeParts(b *testing.B) {
	fs := benchImage(b)
	d, err := fs.Inode(100)
	if err != nil {
		b.Fatal(err)
	}
	u := Region{Structure: InodeTable, Inode: 100, Length: int64(len(d.Raw))}
	var parts []Part
	b.ReportAllocs()
	for b.Loop() {
		parts = fs.Parts(parts[:0], u, d.Raw)
	}
}

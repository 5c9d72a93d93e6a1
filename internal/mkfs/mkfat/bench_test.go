package mkfat

import (
	"context"
	"fmt"
	"testing"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// bulk is a tree of n files of size bytes in directories of 1,000.
func bulk(n, size int) *tree.Node {
	root := newTree(nil)
	content := memory(noise(1, size))
	for i := range n {
		name := fmt.Sprintf("directory %d", i/1000)
		d := root.Child(name)
		if d == nil {
			d = &tree.Node{Name: name, Inode: inode(tree.Directory | 0o755)}
			root.Add(d)
		}
		f := &tree.Node{Name: fmt.Sprintf("file number %06d.conf", i), Inode: inode(tree.Regular | 0o644)}
		f.Size, f.Content = int64(size), content
		d.Add(f)
	}
	return root
}

func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct{ files, size int }{{400, 200_000}, {20_000, 4000}, {200_000, 0}} {
		root := bulk(c.files, c.size)
		b.Run(fmt.Sprintf("%dx%d", c.files, c.size), func(b *testing.B) {
			b.SetBytes(int64(c.files * c.size))
			for b.Loop() {
				opt := Options{Size: 600 * mebi}
				write(b, root, opt)
			}
		})
	}
}

func BenchmarkMinSize(b *testing.B) {
	root := bulk(200_000, 4000)
	for b.Loop() {
		if _, err := MinSize(root, Options{Type: fat.FAT32}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	for _, c := range []struct {
		files int
		size  int64
	}{{20_000, 600 * mebi}, {0, 1 << 40}} {
		f, _ := write(b, bulk(c.files, 4000), Options{Size: c.size})
		b.Run(fmt.Sprintf("%d files in %d MiB", c.files, c.size/mebi), func(b *testing.B) {
			for b.Loop() {
				fs, err := fat.Open(f, c.size)
				if err != nil {
					b.Fatal(err)
				}
				v, err := fs.Scan(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := v.Regions(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package fatcmp

import (
	"context"
	"fmt"
	"testing"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// BenchmarkCompare compares volumes of 10,000 files in 100 directories: one
// byte differs, or a first file more has moved all others.
func BenchmarkCompare(b *testing.B) {
	volume := func(first string, flip bool) disk {
		root := node("", tree.Directory, "")
		for i := range 100 {
			d := node(fmt.Sprintf("directory %d", i), tree.Directory, "")
			for k := range 100 {
				d.Add(node(fmt.Sprintf("a file with a long name %d", k), tree.Regular, fmt.Sprintf("%8000d", i*100+k)))
			}
			root.Add(d)
		}
		if first != "" {
			root.Add(node(first, tree.Regular, "first"))
		}
		d := make(disk, 128<<20)
		if _, err := mkfat.Write(context.Background(), d, root, mkfat.Options{Size: d.Size(), Type: fat.FAT32, SectorsPerCluster: 1}); err != nil {
			b.Fatal(err)
		}
		if flip {
			d[100<<20] ^= 1
		}
		return d
	}
	base := volume("", false)
	for _, c := range []struct {
		name string
		disk disk
	}{{"flip", volume("", true)}, {"moved", volume("a first file", false)}} {
		b.Run(c.name, func(b *testing.B) {
			other := c.disk
			for range b.N {
				ctx := context.Background()
				found, err := scan.Compare(ctx, base, other, nil)
				if err != nil {
					b.Fatal(err)
				}
				l := ledger.New()
				res, err := Compare(ctx, l, ledger.Pair{A: ledger.Side{R: base, Size: base.Size()}, B: ledger.Side{R: other, Size: other.Size()}, Aligned: true, Dirty: found.Spans})
				if err != nil {
					b.Fatal(err)
				}
				if err := l.Sweep(ctx, ledger.Volume{A: base, B: other, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(l.Findings())), "findings")
			}
		})
	}
}

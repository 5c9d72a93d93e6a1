package format

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// BenchmarkWrite writes a disk of 2 GiB with 600 MB of data (-short: a tenth)
// in each format, and has qemu-img convert, or zstd, do the same in the
// same run. ratio is how many times as long it takes here; size-ratio compares
// the files.
func BenchmarkWrite(b *testing.B) {
	size, bytes := int64(2<<30), int64(600e6)
	if testing.Short() {
		size, bytes = size/10>>20<<20, bytes/10
	}
	dir := b.TempDir()
	source := filepath.Join(dir, "disk.raw")
	f, err := os.Create(source)
	must(b, err)
	must(b, f.Truncate(size))
	block := append(text(1, 3<<20), noise(1<<20)...)
	for at := int64(0); at < bytes; at += int64(len(block)) {
		_, err := f.WriteAt(block, at*(size/bytes))
		must(b, err)
	}
	must(b, f.Sync())
	must(b, f.Close())
	theirs := map[Kind][]string{
		QCOW2:       {"qemu-img", "convert", "-f", "raw", "-O", "qcow2"},
		QCOW2Packed: {"qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2"},
		VDI:         {"qemu-img", "convert", "-f", "raw", "-O", "vdi"},
		VHD:         {"qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on"},
		VMDK:        {"qemu-img", "convert", "-f", "raw", "-O", "vmdk"},
		Zstd:        {"zstd", "-q", "-f", "-T0"},
	}
	for _, w := range written {
		args := theirs[w.kind]
		if args == nil {
			continue
		}
		b.Run(string(w.kind), func(b *testing.B) {
			disk := open(b, source)
			ours, other := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
			var we, they time.Duration
			for b.Loop() {
				_ = os.Remove(ours)
				start := time.Now()
				out, err := os.Create(ours)
				must(b, err)
				must(b, Write(context.Background(), out, disk, w.kind, ids, nil))
				must(b, out.Close())
				we += time.Since(start)
				b.StopTimer()
				_ = os.Remove(other)
				tail := []string{source, other}
				if w.kind == Zstd {
					tail = []string{source, "-o", other}
				}
				start = time.Now()
				judge.Must(b, args[0], append(args[1:], tail...)...)
				they += time.Since(start)
				b.StartTimer()
			}
			a, err := os.Stat(ours)
			must(b, err)
			c, err := os.Stat(other)
			must(b, err)
			b.ReportMetric(float64(we)/float64(they), "ratio")
			b.ReportMetric(they.Seconds()/float64(b.N), "theirs-s/op")
			b.ReportMetric(float64(a.Size())/float64(c.Size()), "size-ratio")
		})
	}
}

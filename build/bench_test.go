package build

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// systemTree fills a folder with files of a system's mix of sizes: mostly
// small ones, a few large. It is the same one each time.
func systemTree(b *testing.B, dir string, files int, bytes int64) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	pool := make([]byte, 8<<20)
	for i := range pool {
		pool[i] = byte(r.Uint32()) | 1
	}
	left := bytes
	for n := 0; n < files; n++ {
		folder := filepath.Join(dir, fmt.Sprintf("dir%02d", n/400), fmt.Sprintf("dir%02d", n/20%20))
		if n%20 == 0 {
			must(b, os.MkdirAll(folder, 0o755))
		}
		size := int64(r.ExpFloat64() * float64(left) / float64(files-n) / 2)
		if n%20 == 0 {
			size = left / int64(files-n) * 10
		}
		size = min(size, int64(len(pool))-1, left)
		left -= size
		at := r.IntN(len(pool) - int(size))
		must(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("file%02d", n%20)), pool[at:at+int(size)], 0o644))
	}
}

// benchSpec writes a spec for a root that is a folder beside it.
func benchSpec(b *testing.B, dir string) string {
	b.Helper()
	path := filepath.Join(dir, "bench.yaml")
	must(b, os.WriteFile(path, []byte("contents:\n  - {source: root, target: /}\n"), 0o644))
	return path
}

// BenchmarkSystemTree builds an image of 20,000 files and 600 MB (with -short
// of 2,000 and 60), and has mke2fs -d write the same tree in the same run, to
// a volume of the same size on the same disk. ratio is how many times as long
// the whole build takes; peak-MiB is the most memory it had.
func BenchmarkSystemTree(b *testing.B) {
	dir, source := benchTree(b)
	out, theirs := filepath.Join(dir, "out"), filepath.Join(dir, "mke2fs.img")
	j := task{Spec: benchSpec(b, dir), Out: out}
	first := j.run(b, "").check(b) // both read from the page cache
	var we, they time.Duration
	var peak int64
	for b.Loop() {
		must(b, os.RemoveAll(out))
		start := time.Now()
		peak = max(peak, j.run(b, "").check(b).peak)
		we += time.Since(start)

		b.StopTimer()
		_ = os.Remove(theirs)
		start = time.Now()
		must(b, os.WriteFile(theirs, nil, 0o644))
		must(b, os.Truncate(theirs, first.Layout.Root().Length()))
		judge.Must(b, "mkfs.ext4", "-q", "-F", "-b", "4096", "-d", source, theirs)
		they += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(we)/float64(they), "ratio")
	b.ReportMetric(they.Seconds()/float64(b.N), "mke2fs-s/op")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

// BenchmarkOneDirectory builds an image of one directory with 40,000 files
// (-short: 4,000), for which mke2fs -d takes minutes.
func BenchmarkOneDirectory(b *testing.B) {
	n := 40_000
	if testing.Short() {
		n /= 10
	}
	manyFiles(b, 1, n)
}

// BenchmarkManyFiles builds an image of 500,000 small files (-short: 50,000).
func BenchmarkManyFiles(b *testing.B) {
	n := 500
	if testing.Short() {
		n /= 10
	}
	manyFiles(b, n, 1000)
}

func manyFiles(b *testing.B, folders, files int) {
	b.Helper()
	dir := b.TempDir()
	for f := range folders {
		folder := filepath.Join(dir, "root", fmt.Sprintf("dir%03d", f))
		must(b, os.MkdirAll(folder, 0o755))
		for i := range files {
			must(b, os.WriteFile(filepath.Join(folder, fmt.Sprintf("file%05d", i)), []byte("a few bytes\n"), 0o644))
		}
	}
	j := task{Spec: benchSpec(b, dir), Out: filepath.Join(dir, "out")}
	var peak int64
	for b.Loop() {
		peak = max(peak, j.run(b, "").check(b).peak)
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

// benchTree makes the tree of BenchmarkSystemTree, in a folder of its own.
func benchTree(b *testing.B) (dir, source string) {
	b.Helper()
	files, bytes := 20_000, int64(600e6)
	if testing.Short() {
		files, bytes = files/10, bytes/10
	}
	dir = b.TempDir()
	source = filepath.Join(dir, "root")
	systemTree(b, source, files, bytes)
	return dir, source
}

// BenchmarkFormats builds that tree in each format. ratio is how many times as
// long it takes as the raw image and qemu-img convert of it together (zstd for
// zst), peak-MiB the most memory that the build had.
func BenchmarkFormats(b *testing.B) {
	dir, _ := benchTree(b)
	theirs := map[format.Kind][]string{
		format.QCOW2: {"qemu-img", "convert", "-f", "raw", "-O", "qcow2"}, format.QCOW2Packed: {"qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2"},
		format.VDI: {"qemu-img", "convert", "-f", "raw", "-O", "vdi"}, format.VHD: {"qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on"},
		format.VMDK: {"qemu-img", "convert", "-f", "raw", "-O", "vmdk"}, format.Zstd: {"zstd", "-q", "-f", "-T0", "-o"},
	}
	raw := task{Spec: benchSpec(b, dir), Out: filepath.Join(dir, "raw")}.run(b, "").check(b)
	for _, kind := range format.Kinds {
		if kind == format.Raw || kind == format.Xz {
			continue // minutes of xz would tell nothing of us
		}
		b.Run(string(kind), func(b *testing.B) {
			path := filepath.Join(dir, string(kind)+".yaml")
			must(b, os.WriteFile(path, []byte("format: "+string(kind)+"\ncontents:\n  - {source: root, target: /}\n"), 0o644))
			j := task{Spec: path, Out: filepath.Join(dir, "out")}
			other := filepath.Join(dir, "theirs")
			var we, they time.Duration
			var peak int64
			for b.Loop() {
				must(b, os.RemoveAll(j.Out))
				start := time.Now()
				peak = max(peak, j.run(b, "").check(b).peak)
				we += time.Since(start)
				b.StopTimer()
				if args := theirs[kind]; args != nil {
					_ = os.Remove(other)
					tail := []string{raw.Image, other}
					if kind == format.Zstd {
						tail = []string{other, raw.Image}
					}
					start = time.Now()
					judge.Must(b, args[0], append(args[1:], tail...)...)
					they += time.Since(start) + time.Duration(raw.Seconds*float64(time.Second))
				}
				b.StartTimer()
			}
			if they > 0 {
				b.ReportMetric(float64(we)/float64(they), "ratio")
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		})
	}
}

// BenchmarkOtherRoots builds that tree as each other filesystem that holds
// one, and has its own mkfs make one of the folder in the same run.
func BenchmarkOtherRoots(b *testing.B) {
	dir, source := benchTree(b)
	other := filepath.Join(dir, "theirs")
	for _, c := range []struct {
		fsType string
		theirs []string // nil: it takes no folder
	}{
		{"erofs", []string{"mkfs.erofs", "--quiet", "-T1", other, source}},
		{"btrfs", []string{"mkfs.btrfs", "-q", "--rootdir", source, other}},
		{"squashfs", []string{"mksquashfs", source, other, "-quiet", "-no-progress", "-noappend"}},
		{"xfs", nil},
	} {
		b.Run(c.fsType, func(b *testing.B) {
			path := filepath.Join(dir, c.fsType+".yaml")
			must(b, os.WriteFile(path, []byte("fsType: "+c.fsType+"\npartitionTableType: none\ncontents:\n  - {source: root, target: /}\n"), 0o644))
			j := task{Spec: path, Out: filepath.Join(dir, "out")}
			var we, they time.Duration
			var peak int64
			for b.Loop() {
				must(b, os.RemoveAll(j.Out))
				start := time.Now()
				d := j.run(b, "").check(b)
				we += time.Since(start)
				peak = max(peak, d.peak)
				b.StopTimer()
				if c.theirs != nil {
					_ = os.Remove(other)
					must(b, os.WriteFile(other, nil, 0o644))
					if c.fsType == "btrfs" {
						must(b, os.Truncate(other, d.Layout.DiskSize))
					}
					start = time.Now()
					judge.Must(b, c.theirs[0], c.theirs[1:]...)
					they += time.Since(start)
				}
				b.StartTimer()
			}
			if they > 0 {
				b.ReportMetric(float64(we)/float64(they), "ratio")
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		})
	}
}

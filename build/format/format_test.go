package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/split"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var ids = IDs{
	Image:    [16]byte{1, 2, 3, 4, 5, 6, 0x57, 8, 0x89, 10, 11, 12, 13, 14, 15, 16},
	Snapshot: [16]byte{16, 15, 14, 13, 12, 11, 0x5a, 9, 0x88, 7, 6, 5, 4, 3, 2, 1},
	CID:      0x12345678,
	Time:     1_700_000_000,
}

// written is all kinds but raw, with qemu-img's names.
var written = []struct {
	kind Kind
	qemu string
}{{QCOW2, "qcow2"}, {QCOW2Packed, "qcow2"}, {VDI, "vdi"}, {VHD, "vpc"}, {VMDK, "vmdk"}, {Zstd, ""}, {Xz, ""}}

// open opens an image, or a raw disk, with the project's own readers.
func open(t testing.TB, path string) container.Disk {
	t.Helper()
	img, err := split.Open(path)
	must(t, err)
	t.Cleanup(func() { img.Close() })
	return img
}

func save(t testing.TB, disk container.Disk, k Kind, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	must(t, Write(context.Background(), f, disk, k, ids, nil))
	must(t, f.Close())
}

// text is n bytes that can be compressed about by half.
func text(seed, n int64) []byte {
	b := make([]byte, n)
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x>>32) & 0x0f
		if i%97 > 60 {
			b[i] = b[i/2]
		}
	}
	return b
}

// noise is n bytes that cannot be compressed.
func noise(n int64) []byte {
	var b []byte
	for i := 0; int64(len(b)) < n; i++ {
		s := sha256.Sum256([]byte(fmt.Sprint(i)))
		b = append(b, s[:]...)
	}
	return b[:n]
}

type extent struct {
	at int64
	b  []byte
}

// disks are the shapes of disks that the formats have to cope with.
func disks() map[string]struct {
	size int64
	data []extent
} {
	const mib = 1 << 20
	type d = struct {
		size int64
		data []extent
	}
	return map[string]d{
		"a sector":   {512, []extent{{0, text(1, 512)}}},
		"empty":      {9 * mib, nil},
		"full":       {5 * mib, []extent{{0, text(2, mib)}, {mib, noise(4 * mib)}}},
		"noise":      {3 * mib, []extent{{0, noise(3 * mib)}}},
		"odd size":   {21*mib + 512*3, []extent{{0, text(3, 70_000)}, {5*mib + 512, text(4, mib+4096)}, {21*mib + 512, text(5, 1024)}}},
		"zeros kept": {24 * mib, []extent{{0, make([]byte, 7*mib)}, {8 * mib, text(6, 512)}, {9 * mib, make([]byte, 12*mib)}}},
		"mixed": {700 * mib, []extent{
			{0, text(7, 100_000)},
			{3 * mib, noise(200_000)},
			{3*mib + 262_144, text(8, 300_000)},
			{100*mib + 8192, text(9, 3*mib)},
			{511*mib + 65536, noise(2 * mib)},
			{514 * mib, text(10, 12_345)},
			{700*mib - 512, text(11, 512)},
		}},
	}
}

// raw writes a disk, with its holes or with zeros instead.
func raw(t testing.TB, size int64, data []extent, filled bool) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(size))
	if filled {
		_, err := f.WriteAt(make([]byte, size), 0)
		must(t, err)
	}
	for _, x := range data {
		_, err := f.WriteAt(x.b, x.at)
		must(t, err)
	}
	return path
}

// TestToolsFindTheDisk writes each disk in each format: qemu-img finds nothing
// to complain of and the very disk inside, and so do zstd, xz and our readers.
func TestToolsFindTheDisk(t *testing.T) {
	for name, d := range disks() {
		if testing.Short() && (name == "mixed" || name == "zeros kept") {
			continue
		}
		source := raw(t, d.size, d.data, false)
		want := open(t, source)
		for _, w := range written {
			if w.kind == Xz && (name == "mixed" || name == "noise" || testing.Short() && name != "a sector") {
				continue // it is slow
			}
			t.Run(name+"/"+string(w.kind), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), FileName(w.kind))
				save(t, want, w.kind, path)
				got := open(t, path)
				if got.Size() != d.size {
					t.Errorf("the disk has %d bytes, not %d", got.Size(), d.size)
				}
				same(t, got, want)
				if img, ok := got.(container.Image); ok && len(img.Warnings()) > 0 {
					t.Errorf("warnings: %q", img.Warnings())
				}
				switch w.kind {
				case Zstd:
					judge.Must(t, "zstd", "-q", "-t", path)
				case Xz:
					judge.Must(t, "xz", "-t", path)
				default:
					qemuAgrees(t, w.qemu, path, source, d.size)
				}
			})
		}
	}
}

func qemuAgrees(t *testing.T, format, path, source string, size int64) {
	t.Helper()
	var info struct {
		Size int64 `json:"virtual-size"`
	}
	must(t, json.Unmarshal([]byte(judge.Must(t, "qemu-img", "info", "--output=json", "-f", format, path)), &info))
	if info.Size != size {
		t.Errorf("qemu-img says the disk has %d bytes, not %d", info.Size, size)
	}
	if format != "vpc" { // which qemu-img cannot check
		judge.Must(t, "qemu-img", "check", "-f", format, path)
	}
	judge.Must(t, "qemu-img", "compare", "-f", "raw", "-F", format, source, path)
}

// same compares two disks.
func same(t *testing.T, a, b container.Disk) {
	t.Helper()
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); at < b.Size(); at += int64(len(x)) {
		n := min(int64(len(x)), b.Size()-at)
		_, err := a.ReadAt(x[:n], at)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		_, err = b.ReadAt(y[:n], at)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if !bytes.Equal(x[:n], y[:n]) {
			t.Fatalf("the disks differ behind byte %d", at)
		}
	}
}

func digest(t testing.TB, path string) [32]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return sha256.Sum256(b)
}

// TestSameBytes writes one disk ten times in each format, with one, two and
// eight processors, and with zeros instead of holes.
func TestSameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	d := disks()["odd size"]
	sources := []container.Disk{open(t, raw(t, d.size, d.data, false)), open(t, raw(t, d.size, d.data, true))}
	for _, w := range written {
		path := filepath.Join(t.TempDir(), FileName(w.kind))
		var first [32]byte
		rounds := 10
		if w.kind == Xz || testing.Short() {
			rounds = 3
		}
		for i := range rounds {
			runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
			save(t, sources[i%2], w.kind, path)
			if sum := digest(t, path); i == 0 {
				first = sum
			} else if sum != first {
				t.Errorf("%s: round %d gives other bytes", w.kind, i)
			}
		}
	}
}

// Package disktest is what the tests of the disk image formats have in common:
// a raw disk with data and holes, and the facts that hold for every image of
// it, judged by the raw disk itself and by qemu-img.
package disktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

// Corpora is where the images that nobody here wrote lie, seen from a package
// three folders below the project's root.
const Corpora = "../../../../shared/corpora/containers"

// Sample is the path of an image of Corpora; the test is skipped where there
// is none.
func Sample(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Corpora, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the sample %s is not here", name)
	}
	return path
}

// Raw writes a disk of size bytes with data here and there: in whole blocks of
// any format and in single sectors, at the begin and at the very end. Its data
// can be compressed by half.
func Raw(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	put := func(at, n int64) {
		n = min(n, size-at)
		if at < 0 || n <= 0 {
			return
		}
		b := make([]byte, n)
		for i := 0; i < len(b); i += 2 {
			b[i] = byte(rnd.Uint32())
		}
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	put(0, 512)
	put(64<<10, 300<<10)
	put(1<<20, 2<<20)
	put(5<<20+512, 4<<10)
	put(size/2, 1<<20)
	put(size/2+3<<20, 512)
	put(size-512, 512)
	return path
}

// File opens a file as the disk that it is.
func File(t testing.TB, path string) container.Disk {
	t.Helper()
	d, err := vmdk.InFolder(filepath.Dir(path))(filepath.Base(path))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// Memory is a disk in memory, without holes.
type Memory []byte

// ReadAt reads the bytes.
func (m Memory) ReadAt(b []byte, off int64) (int, error) { return bytes.NewReader(m).ReadAt(b, off) }

// Size is how many bytes there are.
func (m Memory) Size() int64 { return int64(len(m)) }

// Close does nothing.
func (m Memory) Close() error { return nil }

// NextData says that all is data.
func (m Memory) NextData(off int64) (start, end int64, err error) {
	return min(off, m.Size()), m.Size(), nil
}

// Info is what `qemu-img info` says of an image.
type Info struct {
	Format      string `json:"format"`
	VirtualSize int64  `json:"virtual-size"`
}

// QEMU asks qemu-img about an image of the given format.
func QEMU(t testing.TB, format, path string) Info {
	t.Helper()
	var i Info
	if err := json.Unmarshal([]byte(judge.Must(t, "qemu-img", "info", "--output=json", "-f", format, path)), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

// Check fails unless the image holds what the raw disk holds, zeros where the
// raw disk is shorter, and tells its holes truly.
func Check(t *testing.T, img container.Image, raw string) {
	t.Helper()
	want, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	size := img.Size()
	if size < int64(len(want)) {
		t.Fatalf("the disk has %d bytes, the raw one %d", size, len(want))
	}
	want = append(want, make([]byte, size-int64(len(want)))...)
	whole(t, img, want)
	pieces(t, img, want)
	holes(t, img, want)
}

// whole reads the disk in steps that are no multiple of anything, and its end.
func whole(t *testing.T, img container.Image, want []byte) {
	t.Helper()
	got, err := io.ReadAll(io.NewSectionReader(img, 0, img.Size()+1))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("byte %d is %#x, want %#x", i, got[i], want[i])
			}
		}
		t.Fatalf("the disk reads %d bytes, want %d", len(got), len(want))
	}
	all := make([]byte, len(want)+1)
	if n, err := img.ReadAt(all, 0); n != len(want) || !errors.Is(err, io.EOF) || !bytes.Equal(all[:n], want) {
		t.Fatalf("one read of all gives %d bytes and %v", n, err)
	}
	if n, err := img.ReadAt(make([]byte, 1), img.Size()); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("a read at the end gives %d bytes and %v", n, err)
	}
	if _, err := img.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a read before the begin is no error")
	}
}

// pieces reads here and there, several at a time.
func pieces(t *testing.T, img container.Image, want []byte) {
	t.Helper()
	var wg sync.WaitGroup
	for seed := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(seed), 7))
			b := make([]byte, 300<<10)
			for range 60 {
				off := rnd.Int64N(int64(len(want)))
				n := min(rnd.Int64N(int64(len(b))), int64(len(want))-off)
				if _, err := img.ReadAt(b[:n], off); err != nil || !bytes.Equal(b[:n], want[off:off+n]) {
					t.Errorf("%d bytes at byte %d differ (%v)", n, off, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// holes goes through the ranges of data, which must rise and hold all but zeros.
func holes(t *testing.T, img container.Image, want []byte) {
	t.Helper()
	size := int64(len(want))
	for off := int64(0); ; {
		start, end, err := img.NextData(off)
		if err != nil {
			t.Fatal(err)
		}
		if start < off || end < start || end > size || start == end && start != size {
			t.Fatalf("NextData(%d) = %d, %d of %d", off, start, end, size)
		}
		if len(bytes.TrimLeft(want[off:start], "\x00")) != 0 {
			t.Fatalf("NextData(%d) = %d, %d passes over data", off, start, end)
		}
		if start == size {
			return
		}
		if in, _, err := img.NextData(start + (end-start)/2); err != nil || in != start+(end-start)/2 {
			t.Fatalf("NextData(%d) = %d in the middle of data (%v)", start+(end-start)/2, in, err)
		}
		off = end
	}
}

// Differing lists the fields, as "structure/name", whose values differ between
// two images, and fails where a byte differs that lies in none of them or where
// a field that differs without following from another one has no sort or no
// remedy. The files are those that hold the fields.
func Differing(t *testing.T, a, b container.Image, fileA, fileB string) []string {
	t.Helper()
	values := func(img container.Image) map[string]container.Field {
		m := map[string]container.Field{}
		for _, f := range img.Metadata() {
			key := f.Structure + "/" + f.Name
			if _, ok := m[key]; ok {
				t.Errorf("two fields are named %s", key)
			}
			m[key] = f
		}
		return m
	}
	va, vb := values(a), values(b)
	var names []string
	for name, fa := range va {
		for _, from := range fa.Derived {
			if _, ok := va[from]; !ok {
				t.Errorf("%s follows from %s, which is none of the fields", name, from)
			}
		}
		fb, ok := vb[name]
		if !ok || fa.Value == fb.Value {
			continue
		}
		names = append(names, name)
		if len(fa.Derived) == 0 && (fa.Sort == "" || fa.Remedy == "") {
			t.Errorf("%s differs (%s, %s) and has no sort or no remedy", name, fa.Value, fb.Value)
		}
	}
	sort.Strings(names)
	for _, off := range different(t, fileA, fileB) {
		if !covered(off, names, va) {
			t.Errorf("byte %d differs, which is in none of the fields that do: %v", off, names)
			break
		}
	}
	return names
}

func covered(off int64, names []string, fields map[string]container.Field) bool {
	for _, n := range names {
		if f := fields[n]; off >= f.Offset && off < f.Offset+f.Length {
			return true
		}
	}
	return false
}

// different lists the bytes that differ between two files of one length.
func different(t *testing.T, a, b string) []int64 {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(x) != len(y) {
		t.Fatalf("the files have %d and %d bytes", len(x), len(y))
	}
	var out []int64
	for i := range x {
		if x[i] != y[i] {
			out = append(out, int64(i))
		}
	}
	return out
}

// Survey reads a hostile image as a program does that believes it: all its
// metadata, and of its disk at most a few MiB. It must come to an end.
func Survey(img container.Image) {
	_ = img.Metadata()
	_ = img.Warnings()
	size := img.Size()
	b := make([]byte, 4096)
	off := int64(0)
	for range 32 {
		start, end, err := img.NextData(off)
		if err != nil || start >= size || end <= start {
			break
		}
		_, _ = img.ReadAt(b, start)
		_, _ = img.ReadAt(b, end-1)
		off = end
	}
	_, _ = img.ReadAt(b, size-1)
	_, _ = img.ReadAt(b, size/2)
}

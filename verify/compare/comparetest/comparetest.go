package comparetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// Noise is what no compressor packs.
func Noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// Must ends the test with the error, if there is one.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// SampleTree makes a folder with a bit of everything, whose times are fixed.
func SampleTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"etc", "usr/lib", "many", "empty"} {
		Must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	write := func(name string, b []byte, mode os.FileMode) {
		Must(t, os.WriteFile(filepath.Join(dir, name), b, mode))
	}
	write("etc/text.conf", []byte(strings.Repeat("a line of text\n", 100)), 0o644)
	write("etc/small", []byte("small\n"), 0o600)
	write("etc/nothing", nil, 0o644)
	write("usr/lib/binary.so", Noise(1, 300_000), 0o755)
	write("usr/lib/other.so", Noise(2, 200_000), 0o755)
	write("usr/lib/a name that is rather longer than a plain ISO 9660 name may be, with blanks.text", []byte("long\n"), 0o644)
	Must(t, os.Symlink("../usr/lib", filepath.Join(dir, "etc/link")))
	Must(t, os.Symlink(strings.Repeat("long/", 30)+"end", filepath.Join(dir, "etc/longlink")))
	Must(t, os.Link(filepath.Join(dir, "etc/small"), filepath.Join(dir, "etc/hard")))
	for i := range 120 {
		write(fmt.Sprintf("many/file-with-a-longish-name-%03d", i), fmt.Appendf(nil, "file %d\n", i), 0o644)
	}
	SetTimes(t, dir, "1600000000")
	return dir
}

// SetTimes sets the times of all that is below a path.
func SetTimes(t testing.TB, path, seconds string) {
	t.Helper()
	if out, err := exec.Command("find", path, "-exec", "touch", "-h", "-d", "@"+seconds, "{}", "+").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Edit does something to a file and sets the times of its directory back.
func Edit(t testing.TB, dir, name string, do func(path string) error) {
	t.Helper()
	path := filepath.Join(dir, name)
	Must(t, do(path))
	SetTimes(t, dir, "1600000000")
}

type disk struct {
	*bytes.Reader
}

func (d disk) NextData(off int64) (int64, int64, error) { return off, d.Size(), nil }

// sparse is an image in a file, which may have holes.
type sparse struct {
	*os.File
	size int64
}

func openSparse(t testing.TB, path string) sparse {
	t.Helper()
	f, err := os.Open(path)
	Must(t, err)
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	Must(t, err)
	return sparse{f, st.Size()}
}

func (s sparse) Size() int64 { return s.size }

func (s sparse) NextData(off int64) (int64, int64, error) {
	start, err := unix.Seek(int(s.Fd()), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return s.size, s.size, nil
	}
	if err != nil {
		return 0, 0, err
	}
	end, err := unix.Seek(int(s.Fd()), start, unix.SEEK_HOLE)
	return start, end, err
}

// Bytes compares two images and returns the findings, the warnings, and how many
// bytes differ. What the findings own must come to just that, with nothing unknown.
func Bytes(t testing.TB, compare ledger.Comparer, a, b []byte) ([]report.Finding, []string, int64) {
	t.Helper()
	return Disks(t, compare, disk{bytes.NewReader(a)}, disk{bytes.NewReader(b)})
}

// Disks is Bytes for images that need not lie in memory.
func Disks(t testing.TB, compare ledger.Comparer, da, db scan.Disk) ([]report.Finding, []string, int64) {
	t.Helper()
	ctx := context.Background()
	found, err := scan.Compare(ctx, da, db, nil)
	Must(t, err)
	l := ledger.New()
	p := ledger.Pair{
		A: ledger.Side{R: da, Size: da.Size()}, B: ledger.Side{R: db, Size: db.Size()},
		Aligned: true, Dirty: found.Spans,
	}
	res, err := compare(ctx, l, p)
	Must(t, err)
	if err := l.Sweep(ctx, ledger.Volume{A: da, B: db, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
		t.Fatal(err)
	}
	fs := l.Findings()
	var sum int64
	for _, f := range fs {
		sum += f.Bytes
		if f.Structure == report.UnknownStructure {
			t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
		}
	}
	if sum != found.Bytes {
		t.Errorf("%d bytes differ, the findings own %d", found.Bytes, sum)
	}
	return fs, res.Warnings, found.Bytes
}

// Files compares two images of which nothing is to be warned, and has the bytes
// counted by cmp as well.
func Files(t testing.TB, compare ledger.Comparer, a, b string) []report.Finding {
	t.Helper()
	fs, warnings, differing := Disks(t, compare, openSparse(t, a), openSparse(t, b))
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	r := judge.Run(t, "cmp", "-l", a, b)
	if n := int64(strings.Count(r.Stdout, "\n")); n != differing {
		t.Errorf("cmp counts %d differing bytes, scan %d", n, differing)
	}
	return fs
}

// Roots are the ids of the findings that follow from no other.
func Roots(fs []report.Finding) []string {
	var out []string
	for _, f := range fs {
		if !f.Derived {
			out = append(out, f.ID)
		}
	}
	return out
}

// Show renders findings for a test's message.
func Show(fs []report.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%-70s derived=%-5v cause=%-11s bytes=%-7d count=%d %.60q → %.60q note=%s from=%v\n", f.ID, f.Derived, f.Cause, f.Bytes, f.Count, f.A, f.B, f.Note, f.DerivedFrom)
	}
	return b.String()
}

// WantRoots checks that a report leads with exactly these findings.
func WantRoots(t *testing.T, fs []report.Finding, want ...string) {
	t.Helper()
	got := Roots(fs)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("root findings:\n%s\nwant:\n%s\nall:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), Show(fs))
	}
}

// Find is the finding with that id.
func Find(t *testing.T, fs []report.Finding, id string) report.Finding {
	t.Helper()
	for _, f := range fs {
		if f.ID == id {
			return f
		}
	}
	t.Fatalf("no finding %s in\n%s", id, Show(fs))
	return report.Finding{}
}

// The following are changes of SampleTree, or of a folder like it.

// Chtimes sets the times of one file.
func Chtimes(seconds int64) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		SetTimes(t, filepath.Join(dir, "etc/text.conf"), strconv.FormatInt(seconds, 10))
	}
}

// Write gives a file another content.
func Write(name, content string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		Edit(t, dir, name, func(path string) error { return os.WriteFile(path, []byte(content), 0o644) })
	}
}

// Noisy changes one bit of a large file.
func Noisy(t *testing.T, dir string) {
	b := Noise(1, 300_000)
	b[250_000] ^= 1
	Edit(t, dir, "usr/lib/binary.so", func(path string) error { return os.WriteFile(path, b, 0o755) })
}

// Mkdevice makes a character device.
func Mkdevice(t *testing.T, dir string, minor int) {
	t.Helper()
	judge.Root(t)
	Edit(t, dir, "etc/device", func(path string) error {
		return syscall.Mknod(path, syscall.S_IFCHR|0o600, 1<<8|minor)
	})
}

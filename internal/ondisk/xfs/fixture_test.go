package xfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// variants are filesystems whose structures differ.
var variants = []struct {
	name string
	args []string
}{
	{"all features", []string{"-m", "rmapbt=1,reflink=1", "-i", "nrext64=1"}},
	{"no features", []string{"-m", "reflink=0,finobt=0,bigtime=0,inobtcount=0", "-i", "sparse=0"}},
	{"small blocks", []string{"-b", "size=1024", "-n", "size=8192", "-i", "size=512"}},
	{"wide directories", []string{"-n", "size=65536", "-d", "agcount=4", "-i", "size=1024"}},
}

// filled makes a filesystem with one of everything in it.
func filled(t *testing.T, size int64, entries int, args ...string) (image string) {
	t.Helper()
	image = xfstest.Mkfs(t, size, args...)
	xfstest.Mounted(t, image, func(t *testing.T, dir string) { xfstest.Fill(t, dir, entries) })
	return image
}

// TestSmallFilesystem makes the one that other tests damage, where it is told
// to.
func TestSmallFilesystem(t *testing.T) {
	if xfstest.Updating() {
		image := filled(t, 17<<20, 40, "-b", "size=1024", "-d", "agcount=1", "-m", "rmapbt=1,uuid=01020304-0506-0708-090a-0b0c0d0e0f10")
		wipe(t, image)
		xfstest.Pack(t, filepath.Join("xfstest", "small.gz"), image)
		return
	}
	small := xfstest.Small(t)
	fs, err := Open(small, small.Size())
	must(t, err)
	if _, problems, err := fs.Regions(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// wipe makes zeros of what is of no use.
func wipe(t *testing.T, image string) {
	regions, _, err := open(t, image).Regions(t.Context())
	must(t, err)
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	for _, r := range regions {
		if r.Kind == Log || r.Kind == Free || r.Kind == Reserved {
			_, err := f.WriteAt(make([]byte, r.End-r.Start), r.Start)
			must(t, err)
		}
	}
}

func open(t testing.TB, image string) *FS {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	must(t, err)
	fs, err := Open(f, st.Size())
	must(t, err)
	return fs
}

package volume

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// TestXFSIsAsTheKernelReadsIt compares all objects of a filesystem with those of
// its mount, and their content with what lies at their runs.
func TestXFSIsAsTheKernelReadsIt(t *testing.T) {
	path := xfstest.Mkfs(t, 34*mib)
	xfstest.Mounted(t, path, func(t *testing.T, dir string) { xfstest.Fill(t, dir, 200) })
	dir := sametree.Mounted(t, "xfs", path)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, path)
	last, met := "", 0
	for i, o := range objects(t, v) {
		met++
		if i > 0 && Order(last, o.Path) >= 0 {
			t.Errorf("%q comes before %q", last, o.Path)
		}
		last = o.Path
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, o.Path), &st); err != nil {
			t.Fatal(err)
		}
		if o.Inode != st.Ino || o.Mode != st.Mode || o.Links != uint32(st.Nlink) || o.UID != st.Uid || o.GID != st.Gid || o.Size != st.Size ||
			o.Mtime.Sec != st.Mtim.Sec || int64(o.Mtime.Nsec) != st.Mtim.Nsec || o.Major != unix.Major(st.Rdev) || o.Minor != unix.Minor(st.Rdev) {
			t.Errorf("%+v, and the kernel's %+v", o, st)
		}
		for _, a := range o.Xattrs {
			value := make([]byte, 1<<16)
			n, err := unix.Lgetxattr(filepath.Join(dir, o.Path), a.Name, value)
			if err != nil || a.Size != n || a.SHA256 != sha256.Sum256(value[:n]) {
				t.Errorf("%s: attribute %s: %v", o.Path, a.Name, err)
			}
		}
		if target, _ := os.Readlink(filepath.Join(dir, o.Path)); target != o.Target {
			t.Errorf("%s: target %q", o.Path, o.Target)
		}
		if o.Type() != tree.Regular {
			continue
		}
		want, err := os.ReadFile(filepath.Join(dir, o.Path))
		if err != nil {
			t.Fatal(err)
		}
		runs, ok, err := v.Runs(o, 1000)
		if err != nil || !ok {
			t.Fatal(o.Path, err)
		}
		held := make([]byte, o.Size)
		for _, r := range runs {
			if !r.Zeros {
				copy(held[r.Logical:], raw[r.Physical:][:r.Length])
			}
		}
		if !bytes.Equal(held, want) || !bytes.Equal(content(t, v, o), want) {
			t.Errorf("%s holds other bytes", o.Path)
		}
	}
	if met < 250 {
		t.Errorf("%d objects", met)
	}
}

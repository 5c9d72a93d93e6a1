package xfscmp

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// TestTheKernelsChanges has the kernel change one thing of a copy. What it
// writes besides, follows from that.
func TestTheKernelsChanges(t *testing.T) {
	a := filepath.Join(t.TempDir(), "a")
	comparetest.Must(t, os.WriteFile(a, filled(t), 0o600))
	for i, c := range []struct {
		name string
		do   func(dir string) error
		want []string
	}{
		{"mode", func(dir string) error { return os.Chmod(dir+"/files/large", 0o600) }, []string{"inode/di_mode:/files/large"}},
		{"attribute", func(dir string) error {
			return unix.Setxattr(dir+"/files/large", "user.new", []byte("value"), 0)
		}, []string{"inode/xattr:user.new:/files/large"}},
		{"long attribute", func(dir string) error {
			return unix.Setxattr(dir+"/attrs/short", "user.new", []byte(strings.Repeat("value", 9000)), 0)
		}, []string{"inode/xattr:user.new:/attrs/short"}},
		{"content", func(dir string) error {
			f, err := os.OpenFile(dir+"/files/large", os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte("other"), 7000)
				f.Close()
			}
			return err
		}, []string{"data/content:/files/large"}},
		{"longer", func(dir string) error {
			f, err := os.OpenFile(dir+"/files/hard", os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString(strings.Repeat("more\n", 2000))
				f.Close()
			}
			return err
		}, []string{"data/content:/files/hard"}},
		{"folder", func(dir string) error {
			for i := range 90 {
				if err := os.MkdirAll(fmt.Sprintf("%s/new/%d/%d", dir, i%9, i), 0o755); err != nil {
					return err
				}
			}
			return os.WriteFile(dir+"/new/file", make([]byte, 100_000), 0o644)
		}, []string{"directory/entry:/new"}},
		{"clone", func(dir string) error {
			from, err := os.Open(dir + "/files/large")
			if err != nil {
				return err
			}
			defer from.Close()
			to, err := os.Create(dir + "/files/clone")
			if err != nil {
				return err
			}
			defer to.Close()
			return unix.IoctlFileClone(int(to.Fd()), int(from.Fd()))
		}, []string{"directory/entry:/files/clone"}},
		{"removed", func(dir string) error { return os.RemoveAll(dir + "/dirs/100") }, []string{"directory/entry:/dirs/100"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := filepath.Join(t.TempDir(), "b")
			comparetest.Must(t, os.WriteFile(b, comparetest.Read(t, a), 0o600))
			xfstest.Mounted(t, b, func(t *testing.T, dir string) { comparetest.Must(t, c.do(dir)) })
			var want []string
			for _, id := range c.want {
				want = append(want, "p0/xfs/"+id)
			}
			x, y := a, b
			if i%2 == 1 {
				x, y = b, a
			}
			comparetest.WantRoots(t, comparetest.Files(t, Compare, x, y), want...)
		})
	}
}

// TestAnotherOrderIsSaid makes the same files in two orders.
func TestAnotherOrderIsSaid(t *testing.T) {
	var images []string
	for _, step := range []int{1, 7} {
		image := xfstest.Mkfs(t, 24<<20, "-m", "uuid=01020300-0000-0000-0000-0000000000ff")
		xfstest.Mounted(t, image, func(t *testing.T, dir string) {
			for i := range 100 {
				comparetest.Must(t, os.WriteFile(fmt.Sprintf("%s/file-%02d", dir, i*step%100), []byte{byte(i * step % 100)}, 0o644))
			}
		})
		images = append(images, image)
	}
	fs := comparetest.Files(t, Compare, images[0], images[1])
	if f := comparetest.Find(t, fs, "p0/xfs/directory/order:/"); f.Derived || f.Cause != report.Order {
		t.Errorf("%+v", f)
	}
	for _, id := range []string{"inode/di_ino", "data/placement"} {
		if f := comparetest.Find(t, fs, "p0/xfs/"+id); !f.Derived {
			t.Errorf("%+v", f)
		}
	}
	for _, f := range fs {
		if !f.Derived && f.Cause != report.Time && f.Cause != report.Random && f.Cause != report.Order {
			t.Errorf("%+v", f)
		}
	}
}

// TestAnotherHistoryIsPlacement makes the same files, of which some were made
// before and removed again.
func TestAnotherHistoryIsPlacement(t *testing.T) {
	var images []string
	for i := range 2 {
		image := xfstest.Mkfs(t, 24<<20, "-m", "uuid=01020300-0000-0000-0000-0000000000ff")
		xfstest.Mounted(t, image, func(t *testing.T, dir string) {
			write := func(name string, size int) {
				comparetest.Must(t, os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644))
			}
			for j := range 90 * i {
				write(fmt.Sprintf("gone-%d", j), 9000)
			}
			for j := range 40 {
				write(fmt.Sprintf("file-%d", j), 5000)
			}
			for j := range 90 * i {
				comparetest.Must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("gone-%d", j))))
			}
		})
		images = append(images, image)
	}
	fs := comparetest.Files(t, Compare, images[0], images[1])
	for _, f := range fs {
		if !f.Derived && f.Cause != report.Time && f.Cause != report.Random && f.Cause != report.Placement && f.Cause != report.Residue {
			t.Errorf("%s: %s, %s", f.ID, f.Cause, f.Note)
		}
	}
	for _, id := range []string{"inode/di_ino", "data/placement"} {
		if f := comparetest.Find(t, fs, "p0/xfs/"+id); f.Derived || f.Count != 40 {
			t.Errorf("%s", comparetest.Show(fs))
		}
	}
}

// TestOptionsOfMkfs makes filesystems with one option more.
func TestOptionsOfMkfs(t *testing.T) {
	uuid := []string{"-m", "uuid=01020300-0000-0000-0000-0000000000ff"}
	a := xfstest.Mkfs(t, 32<<20, uuid...)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-i", "size=1024"}, "sb_inodesize"},
		{[]string{"-b", "size=1024"}, "sb_blocksize"},
		{[]string{"-s", "size=4096"}, "sb_sectsize"},
		{[]string{"-n", "size=8192"}, "sb_dirblklog"},
		{[]string{"-i", "nrext64=1"}, "sb_features_incompat"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			fs := comparetest.Files(t, Compare, a, xfstest.Mkfs(t, 32<<20, append(c.args, uuid...)...))
			var roots []string
			for _, f := range fs {
				if !f.Derived && f.Cause != report.Time {
					roots = append(roots, f.ID)
				}
			}
			if want := "p0/xfs/superblock/" + c.want; strings.Join(roots, " ") != want {
				t.Errorf("want %s:\n%s", want, comparetest.Show(fs))
			}
		})
	}
}

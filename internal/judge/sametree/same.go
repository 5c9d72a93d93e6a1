package sametree

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Mounted has the kernel mount an image until the test ends: read-only, unless
// an option is "rw".
func Mounted(t testing.TB, fsType, image string, options ...string) (folder string) {
	t.Helper()
	judge.Root(t)
	if list, err := os.ReadFile("/proc/filesystems"); err != nil || !strings.Contains(string(list), "\t"+fsType+"\n") {
		if r := judge.Run(t, "modprobe", fsType); r.Status != 0 {
			t.Skipf("the kernel here knows no %s", fsType)
		}
	}
	folder = t.TempDir()
	options = append([]string{"loop"}, options...)
	writable := slices.Contains(strings.Split(strings.Join(options, ","), ","), "rw")
	if !writable {
		options = append(options, "ro")
	}
	if fsType == "xfs" {
		// The kernel takes no UUID twice, and another mount namespace may still hold
		// an image that was unmounted before.
		options = append(options, "nouuid")
	}
	judge.Must(t, "mount", "-t", fsType, "-o", strings.Join(options, ","), image, folder)
	t.Cleanup(func() {
		if writable {
			judge.Unmount(t, folder)
			return
		}
		judge.Must(t, "umount", folder)
	})
	return folder
}

// Times says which times a filesystem keeps beside that of modification.
type Times struct {
	Others bool // those of access and change are the inode's, else Mtime too
	Whole  bool // seconds only
}

// Same compares what is mounted with a tree. Names at the root that the tree
// has not are allowed where they are listed.
func Same(t testing.TB, root *tree.Node, folder string, times Times, own ...string) {
	t.Helper()
	links, first := map[*tree.Inode]uint64{}, map[*tree.Inode]uint64{}
	must(t, root.Walk(func(_ string, n *tree.Node) error {
		links[n.Inode]++
		return nil
	}))
	bad := 0
	must(t, root.Walk(func(path string, n *tree.Node) error {
		fail := func(format string, args ...any) {
			if bad++; bad < 20 {
				t.Errorf("%.300q: %s", path, fmt.Sprintf(format, args...))
			}
		}
		at := filepath.Join(folder, path)
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			fail("%v", err)
			return nil
		}
		if st.Mode != n.Mode || st.Uid != n.UID || st.Gid != n.GID {
			fail("mode %o, owner %d:%d; want %o, %d:%d", st.Mode, st.Uid, st.Gid, n.Mode, n.UID, n.GID)
		}
		if got, want := times.of(st), times.want(n); got != want {
			fail("times %v, want %v", got, want)
		}
		if !n.IsDir() {
			if uint64(st.Nlink) != links[n.Inode] {
				fail("%d links, want %d", st.Nlink, links[n.Inode])
			}
			if ino, seen := first[n.Inode]; seen && ino != st.Ino {
				fail("a hard link is another file")
			}
			first[n.Inode] = st.Ino
		}
		if got, want := attributes(t, at), wanted(n.Xattrs); !slices.Equal(got, want) {
			fail("attributes %q, want %q", got, want)
		}
		switch n.Type() {
		case tree.Directory:
			names(t, n, at, n == root, own, fail)
		case tree.Symlink:
			if target, err := os.Readlink(at); err != nil || target != n.Target {
				fail("points at %q, %v", target, err)
			}
		case tree.Char, tree.Block:
			if st.Rdev != unix.Mkdev(n.Major, n.Minor) {
				fail("device %x, want %d:%d", st.Rdev, n.Major, n.Minor)
			}
		case tree.Regular:
			if st.Size != n.Size {
				fail("%d bytes, want %d", st.Size, n.Size)
			}
			r, err := n.Content.Open()
			must(t, err)
			defer r.Close()
			want, err := io.ReadAll(r)
			must(t, err)
			if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, want) {
				fail("holds other bytes, %v", err)
			}
		}
		return nil
	}))
}

func names(t testing.TB, n *tree.Node, at string, root bool, own []string, fail func(string, ...any)) {
	t.Helper()
	entries, err := os.ReadDir(at)
	must(t, err)
	var got, want []string
	for _, e := range entries {
		if !root || n.Child(e.Name()) != nil || !slices.Contains(own, e.Name()) {
			got = append(got, e.Name())
		}
	}
	for _, c := range n.Children {
		want = append(want, c.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		fail("lists %d names, want %d", len(got), len(want))
	}
}

func (o Times) of(st unix.Stat_t) [3]unix.Timespec {
	return [3]unix.Timespec{st.Mtim, st.Atim, st.Ctim}
}

func (o Times) want(n *tree.Node) [3]unix.Timespec {
	stamp := func(t tree.Time) unix.Timespec {
		if o.Whole {
			t.Nsec = 0
		}
		return unix.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)}
	}
	if !o.Others {
		return [3]unix.Timespec{stamp(n.Mtime), stamp(n.Mtime), stamp(n.Mtime)}
	}
	return [3]unix.Timespec{stamp(n.Mtime), stamp(n.Atime), stamp(n.Ctime)}
}

func wanted(list []tree.Xattr) (out []string) {
	for _, x := range list {
		out = append(out, x.Name+"="+string(x.Value))
	}
	slices.Sort(out)
	return out
}

func attributes(t testing.TB, path string) (out []string) {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	must(t, err)
	for name := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if name == "" || name == "security.selinux" {
			continue
		}
		value := make([]byte, 1<<16)
		k, err := unix.Lgetxattr(path, name, value)
		must(t, err)
		out = append(out, name+"="+string(value[:k]))
	}
	slices.Sort(out)
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package mkext4

import (
	"bytes"
	"errors"
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

// mounted has the kernel mount an image until umount is called, or the test
// ends.
func mounted(t *testing.T, image string) (folder string, umount func()) {
	t.Helper()
	judge.Root(t)
	folder = t.TempDir()
	judge.Must(t, "mount", "-o", "loop,noatime", image, folder)
	done := false
	umount = func() {
		if !done {
			done = true
			judge.Unmount(t, folder)
		}
	}
	t.Cleanup(umount)
	return folder, umount
}

// sameTree compares what the kernel sees with the tree.
func sameTree(t *testing.T, root *tree.Node, folder string) {
	t.Helper()
	links := map[*tree.Inode]uint64{}
	names := map[*tree.Inode]string{}
	inodes := map[*tree.Inode]uint64{}
	if err := root.Walk(func(_ string, n *tree.Node) error {
		links[n.Inode]++
		if n.IsDir() {
			links[n.Inode]++
			for _, k := range n.Children {
				if k.IsDir() {
					links[n.Inode]++
				}
			}
			if n == root && n.Child(lostFoundName) == nil {
				links[n.Inode]++
			}
			if links[n.Inode] > 65000 {
				links[n.Inode] = 1
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	bad := 0
	err := root.Walk(func(p string, n *tree.Node) error {
		fail := func(format string, args ...any) {
			if bad++; bad < 20 {
				t.Errorf("%q: %s", p, fmt.Sprintf(format, args...))
			}
		}
		at := filepath.Join(folder, p)
		var st unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, at, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
			fail("%v", err)
			return nil
		}
		if uint32(st.Mode) != n.Mode || st.Uid != n.UID || st.Gid != n.GID {
			fail("mode %o, owner %d:%d, want %o, %d:%d", st.Mode, st.Uid, st.Gid, n.Mode, n.UID, n.GID)
		}
		if uint64(st.Nlink) != links[n.Inode] {
			fail("%d links, want %d", st.Nlink, links[n.Inode])
		}
		for _, x := range []struct {
			name string
			got  unix.StatxTimestamp
			want tree.Time
		}{{"atime", st.Atime, n.Atime}, {"mtime", st.Mtime, n.Mtime}, {"ctime", st.Ctime, n.Ctime}, {"btime", st.Btime, n.Btime}} {
			if x.got.Sec != x.want.Sec || x.got.Nsec != x.want.Nsec {
				fail("%s %d.%09d, want %d.%09d", x.name, x.got.Sec, x.got.Nsec, x.want.Sec, x.want.Nsec)
			}
		}
		if first, ok := names[n.Inode]; ok && inodes[n.Inode] != st.Ino {
			fail("is inode %d, not the %d of %s", st.Ino, inodes[n.Inode], first)
		}
		names[n.Inode], inodes[n.Inode] = p, st.Ino
		sameAttrs(n, at, fail)
		switch n.Type() {
		case tree.Directory:
			sameNames(n, n == root, at, fail)
		case tree.Regular:
			sameContent(n.Inode, at, &st, fail)
		case tree.Symlink:
			if target, err := os.Readlink(at); err != nil || target != n.Target {
				fail("target %q, %v", target, err)
			}
		case tree.Char, tree.Block:
			if st.Rdev_major != n.Major || st.Rdev_minor != n.Minor {
				fail("device %d:%d, want %d:%d", st.Rdev_major, st.Rdev_minor, n.Major, n.Minor)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sameNames(n *tree.Node, root bool, at string, fail func(string, ...any)) {
	entries, err := os.ReadDir(at)
	if err != nil {
		fail("%v", err)
	}
	var got, want []string
	for _, e := range entries {
		if !root || e.Name() != lostFoundName || n.Child(lostFoundName) != nil {
			got = append(got, e.Name())
		}
	}
	for _, k := range n.Children {
		want = append(want, k.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		fail("%d entries, want %d", len(got), len(want))
	}
}

func sameAttrs(n *tree.Node, at string, fail func(string, ...any)) {
	buf := make([]byte, 65536)
	k, err := unix.Llistxattr(at, buf)
	if err != nil {
		fail("listxattr: %v", err)
		return
	}
	got := strings.Split(strings.TrimSuffix(string(buf[:k]), "\x00"), "\x00")
	if k == 0 {
		got = nil
	}
	if len(got) != len(n.Xattrs) {
		fail("attributes %q, want %d", got, len(n.Xattrs))
	}
	for _, x := range n.Xattrs {
		k, err := unix.Lgetxattr(at, x.Name, buf)
		if err != nil || !bytes.Equal(buf[:k], x.Value) {
			fail("attribute %q is %q, %v, want %q", x.Name, buf[:max(k, 0)], err, x.Value)
		}
	}
}

func sameContent(i *tree.Inode, at string, st *unix.Statx_t, fail func(string, ...any)) {
	if int64(st.Size) != i.Size {
		fail("%d bytes, want %d", st.Size, i.Size)
		return
	}
	if i.Size == 0 {
		return
	}
	a, err := os.Open(at)
	if err != nil {
		fail("%v", err)
		return
	}
	defer a.Close()
	b, err := i.Content.Open()
	if err != nil {
		fail("%v", err)
		return
	}
	defer b.Close()
	bufA, bufB := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); off < i.Size; {
		n, errA := a.ReadAt(bufA[:min(int64(len(bufA)), i.Size-off)], off)
		_, errB := b.ReadAt(bufB[:n], off)
		if n == 0 || !bytes.Equal(bufA[:n], bufB[:n]) {
			fail("content differs between %d and %d: %v, %v", off, off+int64(n), errA, errB)
			return
		}
		off += int64(n)
	}
}

func TestKernelSeesTheTree(t *testing.T) {
	root := variety()
	img := image(t, root, options(300<<20))
	folder, umount := mounted(t, img)
	sameTree(t, root, folder)

	// The filesystem is as writable as any.
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3000 {
		must(os.WriteFile(filepath.Join(folder, "many", fmt.Sprintf("added-%d", i)), []byte("new"), 0o644))
	}
	for i := range 1200 {
		must(os.Remove(filepath.Join(folder, "many", fmt.Sprintf("file-%08d", i))))
	}
	must(os.WriteFile(filepath.Join(folder, "big"), text(9, 20<<20), 0o644))
	must(os.Rename(filepath.Join(folder, "other", "name"), filepath.Join(folder, "deep", "renamed")))
	must(os.RemoveAll(filepath.Join(folder, "deep")))
	must(os.RemoveAll(filepath.Join(folder, "shared")))
	must(os.Truncate(filepath.Join(folder, "holes"), 3<<20))
	must(unix.Lsetxattr(filepath.Join(folder, "attributes"), "user.note", text(8, 300), 0))
	must(unix.Lremovexattr(filepath.Join(folder, "attributes"), "trusted.long"))
	must(os.MkdirAll(filepath.Join(folder, "new", "folder"), 0o755))
	umount()
	judge.Must(t, "e2fsck", "-fn", img) // what the kernel has left may be optimised
}

func TestLostFoundOfTheTree(t *testing.T) {
	lf := dir(lostFoundName, file("rescued", []byte("x")), dir("and a folder"))
	lf.Mode, lf.UID = tree.Directory|0o711, 33
	root := dir("", lf)
	img := image(t, root, options(16<<20))
	clean(t, img)
	folder, _ := mounted(t, img)
	sameTree(t, root, folder)
	full := dir("", bulkDir(lostFoundName, numbered(2000, func(i int) string { return fmt.Sprintf("#%08d", i) })))
	clean(t, image(t, full, options(16<<20)))
}

func TestResize2fsGrows(t *testing.T) {
	for _, c := range []struct{ from, to int64 }{
		{8 << 20, 20 << 20}, {64 << 20, 1 << 30}, {300 << 20, 5 << 30}, {3 << 30, 9 << 30}, {130 << 20, 40 << 30},
	} {
		t.Run(fmt.Sprintf("%d to %d MiB", c.from>>20, c.to>>20), func(t *testing.T) {
			root := dir("", file("a", text(1, 100_000)), bulkDir("many", numbered(500, func(i int) string { return fmt.Sprintf("name%d", i) })))
			img := image(t, root, options(c.from))
			if err := os.Truncate(img, c.to); err != nil {
				t.Fatal(err)
			}
			judge.Must(t, "resize2fs", img)
			clean(t, img)
			if got := headerOf(t, img)["Block count"]; got != fmt.Sprint(c.to/4096) {
				t.Errorf("%s blocks, want %d", got, c.to/4096)
			}
		})
	}
}

func TestKernelGrowsWhileMounted(t *testing.T) {
	root := dir("", file("a", text(1, 100_000)))
	img := image(t, root, options(300<<20))
	folder, umount := mounted(t, img)
	if err := os.Truncate(img, 4<<30); err != nil {
		t.Fatal(err)
	}
	loop, _, _ := strings.Cut(judge.Must(t, "losetup", "-j", img), ":")
	judge.Must(t, "losetup", "-c", loop)
	if r := judge.Run(t, "resize2fs", loop); strings.Contains(r.Stderr, "Permission denied") {
		t.Skip("root may not resize a mounted filesystem here: it lacks CAP_SYS_RESOURCE")
	} else if r.Status != 0 {
		t.Fatalf("resize2fs %s: exit status %d\n%s%s", loop, r.Status, r.Stdout, r.Stderr)
	}
	sameContentOf(t, root, folder)
	umount()
	clean(t, img)
	if got := headerOf(t, img)["Block count"]; got != fmt.Sprint(4<<30/4096) {
		t.Errorf("%s blocks, want %d", got, 4<<30/4096)
	}
}

func TestTune2fs(t *testing.T) {
	img := image(t, variety(), options(64<<20))
	judge.Must(t, "tune2fs", "-L", "other", "-m", "1", "-c", "30", "-E", "hash_alg=tea", img)
	clean(t, img)
	judge.Must(t, "tune2fs", "-f", "-U", "12345678-1234-1234-1234-123456789abc", img)
	clean(t, img)
	judge.Must(t, "resize2fs", "-M", img)
	clean(t, img)
}

func TestJournalIsOfTheFilesystem(t *testing.T) {
	img := image(t, dir(""), options(64<<20))
	f, err := os.Open(img)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := judge.Must(t, "debugfs", "-R", "logdump -S", img)
	if !strings.Contains(out, "28732ac1-1ff8-d211-ba4b-00a0c93ec93b") && !strings.Contains(out, "Journal starts at block 0") {
		t.Errorf("debugfs logdump:\n%s", out)
	}
	var block uint64
	if _, err := fmt.Sscan(judge.Must(t, "debugfs", "-R", "bmap <8> 0", img), &block); err != nil {
		t.Fatal(err)
	}
	uuid := make([]byte, 16)
	if _, err := f.ReadAt(uuid, int64(block*blockSize)+48); err != nil {
		t.Fatal(err)
	}
	if want := options(0).UUID; !bytes.Equal(uuid, want[:]) {
		t.Errorf("the journal's UUID is %x, the filesystem's %x", uuid, want)
	}
}

func sameContentOf(t *testing.T, root *tree.Node, folder string) {
	t.Helper()
	for _, k := range root.Children {
		got, err := os.ReadFile(filepath.Join(folder, k.Name))
		r, oerr := k.Content.Open()
		want, rerr := io.ReadAll(r)
		if err := errors.Join(err, oerr, rerr); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs: %v", k.Name, err)
		}
	}
}

// headerOf is what dumpe2fs -h says, by the words before the colon.
func headerOf(t *testing.T, image string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(judge.Must(t, "dumpe2fs", "-h", image)) {
		if k, v, ok := strings.Cut(line, ":"); ok {
			out[k] = strings.TrimSpace(v)
		}
	}
	return out
}

package build

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/judge"
)

// mountRoot has the kernel mount the root partition of an image, until umount
// is called or the test ends.
func mountRoot(t *testing.T, image string, p partition.Partition) (folder string, umount func()) {
	t.Helper()
	folder = t.TempDir()
	judge.Must(t, "mount", "-o", fmt.Sprintf("loop,noatime,offset=%d,sizelimit=%d", p.Offset(), p.Length()), image, folder)
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

// attributes are what a file has, by name; the host's own labels apart.
func attributes(t *testing.T, path string) map[string]string {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := unix.Llistxattr(path, buf)
	must(t, err)
	out := map[string]string{}
	for _, name := range strings.Split(string(buf[:n]), "\x00") {
		if name == "" || name == "security.selinux" {
			continue
		}
		value := make([]byte, 1<<16)
		k, err := unix.Lgetxattr(path, name, value)
		must(t, err)
		out[name] = string(value[:k])
	}
	return out
}

// same compares what the kernel sees of an image's tree with its source.
func same(t *testing.T, source, folder string) {
	t.Helper()
	first := map[uint64]string{} // of inodes with several names, by the source's
	err := filepath.WalkDir(source, func(path string, d os.DirEntry, err error) error {
		must(t, err)
		rel, err := filepath.Rel(source, path)
		must(t, err)
		at := filepath.Join(folder, rel)
		var want, got unix.Stat_t
		must(t, unix.Lstat(path, &want))
		if err := unix.Lstat(at, &got); err != nil {
			t.Errorf("%q: %v", rel, err)
			return nil
		}
		if got.Mode != want.Mode || got.Uid != 0 || got.Gid != 0 || got.Rdev != want.Rdev {
			t.Errorf("%q: mode %o, owner %d:%d, device %x; want %o, 0:0, %x", rel, got.Mode, got.Uid, got.Gid, got.Rdev, want.Mode, want.Rdev)
		}
		mtime := want.Mtim
		if mtime.Sec >= epoch {
			mtime = unix.Timespec{Sec: epoch}
		}
		if later := (unix.Timespec{Sec: epoch}); got.Mtim != mtime || got.Atim != later || got.Ctim != later {
			t.Errorf("%q: times %v, %v, %v", rel, got.Atim, got.Mtim, got.Ctim)
		}
		if !d.IsDir() {
			if got.Nlink != want.Nlink || got.Size != want.Size {
				t.Errorf("%q: %d links, %d bytes; want %d, %d", rel, got.Nlink, got.Size, want.Nlink, want.Size)
			}
			if want.Nlink > 1 {
				name, seen := first[want.Ino]
				var other unix.Stat_t
				if seen {
					must(t, unix.Lstat(filepath.Join(folder, name), &other))
				}
				if first[want.Ino] = rel; seen && other.Ino != got.Ino {
					t.Errorf("%q and %q are two files", name, rel)
				}
			}
		}
		if a, b := attributes(t, path), attributes(t, at); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%q: attributes %q, want %q", rel, b, a)
		}
		switch want.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			a, b := listing(t, path), listing(t, at)
			slices.Sort(a)
			slices.Sort(b)
			if rel == "." {
				// What the builder makes itself: mount points among it.
				own := []string{"lost+found", "boot", "efi"}
				b = slices.DeleteFunc(b, func(s string) bool { return slices.Contains(own, s) && !slices.Contains(a, s) })
			}
			if !slices.Equal(a, b) {
				t.Errorf("%q lists %d names, want %d", rel, len(b), len(a))
			}
		case unix.S_IFLNK:
			a, err := os.Readlink(path)
			must(t, err)
			if b, err := os.Readlink(at); err != nil || a != b {
				t.Errorf("%q points at %q, %v", rel, b, err)
			}
		case unix.S_IFREG:
			sameFile(t, path, at, rel)
		}
		return nil
	})
	must(t, err)
}

// sameFile compares what either file has stored, and that what is a hole in
// the source takes no room.
func sameFile(t *testing.T, path, at, rel string) {
	t.Helper()
	a, err := meaning(path)
	must(t, err)
	b, err := meaning(at)
	must(t, err)
	if a != b {
		t.Errorf("%q has other bytes", rel)
	}
	var want, got unix.Stat_t
	must(t, unix.Lstat(path, &want))
	must(t, unix.Lstat(at, &got))
	if got.Blocks > want.Blocks+64 {
		t.Errorf("%q takes %d blocks of 512 bytes, in its source %d", rel, got.Blocks, want.Blocks)
	}
}

// huge is a sparse file of more than 2 GiB with something at both ends.
func huge(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(5<<30+1234))
	for _, off := range []int64{0, 1<<31 - 2, 5<<30 + 1230} {
		_, err := f.WriteAt([]byte("end"), off)
		must(t, err)
	}
}

func TestKernelAndToolsTakeTheImage(t *testing.T) {
	judge.Root(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "root")
	makeItems(t, source, append(items(true), item{path: "trusted", mode: unix.S_IFREG | 0o600, attrs: map[string]string{"trusted.x": "y"}}), false)
	huge(t, filepath.Join(source, "huge"))
	long := filepath.Join(source, strings.Repeat("d", 255), strings.Repeat("e", 255))
	must(t, os.MkdirAll(long, 0o755))
	must(t, os.WriteFile(filepath.Join(long, strings.Repeat("f", 255)), bytes.Repeat([]byte("deep"), 5000), 0o600))
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			if testing.Short() && layout != "efi" {
				t.Skip("one layout is enough for -short")
			}
			r := build(t, dir, only(layout), filepath.Join(t.TempDir(), "out"))
			root := r.Layout.Root()

			// Grown offline, as after dd to a larger disk.
			part := cut(t, r.Image, root)
			must(t, os.Truncate(part, root.Length()+700<<20))
			judge.Must(t, "resize2fs", part)
			judge.Must(t, "e2fsck", "-fn", part)
			if out, want := judge.Must(t, "dumpe2fs", "-h", part), fmt.Sprintf("Block count:              %d\n", (root.Length()+700<<20)/4096); !strings.Contains(out, want) {
				t.Errorf("resize2fs leaves\n%s", out)
			}

			folder, umount := mountRoot(t, r.Image, root)
			same(t, source, folder)
			change(t, folder)
			umount()
			judge.Must(t, "e2fsck", "-fn", cut(t, r.Image, root))
		})
	}
}

func TestKernelSeesEntriesAndOwners(t *testing.T) {
	judge.Root(t)
	dir := t.TempDir()
	makeItems(t, filepath.Join(dir, "root"), items(true), false)
	r := build(t, dir, everything("legacy"), filepath.Join(t.TempDir(), "out"))
	folder, _ := mountRoot(t, r.Image, r.Layout.Root())
	for path, want := range map[string]string{
		"home/alice/half":            "100600 1000:100",
		"home/alice":                 "40775 0:0",
		"seven":                      "40755 7:8",
		"seven/file with a name 397": "100600 7:8",
		"many/file with a name 397":  "100644 0:0",
	} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(folder, path), &st))
		if got := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid); got != want {
			t.Errorf("/%s is %s, want %s", path, got, want)
		}
	}
	if n := len(listing(t, filepath.Join(folder, "seven"))); n != 40 {
		t.Errorf("/seven has %d entries, want 40", n)
	}
}

// only is a spec whose root is its source alone, on a disk that its holes do
// not fit onto.
func only(layout string) string {
	return fmt.Sprintf("partitionTableType: %s\ndiskSize: 600\nsourceDateEpoch: %d\ncontents:\n  - {source: root, target: /}\n", layout, epoch)
}

// change writes and deletes on a mounted root.
func change(t *testing.T, folder string) {
	t.Helper()
	for i := range 500 {
		must(t, os.WriteFile(filepath.Join(folder, "many", fmt.Sprint("new", i)), bytes.Repeat([]byte("x"), i*10), 0o644))
	}
	for i := range 300 {
		must(t, os.Remove(filepath.Join(folder, "many", fmt.Sprintf("file with a name %d", i))))
	}
	f, err := os.OpenFile(filepath.Join(folder, "huge"), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte("y"), 1<<20), 3<<30)
	must(t, err)
	must(t, f.Truncate(4<<30))
	must(t, f.Close())
	must(t, os.Rename(filepath.Join(folder, "bin/tool"), filepath.Join(folder, "home/tool")))
	must(t, os.RemoveAll(filepath.Join(folder, "other")))
	must(t, os.MkdirAll(filepath.Join(folder, "new/a/b"), 0o755))
	must(t, os.Remove(filepath.Join(folder, "acl")))
}

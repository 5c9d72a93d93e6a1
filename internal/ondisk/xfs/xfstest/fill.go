package xfstest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Fill puts one of everything into the root of a filesystem: all forms of
// directories, files, symbolic links and extended attributes that it has. The
// largest directory has that many entries, a third of which are removed again,
// so that there is free space in between.
func Fill(t testing.TB, dir string, entries int) {
	t.Helper()
	write := func(name string, b []byte) {
		must(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	for _, n := range []int{1, 3, 40, entries / 4, entries} {
		for i := range n {
			write(fmt.Sprintf("dirs/%d/a-name-of-some-length-%05d", n, i), nil)
		}
	}
	write("dirs/names/"+strings.Repeat("n", 255), []byte("long name\n"))
	write("dirs/names/two\nlines \x01", []byte("odd name\n"))
	write("files/empty", nil)
	write("files/small", []byte("small\n"))
	write("files/large", bytes.Repeat([]byte("0123456789abcdef"), entries*50))
	must(t, os.Link(filepath.Join(dir, "files/small"), filepath.Join(dir, "files/hard")))
	pieces(t, filepath.Join(dir, "files/sparse"))
	reserved(t, filepath.Join(dir, "files/reserved"))
	for _, n := range []int{1, 150, 335, 336, 337, 900, 1023} { // in the inode, and in blocks
		must(t, os.Symlink(strings.Repeat("t", n), filepath.Join(dir, fmt.Sprintf("files/link-%d", n))))
	}
	for _, n := range []struct {
		name         string
		mode         uint32
		major, minor uint32
	}{
		{"char", unix.S_IFCHR, 5, 200_000},
		{"block", unix.S_IFBLK, 259, 70_000},
		{"pipe", unix.S_IFIFO, 0, 0},
		{"socket", unix.S_IFSOCK, 0, 0},
	} {
		must(t, unix.Mknod(filepath.Join(dir, "files", n.name), n.mode|0o600, int(unix.Mkdev(n.major, n.minor))))
	}
	must(t, os.Chown(filepath.Join(dir, "files/small"), 1000, 70_000))
	must(t, os.Chmod(filepath.Join(dir, "files/small"), 0o640|os.ModeSetuid|os.ModeSticky))
	attributes(t, dir, write)
	for i := 0; i < entries; i += 3 {
		must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("dirs/%d/a-name-of-some-length-%05d", entries, i))))
	}
}

// pieces makes a file of so many pieces that its extents need a tree of their
// own.
func pieces(t testing.TB, path string) {
	f, err := os.Create(path)
	must(t, err)
	for i := range 400 {
		_, err := f.WriteAt([]byte{byte(i), 1}, int64(i)*16384+5000)
		must(t, err)
	}
	must(t, f.Truncate(64<<20))
	must(t, f.Close())
}

// reserved makes a file that has blocks to which nothing was written.
func reserved(t testing.TB, path string) {
	f, err := os.Create(path)
	must(t, err)
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, 100_000))
	_, err = f.WriteAt([]byte("in the middle"), 50_000)
	must(t, err)
	must(t, f.Close())
}

func attributes(t testing.TB, dir string, write func(string, []byte)) {
	set := func(name, attr string, value []byte) {
		must(t, unix.Lsetxattr(filepath.Join(dir, name), attr, value, 0))
	}
	write("attrs/short", nil)
	set("attrs/short", "user.a", []byte("a value"))
	set("attrs/short", "trusted.b", nil)
	set("attrs/short", "security.c", []byte{0, 1, 2})
	set("attrs", "user.directory", []byte("value"))
	write("attrs/leaf", nil)
	for i := range 20 {
		set("attrs/leaf", fmt.Sprintf("user.attribute-%d", i), bytes.Repeat([]byte{byte(i)}, i*9))
	}
	write("attrs/node", nil)
	for i := range 200 {
		set("attrs/node", fmt.Sprintf("user.attribute-%d", i), bytes.Repeat([]byte{byte(i)}, 40+i%200))
	}
	write("attrs/remote", nil)
	set("attrs/remote", "user.long", bytes.Repeat([]byte("long"), 15_000))
	set("attrs/remote", "user.longer", bytes.Repeat([]byte("longer"), 5_000))
}

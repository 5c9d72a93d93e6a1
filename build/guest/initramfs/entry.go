package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/readonly"
)

// Entry is one file, folder, link or device of the archive.
type Entry struct {
	// Name is the path from the root, with or without the slash in front.
	Name string
	// Mode is the type and the permissions, as in st_mode of stat(2).
	Mode uint32
	// Open gives a regular file's content, which is Size bytes; nil: it is empty.
	Open func() (io.ReadCloser, error)
	Size int64
	// Link is where a symbolic link leads.
	Link string
	// Major and Minor are the number of a character or block device.
	Major, Minor uint32
}

// Bytes is a file with that content.
func Bytes(name string, permissions uint32, content []byte) Entry {
	return Entry{Name: name, Mode: unix.S_IFREG | permissions, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}}
}

// File is a copy of the regular file at path on this machine, or at the end of
// the links there. It is opened when the archive is written.
func File(name string, permissions uint32, path string) (Entry, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Entry{}, patherr.At(path, err)
	}
	if !fi.Mode().IsRegular() {
		return Entry{}, fmt.Errorf("%s: is not a regular file", path)
	}
	return Entry{Name: name, Mode: unix.S_IFREG | permissions, Size: fi.Size(), Open: func() (io.ReadCloser, error) {
		f, err := readonly.Open(path)
		if err != nil {
			return nil, patherr.At(path, err)
		}
		return f, nil
	}}, nil
}

// Folder is a folder. Those that other entries lie in need not be given, as long
// as everybody may read them.
func Folder(name string, permissions uint32) Entry {
	return Entry{Name: name, Mode: unix.S_IFDIR | permissions}
}

// Symlink is a symbolic link.
func Symlink(name, target string) Entry {
	return Entry{Name: name, Mode: unix.S_IFLNK | 0o777, Link: target}
}

// Early are the devices that have to be there before a devtmpfs is mounted: the
// kernel opens /dev/console as its init's standard input, output and error
// (console_on_rootfs of its init/main.c), and a Go program opens /dev/null
// where one of these is closed. The numbers are those of the kernel's
// Documentation/admin-guide/devices.txt.
func Early() []Entry {
	return []Entry{
		{Name: "dev/console", Mode: unix.S_IFCHR | 0o600, Major: 5, Minor: 1},
		{Name: "dev/null", Mode: unix.S_IFCHR | 0o666, Major: 1, Minor: 3},
	}
}

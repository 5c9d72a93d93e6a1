package wholefile

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// temporary is a file that is not in its place yet.
type temporary struct {
	*os.File
	named bool // it has a name in its folder
}

// create opens a file in a folder for what is to be called name. It has no
// name there, so that nothing is left of it where the process is killed; only
// where the filesystem has no such files, it has one, and a lock.
func create(dir, name string) (*temporary, error) {
	path := filepath.Join(dir, "."+name+".tmp-"+rand.Text()[:10])
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		f := os.NewFile(uintptr(fd), path)
		if _, err := os.Stat(descriptor(f)); err == nil {
			return &temporary{File: f}, nil
		}
		f.Close() // without /proc it could not be given a name
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return &temporary{File: f, named: true}, nil
}

func descriptor(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// become puts the file in its place, over one that is there.
func (t *temporary) become(path string) error {
	if !t.named {
		// A link replaces nothing, a name does.
		if err := unix.Linkat(unix.AT_FDCWD, descriptor(t.File), unix.AT_FDCWD, t.Name(), unix.AT_SYMLINK_FOLLOW); err != nil {
			return err
		}
		t.named = true
	}
	if err := os.Rename(t.Name(), path); err != nil {
		return err
	}
	t.named = false
	return nil
}

// drop takes away the name that the file may have.
func (t *temporary) drop() error {
	if !t.named {
		return nil
	}
	t.named = false
	return os.Remove(t.Name())
}

// abandoned is how long nothing has been written to a file that nobody writes.
const abandoned = time.Minute

// sweep removes what writers of that file have left that were killed: files
// with the name of a temporary one that are not locked and not fresh.
func sweep(dir, name string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // whoever creates the file says so
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+name+".tmp-") || !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		fi, err := f.Stat()
		if err == nil && time.Since(fi.ModTime()) > abandoned && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(path)
		}
		f.Close()
	}
}

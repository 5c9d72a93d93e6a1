// Package readonly opens files so that reading them leaves no trace: for
// reading only, and without a new time of access where the system allows that
// (open(2), O_NOATIME: to a file's owner and to root).
package readonly

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Open opens a file for reading. Errors are os.Open's.
func Open(name string) (*os.File, error) { return OpenWith(os.OpenFile, name, 0) }

// OpenWith is Open through another function than os.OpenFile, such as
// os.Root's, and with more flags.
func OpenWith(open func(name string, flag int, perm os.FileMode) (*os.File, error), name string, flags int) (*os.File, error) {
	f, err := open(name, os.O_RDONLY|flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		return open(name, os.O_RDONLY|flags, 0)
	}
	return f, err
}

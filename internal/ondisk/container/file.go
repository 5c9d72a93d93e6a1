package container

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// File is a disk whose bytes are a file's, of a raw image or a block device.
type File struct {
	F      *os.File
	Length int64 // bytes of it that are the disk
}

// ReadAt implements io.ReaderAt.

func (d *File) ReadAt(b []byte, off int64) (int, error) {
	if off >= d.Length {
		return 0, io.EOF
	}
	return d.F.ReadAt(b, off)
}

// Size implements Disk.
func (d *File) Size() int64 { return d.Length }

// Close closes the file.
func (d *File) Close() error { return d.F.Close() }

// NextData asks the filesystem for its holes. One that knows of none, and a
// block device, has data from off to the end.
func (d *File) NextData(off int64) (start, end int64, err error) {
	if off >= d.Length {
		return d.Length, d.Length, nil
	}
	// ReadAt does not use the descriptor's position, so moving it is harmless.
	start, err = unix.Seek(int(d.F.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return d.Length, d.Length, nil // only a hole is left
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return off, d.Length, nil
	case err != nil:
		return 0, 0, fmt.Errorf("look for data at byte %d: %w", off, err)
	}
	end, err = unix.Seek(int(d.F.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, fmt.Errorf("look for a hole at byte %d: %w", start, err)
	}
	return start, min(end, d.Length), nil
}

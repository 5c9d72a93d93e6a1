package split

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// rawDisk is a disk whose bytes are the file's.
type rawDisk struct {
	f    *os.File
	size int64
}

func (d *rawDisk) ReadAt(b []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	return d.f.ReadAt(b, off)
}

func (d *rawDisk) Size() int64  { return d.size }
func (d *rawDisk) Close() error { return d.f.Close() }

// NextData asks the filesystem for its holes. One that knows of none, and a
// block device, has data from off to the end.
func (d *rawDisk) NextData(off int64) (start, end int64, err error) {
	if off >= d.size {
		return d.size, d.size, nil
	}
	// ReadAt does not use the descriptor's position, so moving it is harmless.
	start, err = unix.Seek(int(d.f.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return d.size, d.size, nil // only a hole is left
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
		return off, d.size, nil
	case err != nil:
		return 0, 0, fmt.Errorf("look for data at byte %d: %w", off, err)
	}
	end, err = unix.Seek(int(d.f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, fmt.Errorf("look for a hole at byte %d: %w", start, err)
	}
	return start, min(end, d.size), nil
}

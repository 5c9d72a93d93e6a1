package split

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Disk is the virtual disk inside an image, whatever the image's format.
type Disk interface {
	io.ReaderAt
	io.Closer
	// Size is the disk's length in bytes.
	Size() int64
	// NextData is the first range of bytes at or behind off that may hold
	// anything but zeros. At the end it returns start == end == Size.
	NextData(off int64) (start, end int64, err error)
}

// Image is an opened image. It is safe for concurrent use.
type Image struct {
	Disk
	path       string
	format     string
	sectorSize int64 // of a block device; 0 where nothing tells
}

// Path is the name that the image was opened by.
func (i *Image) Path() string { return i.path }

// Format is the image's format: "raw".
func (i *Image) Format() string { return i.format }

// Open opens an image file or a block device for reading. Its errors name the
// path.
func Open(path string) (*Image, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	fi, err := os.Stat(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	mode := fi.Mode()
	switch {
	case mode.IsDir():
		return nil, fmt.Errorf("%s: is a directory, not a disk image", path)
	case !mode.IsRegular() && mode.Type() != fs.ModeDevice:
		return nil, fmt.Errorf("%s: is neither a file nor a block device", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	img, err := open(path, f, mode.Type() == fs.ModeDevice)
	if err != nil {
		f.Close()
		return nil, err
	}
	return img, nil
}

func open(path string, f *os.File, device bool) (*Image, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, pathError(path, err)
	}
	if size == 0 {
		return nil, fmt.Errorf("%s: is empty", path)
	}
	name, remedy, err := sniff(f, size)
	if err != nil {
		return nil, pathError(path, err)
	}
	if name != "" {
		return nil, fmt.Errorf("%s: is a %s image: not readable yet, %s", path, name, remedy)
	}
	img := &Image{Disk: &rawDisk{f: f, size: size}, path: path, format: "raw"}
	if device {
		if n, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET); err == nil {
			img.sectorSize = int64(n)
		}
	}
	return img, nil
}

// pathError says "path: what is wrong" without naming the system call.
func pathError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

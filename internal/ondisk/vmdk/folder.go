package vmdk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// Folder opens a file by its name in the folder of the descriptor. What it
// returns is closed by the image.
type Folder func(name string) (container.Disk, error)

// InFolder is the folder dir. It opens regular files only, and follows no
// symbolic link that leads out of dir.
func InFolder(dir string) Folder {
	return func(name string) (container.Disk, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		// Not blocking: a pipe of that name has no writer.
		f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			var pe *fs.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			return nil, err
		}
		fi, err := f.Stat()
		if err == nil && !fi.Mode().IsRegular() {
			err = errors.New("is not a regular file")
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		return &extentFile{f: f, size: fi.Size()}, nil
	}
}

// plainName refuses all but the name of a file in the same folder.
func plainName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || len(name) > 255 {
		return fmt.Errorf("the extent's file is named %s: only files beside the descriptor are opened, move it there and give its bare name", quote(name))
	}
	return nil
}

// extentFile is a file whose bytes are an extent's.
type extentFile struct {
	f    *os.File
	size int64
}

func (e *extentFile) Size() int64  { return e.size }
func (e *extentFile) Close() error { return e.f.Close() }

func (e *extentFile) ReadAt(b []byte, off int64) (int, error) {
	if off >= e.size {
		return 0, io.EOF
	}
	return e.f.ReadAt(b, off)
}

// NextData asks the filesystem for its holes; one that knows of none has data
// from off to the end.
func (e *extentFile) NextData(off int64) (start, end int64, err error) {
	if off >= e.size {
		return e.size, e.size, nil
	}
	start, err = unix.Seek(int(e.f.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return e.size, e.size, nil
	case err != nil:
		return off, e.size, nil
	}
	end, err = unix.Seek(int(e.f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return start, e.size, nil
	}
	return min(start, e.size), min(end, e.size), nil
}

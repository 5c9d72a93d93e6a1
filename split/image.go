package split

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/readonly"
)

// Disk is the virtual disk inside an image, whatever the image's format.
type Disk = container.Disk

// Field is one value that an image's file holds beside the disk.
type Field = container.Field

// Image is an opened image. It is safe for concurrent use.
type Image struct {
	Disk
	path       string
	format     string
	sectorSize int64           // of a block device; 0 where nothing tells
	inner      container.Image // nil for a raw image
}

// Path is the name that the image was opened by.
func (i *Image) Path() string { return i.path }

// Format is the image's format as `qemu-img info` prints it ("raw", "qcow2",
// "vdi", "vpc", "vmdk", "vhdx"), and ".gz", ".xz" or ".zst" behind it where it
// is compressed.
func (i *Image) Format() string { return i.format }

// Metadata lists what the file says beside the disk: headers, tables of
// clusters, snapshots, and what a compressed file says. It is empty for a raw
// image. The first call may read tables.
func (i *Image) Metadata() []Field {
	if i.inner == nil {
		return nil
	}
	return i.inner.Metadata()
}

// Warnings lists what is damaged or doubtful about the file and could be lived
// with. What its partition table holds is not looked at for it.
func (i *Image) Warnings() []string {
	if i.inner == nil {
		return nil
	}
	return i.inner.Warnings()
}

// OpenOptions say how far Open may go. The zero value is the most careful.
type OpenOptions struct {
	// AllowBacking permits that an image names other files which hold a part
	// of its disk, as long as they lie in the image's own folder or below.
	AllowBacking bool
	// UnpackLimit is how many bytes a compressed image may have when it is
	// unpacked. 0 stands for what the temporary folder has room for.
	UnpackLimit int64
}

// Open opens an image file or a block device for reading, with no options. Its
// errors name the path.
func Open(path string) (*Image, error) {
	return OpenWith(context.Background(), path, OpenOptions{})
}

// OpenWith opens an image file or a block device for reading. Its errors name
// the path. A compressed image is unpacked into a temporary file without a
// name, which the end of ctx ends.
func OpenWith(ctx context.Context, path string, opt OpenOptions) (*Image, error) {
	f, device, err := openFile(path)
	if err != nil {
		return nil, err
	}
	file := &container.File{F: f}
	at := place{path: path}
	at.locate(f)
	img, err := open(ctx, file, at, opt)
	if err != nil {
		f.Close()
		return nil, pathError(path, err)
	}
	if device && img.Disk == file {
		if n, err := unix.IoctlGetInt(int(f.Fd()), unix.BLKSSZGET); err == nil {
			img.sectorSize = int64(n)
		}
	}
	return img, nil
}

// openFile opens what may be an image: a file or a block device.
func openFile(path string) (f *os.File, device bool, err error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	fi, err := os.Stat(path)
	if err != nil {
		return nil, false, pathError(path, err)
	}
	mode := fi.Mode()
	switch {
	case mode.IsDir():
		return nil, false, fmt.Errorf("%s: is a directory, not a disk image", path)
	case !mode.IsRegular() && mode.Type() != fs.ModeDevice:
		return nil, false, fmt.Errorf("%s: is neither a file nor a block device", path)
	}
	f, err = readonly.Open(path)
	if err != nil {
		return nil, false, pathError(path, err)
	}
	return f, mode.Type() == fs.ModeDevice, nil
}

// open tells the format of a file and opens it. The image takes the file over;
// where there is an error, the caller closes it.
func open(ctx context.Context, file *container.File, at place, opt OpenOptions) (*Image, error) {
	size, err := file.F.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, errors.New("is empty")
	}
	file.Length = size
	format, err := sniff(file, size)
	switch {
	case err != nil:
		return nil, err
	case format == nil:
		return &Image{Disk: file, path: at.path, format: "raw"}, nil
	case format.open == nil:
		return nil, fmt.Errorf("is a %s image: not readable yet, %s", format.name, format.remedy)
	}
	inner, err := format.open(ctx, &source{Disk: file, place: at, opt: opt})
	if err != nil {
		return nil, err
	}
	return &Image{Disk: inner, path: at.path, format: inner.Format(), inner: inner}, nil
}

// pathError says "path: what is wrong" without naming the system call.
func pathError(path string, err error) error {
	return fmt.Errorf("%s: %w", path, plain(err))
}

// plain is what is wrong, without the path and the system call.
func plain(err error) error {
	if pe, ok := err.(*fs.PathError); ok { // one further in has words around it that matter
		return pe.Err
	}
	return err
}

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
	sectorSize int64 // of a block device; 0 where nothing tells
	fields     []Field
	warnings   []string
}

// Path is the name that the image was opened by.
func (i *Image) Path() string { return i.path }

// Format is the image's format as `qemu-img info` prints it: "raw", "qcow2",
// "vdi", "vpc", "vmdk", "vhdx".
func (i *Image) Format() string { return i.format }

// Metadata lists what the file says beside the disk: headers, tables of
// clusters, snapshots. It is empty for a raw image.
func (i *Image) Metadata() []Field { return i.fields }

// Warnings lists what is damaged or doubtful about the file and could be lived
// with. What its partition table holds is not looked at for it.
func (i *Image) Warnings() []string { return i.warnings }

// OpenOptions say how far Open may go. The zero value is the most careful.
type OpenOptions struct {
	// AllowBacking permits that an image names other files which hold a part
	// of its disk, as long as they lie in the image's own folder or below.
	AllowBacking bool
}

// Open opens an image file or a block device for reading, with no options. Its
// errors name the path.
func Open(path string) (*Image, error) {
	return OpenWith(context.Background(), path, OpenOptions{})
}

// OpenWith opens an image file or a block device for reading. Its errors name
// the path. The end of ctx ends what takes long.
func OpenWith(ctx context.Context, path string, opt OpenOptions) (*Image, error) {
	f, device, err := openFile(path)
	if err != nil {
		return nil, err
	}
	file := &rawDisk{f: f}
	img, err := open(ctx, path, file, opt)
	if err != nil {
		f.Close()
		return nil, err
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
	f, err = os.Open(path)
	if err != nil {
		return nil, false, pathError(path, err)
	}
	return f, mode.Type() == fs.ModeDevice, nil
}

// open tells the format of a file and opens it. The image takes the file over.
func open(ctx context.Context, path string, file *rawDisk, opt OpenOptions) (*Image, error) {
	size, err := file.f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, pathError(path, err)
	}
	if size == 0 {
		return nil, fmt.Errorf("%s: is empty", path)
	}
	file.size = size
	format, err := sniff(file, size)
	switch {
	case err != nil:
		return nil, pathError(path, err)
	case format == nil:
		return &Image{Disk: file, path: path, format: "raw"}, nil
	case format.open == nil:
		return nil, fmt.Errorf("%s: is a %s image: not readable yet, %s", path, format.name, format.remedy)
	}
	inner, err := format.open(ctx, &source{Disk: file, path: path, opt: opt})
	if err != nil {
		return nil, pathError(path, err)
	}
	return &Image{Disk: inner, path: path, format: inner.Format(), fields: inner.Metadata(), warnings: inner.Warnings()}, nil
}

// pathError says "path: what is wrong" without naming the system call.
func pathError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

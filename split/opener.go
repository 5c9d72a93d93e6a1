package split

import (
	"context"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

// alone is the opener of a format whose images are one file each.
func alone[T container.Image](open func(container.Disk) (T, error)) opener {
	return func(_ context.Context, s *source) (container.Image, error) {
		img, err := open(s.Disk)
		if err != nil {
			return nil, err // and not an Image that holds a nil pointer
		}
		return img, nil
	}
}

// openVMDK opens a VMDK. Its extents are the image itself, in several files,
// and not another image behind it: they are read whether or not backing files
// are allowed, but only in the folder of the descriptor.
func openVMDK(_ context.Context, s *source) (container.Image, error) {
	var folder vmdk.Folder
	if s.folder != "" {
		folder = vmdk.InFolder(filepath.Join(s.folder, s.dir))
	}
	img, err := vmdk.Open(s.Disk, folder)
	if err != nil {
		return nil, err
	}
	return img, nil
}

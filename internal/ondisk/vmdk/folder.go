package vmdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/readonly"
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
		f, err := readonly.OpenWith(root.OpenFile, name, syscall.O_NONBLOCK)
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
		return &container.File{F: f, Length: fi.Size()}, nil
	}
}

// plainName refuses all but the name of a file in the same folder.
func plainName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || len(name) > 255 {
		return fmt.Errorf("the extent's file is named %s: only files beside the descriptor are opened, move it there and give its bare name", quote(name))
	}
	return nil
}

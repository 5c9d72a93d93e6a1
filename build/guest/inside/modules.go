package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// loadModules loads the job's modules in their order. One that is there
// already, or is a part of the kernel, is fine; one that finds nothing in this
// machine to drive, as efivarfs without EFI firmware, is only noted.
func (g *guest) loadModules(folder string) (notes []string, err error) {
	for _, name := range g.job.Modules {
		if !fs.ValidPath(name) || name == "." {
			return notes, fmt.Errorf("module %q: this is not the name of a file", name)
		}
		g.log.skip()
		err := loadModule(filepath.Join(folder, name))
		switch {
		case err == nil:
			continue
		case errors.Is(err, unix.ENODEV):
			notes = append(notes, fmt.Sprintf("module %s: there is nothing for it in this machine", name))
			continue
		case errors.Is(err, unix.ENOEXEC):
			err = errors.New("it belongs to another kernel")
		case errors.Is(err, unix.ENOSYS):
			err = errors.New("the kernel takes no modules")
		case errors.Is(err, unix.ENOENT):
			err = errors.New("a module that it needs was not loaded before it")
		}
		return notes, fmt.Errorf("module %s: %w%s", name, err, g.log.complaint())
	}
	return notes, nil
}

func loadModule(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot be read: %s", err) // never the ENOENT of a symbol
	}
	defer unix.Close(fd)
	if err := unix.FinitModule(fd, "", 0); err != nil && err != unix.EEXIST {
		return err
	}
	return nil
}

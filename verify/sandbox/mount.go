package sandbox

import (
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// mount is mount(2) with an error that says what was tried, for a person.
func mount(what, source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("sandbox isolated: cannot mount %s: %w", what, err)
	}
	return nil
}

// build makes the planned root at a folder, which is a mount, and the whole
// read-only. Nothing in it is a device or has set-user-ID rights.
func (l *layout) build(at, machineRoot string) error {
	if err := l.root.build(at, machineRoot); err != nil {
		return err
	}
	return readOnly("the machine's folders", at)
}

func (n *node) build(at, machineRoot string) error {
	for _, name := range n.names() {
		k, p := n.kids[name], path.Join(at, name)
		var err error
		switch k.kind {
		case privateDir:
			if err = os.Mkdir(p, k.perm); err == nil {
				err = k.build(p, machineRoot)
			}
		case privateFile:
			err = os.WriteFile(p, nil, k.perm)
		case link:
			err = os.Symlink(k.target, p)
		case bound:
			err = bindAt(machineRoot+k.source, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bindAt binds a file or folder at a place that is made for it.
func bindAt(source, at string) error {
	fi, err := os.Stat(source)
	if err != nil {
		return patherr.At(source, err)
	}
	if fi.IsDir() {
		err = os.Mkdir(at, 0o755)
	} else {
		err = os.WriteFile(at, nil, 0o644)
	}
	if err != nil && !os.IsExist(err) {
		return patherr.At(at, err)
	}
	return bindOver(source, at)
}

// bindOver binds a file or folder over another.
func bindOver(source, at string) error {
	return mount(at, source, at, "", unix.MS_BIND|unix.MS_REC, "")
}

// readOnly makes a mount and all below it read-only.
func readOnly(what, at string) error {
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	switch err := unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &attr); err {
	case nil:
		return nil
	case unix.ENOSYS:
		return fmt.Errorf("sandbox isolated: cannot make %s read-only: needs Linux 5.12", what)
	default:
		return fmt.Errorf("sandbox isolated: cannot make %s read-only: %w", what, err)
	}
}

// tmpfs mounts a filesystem in memory.
func tmpfs(what, at string, perm uint32, size int64) error {
	data := fmt.Sprintf("mode=%o", perm)
	if size > 0 {
		data += fmt.Sprintf(",size=%d", size)
	}
	return mount(what, "tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, data)
}

package sandbox

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// mountScratch makes the temporary folders, which share a tmpfs.
func (o *orders) mountScratch(*layout) error {
	if err := tmpfs("the temporary folders", scratch, 0o755, o.DiskLimit); err != nil {
		return err
	}
	dirs := map[string]uint32{"/tmp": 0o1777, "/var/tmp": 0o1777, "/run": 0o755}
	for at, perm := range dirs {
		if _, err := os.Lstat(newRoot + at); err != nil {
			continue
		}
		if err := o.scratchAt(at, perm); err != nil {
			return err
		}
	}
	return nil
}

// scratchAt binds a new folder of the shared tmpfs at a path.
func (o *orders) scratchAt(at string, perm uint32) error {
	dir := scratch + "/" + strings.ReplaceAll(at[1:], "/", "-")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return patherr.At(at, err)
	}
	if err := unix.Chmod(dir, perm); err != nil { // whatever the umask
		return patherr.At(at, err)
	}
	if err := o.handOver(dir); err != nil {
		return err
	}
	return bindOver(dir, newRoot+at)
}

// handOver gives a folder to the build's user, where that is not init's by
// another name.
func (o *orders) handOver(dir string) error {
	if o.Userns {
		return nil
	}
	if err := os.Chown(dir, o.IDs.UID, o.IDs.GID); err != nil {
		return patherr.At(dir, err)
	}
	return nil
}

// mountBuild makes the build folder, and the home where the world names one.
func (o *orders) mountBuild(*layout) error {
	at := newRoot + o.Build
	if hidden(o.Build) {
		if err := os.MkdirAll(at, 0o755); err != nil {
			return patherr.At(o.Build, err)
		}
	}
	if o.Disk {
		// The folder holds tmp and home already.
		if err := bindOver(oldRoot+path.Join(o.OutDir, "build"), at); err != nil {
			return err
		}
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
		if err := unix.MountSetattr(unix.AT_FDCWD, at, 0, &attr); err != nil {
			return fmt.Errorf("sandbox isolated: cannot restrict the build folder: %w", err)
		}
	} else if err := tmpfs("the build folder", at, 0o755, o.DiskLimit); err != nil {
		return err
	}
	dirs := []string{at, at + "/tmp"}
	if o.World.Home == "" {
		dirs = append(dirs, at+"/home")
	}
	for i, d := range dirs {
		if i > 0 && !o.Disk {
			if err := os.Mkdir(d, 0o755); err != nil {
				return patherr.At(d, err)
			}
		}
		if err := o.handOver(d); err != nil {
			return err
		}
	}
	if home := o.World.Home; home != "" && home != o.Build {
		if hidden(home) || within(home, o.Build) {
			if err := os.MkdirAll(newRoot+home, 0o755); err != nil {
				return patherr.At(home, err)
			}
		}
		return o.scratchAt(home, 0o755)
	}
	return nil
}

// mountVisible puts what has to be seen on top of private folders.
func (o *orders) mountVisible(*layout) error {
	ps := o.visible()
	if len(o.Inputs) == 0 {
		ps = append(existing(underRoot(oldRoot), runEntries), ps...)
	}
	if o.Network {
		ps = append(existing(underRoot(oldRoot), netEntries), ps...)
	}
	for _, p := range ps {
		covered := within(p, o.Build) || o.World.Home != "" && within(p, o.World.Home)
		if !hidden(p) && !covered {
			continue
		}
		if p == o.Build {
			return fmt.Errorf("%s: is the build folder, and cannot be visible in it", p)
		}
		if err := os.MkdirAll(path.Dir(newRoot+p), 0o755); err != nil {
			return patherr.At(p, err)
		}
		if t, err := os.Readlink(oldRoot + p); err == nil && path.IsAbs(t) && within(t, "/nix") {
			os.Symlink(t, newRoot+p) // NixOS's links into its store
			continue
		}
		source := p
		if real := o.Real[p]; real != "" {
			source = real
		}
		if err := bindAt(oldRoot+source, newRoot+p); err != nil {
			return err
		}
		if err := readOnly(p, newRoot+p); err != nil {
			return err
		}
	}
	return nil
}

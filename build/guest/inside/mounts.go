package inside

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// mountAll makes all ready for the steps: the clock, the disk, the image's
// filesystems and those that the kernel provides.
func (g *guest) mountAll() (err error) {
	if g.job.Epoch != nil {
		if err := setClock(*g.job.Epoch); err != nil {
			return err
		}
	}
	if err := credit(g.job.Seed); err != nil {
		return err
	}
	if g.disk, err = await("/sys", "/dev", g.job.Disk, g.job.Mounts, diskLimit); err != nil {
		return err
	}
	if err := g.disk.rename("/dev"); err != nil {
		return err
	}
	if err := g.disk.links("/sys", "/dev", g.job.Aliases); err != nil {
		return err
	}
	if err := completeDev("/dev"); err != nil {
		return err
	}
	if err := g.mountImage(); err != nil {
		return err
	}
	return g.mountKernels()
}

// completeDev adds to the kernel's devices what udev or a shell script adds.
func completeDev(dev string) error {
	for _, l := range [][2]string{{"/proc/self/fd", "fd"}, {"fd/0", "stdin"}, {"fd/1", "stdout"}, {"fd/2", "stderr"}} {
		if err := link(l[0], path.Join(dev, l[1])); err != nil {
			return err
		}
	}
	for _, dir := range []string{"pts", "shm"} {
		if err := os.MkdirAll(path.Join(dev, dir), 0o755); err != nil {
			return patherr.At(path.Join(dev, dir), err)
		}
	}
	return nil
}

// mountImage mounts the filesystems of the image, the root first.
func (g *guest) mountImage() error {
	for i, m := range g.job.Mounts {
		if (i == 0) != (path.Clean("/"+m.Target) == "/") {
			return fmt.Errorf("cannot mount %s: the root filesystem is mounted first, and once", m.Target)
		}
		if err := g.mountOne(m); err != nil {
			return err
		}
		if i == 0 {
			fd, err := unix.Open(job.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				return patherr.At(job.Root, err)
			}
			g.image = fd
		}
	}
	if g.image < 0 {
		return errors.New("there is no root filesystem to mount")
	}
	return nil
}

func (g *guest) mountOne(m job.Mount) error {
	at := job.Root
	if g.image < 0 {
		if err := os.MkdirAll(job.Root, 0o755); err != nil {
			return patherr.At(job.Root, err)
		}
	} else {
		fd, made, err := makeIn(g.image, m.Target)
		g.tellMade(made)
		if err != nil {
			return fmt.Errorf("cannot mount %s: %w", m.Target, err)
		}
		defer unix.Close(fd)
		at = proc(fd)
	}
	flags, data := options(m.Options)
	g.log.skip()
	err := unix.Mount(g.disk.device(m.Partition), at, m.Type, flags, data)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENODEV):
		err = fmt.Errorf("the guest's kernel does not know it: give it the module %s", m.Type)
	case errors.Is(err, unix.EINVAL):
		err = errors.New("the kernel finds it damaged, or an option wrong")
	}
	return fmt.Errorf("cannot mount %s, %s of %s: %w%s", m.Target, m.Type, g.disk.device(m.Partition), err, g.log.complaint())
}

// mountFlags are the options of mount(8) that are flags of mount(2).
var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "sync": unix.MS_SYNCHRONOUS,
	"dirsync": unix.MS_DIRSYNC, "noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME,
	"strictatime": unix.MS_STRICTATIME, "lazytime": unix.MS_LAZYTIME, "rw": 0, "defaults": 0,
}

// options parts mount(8)'s options into the kernel's flags and the filesystem's
// own options.
func options(s string) (flags uintptr, data string) {
	var own []string
	for o := range strings.SplitSeq(s, ",") {
		if f, ok := mountFlags[o]; ok {
			flags |= f
		} else if o != "" {
			own = append(own, o)
		}
	}
	return flags, strings.Join(own, ",")
}

// efiVariables is where the firmware's variables are mounted.
const efiVariables = "/sys/firmware/efi/efivars"

// mountKernels mounts in the image what the kernel provides, for the steps, as
// nixos-enter does. What folders were missing is made and stays.
func (g *guest) mountKernels() error {
	type mount struct {
		target, fstype, data string
		flags                uintptr
	}
	mounts := []mount{
		{"/dev", "devtmpfs", "", unix.MS_NOSUID},
		{"/dev/pts", "devpts", "ptmxmode=0666,mode=620,gid=5", unix.MS_NOSUID | unix.MS_NOEXEC},
		{"/dev/shm", "tmpfs", "mode=1777", unix.MS_NOSUID | unix.MS_NODEV},
		{"/proc", "proc", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"/sys", "sysfs", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"/run", "tmpfs", "mode=755", unix.MS_NOSUID | unix.MS_NODEV},
	}
	if g.job.EFIVariables {
		if _, err := os.Stat(path.Dir(efiVariables)); err != nil {
			return errors.New("the firmware has no variables: EFI firmware did not start the machine")
		}
		mounts = append(mounts, mount{efiVariables, "efivarfs", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC})
	}
	for _, m := range mounts {
		fd, made, err := makeIn(g.image, m.target)
		g.tellMade(made)
		if err == nil {
			if err = unix.Mount(m.fstype, proc(fd), m.fstype, m.flags, m.data); err == nil {
				g.noteDevice(m.target)
			}
			unix.Close(fd)
		}
		if err == unix.ENODEV && m.fstype == "efivarfs" {
			err = errors.New("the guest's kernel does not know it: give it the module efivarfs")
		}
		if err == unix.ENODEV && m.fstype == "devpts" {
			continue // a kernel without terminals
		}
		if err != nil {
			return fmt.Errorf("cannot mount %s in the image: %w", m.target, err)
		}
	}
	return nil
}

// noteDevice notes the device of a filesystem that is not the image's.
func (g *guest) noteDevice(target string) {
	fd, err := openIn(g.image, target, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		g.kernels = append(g.kernels, st.Dev)
	}
}

// tellMade tells which folders the image did not have.
func (g *guest) tellMade(made []string) {
	for _, m := range made {
		g.say(job.MountStep, "the image has no folder %s: made", m)
	}
}

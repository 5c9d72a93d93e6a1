package sandbox

import (
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// devices are the machine's devices that a build may use; kvm is there for
// builders that start a virtual machine, where the caller may open it.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "kvm"}

// mountDev makes /dev.
func (o *orders) mountDev(*layout) error {
	at := newRoot + "/dev"
	if err := mount("/dev", "tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=755,size=64k"); err != nil {
		return err
	}
	for _, name := range devices {
		from := oldRoot + "/dev/" + name
		if unix.Access(from, unix.R_OK|unix.W_OK) != nil && name != "tty" {
			continue
		}
		if err := bindAt(from, at+"/"+name); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
		"ptmx": "pts/ptmx", "core": "/proc/kcore",
	} {
		if err := os.Symlink(target, at+"/"+name); err != nil {
			return patherr.At("/dev/"+name, err)
		}
	}
	for _, name := range []string{"shm", "pts", "mqueue", path.Base(pristine)} {
		if err := os.Mkdir(at+"/"+name, 0o755); err != nil {
			return patherr.At("/dev/"+name, err)
		}
	}
	if err := o.scratchAt("/dev/shm", 0o1777); err != nil {
		return err
	}
	// Not every kernel has the two.
	unix.Mount("devpts", at+"/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
	unix.Mount("mqueue", at+"/mqueue", "mqueue", procFlags, "")
	// Nobody makes devices in it, or fills it.
	return mount("/dev", "", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC, "")
}

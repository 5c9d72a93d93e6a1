package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

const procFlags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// procWritable are the parts of /proc through which root of the machine steers
// its kernel, whatever the namespace: its number is enough.
var procWritable = []string{"sys", "irq", "bus", "fs", "acpi", "scsi", "asound", "driver", "sysrq-trigger", "latency_stats"}

// errHidden is a /proc that nobody may see whole here, which the kernel refuses
// to a user namespace.
var errHidden = errors.New("sandbox isolated: cannot mount /proc: a container hides parts of it, and the kernel then forbids a new one; start the container with --security-opt systempaths=unconfined, or use the level supervised")

// mountProc mounts the process table of the sandbox's namespace.
func (o *orders) mountProc(*layout) error {
	at := newRoot + "/proc"
	if err := unix.Mount("proc", at, "proc", procFlags, ""); err != nil {
		if err == unix.EPERM {
			return errHidden
		}
		return fmt.Errorf("sandbox isolated: cannot mount /proc: %w", err)
	}
	if o.World.PID > 0 {
		// For init alone, before it becomes read-only.
		fd, err := unix.Open(at+"/sys/kernel/ns_last_pid", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("%s: cannot be chosen: %w", world.PID, err)
		}
		o.lastPID = fd
	}
	if !o.rootOutside() {
		return o.mountPristine()
	}
	for _, name := range procWritable {
		p := at + "/" + name
		if _, err := os.Lstat(p); err != nil {
			continue
		}
		if err := bindOver(p, p); err != nil {
			return err
		}
		if err := readOnly("/proc/"+name, p); err != nil {
			return err
		}
	}
	return nil
}

// pristine is where a second /proc lies when files are bound over the first.
const pristine = "/dev/.proc"

// mountPristine mounts a second /proc that nothing is bound over: without one,
// the kernel refuses a /proc of their own to sandboxes inside of this one (bwrap,
// Nix's, ours), for they would uncover what ours hides. Where the build has the
// number that root has on the machine it must not get such a /proc, which
// would be writable for it.
func (o *orders) mountPristine() error {
	w := &o.World
	if w.CPUs == 0 && w.Kernel == (world.Kernel{}) && w.Memory == 0 {
		return nil
	}
	return mount("/proc for sandboxes inside", "proc", newRoot+pristine, "proc", procFlags, "")
}

// rootOutside tells whether some process of the build has the number that root
// has on the machine.
func (o *orders) rootOutside() bool {
	return !o.Userns || len(o.IDs.OuterUID) > 0 && o.IDs.OuterUID[0].HostID == 0
}

// mountSys mounts a /sys that shows the sandbox's network, or the machine's
// where that is shared or a new one is not allowed.
func (o *orders) mountSys(*layout) error {
	at := newRoot + "/sys"
	if err := unix.Mount("sysfs", at, "sysfs", procFlags|unix.MS_RDONLY, ""); err == nil {
		return nil
	}
	if _, err := os.Lstat(oldRoot + "/sys/kernel"); err != nil {
		return nil // the machine has none
	}
	if err := bindOver(oldRoot+"/sys", at); err != nil {
		return err
	}
	return readOnly("/sys", at)
}

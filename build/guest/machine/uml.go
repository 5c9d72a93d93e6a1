package machine

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// The devices of user-mode Linux that a job names.
const (
	UMLDisk = "ubda"
	UMLTty  = "/dev/ttyS0" // of the events
)

// findUML finds Debian's kernel that is a program.
func findUML() (string, error) {
	if p, ok := look("linux.uml"); ok {
		return p, nil
	}
	return "", &MissingError{Program: "linux.uml", Debian: "user-mode-linux"}
}

// uml is the command that starts a user-mode Linux: its own command line,
// Documentation/virt/uml/user_mode_linux_howto_v2.rst. It has no clock and no
// random numbers but the host's.
func (c *Config) uml(h *hardware) (*command, error) {
	var err error
	for name, w := range map[string]*wire{"console": &h.console, "events": &h.events} {
		if *w, err = newWire(name); err != nil {
			return nil, err
		}
	}
	cmd := &command{path: c.Kernel, spaces: true}
	// It would make a folder for a socket of its own in a place that is this;
	// in /proc it fails to, and goes on.
	cmd.add("uml_dir=/proc/self/")
	cmd.add(fmt.Sprintf("mem=%dM", c.MemMiB), "con=null", fmt.Sprintf("con0=null,fd:%d", cmd.give(h.console.theirs)))
	events := cmd.give(h.events.theirs)
	cmd.add("ssl=null", fmt.Sprintf("ssl0=fd:%d,fd:%[1]d", events))
	if c.Disk != nil {
		// c: without a lock, which the host's other users of the file would meet.
		cmd.add(fmt.Sprintf("ubd0c=/proc/self/fd/%d", cmd.give(c.Disk)))
	}
	if c.Initrd != nil {
		initrd, err := h.open(c.Initrd, os.O_RDONLY)
		if err != nil {
			return nil, fmt.Errorf("guest: initrd: %w", patherr.Bare(err))
		}
		cmd.add(fmt.Sprintf("initrd=/proc/self/fd/%d", cmd.give(initrd)))
	}
	cmd.add("panic=-1", "loglevel=4")
	if c.Append != "" {
		cmd.add(c.Append)
	}
	cmd.env = append(os.Environ(), "TMPDIR="+roomFor(c.MemMiB))
	return cmd, nil
}

// roomFor is a folder for the file, without a name, that is the guest's memory:
// the host's memory where it may hold as much, which that of a container often
// may not.
func roomFor(mib int) string {
	var s unix.Statfs_t
	if unix.Statfs("/dev/shm", &s) == nil && s.Bavail*uint64(s.Bsize)>>20 > uint64(mib) && s.Flags&unix.ST_NOEXEC == 0 {
		return "/dev/shm"
	}
	return os.TempDir()
}

// spaces are namespaces in which all that user-mode Linux has started ends with
// it: it leaves processes behind when it is killed. Ordinary users need a user
// namespace for that.
func spaces(attr *syscall.SysProcAttr) {
	attr.Cloneflags = unix.CLONE_NEWPID
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
	}
}

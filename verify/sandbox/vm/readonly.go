package vm

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// stageName is the name under which this program starts itself to become a
// daemon that can write nothing.
const stageName = "reprodisk-vm-share"

// Main is the whole program where this process is about to be a daemon, and
// returns at once where it is not. It is called before anything else.
func Main() {
	if len(os.Args) < 2 || os.Args[0] != stageName {
		return
	}
	fmt.Fprintln(os.Stderr, become(os.Args[1], os.Args[1:]))
	os.Exit(1)
}

// servedRoot is a folder over which root's daemon finds the host's root bound:
// one that every host has, and no daemon needs.
const servedRoot = "/sys"

// mayMount tells whether this process may make a mount namespace of its own, as
// root may but in some containers.
func mayMount() bool {
	if os.Geteuid() != 0 {
		return false
	}
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&hdr, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// become makes all of this mount namespace read-only where it is one of its own,
// as root's is, and runs the daemon. It returns only with an error.
func become(program string, argv []string) error {
	if mayMount() {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("cannot leave the host's mounts alone: %w", err)
		}
		// A daemon can make a folder its root, but not what is its root already.
		if err := unix.Mount("/", servedRoot, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("cannot bind the host's files for the daemon: %w", err)
		}
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &attr); err != nil {
			return fmt.Errorf("cannot make the host's files read-only for the daemon (it takes Linux 5.12): %w", err)
		}
	}
	return fmt.Errorf("cannot be run: %w", syscall.Exec(program, argv, os.Environ()))
}

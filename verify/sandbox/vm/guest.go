package vm

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/inside"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// Where things are mounted before the host's files are the root.
const (
	hostRoot = "/host"
	diskRoot = "/disk"
)

// Folder is where in the guest the folder of its disk is: on a filesystem that is
// the guest's own, and below nothing that a Task may want to see without mounts
// in it.
const Folder = "/dev/reprodisk"

// Guest is what a Task finds in the guest.
type Guest struct {
	What           json.RawMessage // Options.What
	Stdout, Stderr io.Writer
	host           *inside.Host
}

// OutOfMemory tells whether the guest's kernel has ended a program for want of
// memory.
func (g *Guest) OutOfMemory() bool { return g.host.OutOfMemory() }

// Task makes a task of a guest's out of a function, which runs where the root
// is the host's, and gives the Reply.
func Task(do func(*Guest) ([]byte, error)) inside.Task {
	return func(h *inside.Host, what json.RawMessage) error {
		var o orders
		if err := json.Unmarshal(what, &o); err != nil {
			return fmt.Errorf("the orders: %w", err)
		}
		if err := o.enter(h); err != nil {
			return err
		}
		answer, err := do(&Guest{What: o.What, Stdout: stream{h, Stdout}, Stderr: stream{h, Stderr}, host: h})
		if err != nil {
			return err
		}
		// What still holds the disk (a mount namespace that the kernel takes down
		// in its own time) holds nothing that is not written by then.
		unix.Sync()
		_ = unix.Unmount(Folder, 0)
		h.Send(reply, answer)
		return nil
	}
}

// stream is a writer to the host.
type stream struct {
	host   *inside.Host
	number int
}

func (s stream) Write(b []byte) (int, error) {
	s.host.Send(s.number, b)
	return len(b), nil
}

// enter makes the host's files the root, with what the guest's kernel provides
// and the disk in their places.
func (o *orders) enter(h *inside.Host) error {
	dev, err := h.Disk()
	if err != nil {
		return err
	}
	for _, dir := range []string{hostRoot, diskRoot} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return patherr.At(dir, err)
		}
	}
	if err := unix.Mount(dev, diskRoot, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("cannot mount the disk: %w%s", err, h.Complaint())
	}
	data := map[string]string{ninep: "trans=virtio,version=9p2000.L,msize=524288,cache=loose"}[o.Share]
	if err := unix.Mount(tag, hostRoot, o.Share, unix.MS_RDONLY|unix.MS_NOATIME, data); err != nil {
		return fmt.Errorf("cannot mount the host's files by %s: %w%s", o.Share, err, h.Complaint())
	}
	for _, m := range []struct {
		from, to string
		flags    uintptr
	}{
		{"/dev", "/dev", unix.MS_MOVE},
		{"/proc", "/proc", unix.MS_MOVE},
		{"/sys", "/sys", unix.MS_MOVE},
		{diskRoot + "/" + diskFolder, Folder, unix.MS_BIND},
	} {
		if m.to == Folder {
			if err := os.Mkdir(hostRoot+Folder, 0o755); err != nil {
				return patherr.At(Folder, err)
			}
		}
		if err := unix.Mount(m.from, hostRoot+m.to, "", m.flags, ""); err != nil {
			return fmt.Errorf("cannot put %s in its place: %w", m.to, err)
		}
	}
	_ = unix.Unmount(diskRoot, unix.MNT_DETACH) // it stays where it was bound
	if err := switchRoot(hostRoot); err != nil {
		return err
	}
	limitable()
	o.resemble()
	return nil
}

// switchRoot makes a mount the root, as switch_root(8) does: the first root of a
// kernel cannot be exchanged by pivot_root(2).
func switchRoot(to string) error {
	err := os.Chdir(to)
	if err == nil {
		err = unix.Mount(".", "/", "", unix.MS_MOVE, "")
	}
	if err == nil {
		err = unix.Chroot(".")
	}
	if err == nil {
		err = os.Chdir("/")
	}
	if err != nil {
		return fmt.Errorf("cannot make the host's files the root: %w", err)
	}
	return nil
}

// limitable has control groups bind memory and processes, where the kernel has
// them (cgroups(7), version 2).
func limitable() {
	const at = "/sys/fs/cgroup"
	if unix.Mount("cgroup2", at, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") != nil {
		return
	}
	for _, controller := range []string{"+memory", "+pids"} {
		_ = os.WriteFile(at+"/cgroup.subtree_control", []byte(controller), 0)
	}
}

// resemble takes over from the host what a build inherits.
func (o *orders) resemble() {
	_ = unix.Sethostname([]byte(o.Hostname))
	_ = unix.Setdomainname([]byte(o.Domain))
	unix.Umask(o.Umask)
	if o.Files.Max > 0 {
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &o.Files)
	}
}

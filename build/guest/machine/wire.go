package machine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// wire is a connection to the machine that has no name.
type wire struct {
	ours, theirs *os.File
}

func newWire(name string) (w wire, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return w, fmt.Errorf("guest: cannot make a pair of sockets: %w", err)
	}
	_ = unix.SetNonblock(fds[0], true) // so that reads have deadlines
	return wire{os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name)}, nil
}

func (w wire) close() {
	w.ours.Close() // of none or a closed one, an error
	w.theirs.Close()
}

// reopen opens an open file anew, with a position of its own.
func reopen(f *os.File, flag int) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), flag, 0)
}

// memory makes a file that has no name and lies in memory.
func memory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("guest: cannot make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

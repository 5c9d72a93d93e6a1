//go:build linux

package supervise

import (
	"os"

	"golang.org/x/sys/unix"
)

// Pair makes the two ends of what the supervisor and Prepare speak through. The
// second is handed to the exec stage as an inherited file and closed by the
// caller once that has started, so that its end is noticed.
func Pair() (supervisor, build *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	// A message then tells its sender's number as this process counts them.
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("setsockopt", err)
	}
	return os.NewFile(uintptr(fds[0]), "supervisor"), os.NewFile(uintptr(fds[1]), "build"), nil
}

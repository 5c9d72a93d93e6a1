package sandbox

import (
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls that the Go runtime does not know of, and so starts no thread for.

func rawRead(fd int, b []byte) int {
	for {
		n, _, e := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch {
		case e == unix.EINTR:
		case e != 0:
			return -1
		default:
			return int(n)
		}
	}
}

func rawWrite(fd int, b []byte) {
	unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
}

func rawWait(ws *unix.WaitStatus) (int, unix.Errno) {
	p, _, e := unix.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(ws)), unix.WALL, 0, 0, 0)
	return int(p), e
}

// Signal actions, signal(7).
const (
	sigDfl = 0
	sigIgn = 1
)

// setSignal sets what a signal does, below the Go runtime, which would have its
// own handler.
func setSignal(sig int, action uintptr) {
	act := [4]uint64{uint64(action)} // struct sigaction of the kernel: handler, flags, restorer, mask
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&act[0])), 0, 8, 0, 0)
}

// statParent is the parent in /proc/PID/stat, proc_pid_stat(5); 0 where there is
// none to be read. The program's name before it may hold anything.
func statParent(s string) int {
	i := strings.LastIndexByte(s, ')')
	if i < 0 {
		return 0
	}
	f := strings.Fields(s[i+1:])
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 0 {
		return 0
	}
	return n
}

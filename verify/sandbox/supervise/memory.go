//go:build linux

package supervise

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const page = 4096

// read reads all of b from a thread's memory, or fails.
func (t *thread) read(addr uint64, b []byte) bool { return t.readSome(addr, b) == len(b) }

// readSome reads as much of b as is there.
func (t *thread) readSome(addr uint64, b []byte) int {
	if len(b) == 0 {
		return 0
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := unix.ProcessVMReadv(t.tid, local, remote, 0)
	if err == unix.ENOSYS || err == unix.EPERM { // some containers forbid the call
		n = t.throughFile(os.O_RDONLY, func(f *os.File) (int, error) { return f.ReadAt(b, int64(addr)) })
	}
	return max(n, 0)
}

// write writes all of b into a thread's memory where the program itself may
// write, or fails.
func (t *thread) write(addr uint64, b []byte) bool {
	if len(b) == 0 {
		return true
	}
	local := []unix.Iovec{{Base: &b[0], Len: uint64(len(b))}}
	remote := []unix.RemoteIovec{{Base: uintptr(addr), Len: len(b)}}
	n, err := unix.ProcessVMWritev(t.tid, local, remote, 0)
	if err == unix.ENOSYS || err == unix.EPERM {
		n = t.throughFile(os.O_RDWR, func(f *os.File) (int, error) { return f.WriteAt(b, int64(addr)) })
	}
	return n == len(b)
}

func (t *thread) throughFile(flag int, do func(*os.File) (int, error)) int {
	f, err := os.OpenFile("/proc/"+strconv.Itoa(t.tid)+"/mem", flag, 0)
	if err != nil {
		return 0
	}
	defer f.Close()
	n, _ := do(f)
	return n
}

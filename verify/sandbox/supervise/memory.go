//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	page    = 4096
	maxPath = 4096 // PATH_MAX
)

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

// readString reads a string that ends with a zero byte, of at most limit bytes,
// page by page: what follows it may not be there.
func (t *thread) readString(addr uint64, limit int) (string, bool) {
	var s []byte
	for len(s) < limit {
		n := min(int(page-addr%page), limit-len(s))
		if len(s) == 0 {
			n = min(n, 256) // most are short
		}
		at := len(s)
		s = append(s, make([]byte, n)...)
		got := t.readSome(addr, s[at:])
		if i := bytes.IndexByte(s[at:at+got], 0); i >= 0 {
			return string(s[:at+i]), true
		}
		if got < n {
			return "", false
		}
		addr += uint64(n)
	}
	return "", false
}

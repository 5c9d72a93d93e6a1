//go:build linux

package supervise

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ptrace makes a request without the Go runtime knowing: none of those used
// here waits.
func ptrace(request, tid int, addr, data uintptr) unix.Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	return e
}

// Of struct ptrace_syscall_info, linux/ptrace.h.
const (
	infoNone    = 0
	infoEntry   = 1
	infoExit    = 2
	infoSeccomp = 3
)

type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64 // at an exit: the result
	args [6]uint64
	data uint32 // at a seccomp stop: of the filter
	_    uint32
}

func (t *thread) info() (syscallInfo, bool) {
	var i syscallInfo
	_, _, e := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(t.tid), unsafe.Sizeof(i), uintptr(unsafe.Pointer(&i)), 0, 0)
	return i, e == 0
}

// poke writes one word into a thread's memory, read-only text included.
func poke(tid int, addr uint64, word uint64) bool {
	return ptrace(unix.PTRACE_POKEDATA, tid, uintptr(addr), uintptr(word)) == 0
}

// eventMessage is what a ptrace event has to say: a new thread's number, or the
// former one.
func eventMessage(tid int) (int, bool) {
	m, err := unix.PtraceGetEventMsg(tid)
	return int(m), err == nil
}

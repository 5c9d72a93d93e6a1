//go:build linux

package supervise

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// supported tells whether this architecture is: what depends on it are the
// files *_amd64.go.
const supported = true

// Byte offsets in struct user_regs_struct, asm/user_64.h, for PTRACE_POKEUSER.
const (
	regAX     = 80
	regOrigAX = 120
)

// regArgs are the registers of a system call's arguments: di, si, dx, r10, r8, r9.
var regArgs = [6]uintptr{112, 104, 96, 56, 72, 64}

const redZone = 128 // bytes below the stack pointer that are in use, System V ABI

// skip makes a thread that stands before a system call not make it, and see a
// result.
func (t *thread) skip(result int64) {
	ptrace(unix.PTRACE_POKEUSR, t.tid, regOrigAX, ^uintptr(0))
	ptrace(unix.PTRACE_POKEUSR, t.tid, regAX, uintptr(result))
}

// setArg changes an argument: before a call what the call gets, after it what
// the program finds in the register, or a call that is restarted gets.
func (t *thread) setArg(i int, v uint64) { ptrace(unix.PTRACE_POKEUSR, t.tid, regArgs[i], uintptr(v)) }

// setResult changes the result of a call that has been made.
func (t *thread) setResult(v int64) { ptrace(unix.PTRACE_POKEUSR, t.tid, regAX, uintptr(v)) }

// registers tells the stack pointer, and whether the thread runs 64-bit code.
func (t *thread) registers() (sp uint64, native bool) {
	r, ok := t.allRegisters()
	return r.Rsp, !ok || r.Cs != 0x23 // __USER32_CS of asm/segment.h
}

// allRegisters does not use PTRACE_GETREGSET, which gives the registers of a
// 32-bit program in a form of their own.
func (t *thread) allRegisters() (r unix.PtraceRegs, ok bool) {
	ok = ptrace(unix.PTRACE_GETREGS, t.tid, 0, uintptr(unsafe.Pointer(&r))) == 0
	return r, ok
}

func (t *thread) setRegisters(r *unix.PtraceRegs) bool {
	return ptrace(unix.PTRACE_SETREGS, t.tid, 0, uintptr(unsafe.Pointer(r))) == 0
}

// usesOf tells what a system call does with descriptors.
func usesOf(nr uint64) use {
	switch nr {
	case unix.SYS_READ, unix.SYS_PREAD64:
		return usesRead
	case unix.SYS_READV, unix.SYS_PREADV, unix.SYS_PREADV2:
		return usesReadv
	case unix.SYS_SENDFILE:
		return usesSendfile
	case unix.SYS_SPLICE, unix.SYS_TEE, unix.SYS_COPY_FILE_RANGE:
		return usesSplice
	case unix.SYS_CLOSE:
		return usesClose
	case unix.SYS_CLOSE_RANGE:
		return usesCloseMany
	case unix.SYS_DUP2, unix.SYS_DUP3:
		return usesReplace
	}
	return usesNothing
}

//go:build linux

package supervise

import "golang.org/x/sys/unix"

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

// registers tells the stack pointer, and whether the thread runs 64-bit code.
func (t *thread) registers() (sp uint64, native bool) {
	var r unix.PtraceRegs
	if unix.PtraceGetRegs(t.tid, &r) != nil {
		return 0, true // it is dead
	}
	return r.Rsp, r.Cs != 0x23 // __USER32_CS of asm/segment.h
}

//go:build linux

package supervise

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loop waits for whatever happens to the children of this thread, until there
// are none.
func (s *supervisor) loop() {
	for {
		var ws unix.WaitStatus
		tid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return // ECHILD
		}
		switch {
		case ws.Exited() || ws.Signaled():
			s.gone(tid)
			if tid == s.o.Leader {
				s.result.Status = ws
				s.end()
			}
		case ws.Stopped():
			s.result.Stops++
			t := s.threads[tid]
			if t == nil {
				t = s.adopt(tid)
			}
			if s.ending {
				t.kill()
				continue
			}
			s.stopped(t, ws)
		}
	}
}

// syscallStop is the signal of a stop before or after a system call, by
// PTRACE_O_TRACESYSGOOD.
const syscallStop = unix.SIGTRAP | 0x80

// stopped answers a stop, and lets the thread go on.
func (s *supervisor) stopped(t *thread, ws unix.WaitStatus) {
	sig := ws.StopSignal()
	event := int(uint32(ws) >> 16)
	switch event {
	case unix.PTRACE_EVENT_SECCOMP:
		s.called(t)
	case unix.PTRACE_EVENT_EXEC:
		s.execEvent(t)
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK, unix.PTRACE_EVENT_CLONE:
		if child, ok := eventMessage(t.tid); ok {
			isThread := unix.Tgkill(t.proc.tgid, child, 0) == nil
			born := s.born(child, t.proc, isThread)
			if !isThread {
				if event != unix.PTRACE_EVENT_FORK {
					born.proc.borrowed = true
					t.proc.borrowed = t.proc.borrowed || event == unix.PTRACE_EVENT_CLONE
				}
				s.ask(askPID) // who starts a process is told its number
			}
		}
	case unix.PTRACE_EVENT_STOP:
		switch sig {
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			ptrace(unix.PTRACE_LISTEN, t.tid, 0, 0) // it stays stopped until SIGCONT
			return
		}
	case 0:
		switch sig {
		case syscallStop:
			s.syscallStopped(t)
		case unix.SIGSYS:
			if t.refused() {
				s.refuse(t.proc.name + " makes 32-bit system calls, which are not supervised: use a 64-bit program")
				return
			}
			t.resume(sig)
			return
		default:
			t.resume(sig)
			return
		}
	}
	if !s.ending {
		t.resume(0)
	}
}

// execEvent is a new program before its first instruction. Where a thread other
// than the first has called execve, it now has the first one's number, and the
// others are gone.
func (s *supervisor) execEvent(t *thread) {
	for tid, other := range s.threads {
		if other.proc == t.proc && tid != t.tid {
			s.gone(tid)
		}
	}
	if former, ok := eventMessage(t.tid); ok && former != t.tid {
		s.gone(former)
	}
	t.pending = nil
	first := s.root == nil
	if first {
		s.startClock()
	}
	s.execved(t)
	if t.proc.devices {
		t.proc.devices = t.holdsDevices()
	}
	if first && !s.ending && s.o.FirstExec != nil {
		if err := s.o.FirstExec(); err != nil {
			s.abandon(err)
		}
	}
}

// syscallStopped is a stop before a call, of a process that holds a device, or
// behind one, where what waits for its end is run.
func (s *supervisor) syscallStopped(t *thread) {
	i, ok := t.info()
	switch {
	case !ok:
	case i.op == infoEntry:
		t.call = i
		s.entered(t)
	case i.op == infoExit && t.pending != nil:
		after := t.pending
		t.pending = nil
		after(t, int64(i.nr))
	}
}

// refusedMark is the filter's word for a system call of a foreign interface: it
// comes as the errno of a SIGSYS.
const refusedMark = 0x7264

// refused tells whether a SIGSYS is ours: si_errno, then si_code, of siginfo_t.
func (t *thread) refused() bool {
	var info [128]byte
	if ptrace(unix.PTRACE_GETSIGINFO, t.tid, 0, uintptr(unsafe.Pointer(&info))) != 0 {
		return false
	}
	const sysSeccomp = 1
	return binary.NativeEndian.Uint32(info[4:]) == refusedMark && binary.NativeEndian.Uint32(info[8:]) == sysSeccomp
}

//go:build linux

package supervise

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// thread is one thread of the build.
type thread struct {
	tid  int
	proc *process

	call    syscallInfo                   // the one it is in
	pending func(t *thread, result int64) // what to do when that returns; nil: nothing
	agreed  agreed
}

// process is what its threads have in common.
type process struct {
	tgid int
	name string   // of the program, as the build sees it
	prog *program // nil before the build's first program

	vdso      uint64 // where it is mapped, patched; 0: it is not
	stubs     int    // how many it holds for places of the program
	sites     map[uint64]*site
	borrowed  bool   // its memory may be another's too
	clockCall uint64 // the address after the system call of the patched vDSO; 0: none
	threads   int
	pidfd     int             // 0: none yet
	devices   bool            // it may hold a file of randomness: each of its calls is stopped at
	timers    map[uint32]bool // those that go by the date; not inherited by fork
}

// born enters a new thread, if it is not known yet: its first stop may come
// before the event that announces it.
func (s *supervisor) born(tid int, parent *process, isThread bool) *thread {
	if t := s.threads[tid]; t != nil {
		return t
	}
	t := &thread{tid: tid}
	if isThread && parent != nil {
		t.proc = parent
	} else {
		p := &process{tgid: tid}
		if parent != nil {
			p.name, p.vdso, p.clockCall, p.devices = parent.name, parent.vdso, parent.clockCall, parent.devices
			p.stubs = parent.stubs
			if parent.prog != nil {
				p.prog = parent.prog.fork()
			}
		}
		t.proc = p
	}
	t.proc.threads++
	s.threads[tid] = t
	return t
}

// adopt enters a thread whose first stop came before its parent's event, or
// whose parent was killed before it.
func (s *supervisor) adopt(tid int) *thread {
	tgid, ppid := kinship(tid)
	if tgid != tid {
		if t := s.ofProcess(tgid); t != nil {
			return s.born(tid, t.proc, true)
		}
	}
	if t := s.ofProcess(ppid); t != nil {
		return s.born(tid, t.proc, false)
	}
	t := s.born(tid, nil, false)
	if s.root != nil && t.proc.prog == nil {
		t.proc.prog = s.root.fork()
	}
	return t
}

// ofProcess finds some thread of a process: its first may have ended.
func (s *supervisor) ofProcess(tgid int) *thread {
	if t := s.threads[tgid]; t != nil {
		return t
	}
	for _, t := range s.threads {
		if t.proc.tgid == tgid {
			return t
		}
	}
	return nil
}

// kinship tells the process of a thread, and that one's parent; zeros where it
// is gone.
func kinship(tid int) (tgid, ppid int) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(tid) + "/status")
	if err != nil {
		return 0, 0
	}
	for line := range bytes.Lines(b) {
		if v, ok := bytes.CutPrefix(line, []byte("Tgid:")); ok {
			tgid, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if v, ok := bytes.CutPrefix(line, []byte("PPid:")); ok {
			ppid, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
			break
		}
	}
	return tgid, ppid
}

// gone removes a thread that has ended.
func (s *supervisor) gone(tid int) {
	t := s.threads[tid]
	if t == nil {
		return
	}
	delete(s.threads, tid)
	if t.proc.threads--; t.proc.threads == 0 && t.proc.pidfd != 0 {
		unix.Close(t.proc.pidfd)
	}
}

// kill ends a thread's process. Its number cannot belong to another: only this
// supervisor can reap it.
func (t *thread) kill() { unix.Tgkill(t.proc.tgid, t.tid, unix.SIGKILL) }

// resume lets a thread go on, with a signal or 0.
func (t *thread) resume(sig unix.Signal) {
	request := unix.PTRACE_CONT
	if t.pending != nil || t.proc.devices {
		request = unix.PTRACE_SYSCALL
	}
	ptrace(request, t.tid, 0, uintptr(sig))
}

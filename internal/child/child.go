// Package child starts programs that end when this one does, whatever ends it,
// and that can be ended with all that they have started.
//
// A child is the first of a process group of its own. The kernel kills it when
// the thread ends that has started it (PR_SET_PDEATHSIG, prctl(2)), so that
// thread waits for it and does nothing else. What leaves the process group is
// out of reach.
package child

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process is a child.
type Process struct {
	// Ended is closed when nothing of it is left.
	Ended chan struct{}
	// State may be read then, and Killed, which tells whether Kill came before it.
	State  *os.ProcessState
	Killed bool

	mu     sync.Mutex
	pid    int
	reaped bool
}

// Start starts the first of some commands that can be started; the error is the
// last one's. Their process group and death signal are set here.
func Start(commands ...*exec.Cmd) (*Process, error) {
	p := &Process{Ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		for _, cmd := range commands {
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, unix.SIGKILL
			if err = cmd.Start(); err == nil {
				p.pid = cmd.Process.Pid
				started <- nil
				p.wait(cmd)
				return
			}
		}
		started <- err
	}()
	return p, <-started
}

// wait waits for the program's end, and ends what it has started. Its number
// stays taken until then.
func (p *Process) wait(cmd *exec.Cmd) {
	defer close(p.Ended)
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	_ = unix.Kill(-p.pid, unix.SIGKILL)
	p.reaped = true
	p.mu.Unlock()
	_ = cmd.Wait() // what it says is in the state
	p.State = cmd.ProcessState
}

// Kill kills the program and all of its group, if it is still there.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		p.Killed = true
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

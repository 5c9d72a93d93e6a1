package machine

import (
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// command is a program of the host's with what it inherits.
type command struct {
	path  string
	args  []string
	files []*os.File
	env   []string // nil: this program's
	// spaces has all that it starts end with it, where the host allows that.
	spaces bool
}

func (c *command) add(args ...string) { c.args = append(c.args, args...) }

// give has the program inherit a file, and returns its descriptor there.
func (c *command) give(f *os.File) int {
	c.files = append(c.files, f)
	return 2 + len(c.files)
}

// process is a program that runs, in a process group of its own.
type process struct {
	ended  chan struct{} // closed when nothing of it is left
	state  *os.ProcessState
	stderr tail // both may be read when it has ended

	mu     sync.Mutex
	pid    int
	reaped bool
}

// start starts a program that the kernel kills when this program ends,
// whatever ends it: PR_SET_PDEATHSIG, prctl(2), which means the thread that
// has started it, so that one waits for it.
func (c *command) start() (*process, error) {
	p := &process{ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		cmd := p.prepare(c, c.spaces)
		err := cmd.Start()
		if err != nil && c.spaces { // containers and hosts that refuse namespaces
			cmd = p.prepare(c, false)
			err = cmd.Start()
		}
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.wait(cmd)
		}
	}()
	return p, <-started
}

func (p *process) prepare(c *command, apart bool) *exec.Cmd {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if apart {
		spaces(attr)
	}
	return &exec.Cmd{
		Path: c.path, Args: append([]string{c.path}, c.args...), Env: c.env, Dir: "/", ExtraFiles: c.files,
		Stdout: &p.stderr, Stderr: &p.stderr, WaitDelay: 5 * time.Second, SysProcAttr: attr,
	}
}

// wait waits for the program's end, and ends what it has started. Its number
// stays taken until then.
func (p *process) wait(cmd *exec.Cmd) {
	defer close(p.ended)
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.kill()
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	_ = cmd.Wait() // what it says is in the state
	p.state = cmd.ProcessState
}

// kill kills the program and all of its group.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

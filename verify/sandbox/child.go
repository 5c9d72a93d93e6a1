package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/sandbox/supervise"
)

// child is init, as the caller's side has it.
type child struct {
	pid    int
	pidfd  int
	spaces bool     // it is pid 1 of a namespace: all end with it
	orders *os.File // to it
	report *os.File // from it
	life   *os.File // closed: it ends everything
	hello  *os.File // from exec, where it is traced
	theirs []*os.File
}

// start starts init, on the thread that will wait for it.
func (s *session) start() (c *child, err error) {
	c = &child{pidfd: -1, spaces: s.req.Level == Isolated}
	defer func() {
		for _, f := range c.theirs {
			f.Close()
		}
		if err != nil {
			c.close()
		}
	}()
	files, err := c.files(s)
	if err != nil {
		return c, fmt.Errorf("sandbox: %w", err)
	}
	attr := &syscall.ProcAttr{Dir: "/", Env: stageEnv(s.req.Level), Files: files, Sys: &syscall.SysProcAttr{
		Setsid: true, PidFD: &c.pidfd,
	}}
	if s.req.Level == Isolated {
		err = s.startIsolated(c, attr)
	} else if c.pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr); err != nil {
		err = fmt.Errorf("sandbox: cannot start: %w", err)
	}
	return c, err
}

// files opens what init inherits, in the order of its descriptors.
func (c *child) files(s *session) (files []uintptr, err error) {
	files = make([]uintptr, 3)
	give := func(f *os.File) {
		c.theirs = append(c.theirs, f)
		files = append(files, f.Fd())
	}
	pipe := func() (r, w *os.File) {
		if err == nil {
			r, w, err = os.Pipe()
		}
		return r, w
	}
	open := func(name string) (f *os.File) {
		if err == nil {
			f, err = os.Open(name)
		}
		return f
	}
	self, out := open("/proc/self/exe"), open(s.req.OutDir)
	var null *os.File // as standard input, and as outputs that nobody reads
	if err == nil {
		null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	ordersR, ordersW := pipe()
	reportR, reportW := pipe()
	lifeR, lifeW := pipe()
	c.orders, c.report, c.life = ordersW, reportR, lifeW
	hello := []*os.File{}
	if s.orders.Exec.Traced && err == nil {
		var theirs *os.File
		if c.hello, theirs, err = supervise.Pair(); err == nil {
			hello = append(hello, theirs)
		}
	}
	if err != nil {
		c.theirs = append(c.theirs, null, self, out, ordersR, reportW, lifeR) // closing none is harmless
		return nil, err
	}
	c.theirs = append(c.theirs, null)
	files[0], files[1], files[2] = null.Fd(), null.Fd(), null.Fd()
	if s.stdout != nil {
		files[1], files[2] = s.stdout.Fd(), s.stderr.Fd()
	}
	for _, f := range append([]*os.File{ordersR, self, out, reportW, lifeR}, hello...) {
		give(f)
	}
	return files, nil
}

// stageEnv is a stage's own environment: as few threads as can be, and no
// collector that would start more.
func stageEnv(l Level) []string {
	if l == Isolated {
		return []string{"GOMAXPROCS=1", "GOGC=off"}
	}
	return []string{"GOMAXPROCS=2", "GOGC=off"} // one waits, one listens for the caller's end
}

// kill ends everything. It may be called until close.
func (c *child) kill() {
	if c.spaces {
		unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
		return
	}
	c.life.Close()
}

// watch returns a context that ends with ctx, or when the time does, and then
// kills. What why points to may be read when stop has been called.
func (c *child) watch(ctx context.Context, wall time.Duration) (inner context.Context, why *string, stop func()) {
	why = new(string)
	inner, cancel := context.WithCancel(ctx)
	done, over := make(chan struct{}), make(chan struct{})
	var timer <-chan time.Time
	if wall > 0 {
		timer = time.After(wall)
	}
	go func() {
		defer close(over)
		select {
		case <-done:
			return
		case <-ctx.Done():
		case <-timer:
			*why = fmt.Sprintf("timeout after %v", wall)
		}
		cancel()
		c.kill()
	}()
	return inner, why, func() {
		close(done)
		<-over
		cancel()
	}
}

// wait waits for init's end, on the thread that has started it, leaving all
// other children of the program alone.
func (c *child) wait() (ws unix.WaitStatus, err error) {
	for {
		_, err := unix.Wait4(c.pid, &ws, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return ws, fmt.Errorf("sandbox: lost: %w", err)
		}
		return ws, nil
	}
}

// hear reads init's report; nil where it has given none.
func (c *child) hear() *outcome {
	var o outcome
	b, err := io.ReadAll(io.LimitReader(c.report, 1<<20))
	if err != nil || json.Unmarshal(b, &o) != nil {
		return nil
	}
	return &o
}

func (c *child) close() {
	for _, f := range []*os.File{c.orders, c.report, c.life, c.hello} {
		f.Close() // of none or a closed one, an error
	}
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
}

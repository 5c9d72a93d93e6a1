package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// session is one run, on the caller's side.
type session struct {
	req            *Request
	res            *Result
	orders         orders
	folder         string // the build folder on the machine, where it has one there
	stdout, stderr *os.File
	found          bool
}

// onThread calls f on an OS thread of its own, which ends with f: what it has
// started with a parent-death signal, or traces, cannot outlive it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good
		if unix.Gettid() == unix.Getpid() {
			// The first thread of a process cannot end before the process.
			onThread(f)
			close(done)
			runtime.UnlockOSThread()
			return
		}
		defer close(done)
		f()
	}()
	<-done
}

// plan turns the request into orders.
func (s *session) plan() {
	r := s.req
	w := &r.World
	o := &s.orders
	*o = orders{
		Level: r.Level, World: *w, Build: w.BuildPath, Dir: r.Dir, Overlay: r.Overlay,
		Inputs: r.Inputs, Extra: r.Extra, OutDir: r.OutDir, Network: r.Network, DiskLimit: r.Limits.Disk,
	}
	if o.Build == "" {
		o.Build = DefaultBuildPath
	}
	o.Disk = r.Level != Isolated || w.Filesystem == "disk"
	if o.Disk {
		s.folder = filepath.Join(r.OutDir, "build")
	}
	if r.Level != Isolated {
		o.Build = s.folder
	}
	if o.Dir == "" {
		o.Dir = o.Build
	}
	o.IDs = planIDs(w.User, os.Geteuid(), os.Getegid(), ownIDs, subIDs)
	o.Exec = execOrders{
		Path: r.Path, Args: r.Args, Dir: o.Dir, World: *w, Limits: r.Limits, Watch: r.Watch,
		Env: environment(r, o.Build), Keep: r.Level == None,
	}
}

// makeFolders makes the build folder where it is not on tmpfs.
func (s *session) makeFolders() error {
	if s.folder == "" {
		return nil
	}
	dirs := []string{s.folder, filepath.Join(s.folder, "tmp")}
	if s.req.World.Home == "" || s.req.Level != Isolated {
		dirs = append(dirs, filepath.Join(s.folder, "home"))
	}
	for _, d := range dirs {
		if err := os.Mkdir(d, 0o700); err != nil {
			return pathError(d, err)
		}
		os.Chmod(d, 0o755) // whatever the caller's umask
	}
	return nil
}

// removeFolders removes them, read-only folders in them included.
func (s *session) removeFolders() {
	if s.folder == "" {
		return
	}
	if os.RemoveAll(s.folder) != nil {
		filepath.WalkDir(s.folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
		os.RemoveAll(s.folder)
	}
}

// run starts init, waits for its end, and reads its report. It is called on a
// thread of its own.
func (s *session) run(ctx context.Context) error {
	c, err := s.start()
	if err != nil {
		return err
	}
	defer c.close()
	relieve, err := s.startLoad()
	if err != nil {
		c.kill()
		c.wait()
		return err
	}
	defer relieve()
	watched, stop := c.watch(ctx, s.req.Limits.Wall)
	if err := tell(c.orders, &s.orders); err != nil && !errors.Is(err, unix.EPIPE) {
		c.kill()
	}
	outcomes := make(chan *outcome, 1)
	go func() { outcomes <- c.hear() }()
	ws, err := c.wait()
	stop()
	if err != nil {
		return err
	}
	out := <-outcomes
	s.res.Why = *watched
	switch {
	case s.res.Why != "" || ctx.Err() != nil:
		return nil
	case out == nil:
		return fmt.Errorf("sandbox: ended before its report (%s)", statusText(ws))
	case out.Error != "":
		return errors.New(out.Error)
	}
	s.res.Duration = time.Duration(out.Nanosecs)
	s.res.NotApplied = Can(s.req.Level, &s.req.World)
	for _, n := range set(&s.req.World) {
		if s.res.NotApplied[n] == "" {
			s.res.Applied = append(s.res.Applied, n)
		}
	}
	s.ended(unix.WaitStatus(out.Status))
	s.found, s.res.Problem = out.Found, out.Problem
	return nil
}

// ended enters how the command ended.
func (s *session) ended(ws unix.WaitStatus) {
	if ws.Signaled() {
		s.res.Signal = unix.SignalName(ws.Signal())
		if s.res.Signal == "" {
			s.res.Signal = fmt.Sprintf("signal %d", int(ws.Signal()))
		}
		if ws.Signal() == unix.SIGXCPU && s.req.Limits.CPU > 0 {
			s.res.Why = fmt.Sprintf("more than %v of processor time", s.req.Limits.CPU)
		}
		return
	}
	s.res.ExitCode = ws.ExitStatus()
}

func statusText(ws unix.WaitStatus) string {
	if ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return fmt.Sprintf("exit status %d", ws.ExitStatus())
}

// child is init, as the caller's side has it.
type child struct {
	pid    int
	pidfd  int
	spaces bool     // it is pid 1 of a namespace: all end with it
	orders *os.File // to it
	report *os.File // from it
	life   *os.File // closed: it ends everything
	hello  *os.File // from exec, where it is traced
	dead   atomic.Bool
}

// start starts init.
func (s *session) start() (c *child, err error) {
	c = &child{pidfd: -1, spaces: s.req.Level == Isolated}
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			c.close()
		}
	}()
	open := func(f *os.File, e error) *os.File {
		if e != nil && err == nil {
			err = fmt.Errorf("sandbox: %w", e)
		}
		theirs = append(theirs, f)
		return f
	}
	pipe := func() (r, w *os.File) {
		r, w, e := os.Pipe()
		open(nil, e)
		return r, w
	}
	null := open(os.Open(os.DevNull))
	self := open(os.Open("/proc/self/exe"))
	out := open(os.Open(s.req.OutDir))
	ordersR, ordersW := pipe()
	reportR, reportW := pipe()
	lifeR, lifeW := pipe()
	c.orders, c.report, c.life = ordersW, reportR, lifeW
	theirs = append(theirs, ordersR, reportW, lifeR)
	if err != nil {
		return c, err
	}
	files := []uintptr{
		null.Fd(), s.stdout.Fd(), s.stderr.Fd(),
		ordersR.Fd(), self.Fd(), out.Fd(), reportW.Fd(), lifeR.Fd(),
	}
	attr := &syscall.ProcAttr{Dir: "/", Env: stageEnv(s.req.Level), Files: files, Sys: &syscall.SysProcAttr{
		Setsid: true, PidFD: &c.pidfd,
	}}
	if s.req.Level == Isolated {
		err = s.startIsolated(c, attr)
	} else {
		c.pid, err = syscall.ForkExec("/proc/self/exe", []string{initName}, attr)
	}
	if err != nil {
		return c, err
	}
	return c, nil
}

// stageEnv is a stage's own environment: as few threads as can be, and no
// collector that would start more.
func stageEnv(l Level) []string {
	if l == Isolated {
		return []string{"GOMAXPROCS=1", "GOGC=off"}
	}
	return []string{"GOMAXPROCS=2", "GOGC=off"} // one waits, one listens for the caller's end
}

// kill ends everything.
func (c *child) kill() {
	if c.dead.Load() {
		return
	}
	if c.spaces {
		unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
		return
	}
	c.life.Close()
}

// watch kills when ctx or the time ends, and says why. What it points to may
// be read when stop has been called.
func (c *child) watch(ctx context.Context, wall time.Duration) (why *string, stop func()) {
	why = new(string)
	done := make(chan struct{})
	var timer <-chan time.Time
	if wall > 0 {
		t := time.NewTimer(wall)
		timer = t.C
	}
	var over sync.WaitGroup
	over.Go(func() {
		select {
		case <-done:
		case <-ctx.Done():
			c.kill()
		case <-timer:
			*why = fmt.Sprintf("timeout after %v", wall)
			c.kill()
		}
	})
	return why, func() { close(done); over.Wait() }
}

// wait waits for init's end, on the thread that has started it, leaving all
// other children of the program alone.
func (c *child) wait() (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(c.pid, &ws, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		c.dead.Store(true)
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
		if f != nil {
			f.Close()
		}
	}
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
}

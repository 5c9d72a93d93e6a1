package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/sandbox/supervise"
	"github.com/reprodisk/reprodisk/verify/world"
)

// session is one run, on the caller's side.
type session struct {
	req            *Request
	res            *Result
	orders         orders
	folder         string // the build folder on the machine, where it has one there
	stdout, stderr *os.File
	found          bool
	plain          bool   // no user namespace is tried
	group          *group // nil: none was needed, or could be made
}

// onThread calls f on an OS thread of its own, which ends with f: what it has
// started with a parent-death signal, or traces, cannot outlive it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // for good
		if unix.Gettid() == unix.Getpid() || hasChildren() {
			// The first thread of a process cannot end before the process, and
			// what another goroutine has started on this thread is its to wait for.
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

// hasChildren tells whether this thread has started processes that have not
// been waited for.
func hasChildren() bool {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, nil)
		if err != unix.EINTR {
			return err != unix.ECHILD
		}
	}
}

// plan turns the request into orders.
func (s *session) plan() {
	r := s.req
	w := &r.World
	s.res.NotApplied = Can(r.Level, w)
	s.res.Partly = partly(r.Level, w)
	for _, n := range chosen(w) {
		if s.res.NotApplied[n] == "" {
			s.res.Applied = append(s.res.Applied, n)
		}
	}
	// What cannot be made is left to the machine, and not made by halves.
	for n := range s.res.NotApplied {
		*w = world.Mix(*w, world.World{}, n)
	}
	o := &s.orders
	*o = orders{
		Level: r.Level, World: *w, Build: w.BuildPath, Dir: r.Dir, Overlay: r.Overlay,
		Inputs: r.Inputs, Extra: r.Extra, OutDir: r.OutDir, Network: r.Network, DiskLimit: r.Limits.Disk,
	}
	if len(r.Inputs) > 0 && !slices.Contains(r.Inputs, SystemInput) {
		o.Extra = append(slices.Clone(o.Extra), ownLibraries()...)
	}
	o.Real = map[string]string{}
	for _, p := range append(append([]string{r.Path}, r.Inputs...), r.Extra...) {
		if real, err := filepath.EvalSymlinks(p); err == nil && real != p {
			o.Real[p] = real
		}
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
		Env: environment(r, o.Build), Keep: r.Level == None, Traced: traced(r),
	}
}

// traced tells whether the build is to be supervised.
func traced(r *Request) bool {
	w := r.World
	switch r.Level {
	case Supervised:
		return true
	case Isolated:
		w.Host = world.Host{} // the namespace's
		return r.Watch || supervise.Needed(&w) && len(supervise.Unsupported(&w)) == 0
	}
	return false
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
			return patherr.At(d, err)
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
		if os.RemoveAll(s.folder) != nil {
			s.takeBack()
			os.RemoveAll(s.folder)
		}
	}
}

// run starts init, waits for its end, and reads its report. It is called on a
// thread of its own, which has no other child.
func (s *session) run(ctx context.Context) error {
	began := time.Now()
	relieve, err := startLoad(s.req.World.Load)
	if err != nil {
		return err
	}
	defer relieve()
	s.limit()
	c, err := s.start()
	if err != nil {
		return err
	}
	defer c.close()
	if s.group != nil {
		defer s.group.remove()
		if err := s.group.add(c.pid); err != nil {
			c.kill()
			c.wait()
			return fmt.Errorf("sandbox: control group: %w", patherr.Bare(err))
		}
	}
	inner, why, stop := c.watch(ctx, s.req.Limits.Wall)
	outcomes := make(chan *outcome, 1)
	go func() {
		if tell(c.orders, &s.orders) != nil {
			c.kill() // it is gone, or as good as that
		}
		outcomes <- c.hear()
	}()
	var ws unix.WaitStatus
	var refused string
	if s.orders.Exec.Traced {
		ws, refused, err = s.supervise(inner, c, began)
	} else {
		ws, err = c.wait()
	}
	stop()
	out := <-outcomes
	s.res.Why = *why
	if s.res.Why == "" && out == nil && s.group != nil && s.group.outOfMemory() {
		s.res.Why = outOfMemory(s.req.Limits)
	}
	switch {
	case s.res.Why != "" || ctx.Err() != nil:
		return nil
	case refused != "":
		s.res.Why = refused
		return nil
	case err != nil:
		return err
	case out == nil:
		return fmt.Errorf("sandbox: ended before its report (%s)", statusText(ws))
	case out.Hidden && s.orders.Userns && mayDoWithoutUserns():
		return errWithoutUserns
	case out.Error != "":
		return errors.New(out.Error)
	}
	s.res.Duration = time.Duration(out.Nanosecs)
	if s.group != nil && s.group.outOfMemory() {
		s.res.Why = outOfMemory(s.req.Limits)
	}
	s.ended(unix.WaitStatus(out.Status))
	s.found, s.res.Problem = out.Found, out.Problem
	return nil
}

// supervise runs the supervisor on this thread until init ends.
func (s *session) supervise(ctx context.Context, c *child, began time.Time) (unix.WaitStatus, string, error) {
	var own []uint64
	conn := c.hello
	c.hello = nil // it closes it
	res, err := supervise.Run(ctx, supervise.Options{
		World: &s.req.World, Conn: conn, Leader: c.pid, Start: began, Watch: s.req.Watch, Hostname: !c.spaces,
		Inside: func(dev uint64) bool {
			if own == nil {
				own = s.devices(c.pid)
			}
			return slices.Contains(own, dev)
		},
	})
	s.res.Asked, s.res.Notes = res.Asked, res.Notes
	return res.Status, res.Refused, err
}

// devices are the device numbers of the filesystems that a sandbox has of its
// own: the build folder's and that of the temporary folders.
func (s *session) devices(pid int) []uint64 {
	root := ""
	paths := []string{s.orders.Build}
	if s.req.Level == Isolated {
		root = fmt.Sprintf("/proc/%d/root", pid)
		paths = append(paths, "/tmp")
	}
	devs := []uint64{}
	for _, p := range paths {
		var st unix.Stat_t
		if unix.Stat(root+p, &st) == nil {
			devs = append(devs, uint64(st.Dev))
		}
	}
	return devs
}

// limit makes a control group for the limits that need one, or falls back to
// those of single processes, and says so.
func (s *session) limit() {
	l := s.req.Limits
	var why string
	s.group, why = newGroup(l)
	s.orders.Cgroup = s.group != nil
	if why != "" {
		if l.Memory > 0 {
			s.orders.Exec.AddressLimit = true
			s.res.Limits = append(s.res.Limits, "memory: of each process alone, by its addresses: "+why)
		}
		if l.Processes > 0 {
			s.orders.Exec.UserLimit = true
			if os.Geteuid() == 0 {
				why = "root is not bound by a limit of its own: " + why
			} else {
				why = "of all processes of the user: " + why
			}
			s.res.Limits = append(s.res.Limits, "processes: "+why)
		}
	}
	if l.Disk > 0 && s.orders.Disk {
		s.res.Limits = append(s.res.Limits, "disk: cannot be kept for a build folder on disk; keep it on tmpfs")
	}
}

func outOfMemory(l Limits) string {
	return fmt.Sprintf("out of memory: more than %d bytes", l.Memory)
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

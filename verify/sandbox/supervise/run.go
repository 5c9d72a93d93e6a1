//go:build linux

package supervise

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/verify/world"
)

// supervisor is one run. All of it belongs to one thread.
type supervisor struct {
	o        Options
	controls controls
	leads    bool // the exec stage is the leader, or as good as that: there are no namespaces
	files    *files
	start    moment // from here on the kernel's file times are of the build
	clock    clock
	normal   *strings.Replacer
	seed     *program // what starts the first program
	root     *program // the first program

	threads map[int]*thread
	leader  *os.Process // by a descriptor: its number can be another's once it is reaped
	ending  bool        // everything that stops is killed
	fault   error

	listings []listing       // the last used at the end
	mounts   map[uint64]bool // which mount is of FUSE; nil: not known

	patch      *patch // nil: the vDSO is hidden
	patchTried bool
	goPlaces   map[fileKey]goPlace

	asked  map[world.Name]bool
	result Result
}

// Run supervises a build until the leader ends, and then ends what is left of
// it. The calling goroutine has to be locked to its thread, and that thread must
// have started the leader and have no other child: Run reaps whatever the
// thread has. Other threads' children, and other runs at the same time, are left
// alone.
//
// When the context is done everything is killed and its error returned, with
// the leader's status.
func Run(ctx context.Context, o Options) (Result, error) {
	runtime.LockOSThread() // once more than the caller: harmless, and undone
	defer runtime.UnlockOSThread()
	defer o.Conn.Close()
	s := &supervisor{o: o, normal: normal(o.World), threads: map[int]*thread{}, asked: map[world.Name]bool{}}
	if o.Start.IsZero() {
		s.o.Start = time.Now()
	}
	s.start = fileTimesFrom(s.o.Start)
	s.seed = newProgram(sha256.Sum256([]byte("reprodisk " + o.World.Random.Seed)))
	leader, err := os.FindProcess(o.Leader)
	if err != nil {
		return Result{}, fmt.Errorf("process %d: %w", o.Leader, err)
	}
	s.leader = leader
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.leader.Signal(unix.SIGKILL)
		unix.Shutdown(int(o.Conn.Fd()), unix.SHUT_RDWR)
		close(killed)
	})
	if err := s.attach(); err != nil {
		s.abandon(err)
	}
	s.loop()
	if !stop() {
		<-killed
	}
	s.leader.Release()
	s.result.Asked = s.askedNames()
	if err := ctx.Err(); err != nil {
		return s.result, err
	}
	return s.result, s.fault
}

// traceOptions are set for each thread of the build, and inherited.
const traceOptions = unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
	unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL

// attach waits for the exec stage, takes hold of it, and sends it its filter.
func (s *supervisor) attach() error {
	pid, err := hello(s.o.Conn)
	if err != nil || pid == 0 {
		return err // one that has ended before has said why, elsewhere
	}
	s.leads = pid == s.o.Leader || s.o.Hostname
	s.controls = controlsOf(s.o.World, s.leads, s.o.Watch)
	s.files = s.newFiles()
	if e := ptrace(unix.PTRACE_SEIZE, pid, 0, traceOptions); e != 0 {
		return seizeError(e)
	}
	s.born(pid, nil, false)
	if _, err := unix.Write(int(s.o.Conn.Fd()), message(filter(s.controls))); err != nil {
		return fmt.Errorf("the exec stage is gone: %w", err)
	}
	return nil
}

func seizeError(e unix.Errno) error {
	why := "a security policy of this machine forbids it"
	switch {
	case e == unix.ESRCH:
		return errors.New("the exec stage is gone")
	case read("/proc/sys/kernel/yama/ptrace_scope") == "3":
		why = "kernel.yama.ptrace_scope is 3: no process may trace another until the next boot"
	case e == unix.EPERM && !strings.Contains(read("/proc/self/status"), "Seccomp:\t0"):
		why = "a seccomp filter, perhaps of a container: allow ptrace there (docker run --cap-add SYS_PTRACE)"
	}
	return fmt.Errorf("the build cannot be traced: %w: %s", e, why)
}

func read(path string) string {
	b, _ := os.ReadFile(path)
	return strings.TrimSpace(string(b))
}

// abandon ends the run with an error.
func (s *supervisor) abandon(err error) {
	if s.fault == nil {
		s.fault = err
	}
	s.end()
}

// refuse ends the run with a line about the build.
func (s *supervisor) refuse(why string) {
	if s.result.Refused == "" {
		s.result.Refused = why
	}
	s.end()
}

// note adds a line, once.
func (s *supervisor) note(line string) {
	for _, n := range s.result.Notes {
		if n == line {
			return
		}
	}
	if len(s.result.Notes) < maxNotes {
		s.result.Notes = append(s.result.Notes, line)
	}
}

const maxNotes = 100

// end kills everything; the loop reaps it.
func (s *supervisor) end() {
	s.ending = true
	s.leader.Signal(unix.SIGKILL)
	for _, t := range s.threads {
		t.kill()
	}
}

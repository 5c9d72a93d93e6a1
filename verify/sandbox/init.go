package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// initStage is init: it makes the world, starts the build in it, ends what is
// left over, and takes out the output.
func initStage() int {
	var o orders
	if err := hear(ordersFD, &o); err != nil {
		return 1 // started by somebody else, or the caller is gone
	}
	out := o.run()
	report := os.NewFile(reportFD, "report")
	if report == nil || json.NewEncoder(report).Encode(&out) != nil {
		return 1
	}
	return 0
}

func (o *orders) run() (out outcome) {
	fail := func(err error) outcome { return outcome{Error: err.Error()} }
	if o.IDs.Ranges && o.Level == Isolated {
		if err := beRoot(); err != nil {
			return fail(err)
		}
	}
	if o.TakeBack != "" {
		takeBack(o.TakeBack)
		return out
	}
	if o.Level == Isolated {
		if o.Cgroup {
			unix.Unshare(unix.CLONE_NEWCGROUP) // older kernels have none
		}
		if err := o.makeRoot(); err != nil {
			out := fail(err)
			out.Hidden = errors.Is(err, errHidden)
			return out
		}
	} else {
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	folder, err := unix.Open(o.Build, unix.O_DIRECTORY|unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(patherr.At(o.Build, err))
	}
	defer unix.Close(folder)
	begin := time.Now()
	pid, err := o.startExec()
	if err != nil {
		return fail(err)
	}
	if o.Level != Isolated {
		go endWithCaller()
	}
	ws := o.reap(pid)
	out.Status, out.Ended, out.Nanosecs = uint32(ws), true, int64(time.Since(begin))
	if ws.Exited() && ws.ExitStatus() == 0 {
		out.Found, out.Problem = o.output(folder)
	}
	if o.IDs.Ranges && o.Disk {
		takeBack(o.Build)
	}
	return out
}

// startExec starts the exec stage and returns when the build is about to run,
// or with why it cannot.
func (o *orders) startExec() (pid int, err error) {
	ordersR, ordersW, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("sandbox: %w", err)
	}
	gate, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("sandbox: %w", err)
	}
	if o.lastPID > 0 {
		spareThreads()
	}
	files := []uintptr{0, 1, 2, ordersR.Fd(), uintptr(gate[1])}
	if o.Exec.Traced {
		files = append(files, helloFD)
	}
	attr := &syscall.ProcAttr{Env: stageEnv(Isolated), Files: files, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}}
	if o.Level == Isolated {
		o.become(attr.Sys)
	}
	// Out of the way of the child's own descriptors.
	self, err := unix.FcntlInt(selfFD, unix.F_DUPFD_CLOEXEC, 100)
	if err != nil {
		return 0, fmt.Errorf("sandbox: %w", err)
	}
	program := "/proc/self/fd/" + strconv.Itoa(self)
	ignoreSignals()
	o.setNextPID(o.World.PID)
	if pid, err = syscall.ForkExec(program, []string{execName}, attr); err != nil {
		return 0, fmt.Errorf("sandbox: cannot start: %w", err)
	}
	unix.Close(gate[1])
	ordersR.Close()
	if err := tell(ordersW, &o.Exec); err != nil {
		return 0, fmt.Errorf("sandbox: cannot start: %w", err)
	}
	return pid, o.openGate(gate[0])
}

// openGate waits for exec to be ready, sets the number of the next process, and
// waits until exec is the build.
func (o *orders) openGate(gate int) error {
	var b [4096]byte
	if n := rawRead(gate, b[:]); n != 1 {
		return gateError(b[:max(n, 0)])
	}
	o.setNextPID(o.World.PID + 1)
	rawWrite(gate, b[:1])
	if n := rawRead(gate, b[:]); n != 0 {
		return gateError(b[:max(n, 0)])
	}
	return nil
}

func gateError(b []byte) error {
	if len(b) == 0 {
		return fmt.Errorf("sandbox: the command could not be started")
	}
	return fmt.Errorf("%s", b)
}

// become makes a child the build's user.
func (o *orders) become(sys *syscall.SysProcAttr) {
	p := &o.IDs
	if !o.Userns {
		sys.Credential = &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.GID), NoSetGroups: !p.Groups}
		return
	}
	sys.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	sys.UidMappings, sys.GidMappings, sys.GidMappingsEnableSetgroups = p.InnerUID, p.InnerGID, p.Groups
	sys.Credential = &syscall.Credential{Uid: uint32(p.UID), Gid: uint32(p.GID), NoSetGroups: !p.Groups}
}

// reap waits for the build, ends all that it has left over, and waits for that.
// In a pid namespace it makes no call in which the Go runtime would start a
// thread, which would take a process number in the middle of the build.
func (o *orders) reap(build int) (status unix.WaitStatus) {
	for {
		var ws unix.WaitStatus
		var p int
		var e unix.Errno
		if o.Level == Isolated {
			p, e = rawWait(&ws)
		} else {
			var err error
			if p, err = unix.Wait4(-1, &ws, unix.WALL, nil); err != nil {
				e, _ = err.(unix.Errno)
			}
		}
		switch {
		case e == unix.EINTR:
		case e != 0:
			return status
		case p == build:
			status = ws
			if o.Level == Isolated {
				unix.Kill(-1, unix.SIGKILL)
			} else {
				go func() {
					for {
						killDescendants()
						time.Sleep(time.Millisecond)
					}
				}()
			}
		}
	}
}

// endWithCaller ends every process of a sandbox without namespaces when the
// caller has closed its end of the pipe, or has ended.
func endWithCaller() {
	var b [1]byte
	for {
		if _, err := unix.Read(lifeFD, b[:]); err != unix.EINTR {
			break
		}
	}
	for {
		killDescendants()
		time.Sleep(time.Millisecond)
	}
}

// killDescendants kills every process that descends from this one; those that
// are left without a parent become children of this one, PR_SET_CHILD_SUBREAPER.
func killDescendants() {
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if b, err := os.ReadFile("/proc/" + e.Name() + "/stat"); err == nil {
			if parent := statParent(string(b)); parent > 0 {
				children[parent] = append(children[parent], pid)
			}
		}
	}
	queue := []int{os.Getpid()}
	for len(queue) > 0 {
		for _, pid := range children[queue[0]] {
			unix.Kill(pid, unix.SIGKILL)
			queue = append(queue, pid)
		}
		queue = queue[1:]
	}
}

// ignoreSignals keeps the build, which may have the same user, from ending
// init. Exec gives the build the defaults back.
func ignoreSignals() {
	for s := 1; s < 65; s++ {
		switch unix.Signal(s) {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG: // the last is the Go runtime's own
		default:
			setSignal(s, sigIgn)
		}
	}
}

// setNextPID makes the next process of the namespace have a number.
func (o *orders) setNextPID(pid int) {
	if o.lastPID > 0 {
		b := strconv.AppendInt(make([]byte, 0, 16), int64(pid-1), 10)
		unix.RawSyscall6(unix.SYS_PWRITE64, uintptr(o.lastPID), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	}
}

// spareThreads makes the Go runtime start threads now, so that it finds some
// later, when their numbers would be in the way.
func spareThreads() {
	done := make(chan struct{})
	for range 4 {
		go func() {
			unix.Nanosleep(&unix.Timespec{Nsec: 500_000}, nil)
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
}

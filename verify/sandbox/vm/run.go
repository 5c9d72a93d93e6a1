package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest"
	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/build/guest/kernel"
	"github.com/reprodisk/reprodisk/build/guest/machine"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are one run.
type Options struct {
	Kernel  string // path; empty: the host's own
	Modules string // the folder of its modules; empty: found beside the kernel
	QEMU    string // the program; empty: looked for
	Program string // the guest's init; empty: the running program
	CPUs    int    // 0: as many as this program may run on
	MemMiB  int    // 0: DefaultMemory

	// Dir is a folder of the host's, in which the disk's file lies, without a name.
	Dir string
	// What is told to the Task, as JSON.
	What any
	// Output gets what the guest writes to a stream, Stdout or Stderr.
	Output func(stream int, b []byte)
	// Limit is how long the guest may take from when it is ready; 0: for ever.
	// Over is then its error.
	Limit time.Duration
	Warn  func(line string) // may be nil
}

// The streams of a Task.
const (
	Stdout = 1 + iota
	Stderr
	reply
)

// maxReply bounds the reply of a guest, in bytes.
const maxReply = 4 << 20

// ErrOver is the end of a guest that took longer than its limit.
var ErrOver = errors.New("the virtual machine was not done in time")

// MemoryError is a guest that had too little memory.
type MemoryError struct {
	MemMiB int // that it had
	Text   string
}

func (e *MemoryError) Error() string { return e.Text }

// Result is what came of a run.
type Result struct {
	Reply  []byte
	Kernel string // its version
	Share  string // how the guest saw the host's files: "virtiofs", "9p"
	Accel  string // "kvm", "tcg"
	MemMiB int

	disk *disk
}

// Left is what the guest has left in Folder. The content of
// its files can be read until the Result is closed.
func (r *Result) Left(ctx context.Context) (*tree.Node, error) { return r.disk.read(ctx) }

// DiskSize is the size of the guest's disk in bytes.
func (r *Result) DiskSize() int64 { return r.disk.size }

// Close gives the disk up.
func (r *Result) Close() { r.disk.Close() }

// Run runs the Task in a machine and waits until it is off. An error is one
// line; it is the cause of ctx's end where that ended. By then nothing is left
// but the Result, which has to be closed.
func Run(ctx context.Context, o Options) (*Result, error) {
	k, err := kernel.Find(kernel.Where{Kernel: o.Kernel, Modules: o.Modules, Arch: ownArch[runtime.GOARCH]})
	if err != nil {
		return nil, err
	}
	s, err := chooseShare(ctx, k, mayMount())
	if err != nil {
		return nil, err
	}
	c := machine.Config{
		Program: o.QEMU, Arch: string(k.Arch), CPUs: o.CPUs, MemMiB: o.MemMiB, Kernel: k.Path,
		Shares: []machine.Share{s.machine()}, Warn: o.Warn,
	}
	if c.CPUs == 0 {
		c.CPUs = runtime.NumCPU()
	}
	if c.MemMiB == 0 {
		c.MemMiB = DefaultMemory()
	}
	what, err := o.orders(s.name)
	if err != nil {
		return nil, err
	}
	// A kernel finds no modules by itself there: overlay is for who layers folders.
	want := append(append(k.Needed(false), s.modules...), kernel.Want{Name: "overlay", Optional: true})
	initrd, err := guest.Initramfs(ctx, o.Program, k, want, job.Job{Disk: job.Disk, Task: what})
	if err != nil {
		return nil, err
	}
	defer initrd.Close()
	c.Initrd = initrd
	d, err := makeDisk(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	c.Disk = d.file.File
	r := &Result{Kernel: k.Version, Share: s.name, MemMiB: c.MemMiB, disk: d}
	if err := o.run(ctx, c, s, r); err != nil {
		d.Close()
		return nil, err
	}
	return r, nil
}

// ownArch maps GOARCH to the kernels that this program can run under.
var ownArch = map[string]kernel.Arch{"amd64": kernel.X86_64, "arm64": kernel.AArch64}

// emulate is set when a guest had to be emulated though there may be a KVM: the
// next one need not try that again.
var emulate atomic.Bool

// run starts the machine and takes what it says.
func (o *Options) run(ctx context.Context, c machine.Config, s *share, r *Result) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var timer *time.Timer
	var done atomic.Bool
	s.lost = func(why string) {
		if !done.Load() {
			cancel(errors.New(why))
		}
	}
	c.Event = func(e job.Event) {
		switch {
		case e.Kind == job.Done:
			done.Store(true)
		case e.Kind == job.Ready && o.Limit > 0 && timer == nil:
			timer = time.AfterFunc(o.Limit, func() { cancel(ErrOver) })
		case e.Kind == job.Data && e.Stream == reply:
			if len(r.Reply)+len(e.Bytes) > maxReply {
				cancel(errors.New("the virtual machine's reply has no end"))
				return
			}
			r.Reply = append(r.Reply, e.Bytes...)
		case e.Kind == job.Data && o.Output != nil && (e.Stream == Stdout || e.Stream == Stderr):
			o.Output(e.Stream, e.Bytes)
		}
	}
	if emulate.Load() {
		c.Accel = machine.TCG
	}
	report, err := machine.Run(ctx, c)
	emulate.Store(err == nil && report.Accel == machine.TCG)
	if timer != nil {
		timer.Stop()
	}
	s.close()
	r.Accel = string(report.Accel)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.explain(err, c.MemMiB)
}

// explain makes one line of how a machine ended, and names the daemon where that
// ended first.
func (s *share) explain(err error, mem int) error {
	var e *machine.Error
	if !errors.As(err, &e) {
		return errors.New(strings.TrimPrefix(err.Error(), "guest: "))
	}
	if e.Memory {
		return &MemoryError{MemMiB: mem, Text: fmt.Sprintf("the virtual machine ran out of its %d MiB of memory", mem)}
	}
	if why := s.failure(); why != "" && e.Ending != machine.Failed && e.Ending != machine.Panicked {
		return errors.New(why)
	}
	text := e.Text
	if len(e.Said) > 0 && e.Ending != machine.Failed {
		text += " (it said last: " + strings.Join(e.Said, " | ") + ")"
	}
	return errors.New(text)
}

// The memory of machines, in MiB.
const (
	leastMemory = 512
	mostMemory  = 4096
)

// DefaultMemory is a machine's memory where none is named, in MiB: half of the
// host's, but no more than 4 GiB.
func DefaultMemory() int {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return leastMemory
	}
	half := uint64(info.Totalram) * uint64(info.Unit) >> 21
	return int(max(leastMemory, min(half, mostMemory)))
}

// orders are what the guest is told.
type orders struct {
	Share    string          `json:"share"`
	Hostname string          `json:"hostname"`
	Domain   string          `json:"domain"`
	Umask    int             `json:"umask"`
	Files    syscall.Rlimit  `json:"files"` // RLIMIT_NOFILE
	What     json.RawMessage `json:"what"`
}

// orders makes the guest like this host in what a build inherits.
func (o *Options) orders(share string) (json.RawMessage, error) {
	what, err := json.Marshal(o.What)
	if err != nil {
		return nil, err
	}
	t := orders{Share: share, Umask: umask(), What: what}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		t.Hostname, t.Domain = unix.ByteSliceToString(uts.Nodename[:]), unix.ByteSliceToString(uts.Domainname[:])
	}
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &t.Files) // zero: the guest's own
	return json.Marshal(t)
}

// umask reads this process's, which can only be set otherwise.
func umask() int {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		var n int
		if _, err := fmt.Sscanf(line, "Umask:\t%o", &n); err == nil {
			return n
		}
	}
	return 0o022
}

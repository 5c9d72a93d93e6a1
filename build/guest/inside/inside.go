package inside

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/guest/job"
	"github.com/reprodisk/reprodisk/internal/patherr"
)

// maxJob bounds the job's file, in bytes.
const maxJob = 16 << 20

// Main is called before anything else that a program does. Where the kernel of
// a guest has started the program as its init, Main does the guest's job, turns
// the machine off, and does not return. Everywhere else it returns at once.
//
// The kernel must be able to open /dev/console in its first root, or there is a
// /dev/null: a Go program without standard files does not start.
//
// A task is what is done for a job that is one, instead of mounts and steps.
func Main(task ...Task) {
	if os.Getpid() != 1 || os.Args[0] != job.Init && os.Args[0] != job.Init[1:] {
		return
	}
	if _, err := os.Lstat(job.File); err != nil {
		return
	}
	g := &guest{task: task, events: &events{port: -1, console: os.Stdout, patience: hostLimit}, image: -1}
	defer powerOff() // were init to end, the kernel would panic
	defer g.rescue()
	deafen()
	g.live()
}

// deafen keeps signals that the image's programs send to their init, of which
// they expect other things, from ending it. They are caught and not ignored,
// which a program would inherit.
func deafen() { signal.Notify(make(chan os.Signal, 1)) }

// guest is the guest's state between its start and its end.
type guest struct {
	task   []Task // at most one
	job    job.Job
	events *events
	log    kernelLog
	disk   disk
	image  int // descriptor of the image's root folder
	// kernels are the devices of the filesystems in the image that the kernel
	// provides, as stat(2) has them.
	kernels []uint64
}

// live is all that a guest does.
func (g *guest) live() {
	var notes []string
	err := firstMounts()
	g.events.useConsole()
	g.log.open()
	if err == nil {
		g.job, err = readJob(job.File)
	}
	if err == nil {
		notes, err = g.loadModules(job.Modules)
	}
	// Whatever went wrong so far, the host is told. A guest that nobody hears
	// leaves the disk alone.
	if e := g.events.open("/sys", "/dev", g.job.Tty); e != nil {
		for _, e := range []error{err, e} {
			if e != nil {
				g.events.print(e.Error())
			}
		}
		return
	}
	if g.job.Beat > 0 {
		go g.beat(time.Duration(g.job.Beat) * time.Millisecond)
	}
	g.events.send(job.Event{Kind: job.Ready})
	for _, n := range notes {
		g.say("", "%s", n)
	}
	if g.all(err) {
		g.events.send(job.Event{Kind: job.Done})
	}
	g.events.drain()
}

// all does the whole job; err is what went wrong before it.
func (g *guest) all(err error) bool {
	first := func(do func() error) func() error {
		if err != nil {
			return func() error { return err }
		}
		return do
	}
	if g.job.Task != nil {
		return g.stage(job.TaskStep, first(g.doTask))
	}
	return g.stage(job.MountStep, first(g.mountAll)) && g.steps() && g.stage(job.UnmountStep, g.unmountAll)
}

// stage does a part of the job and tells how it went.
func (g *guest) stage(name string, do func() error) bool {
	g.events.send(job.Event{Kind: job.Began, Step: name})
	g.log.skip()
	err := do()
	if err == nil {
		return true
	}
	g.events.send(job.Event{Kind: job.Failed, Step: name, Text: err.Error(), Memory: g.log.outOfMemory()})
	return false
}

// steps does the steps in their order, up to the first that fails.
func (g *guest) steps() bool {
	for i := range g.job.Steps {
		s := &g.job.Steps[i]
		if !g.stage(s.Name, func() error { return g.step(s) }) {
			return false
		}
	}
	return true
}

func (g *guest) step(s *job.Step) error {
	switch {
	case s.Run != nil:
		return g.run(s.Name, s.Run)
	case s.Own != nil:
		return own(g.image, s.Own, g.kernels)
	case s.Remove != nil:
		return remove(g.image, s.Remove.Path)
	}
	return fmt.Errorf("the step says nothing to do")
}

// say is a line that the guest itself has to say.
func (g *guest) say(step, format string, args ...any) {
	g.events.send(job.Event{Kind: job.Output, Step: step, Text: fmt.Sprintf(format, args...)})
}

// rescue makes a failure of what would be the guest's end. It is deferred in
// each of its goroutines.
func (g *guest) rescue() {
	p := recover()
	if p == nil {
		return
	}
	g.events.send(job.Event{Kind: job.Failed, Text: fmt.Sprintf("internal error of the guest: %v", p)})
	g.events.drain()
	powerOff()
}

func readJob(path string) (j job.Job, err error) {
	f, err := os.Open(path)
	if err != nil {
		return j, patherr.At(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJob+1))
	if err == nil && len(b) > maxJob {
		err = fmt.Errorf("it has more than %d bytes", maxJob)
	}
	if err == nil {
		err = json.Unmarshal(b, &j)
	}
	if err != nil {
		return j, patherr.At(path, err)
	}
	return j, nil
}

// firstMounts are those that all else needs.
func firstMounts() error {
	for _, m := range []struct{ target, fstype, data string }{
		{"/dev", "devtmpfs", "mode=755"},
		{"/proc", "proc", ""},
		{"/sys", "sysfs", ""},
		{"/run", "tmpfs", "mode=755"},
		{"/tmp", "tmpfs", "mode=1777"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return patherr.At(m.target, err)
		}
		// A kernel may have mounted /dev by itself.
		if err := unix.Mount(m.fstype, m.target, m.fstype, unix.MS_NOSUID, m.data); err != nil && err != unix.EBUSY {
			return fmt.Errorf("cannot mount %s: %w", m.target, err)
		}
	}
	return nil
}

// powerOff turns the machine off.
func powerOff() {
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	for { // a machine that cannot: the host ends it
		time.Sleep(time.Hour)
	}
}

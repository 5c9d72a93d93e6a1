package machine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/reprodisk/reprodisk/build/guest/job"
)

const (
	// leftover is how long what a machine has said may take to come when it has
	// ended.
	leftover = 10 * time.Second
	// polite is how long QEMU may take to end when it is asked to.
	polite = time.Second
	// saidLines is how many of the last lines are told in an error.
	saidLines = 3
)

// watch is a machine that runs.
type watch struct {
	c       *Config
	proc    *process
	h       *hardware
	console *console
	events  chan message
	stop    chan struct{} // closed: nobody takes events any more
	monitor *monitor      // nil: there is none

	started  time.Time
	deadline time.Time // by then something has moved
	ready    time.Duration
	step     string
	said     []string   // the last lines of the step
	last     *job.Event // Done or Failed
	garbled  *Error     // what came in place of it when the machine had ended
	down     bool       // the machine went down, and QEMU had to be ended
	work     uint64
	version  string
}

// watch begins to listen to a machine that is to be ready by a time.
func (c *Config) watch(proc *process, h *hardware, ready time.Time) *watch {
	w := &watch{
		c: c, proc: proc, h: h, console: newConsole(), events: make(chan message), stop: make(chan struct{}),
		started: time.Now(), deadline: ready,
	}
	go w.console.read(h.console.ours, c.Console)
	go readEvents(h.events.ours, w.events, w.stop)
	if h.monitor.ours != nil {
		w.monitor = watchMonitor(h.monitor.ours, c.Screendump != "")
	}
	return w
}

// untilEnd watches the machine until nothing of it is left.
func (w *watch) untilEnd(ctx context.Context) error {
	e := w.untilCause(ctx)
	cancelled := context.Cause(ctx)
	select {
	case <-w.proc.Ended:
	default:
		w.end(cancelled != nil)
	}
	w.collect()
	switch {
	case w.last != nil && w.last.Kind == job.Done && cancelled == nil:
		return nil
	case cancelled != nil:
		return cancelled
	case w.last != nil:
		e = w.failed()
	case e == nil && w.garbled != nil:
		e = w.garbled
	case e == nil:
		e = w.ownEnd()
	}
	return w.complete(e)
}

// untilCause watches until the machine has ended, or there is a cause to end
// it: an error; without one, the context, or an event after which the machine
// has not turned itself off.
func (w *watch) untilCause(ctx context.Context) *Error {
	var found chan finding
	if w.monitor != nil {
		found = w.monitor.found
	}
	timer := time.NewTimer(time.Until(w.deadline))
	defer timer.Stop()
	events := w.events
	for {
		timer.Reset(time.Until(w.deadline))
		select {
		case <-ctx.Done():
			return nil
		case <-w.proc.Ended:
			return nil
		case m, ok := <-events:
			switch {
			case !ok:
				events = nil
			case m.err != nil:
				return w.fail(Garbled, m.err.Error())
			default:
				w.hear(m.event)
			}
		case <-w.console.moved:
			w.moved()
			if w.console.panic.Load() && w.last == nil {
				w.sooner(2 * polite) // the machine restarts, which ends it; user-mode Linux may not
			}
		case f := <-found:
			switch {
			case f.down:
				w.down = true
				if !w.console.panic.Load() { // its last word may be on its way by the other wire
					w.drain(2 * polite)
				}
				return nil
			case w.last == nil:
				return w.fail(f.ending, f.text)
			}
		case <-timer.C:
			return w.late()
		}
	}
}

// moved puts off the end of a guest that is ready and not at its end.
func (w *watch) moved() {
	if w.ready > 0 && w.last == nil && !w.console.panic.Load() {
		w.deadline = time.Now().Add(w.c.Idle)
	}
}

// sooner has the machine end by then at the latest.
func (w *watch) sooner(d time.Duration) {
	if t := time.Now().Add(d); t.Before(w.deadline) {
		w.deadline = t
	}
}

// hear takes an event.
func (w *watch) hear(e job.Event) {
	if w.last != nil {
		return // what a guest says after its end counts no more
	}
	w.c.Event(e)
	switch e.Kind {
	case job.Ready:
		if w.ready == 0 {
			w.ready = time.Since(w.started)
		}
	case job.Began:
		w.step, w.said = cut(e.Step), nil
	case job.Output:
		if w.said = append(w.said, cut(e.Text)); len(w.said) > saidLines {
			w.said = w.said[1:]
		}
	case job.Failed, job.Done:
		w.last = &e
		w.deadline = time.Now().Add(w.c.grace)
		return
	case job.Alive:
		if e.Work == w.work {
			return
		}
		w.work = e.Work
	}
	w.moved()
}

// late is what it means that nothing has moved until the deadline.
func (w *watch) late() *Error {
	switch {
	case w.last != nil:
		w.c.Warn("the guest did not turn its machine off at its end")
		return nil
	case w.console.panic.Load():
		return w.fail(Panicked, "")
	case w.ready == 0:
		return w.fail(NotReady, fmt.Sprintf("the guest was not ready within %v", time.Since(w.started).Round(time.Second)))
	}
	return w.fail(Hung, fmt.Sprintf("nothing moved for %v", w.c.Idle))
}

// drain takes the events that are on their way.
func (w *watch) drain(within time.Duration) {
	timer := time.After(within)
	for w.last == nil {
		select {
		case m, ok := <-w.events:
			if !ok {
				return
			}
			if m.err != nil {
				w.garbled = w.fail(Garbled, m.err.Error())
				return
			}
			w.hear(m.event)
		case <-timer:
			return
		}
	}
}

// fail is an error; complete has to follow.
func (w *watch) fail(ending Ending, text string) *Error {
	return &Error{Ending: ending, Step: w.step, Text: text}
}

// failed is the error of a guest that says that it failed.
func (w *watch) failed() *Error {
	e := &Error{Ending: Failed, Step: w.step, Text: cut(w.last.Text), Memory: w.last.Memory, Said: w.said}
	if w.last.Step != "" {
		e.Step = cut(w.last.Step)
	}
	// The guest says itself what its program said last.
	if n := len(e.Said); n > 0 && strings.HasSuffix(w.last.Text, e.Said[n-1]) {
		e.Said = e.Said[:n-1]
	}
	return e
}

// complete is an error with what the console said until its end.
func (w *watch) complete(e *Error) *Error {
	why, before := w.console.why()
	if e.Ending == Panicked {
		e.Text = cmp.Or(why, "the guest's kernel panicked")
	} else {
		before = w.console.tail
	}
	if e.Ending != Failed {
		e.Said = before.lines(saidLines)
		e.Memory = e.Memory || w.console.outOfMemory()
	}
	return e
}

// end ends the machine.
func (w *watch) end(cancelled bool) {
	if w.monitor != nil && !cancelled && w.c.Screendump != "" && (w.last == nil || w.last.Kind == job.Failed) {
		if err := w.picture(); err != nil {
			w.c.Warn(err.Error())
		}
	}
	if w.monitor != nil && w.monitor.try(polite, "quit", nil) == nil {
		select {
		case <-w.proc.Ended:
		case <-time.After(polite):
		}
	}
	w.proc.Kill()
}

// collect waits until nothing of the machine is left, and takes what it has
// said until then.
func (w *watch) collect() {
	<-w.proc.Ended
	late := time.Now().Add(leftover)
	for _, f := range []*os.File{w.h.console.ours, w.h.events.ours} {
		_ = f.SetReadDeadline(late) // in case that somebody else still has the other end
	}
	w.drain(leftover)
	close(w.stop)
	for range w.events {
	}
	<-w.console.ended
	if w.console.err != nil {
		w.c.Warn(fmt.Sprintf("the guest's console could not be written: %v", w.console.err))
	}
	if w.monitor != nil {
		w.monitor.close()
		w.version = w.monitor.version
	}
}

// ownEnd is the error of a machine that ended by itself.
func (w *watch) ownEnd() *Error {
	restarted, panicked := false, w.console.panic.Load()
	if w.monitor != nil {
		restarted, panicked = w.monitor.reset, panicked || w.monitor.panicked
	}
	name := map[Engine]string{QEMU: "QEMU", UML: "user-mode Linux"}[w.c.Engine]
	status, _ := w.proc.State.Sys().(syscall.WaitStatus)
	last := strings.Join(w.proc.stderr.lines(1), "")
	if last != "" {
		last = ": " + last
	}
	switch {
	case panicked:
		return w.fail(Panicked, "")
	case status.Signaled() && !w.down:
		return w.fail(Ended, fmt.Sprintf("%s was ended by a signal, %v%s", name, status.Signal(), last))
	case w.c.Engine == UML && strings.Contains(last, "check_ptrace"):
		return w.fail(Ended, "user-mode Linux traces its processes (ptrace), which is denied here, as in a sandbox that traces the build itself: QEMU does without (vm.engine: qemu)")
	case status.ExitStatus() != 0 && !w.down:
		return w.fail(Ended, fmt.Sprintf("%s ended with status %d%s", name, status.ExitStatus(), last))
	case restarted:
		return w.fail(Off, "the guest restarted its machine before it was done")
	}
	return w.fail(Off, "the guest turned its machine off before it was done")
}

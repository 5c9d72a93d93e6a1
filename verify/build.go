package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// BuildError is a run that failed.
type BuildError struct {
	Run  string // which one: "first build", "second run of sh"
	Why  string // one line
	Tail string // the end of what it wrote, where nobody else was told
}

func (e *BuildError) Error() string { return e.Run + ": " + e.Why }

// lab is where the builds of one verification are made.
type lab struct {
	job     *job
	opt     Options
	work    *work
	sandbox Sandbox
	machine world.Machine

	mu     sync.Mutex // Progress
	builds int        // that were begun
}

func newLab(j *job, opt Options, w *work) *lab {
	l := &lab{job: j, opt: opt, work: w, sandbox: opt.Sandbox, machine: world.ReadMachine()}
	if l.sandbox == nil {
		l.sandbox = realSandbox{}
	}
	l.opt.Level = cmp.Or(opt.Level, sandbox.Isolated)
	return l
}

// made is a build that has succeeded, or failed.
type made struct {
	which   string
	world   world.World
	begun   time.Time
	machine world.Machine // at that time
	out     string        // the output's path
	digest  string        // empty: not computed yet
	result  *sandbox.Result
	log     *tail
}

// build builds once. A build that fails is a *BuildError, or says itself what
// is wrong; what is known of it is returned as well.
func (l *lab) build(ctx context.Context, which string, w world.World, watch, loud bool) (*made, error) {
	l.say(l.job.called(which))
	l.mu.Lock()
	l.builds++
	l.mu.Unlock()
	return l.buildQuietly(ctx, which, w, watch, loud)
}

// buildQuietly is build for who counts the builds, and tells of them, himself.
func (l *lab) buildQuietly(ctx context.Context, which string, w world.World, watch, loud bool) (*made, error) {
	dir := filepath.Join(l.work.dir, which)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, patherr.At(dir, err)
	}
	j := l.job
	out := l.outPath(w, dir)
	m := &made{which: which, world: w, begun: time.Now(), machine: l.machine, log: &tail{}}
	m.machine.Now = m.begun.UTC().Truncate(time.Second)
	sink := io.Writer(m.log)
	if loud && !j.own && l.opt.Output != nil {
		sink = io.MultiWriter(m.log, l.opt.Output)
	}
	r := sandbox.Request{
		Level: l.opt.Level, World: w, Path: j.program.Path, Args: append(append([]string{}, j.program.Args...), j.args(out)...),
		Dir: j.dir, Overlay: l.opt.Overlay && j.dir != "", Inputs: l.opt.Inputs, Extra: outermost(j.sources),
		OutDir: dir, Stdout: sink, Stderr: sink, Network: l.opt.Network, Limits: l.opt.Limits, Watch: watch, Machine: l.opt.Machine,
	}
	if !l.opt.Level.Hides() {
		r.Extra = nil // all is visible
	}
	res, err := l.sandbox.Run(ctx, r)
	if err != nil {
		if len(r.Inputs) > 0 && !slices.Contains(r.Inputs, sandbox.SystemInput) && strings.Contains(err.Error(), "not found in the sandbox") {
			err = fmt.Errorf("%w; --input %s shows it the machine's system", err, sandbox.SystemInput)
		}
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.result, m.out = res, res.Out
	if ran := res.Machine; ran != nil {
		m.machine.Kernel, m.machine.CPUs, m.machine.Memory = ran.Kernel, ran.CPUs, ran.Memory
	}
	if !res.Succeeded() {
		return m, l.failed(m, out)
	}
	if j.own && loud && l.opt.Output != nil {
		io.WriteString(l.opt.Output, m.log.text()) // warnings
	}
	if err := l.checkOutput(m); err != nil {
		return m, err
	}
	return m, nil
}

// outPath is where a build is told to write.
func (l *lab) outPath(w world.World, dir string) string {
	if l.opt.Level.Hides() {
		return filepath.Join(cmp.Or(w.BuildPath, sandbox.DefaultBuildPath), "out")
	}
	return filepath.Join(dir, "build", "out")
}

// failed is the error of a build that has failed.
func (l *lab) failed(m *made, out string) error {
	res, j := m.result, l.job
	if line := m.log.lastLine(); j.plain != nil && res.Signal == "" && res.Why == "" && line != "" {
		if l.work.out != "" {
			line = strings.ReplaceAll(line, out, l.work.out) // the folder meant, not the sandbox's
		}
		if m.which == "second" {
			return fmt.Errorf("the first build succeeded, the second did not: %s", j.plain(line))
		}
		return errors.New(j.plain(line))
	}
	why := res.Why
	switch {
	case why != "":
	case res.Signal != "":
		why = "signal: " + cmp.Or(unix.SignalNum(res.Signal).String(), res.Signal)
	default:
		why = fmt.Sprintf("exit status %d", res.ExitCode)
		if j.dir != "" && l.opt.Level.Hides() && !l.opt.Overlay && strings.Contains(m.log.text(), "Read-only file system") {
			why += "; a build may write to $out and $TMPDIR only (--overlay gives it a copy of this folder to write to)"
		}
	}
	return l.problem(m, "%s", why)
}

func (l *lab) problem(m *made, format string, args ...any) error {
	e := &BuildError{Run: l.job.called(m.which), Why: fmt.Sprintf(format, args...)}
	if l.opt.Output == nil || l.job.own {
		e.Tail = m.log.end(shownTail)
	}
	return e
}

// checkOutput refuses what cannot be compared.
func (l *lab) checkOutput(m *made) error {
	if m.result.Problem != "" {
		return l.problem(m, "$out: %s", m.result.Problem)
	}
	if m.out == "" {
		return l.problem(m, "it wrote nothing to $out")
	}
	fi, err := os.Lstat(m.out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l.problem(m, "it wrote nothing to $out")
	case err != nil:
		return patherr.At(m.out, err)
	case fi.Mode().Type() == fs.ModeSymlink:
		// Two links to one file would always agree.
		return l.problem(m, "$out is a symbolic link; copy the image there")
	case !fi.IsDir() && !fi.Mode().IsRegular():
		return l.problem(m, "$out is neither a file nor a folder")
	case fi.Mode().IsRegular() && fi.Size() == 0:
		return l.problem(m, "it wrote an empty file to $out")
	case fi.IsDir():
		entries, err := os.ReadDir(m.out)
		if err != nil {
			return patherr.At(m.out, err)
		}
		if len(entries) == 0 {
			return l.problem(m, "it left the folder $out empty")
		}
	}
	for _, file := range append([]string{l.job.image}, l.job.beside...) {
		if _, err := os.Lstat(filepath.Join(m.out, file)); err != nil {
			return l.problem(m, "it wrote no %s", file)
		}
	}
	return nil
}

// compared is the path of what is compared of an output.
func (l *lab) compared(out string) string {
	if len(l.job.beside) == 0 {
		return filepath.Join(out, l.job.image)
	}
	return out
}

// seal computes the digest of an output.
func (l *lab) seal(ctx context.Context, m *made) error {
	if m.digest != "" {
		return nil
	}
	l.say("reading the result")
	var err error
	m.digest, _, err = digestOf(ctx, l.compared(m.out), 0)
	return err
}

// discard removes what a build has left.
func (l *lab) discard(m *made) { removeAll(filepath.Join(l.work.dir, m.which)) }

func (l *lab) say(stage string) {
	if l.opt.Progress == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opt.Progress(stage, 0, 0)
}

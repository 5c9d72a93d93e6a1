package verify

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/reprodisk/reprodisk/build"
	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/report"
)

// Options are what a verification may be told. The zero value keeps no output.
type Options struct {
	// Out is where the first output is kept. A second one that differs stays as
	// Out + ".check", in the place of an older one. Empty: neither is kept.
	Out string

	// Output is told what the runs write to their standard output and error.
	// nil: it is kept for the error of a run that fails.
	Output io.Writer

	// Digests asks for the SHA-256 of the images and their partitions.
	Digests bool

	// Compared, where not nil, is called with the report and the paths of what
	// was compared, while both are still there. Its error ends the
	// verification.
	Compared func(ctx context.Context, r *report.Report, a, b string) error

	// Progress is told how far a stage is: "first build", "reading", …; total
	// is 0 where nobody knows. It is called by one goroutine at a time.
	Progress func(stage string, done, total int64)

	// Builder is the command that builds a spec, before the arguments
	// "build --quiet SPEC -o DIR". nil: the running program.
	Builder *Program

	// Pause is the least time between the end of the first run (or, of an
	// earlier result, its modification time) and the start of the second. 0
	// stands for DefaultPause.
	Pause time.Duration
}

// DefaultPause is longer than the coarsest clock that an image stores ticks:
// FAT counts two seconds.
const DefaultPause = 2100 * time.Millisecond

// Program is a program to run.
type Program struct {
	Path string   // of the executable
	Args []string // with the program's name first
}

// Result is what a verification found.
type Result struct {
	Report *report.Report
	A, B   string // where the outputs are kept; empty for one that is not
}

// Spec builds the image of a spec twice and compares the two.
func Spec(ctx context.Context, path string, opt Options) (*Result, error) {
	job, err := specJob(path, opt)
	if err != nil {
		return nil, err
	}
	return twice(ctx, job, opt)
}

// Command runs any builder twice and compares what it wrote. The builder is
// told where to write by the environment variable out: the absolute path of a
// file or a folder that does not exist yet. It runs in the caller's working
// folder, so that relative names in its arguments mean what they say, without
// standard input.
func Command(ctx context.Context, argv []string, opt Options) (*Result, error) {
	job, err := commandJob(argv)
	if err != nil {
		return nil, err
	}
	return twice(ctx, job, opt)
}

// Check builds the image of a spec once more and compares it with the earlier
// result in dir. A rebuild that differs stays as DIR.check.
func Check(ctx context.Context, dir, path string, opt Options) (*Result, error) {
	if err := resultExists(dir); err != nil {
		return nil, err
	}
	job, err := specJob(path, opt)
	if err != nil {
		return nil, err
	}
	if err := job.complete(dir); err != nil {
		return nil, err
	}
	return again(ctx, dir, job, opt)
}

// CheckCommand runs a builder once more and compares what it wrote with an
// earlier result, a file or a folder. A rebuild that differs stays as
// RESULT.check.
func CheckCommand(ctx context.Context, result string, argv []string, opt Options) (*Result, error) {
	if err := resultExists(result); err != nil {
		return nil, err
	}
	job, err := commandJob(argv)
	if err != nil {
		return nil, err
	}
	return again(ctx, result, job, opt)
}

// job is a builder that can be run again and again.
type job struct {
	name    string // for messages
	program Program
	// args are the arguments of a run that writes to out.
	args func(out string) []string
	// own says that the run needs a working folder of its own.
	own bool
	// image is the file of the output to compare; empty: all of the output.
	image string
	// beside are the other files of the output, which are compared as well.
	beside []string
	// plain makes a message of the run fit for whoever gave the job.
	plain func(message string) string
}

// called is the name of a run, for messages.
func (j *job) called(which string) string {
	switch {
	case !j.own:
		return which + " run of " + j.name
	case which == "check":
		return "rebuild"
	}
	return which + " build"
}

func specJob(path string, opt Options) (*job, error) {
	// Read here as well: a mistake in the spec is nothing to run a build for.
	s, err := spec.Load(path)
	if err != nil {
		return nil, err
	}
	if err := s.Unbuilt(); err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := opt.Builder
	if p == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find the running program: %w", err)
		}
		p = &Program{Path: self, Args: os.Args[:1]}
	}
	var beside []string
	if s.TouchEFIVars {
		beside = []string{build.VariablesName}
	}
	return &job{
		beside: beside,
		name:   "build", program: *p, own: true, image: format.FileName(format.Kind(s.Format)),
		args:  func(out string) []string { return []string{"build", "--quiet", "-o", out, "--", abs} },
		plain: unprefixed(abs, path),
	}, nil
}

func commandJob(argv []string) (*job, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("no command was given")
	}
	path, err := lookPath(argv[0])
	if err != nil {
		return nil, err
	}
	return &job{
		name: argv[0], program: Program{Path: path, Args: argv},
		args: func(string) []string { return nil },
	}, nil
}

// twice is two runs of a job and a comparison.
func twice(ctx context.Context, j *job, opt Options) (res *Result, err error) {
	w, err := newWork(opt.Out)
	if err != nil {
		return nil, err
	}
	defer w.remove()
	if err := w.mayKeep(j); err != nil {
		return nil, err
	}
	first, err := w.run(ctx, j, "first", opt)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Now(), opt); err != nil {
		return nil, err
	}
	second, err := w.run(ctx, j, "second", opt)
	if err != nil {
		return nil, err
	}
	r, err := compareOutputs(ctx, j, first, second, opt)
	if err != nil {
		return nil, err
	}
	res = &Result{Report: r}
	if opt.Out != "" {
		if err := w.keep(first, opt.Out); err != nil {
			return nil, err
		}
		res.A = opt.Out
		if res.B, err = w.keepCheck(r, second, opt.Out); err != nil {
			return nil, err
		}
	}
	name(r, first, keptName(res.A, j.called("first")), second, keptName(res.B, j.called("second")))
	return res, nil
}

// again is one run of a job and a comparison with an earlier result.
func again(ctx context.Context, result string, j *job, opt Options) (*Result, error) {
	result = filepath.Clean(result)
	w, err := newWork(result)
	if err != nil {
		return nil, err
	}
	defer w.remove()
	if fi, err := os.Stat(filepath.Join(result, j.image)); err == nil {
		if err := pause(ctx, fi.ModTime(), opt); err != nil {
			return nil, err
		}
	}
	rebuilt, err := w.run(ctx, j, "check", opt)
	if err != nil {
		return nil, err
	}
	r, err := compareOutputs(ctx, j, result, rebuilt, opt)
	if err != nil {
		return nil, err
	}
	res := &Result{Report: r, A: result}
	if res.B, err = w.keepCheck(r, rebuilt, result); err != nil {
		return nil, err
	}
	name(r, result, result, rebuilt, keptName(res.B, j.called("check")))
	return res, nil
}

// pause waits until every clock would show another time than it did when the
// first output was written.
func pause(ctx context.Context, written time.Time, opt Options) error {
	d := opt.Pause
	if d == 0 {
		d = DefaultPause
	}
	if d = min(d, d-time.Since(written)); d <= 0 {
		return nil
	}
	if opt.Progress != nil {
		opt.Progress("waiting for the clock to move on", 0, 0)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

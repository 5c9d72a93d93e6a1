package verify

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/reprodisk/reprodisk/report"
)

// DefaultPause is longer than the coarsest clock that an image stores ticks:
// FAT counts two seconds.
const DefaultPause = 2100 * time.Millisecond

// Result is what a verification found.
type Result struct {
	Report   *report.Report
	A, B     string // where the outputs are kept; empty for one that is not
	Evidence string // where buildinfo.json is kept; empty where it is not
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

// again is one build of a job and a comparison with an earlier result. Its
// world is another than that in which the earlier one was built, where that is
// known.
func again(ctx context.Context, result string, j *job, opt Options) (*Result, error) {
	if err := opt.checkAgain(); err != nil {
		return nil, err
	}
	result = filepath.Clean(result)
	w, err := newWork(result)
	if err != nil {
		return nil, err
	}
	defer w.remove()
	l := newLab(j, opt, w)
	p, earlier, err := l.planAgain(result)
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(filepath.Join(result, j.image)); err == nil && p.pauses() {
		if err := pause(ctx, fi.ModTime(), opt); err != nil {
			return nil, err
		}
	}
	b, err := l.build(ctx, "check", p.b, false, true)
	if err != nil {
		return nil, l.blame(ctx, p, b, err)
	}
	r, err := l.compare(ctx, result, b.out)
	if err != nil {
		return nil, err
	}
	r.Verification = l.verification(p, earlier, b)
	res := &Result{Report: r, A: result}
	if res.B, err = w.keepCheck(r, b.out, result); err != nil {
		return nil, err
	}
	name(r, result, result, b.out, keptName(res.B, j.called("check")))
	return res, nil
}

package verify

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/attribute"
	"github.com/reprodisk/reprodisk/verify/compare"
	"github.com/reprodisk/reprodisk/verify/world"
)

// pair builds in the two worlds of a plan.
func (l *lab) pair(ctx context.Context, p *plan) (a, b *made, err error) {
	if a, err = l.build(ctx, "first", p.a, false, true); err != nil {
		return nil, nil, err
	}
	if p.pauses() {
		if err := pause(ctx, time.Now(), l.opt); err != nil {
			return nil, nil, err
		}
	}
	if b, err = l.build(ctx, "second", p.b, false, true); err != nil {
		return nil, nil, l.blame(ctx, p, b, err)
	}
	return a, b, nil
}

// Limits of the search for what makes a second build fail.
const (
	maxBlame     = 12
	maxBlameTime = 2 * time.Minute // of a build that is run again for it
)

// blame finds out what it is about the second world that makes a build fail
// there which succeeds in the first, and says it in the error.
func (l *lab) blame(ctx context.Context, p *plan, b *made, failure error) error {
	if b == nil || ctx.Err() != nil || len(p.made) == 0 {
		return failure
	}
	names := slices.Clone(p.made)
	tries, alone := 0, false
	if b.result.Duration < maxBlameTime {
		fails := func(ctx context.Context, some []world.Name) (bool, error) {
			if tries++; tries > maxBlame {
				return false, nil
			}
			l.say(fmt.Sprintf("what the second build fails of: try %d", tries))
			m, err := l.build(ctx, fmt.Sprintf("try %d", tries), world.Mix(p.a, p.b, some...), false, false)
			if m == nil {
				return false, err
			}
			l.discard(m)
			return err != nil, nil
		}
		if always, err := fails(ctx, nil); always || err != nil {
			return failure // it fails now and then, or the second time: that is no world's doing
		}
		least, err := attribute.Least(ctx, names, fails)
		if err != nil {
			return failure // the first error is the one that counts
		}
		alone = len(least) < len(names)
		names = least
	}
	var list, without []string
	for _, n := range names {
		list = append(list, fmt.Sprintf("%s (%s → %s)", n, world.Describe(n, p.a, p.machine), world.Describe(n, p.b, p.machine)))
		without = append(without, "-"+string(n))
	}
	hint := fmt.Sprintf("the first world agrees with it; it fails with %s varied", strings.Join(list, " and "))
	if !alone && len(names) > 1 {
		hint = fmt.Sprintf("it succeeds in the machine's own world, and fails with %d things varied; --vary %s,… leaves them out one by one", len(names), without[0])
	} else {
		hint += fmt.Sprintf("; --vary %s leaves that out", strings.Join(without, ","))
	}
	var failed *BuildError
	if errors.As(failure, &failed) {
		failed.Why += "; " + hint
		return failed
	}
	return fmt.Errorf("%w; %s", failure, hint)
}

// compare compares two outputs.
func (l *lab) compare(ctx context.Context, a, b string) (*report.Report, error) {
	var progress func(string, int64, int64)
	if l.opt.Progress != nil {
		progress = func(stage string, done, total int64) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.opt.Progress(stage, done, total)
		}
	}
	a, b = l.compared(a), l.compared(b)
	r, err := Diff(ctx, a, b, compare.Options{Progress: progress, Digests: l.opt.Digests})
	if err == nil && l.opt.Compared != nil {
		err = l.opt.Compared(ctx, r, a, b)
	}
	return r, err
}

// verification is what a report says of how its images came about.
func (l *lab) verification(p *plan, a, b *made) *report.Verification {
	v := &report.Verification{
		Level: string(l.opt.Level), Pinned: l.opt.Pin, Builds: l.builds, Variations: p.table(a, b),
	}
	if l.job.own {
		v.Spec, v.SpecDigest = report.Printable(l.job.spec), l.job.specDigest
	} else {
		for _, arg := range l.job.program.Args {
			v.Command = append(v.Command, report.Printable(arg))
		}
	}
	// What the sandbox says that it could not do after all counts more than what
	// it was expected to.
	for _, m := range []*made{a, b} {
		for i := range v.Variations {
			x := &v.Variations[i]
			if why, ok := m.result.NotApplied[world.Name(x.Name)]; ok && slices.Contains(p.made, world.Name(x.Name)) {
				x.Varied, x.Why = false, why
			} else if why, ok := m.result.Partly[world.Name(x.Name)]; ok && x.Why == "" {
				x.Why = why
			}
		}
	}
	return v
}

// twice is two builds of a job and a comparison.
func twice(ctx context.Context, j *job, opt Options) (res *Result, err error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	w, err := newWork(opt.Out)
	if err != nil {
		return nil, err
	}
	defer w.remove()
	if err := w.mayKeep(j); err != nil {
		return nil, err
	}
	l := newLab(j, opt, w)
	p, err := l.plan()
	if err != nil {
		return nil, err
	}
	if opt.Repeat > 0 {
		return l.repeat(ctx, p)
	}
	if opt.Attribute {
		if err := l.canAttribute(p); err != nil {
			return nil, err
		}
	}
	a, b, err := l.pair(ctx, p)
	if err != nil {
		return nil, err
	}
	return l.conclude(ctx, p, a, b)
}

// conclude compares two builds, finds out more where that is asked for, and
// keeps what is to be kept.
func (l *lab) conclude(ctx context.Context, p *plan, a, b *made) (*Result, error) {
	r, err := l.compare(ctx, a.out, b.out)
	if err != nil {
		return nil, err
	}
	r.Verification = l.verification(p, a, b)
	if l.opt.Attribute && len(r.Findings) > 0 {
		if err := l.attribute(ctx, r, p, a); err != nil {
			return nil, err
		}
	}
	r.Verification.Builds = l.builds
	res := &Result{Report: r}
	if l.opt.Out != "" {
		if err := l.keep(ctx, r, res, p, a, b); err != nil {
			return nil, err
		}
	}
	name(r, a.out, keptName(res.A, l.job.called(a.which)), b.out, keptName(res.B, l.job.called(b.which)))
	return res, nil
}

// keep moves the outputs, and what is known of them, to their place.
func (l *lab) keep(ctx context.Context, r *report.Report, res *Result, p *plan, a, b *made) error {
	if err := l.evidence(ctx, a, b); err != nil {
		return err
	}
	if err := l.work.keep(a.out, l.opt.Out); err != nil {
		return err
	}
	res.A = l.opt.Out
	var err error
	if res.B, err = l.work.keepCheck(r, b.out, l.opt.Out); err != nil {
		return err
	}
	place := evidencePlace(l.opt.Out)
	if err := l.work.keep(filepath.Join(l.work.dir, evidenceFile), place); err != nil {
		return err
	}
	res.Evidence, r.Verification.Evidence = place, report.Printable(place)
	return nil
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

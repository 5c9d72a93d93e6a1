package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/buildinfo"
	"github.com/reprodisk/reprodisk/verify/sandbox"
	"github.com/reprodisk/reprodisk/verify/world"
)

// checkAgain refuses what a rebuild cannot do.
func (o *Options) checkAgain() error {
	switch {
	case o.Attribute:
		return errors.New("attributing takes two builds of its own; leave out what they are checked against")
	case o.Repeat > 0:
		return errors.New("repeated builds are compared with each other; leave out what they are checked against")
	}
	return o.check()
}

// planAgain chooses the world of a rebuild: another than that of the earlier
// build, where that is known, else another than the machine's own.
func (l *lab) planAgain(result string) (*plan, *made, error) {
	p, err := l.plan()
	if err != nil {
		return nil, nil, err
	}
	info, err := readEvidence(evidencePlace(result))
	if err != nil {
		return nil, nil, err
	}
	earlier := &made{which: "earlier", world: p.a, machine: l.machine, result: &sandbox.Result{}}
	if fi, err := os.Stat(filepath.Join(result, l.job.image)); err == nil {
		earlier.machine.Now = fi.ModTime().UTC().Truncate(time.Second)
	}
	was, begun, ok := earlierWorld(info)
	if !ok {
		return p, earlier, nil
	}
	earlier.world, earlier.machine.Now = was, begun.UTC().Truncate(time.Second)
	// What the earlier build had as the second is to have, it gets another value
	// of.
	for _, n := range p.made {
		if world.Describe(n, p.b, l.machine) != world.Describe(n, was, earlier.machine) {
			continue
		}
		if other, err := world.Vary(was, n, p.machine); err == nil {
			p.b = world.Mix(p.b, other, n)
		}
	}
	p.a = was
	return p, earlier, nil
}

// Again repeats the verification that left evidence in a file: both builds, in
// the worlds they had. What has changed since is a warning of the report.
func Again(ctx context.Context, path string, opt Options) (*Result, error) {
	info, err := readEvidence(path)
	switch {
	case err != nil:
		return nil, err
	case info == nil:
		return nil, fmt.Errorf("%s: no such file or directory", path)
	case len(info.Builds) != 2:
		return nil, fmt.Errorf("%s: tells of %d builds, not two", path, len(info.Builds))
	}
	j, err := jobOf(info, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if opt.Level, err = sandbox.ParseLevel(info.Level); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	opt.Inputs, opt.Overlay, opt.Network, opt.Pin = info.VisibleInputs, info.Overlay, info.Network, info.Pinned
	if err := opt.checkRepeated(); err != nil {
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
	p, err := l.planOf(info)
	if err != nil {
		return nil, err
	}
	a, b, err := l.pair(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, m := range []*made{a, b} {
		if err := l.seal(ctx, m); err != nil {
			return nil, err
		}
	}
	changed := l.changed(ctx, info, a, b)
	res, err := l.conclude(ctx, p, a, b)
	if err != nil {
		return nil, err
	}
	res.Report.Warnings = append(res.Report.Warnings, changed...)
	return res, nil
}

// checkRepeated refuses what the evidence says already.
func (o *Options) checkRepeated() error {
	if len(o.Vary) > 0 || o.Attribute || o.Repeat > 0 || o.Filesystem != "" {
		return errors.New("a run that is repeated has the worlds that it had: nothing can be varied, attributed or repeated beside")
	}
	return nil
}

// jobOf is the builder that evidence tells of.
func jobOf(info *buildinfo.Info, opt Options) (*job, error) {
	if info.Spec != "" {
		return specJob(info.Spec, opt)
	}
	for _, path := range []string{info.Program, info.Dir} {
		if _, err := os.Stat(path); err != nil {
			return nil, patherr.At(path, err)
		}
	}
	return &job{
		name: info.Command[0], program: Program{Path: info.Program, Args: info.Command}, dir: info.Dir,
		args: func(string) []string { return nil },
	}, nil
}

// planOf is the plan that evidence tells of.
func (l *lab) planOf(info *buildinfo.Info) (*plan, error) {
	p := &plan{a: info.Builds[0].World, b: info.Builds[1].World, why: map[world.Name]string{}, start: world.DefaultStart, machine: l.machine}
	for _, w := range []*world.World{&p.a, &p.b} {
		if cannot := l.sandbox.Can(l.opt.Level, w); len(cannot) > 0 {
			return nil, fmt.Errorf("the earlier world cannot be made here: %s", reasons(cannot))
		}
	}
	for _, n := range world.Names() {
		switch {
		case !reflect.DeepEqual(world.Mix(p.a, p.b, n), p.a):
			p.made = append(p.made, n)
			p.varied = append(p.varied, n)
		case world.BySelf(n) && reflect.DeepEqual(world.Mix(p.a, world.World{}, n), p.a):
			p.varied = append(p.varied, n)
		default:
			p.why[n] = "not varied in the run that is repeated"
		}
	}
	return p, nil
}

// changed says what is not as the evidence has it.
func (l *lab) changed(ctx context.Context, info *buildinfo.Info, a, b *made) []string {
	var out []string
	for _, in := range info.Inputs {
		if in.Digest == "" || in.Path == l.job.program.Path && l.job.own {
			continue
		}
		now, _, err := digestOf(ctx, in.Path, maxInputBytes)
		switch {
		case err != nil:
			out = append(out, err.Error())
		case now != in.Digest:
			out = append(out, fmt.Sprintf("%s: has changed since the run that is repeated", in.Path))
		}
	}
	for i, m := range []*made{a, b} {
		if was := info.Builds[i].Digest; was != m.digest {
			out = append(out, fmt.Sprintf("the %s gave %s before, and gives %s now", l.job.called(m.which), short(was), short(m.digest)))
		}
	}
	slices.Sort(out)
	for i := range out {
		out[i] = report.Printable(out[i])
	}
	return out
}

// short is enough of a digest to tell it from another.
func short(digest string) string { return digest[:min(len(digest), len("sha256:")+16)] }

package attribute

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

const (
	controls      = 3 // builds in the pinned world, to begin with
	moreControls  = 2 // when a trial has shown something unstable
	confirmations = 2 // builds in a varied world after which something differs
	mostRuns      = 5 // in one world, where chance might have had a hand in it
)

// errSpent says that no more may be built.
var errSpent = errors.New("the limit of builds is reached")

// Run finds out what the root findings of a report follow, and enters it there.
// The report is one of two builds that differ.
func Run(ctx context.Context, lab Lab, r *report.Report, p Plan) (*report.Attribution, error) {
	if p.MaxBuilds == 0 {
		p.MaxBuilds = DefaultMaxBuilds
	}
	s := &search{
		lab: lab, plan: p, match: newMatcher(r),
		byDigest: map[string]*observation{}, runs: map[string][]*observation{}, races: map[int]bool{}, pairs: map[int]string{},
	}
	defer func() {
		if s.base != nil {
			lab.Discard(s.base)
		}
	}()
	for _, step := range []func(context.Context) error{s.pin, s.singles, s.steady, s.settle, s.together} {
		if err := step(ctx); err != nil && !errors.Is(err, errSpent) {
			return nil, err
		}
	}
	s.enter()
	return s.attribution(), nil
}

// search is a search under way.
type search struct {
	lab   Lab
	plan  Plan
	match *matcher

	mu       sync.Mutex
	base     *Output // of the first build in the pinned world
	builds   int
	byDigest map[string]*observation
	runs     map[string][]*observation // by world: what each build in it showed
	races    map[int]bool              // roots that follow nothing
	trials   []*trial
	joint    []*trial       // of several variations
	pairs    map[int]string // what roots follow that no single variation changes
}

// observation is how an output differs from that of the pinned world.
type observation struct {
	digest  string
	touched map[int][]report.Range // roots of the report that differ, and where in the pinned output
	strange int                    // root findings that the report does not have
}

// trial is a change of the pinned world.
type trial struct {
	names    []world.Name
	world    world.World
	value    string
	skipped  string
	failed   string
	runs     []*observation
	unstable map[int]bool // roots in which the builds of this world differ from each other
	differ   bool         // those builds differ in something
	closed   bool         // no more builds are to be made
}

// pin builds in the pinned world, three times, and takes what differs for a
// race.
func (s *search) pin(ctx context.Context) error {
	s.say("the pinned world")
	base, err := s.build(ctx, s.plan.Base, true)
	if err != nil {
		var failed *Failure
		if errors.As(err, &failed) {
			return fmt.Errorf("the build fails in the pinned world, so nothing can be varied from it: %w", err)
		}
		return err
	}
	s.base = base
	s.byDigest[base.Digest] = &observation{digest: base.Digest}
	s.runs[key(s.plan.Base)] = []*observation{s.byDigest[base.Digest]}
	return s.control(ctx, controls-1)
}

// control builds n times more in the pinned world.
func (s *search) control(ctx context.Context, n int) error {
	group, ctx := s.group(ctx)
	for range n {
		group.Go(func() error {
			o, err := s.observe(ctx, s.plan.Base)
			var failed *Failure
			switch {
			case errors.Is(err, errSpent), errors.As(err, &failed):
				return nil // those that there are have to do
			case err != nil:
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for i := range o.touched {
				s.races[i] = true
			}
			return nil
		})
	}
	return group.Wait()
}

// singles varies one thing at a time.
func (s *search) singles(ctx context.Context) error {
	asked := map[world.Name]bool{}
	for _, n := range s.base.Asked {
		asked[n] = true
	}
	watched := map[world.Name]bool{}
	for _, n := range s.plan.Watched {
		watched[n] = true
	}
	for _, c := range s.plan.Candidates {
		t := &trial{names: []world.Name{c.Name}, world: c.World, value: c.Value, skipped: c.Skip}
		switch {
		case t.skipped != "":
		case watched[c.Name] && !asked[c.Name]:
			t.skipped = "no process of the build asked about it"
		case key(c.World) == key(s.plan.Base):
			t.skipped = "there is no other value here"
		}
		s.trials = append(s.trials, t)
	}
	group, ctx := s.group(ctx)
	for _, t := range s.trials {
		if t.skipped != "" {
			continue
		}
		group.Go(func() error { return s.try(ctx, t) })
	}
	return group.Wait()
}

// try builds in a varied world, and once more where something differs.
func (s *search) try(ctx context.Context, t *trial) error {
	s.say(fmt.Sprintf("%s varied", joined(t.names)))
	var first *Output
	defer func() {
		if first != nil {
			s.lab.Discard(first)
		}
	}()
	for n := range confirmations {
		o, out, err := s.observeKeeping(ctx, t.world)
		if err != nil {
			return s.gaveUp(t, err)
		}
		s.mu.Lock()
		t.runs = append(t.runs, o)
		idle := o.digest == s.base.Digest || !s.news(o)
		s.mu.Unlock()
		switch {
		case n == 0 && idle:
			s.lab.Discard(out)
			return nil
		case n == 0:
			first = out
			continue
		}
		err = s.unlike(ctx, t, first, out)
		s.lab.Discard(out)
		if err != nil {
			return err
		}
	}
	return nil
}

// gaveUp enters why a trial has come to an end; what ends the whole search is
// returned.
func (s *search) gaveUp(t *trial, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed *Failure
	switch {
	case errors.As(err, &failed) && len(t.runs) == 0:
		t.failed = failed.Why
	case errors.As(err, &failed):
		// It went well before; what that has shown stands.
	case errors.Is(err, errSpent):
		if len(t.runs) == 0 {
			t.skipped = fmt.Sprintf("%d builds were made already, which is the limit (--max-builds)", s.builds)
		}
	default:
		return err
	}
	return nil
}

// news tells whether an output differs from the pinned one in what is no race.
func (s *search) news(o *observation) bool {
	for i := range o.touched {
		if !s.races[i] {
			return true
		}
	}
	return o.strange > 0
}

// unlike notes what differs between two builds in the same varied world.
func (s *search) unlike(ctx context.Context, t *trial, a, b *Output) error {
	if a.Digest == b.Digest {
		return nil
	}
	r, err := s.lab.Compare(ctx, a, b)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.differ = t.differ || len(r.Findings) > 0
	if t.unstable == nil {
		t.unstable = map[int]bool{}
	}
	for i := range s.touched(r).touched {
		t.unstable[i] = true
	}
	return nil
}

// build builds, if it still may.
func (s *search) build(ctx context.Context, w world.World, watch bool) (*Output, error) {
	s.mu.Lock()
	if s.builds >= s.plan.MaxBuilds {
		s.mu.Unlock()
		return nil, errSpent
	}
	s.builds++
	s.mu.Unlock()
	return s.lab.Build(ctx, w, watch)
}

// observe builds in a world and compares with the pinned output.
func (s *search) observe(ctx context.Context, w world.World) (*observation, error) {
	o, out, err := s.observeKeeping(ctx, w)
	if err == nil {
		s.lab.Discard(out)
	}
	return o, err
}

// observeKeeping is observe, and leaves the output to the caller.
func (s *search) observeKeeping(ctx context.Context, w world.World) (*observation, *Output, error) {
	out, err := s.build(ctx, w, false)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	o := s.byDigest[out.Digest]
	s.mu.Unlock()
	if o == nil {
		r, err := s.lab.Compare(ctx, s.base, out)
		if err != nil {
			s.lab.Discard(out)
			return nil, nil, err
		}
		o = s.touched(r)
		o.digest = out.Digest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byDigest[out.Digest] = o
	k := key(w)
	s.runs[k] = append(s.runs[k], o)
	return o, out, nil
}

// touched matches what a comparison found to the roots of the report.
func (s *search) touched(r *report.Report) *observation {
	o := &observation{touched: map[int][]report.Range{}}
	for i := range r.Findings {
		g := &r.Findings[i]
		roots := s.match.find(g)
		for _, n := range roots {
			o.touched[n] = append(o.touched[n], g.Ranges...)
		}
		if len(roots) == 0 && !g.Derived {
			o.strange++
		}
	}
	return o
}

func (s *search) group(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(s.plan.Parallel, 1))
	return group, ctx
}

func (s *search) say(stage string) {
	if s.plan.Progress == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan.Progress(stage)
}

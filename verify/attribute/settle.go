package attribute

import (
	"context"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

// tolerance is how likely it may be that a variation is blamed for what was
// chance.
const tolerance = 0.02

// likelier is how much more a variation that is random by nature may be
// blamed: whoever looks at addresses gets this very picture.
const likelier = 2

// steady builds more often in the pinned world where a varied one has shown
// something unstable, and then takes out what follows nothing: what a varied
// world does not always show, and what differs there for want of order.
func (s *search) steady(ctx context.Context) error {
	if s.shaky() {
		s.say("the pinned world once more")
		if err := s.control(ctx, moreControls); err != nil {
			return err
		}
	}
	s.findRaces()
	return nil
}

// shaky tells whether a trial has shown something unstable that is not known to
// be a race.
func (s *search) shaky() bool {
	for _, t := range s.trials {
		for i := range t.unstable {
			if !s.races[i] {
				return true
			}
		}
	}
	return false
}

// findRaces enters the roots that builds in one and the same world do not agree
// about, unless that world is random by nature.
func (s *search) findRaces() {
	for _, t := range s.trials {
		for i := range s.match.roots {
			switch n := t.count(i); {
			case n == 0:
			case n < len(t.runs) && !t.byNature():
				s.races[i] = true
			case t.unstable[i] && (t.names[0] == world.NumCPUs || t.names[0] == world.Load):
				s.races[i] = true // always another, but for want of order
			}
		}
	}
}

// byNature tells whether a variation makes builds differ from each other, not
// only from the pinned ones.
func (t *trial) byNature() bool { return t.names[0] == world.ASLRName }

// count is in how many builds of the trial a root differed.
func (t *trial) count(root int) int {
	n := 0
	for _, o := range t.runs {
		if _, ok := o.touched[root]; ok {
			n++
		}
	}
	return n
}

// follows lists the trials that change a root.
func (s *search) follows(root int) []*trial {
	var out []*trial
	if s.races[root] {
		return nil
	}
	for _, t := range s.trials {
		if t.count(root) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// settle builds again in the worlds whose builds might have differed from the
// others by chance, or might by chance have not.
func (s *search) settle(ctx context.Context) error {
	for {
		again := s.doubtful()
		if len(again) == 0 {
			break
		}
		group, ctx := s.group(ctx)
		for _, t := range again {
			s.say(fmt.Sprintf("%s varied once more", joined(t.names)))
			group.Go(func() error {
				o, err := s.observe(ctx, t.world)
				if err != nil {
					t.closed = true
					return s.gaveUp(t, err)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				t.runs = append(t.runs, o)
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		s.findRaces()
	}
	// What is left in doubt where a world is random by nature is no proof.
	for _, t := range s.trials {
		for i := range s.match.roots {
			if n := t.count(i); t.byNature() && n > 0 && n < len(t.runs) && s.chance(i, []*trial{t}) > tolerance {
				s.races[i] = true
			}
		}
	}
	return nil
}

// doubtful lists the trials to build again: for each root that of the blamed
// ones which was built least, while chance may have had a hand in it.
func (s *search) doubtful() []*trial {
	var again []*trial
	add := func(t *trial) {
		if len(t.runs) > 0 && len(t.runs) < mostRuns && !t.closed && !slices.Contains(again, t) {
			again = append(again, t)
		}
	}
	for i := range s.match.roots {
		blamed := s.follows(i)
		switch {
		case s.races[i]:
		case len(blamed) == 0:
			// One that is random by nature may not have shown it.
			for _, t := range s.trials {
				if t.byNature() {
					add(t)
				}
			}
		case !s.obvious(i, blamed) && s.chance(i, blamed) > tolerance:
			add(slices.MinFunc(blamed, func(a, b *trial) int { return len(a.runs) - len(b.runs) }))
		}
	}
	return again
}

// obvious tells whether what the field says of itself agrees with the blame: a
// field of a time that follows the clock is no race.
func (s *search) obvious(root int, blamed []*trial) bool {
	for _, t := range blamed {
		switch s.match.roots[root].Cause {
		case report.Time:
			if t.names[0] == world.Time || t.names[0] == world.Timezone || t.names[0] == world.InputTimesOf {
				return true
			}
		case report.Random:
			if t.names[0] == world.RandomName {
				return true
			}
		}
	}
	return false
}

// chance is how likely it is at most that a race that has nothing to do with
// any variation came out as it did: that of all builds those that differ are
// all among those of the blamed variations. The order of the builds of a race
// means nothing, so each choice of as many builds is as likely. There is one
// such choice for each variation that could have been blamed; of those that are
// random by nature there is one alone.
func (s *search) chance(root int, blamed []*trial) float64 {
	differ, theirs, all, tried := 0, 0, 0, 0
	for _, runs := range s.runs {
		all += len(runs)
	}
	for _, t := range blamed {
		differ += t.count(root)
		theirs += len(t.runs)
	}
	for _, t := range s.trials {
		if len(t.runs) > 0 {
			tried++
		}
	}
	p := float64(tried)
	if len(blamed) == 1 && blamed[0].byNature() {
		p = 1.0 / likelier
	}
	for i := range differ {
		p *= float64(theirs-i) / float64(all-i) // C(theirs, differ) / C(all, differ)
	}
	return p
}

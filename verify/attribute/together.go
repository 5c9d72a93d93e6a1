package attribute

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/verify/world"
)

// mostSearches bounds for how many findings a set of variations is looked for.
const mostSearches = 4

// together varies everything at once, for the roots that no single variation
// changes, and then as little as possible of it.
func (s *search) together(ctx context.Context) error {
	open := s.open()
	names := s.movable()
	if len(open) == 0 || len(names) < 2 {
		return nil
	}
	all, err := s.jointly(ctx, names)
	if err != nil {
		return err
	}
	searches := 0
	for _, i := range open {
		if s.pairs[i] != "" || all == nil || all.touched[i] == nil {
			continue
		}
		if searches++; searches > mostSearches {
			break
		}
		set, err := s.least(ctx, names, i)
		if err != nil {
			return err
		}
		again, err := s.observe(ctx, s.mix(set))
		if err != nil {
			return ignoreFailure(err)
		}
		if _, ok := again.touched[i]; !ok {
			s.races[i] = true // not the same twice in one world
			continue
		}
		t := s.jointTrial(set)
		t.runs = s.runs[key(t.world)]
		s.joint = append(s.joint, t)
		for _, j := range open {
			if t.count(j) == len(t.runs) && s.pairs[j] == "" {
				s.pairs[j] = joined(set)
			}
		}
	}
	return nil
}

// open lists the roots that nothing is known about.
func (s *search) open() []int {
	var out []int
	for i := range s.match.roots {
		if !s.races[i] && len(s.follows(i)) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// movable lists the variations that were tried and did not fail, but for those
// whose builds differ by nature: they would show now one thing, now another.
func (s *search) movable() []world.Name {
	var out []world.Name
	for _, t := range s.trials {
		if t.skipped == "" && t.failed == "" && len(t.runs) > 0 && t.names[0] != world.Load && !t.byNature() {
			out = append(out, t.names[0])
		}
	}
	return out
}

// mix is the pinned world with several parts varied.
func (s *search) mix(names []world.Name) world.World {
	w := s.plan.Base
	for _, c := range s.plan.Candidates {
		if slices.Contains(names, c.Name) {
			w = world.Mix(w, c.World, c.Name)
		}
	}
	return w
}

func (s *search) jointTrial(names []world.Name) *trial {
	t := &trial{names: names, world: s.mix(names)}
	for _, c := range s.plan.Candidates {
		if slices.Contains(names, c.Name) {
			if t.value != "" {
				t.value += "; "
			}
			t.value += c.Value
		}
	}
	return t
}

// jointly is what a build with several variations shows, nil where it fails. A
// world that was built in is not built in again.
func (s *search) jointly(ctx context.Context, names []world.Name) (*observation, error) {
	w := s.mix(names)
	if runs := s.runs[key(w)]; len(runs) > 0 {
		return runs[0], nil
	}
	s.say(fmt.Sprintf("%d things varied together", len(names)))
	o, err := s.observe(ctx, w)
	return o, ignoreFailure(err)
}

func ignoreFailure(err error) error {
	var failed *Failure
	if errors.As(err, &failed) {
		return nil
	}
	return err
}

// least finds a set of variations that changes a root and of which none can be
// left out.
func (s *search) least(ctx context.Context, set []world.Name, root int) ([]world.Name, error) {
	return Least(ctx, set, func(ctx context.Context, some []world.Name) (bool, error) {
		o, err := s.jointly(ctx, some)
		if o == nil || err != nil {
			return false, err
		}
		_, ok := o.touched[root]
		return ok, nil
	})
}

// Least makes a set, which has a property, as small as it can be with it: none
// of what is left can be left out. It is Zeller's and Hildebrandt's ddmin.
func Least(ctx context.Context, set []world.Name, has func(context.Context, []world.Name) (bool, error)) ([]world.Name, error) {
	for parts := 2; len(set) >= 2; {
		size := (len(set) + parts - 1) / parts
		var smaller []world.Name
		next := min(2*parts, len(set))
	search:
		for at := 0; at < len(set); at += size {
			chunk := set[at:min(at+size, len(set))]
			rest := slices.Concat(set[:at], set[at+len(chunk):])
			for k, some := range [][]world.Name{chunk, rest} {
				if k == 1 && parts == 2 {
					continue // the rest of the one part is the other part
				}
				ok, err := has(ctx, some)
				if err != nil {
					return nil, err
				}
				if ok {
					smaller, next = some, 2
					if k == 1 {
						next = max(parts-1, 2)
					}
					break search
				}
			}
		}
		switch {
		case smaller != nil:
			set = smaller
		case parts >= len(set):
			return set, nil
		}
		parts = next
	}
	return set, nil
}

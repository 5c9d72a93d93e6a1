package report

import (
	"fmt"
	"slices"
)

// Limits of what a report may say of a verification. There are two dozen
// variations; who repeats a build does it for some days at most.
const (
	maxVariations = 1 << 8
	maxTrials     = 1 << 12
	maxResults    = 1 << 20
	maxWords      = 1 << 16 // of a command line
)

// validate checks what a verification promises: known outcomes, findings that
// are there, counts that add up. index holds the report's findings by id. A
// report that verify did not make has no verification.
func (v *Verification) validate(index map[string]int) error {
	if v == nil {
		return nil
	}
	if v.Builds < 0 {
		return fmt.Errorf("verification: a number is below zero")
	}
	if len(v.Variations) > maxVariations || len(v.Asked) > maxVariations || len(v.Command) > maxWords {
		return fmt.Errorf("verification: a list is too long")
	}
	names := map[string]bool{}
	for _, x := range v.Variations {
		if x.Name == "" || names[x.Name] {
			return fmt.Errorf("verification: the variation %q is named twice, or not at all", x.Name)
		}
		names[x.Name] = true
	}
	if err := v.Attribution.validate(index); err != nil {
		return fmt.Errorf("attribution: %w", err)
	}
	if err := v.Repeat.validate(); err != nil {
		return fmt.Errorf("repeat: %w", err)
	}
	return nil
}

func (a *Attribution) validate(index map[string]int) error {
	if a == nil {
		return nil
	}
	if a.Controls < 0 {
		return fmt.Errorf("a number is below zero")
	}
	if len(a.Trials) > maxTrials {
		return fmt.Errorf("more than %d trials", maxTrials)
	}
	if err := known(a.Races, index); err != nil {
		return fmt.Errorf("races: %w", err)
	}
	for _, t := range a.Trials {
		switch {
		case len(t.Variations) == 0 || len(t.Variations) > maxVariations:
			return fmt.Errorf("a trial varies %d things", len(t.Variations))
		case !slices.Contains(Outcomes(), t.Outcome):
			return fmt.Errorf("trial of %q: there is no outcome %q", t.Variations[0], t.Outcome)
		case t.Builds < 0:
			return fmt.Errorf("trial of %q: a number is below zero", t.Variations[0])
		}
		if err := known(t.Findings, index); err != nil {
			return fmt.Errorf("trial of %q: %w", t.Variations[0], err)
		}
	}
	return nil
}

// known checks that all ids are those of findings, each named once.
func known(ids []string, index map[string]int) error {
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		if _, ok := index[id]; !ok {
			return fmt.Errorf("finding %q is not there", id)
		}
		if seen[id] {
			return fmt.Errorf("finding %q is named twice", id)
		}
		seen[id] = true
	}
	return nil
}

func (p *Repeat) validate() error {
	if p == nil {
		return nil
	}
	if p.Planned < 0 || p.Runs < 0 || p.Runs > maxResults || len(p.Results) > p.Runs {
		return fmt.Errorf("%d results of %d builds", len(p.Results), p.Runs)
	}
	sum := 0
	for _, x := range p.Results {
		if x.Count < 1 || len(x.Runs) != x.Count {
			return fmt.Errorf("result %q: %d builds are named, not %d", x.Digest, len(x.Runs), x.Count)
		}
		for _, n := range x.Runs {
			if n < 1 || n > p.Runs {
				return fmt.Errorf("result %q: there is no build %d of %d", x.Digest, n, p.Runs)
			}
		}
		if sum += x.Count; sum > p.Runs {
			return fmt.Errorf("more results than the %d builds", p.Runs)
		}
	}
	if sum != p.Runs {
		return fmt.Errorf("%d builds were made, the results are those of %d", p.Runs, sum)
	}
	return nil
}

// valid is a copy whose strings are valid UTF-8.
func (v *Verification) valid() *Verification {
	if v == nil {
		return nil
	}
	c := *v
	for _, s := range []*string{&c.Level, &c.Spec, &c.SpecDigest, &c.Evidence} {
		fix(s)
	}
	c.Command, c.Asked = fixAll(c.Command), fixAll(c.Asked)
	c.Variations = append([]Variation{}, v.Variations...)
	for i := range c.Variations {
		x := &c.Variations[i]
		for _, s := range []*string{&x.Name, &x.A, &x.B, &x.Why} {
			fix(s)
		}
	}
	if v.Attribution != nil {
		a := *v.Attribution
		a.Races = fixAll(a.Races)
		a.Trials = append([]Trial{}, a.Trials...)
		for i := range a.Trials {
			t := &a.Trials[i]
			t.Variations, t.Findings = fixAll(t.Variations), fixAll(t.Findings)
			if t.Variations == nil {
				t.Variations = []string{}
			}
			fix(&t.Value)
			fix(&t.Why)
		}
		c.Attribution = &a
	}
	if v.Repeat != nil {
		p := *v.Repeat
		p.Results = append([]Result{}, p.Results...)
		for i := range p.Results {
			fix(&p.Results[i].Digest)
		}
		fix(&p.Note)
		c.Repeat = &p
	}
	return &c
}

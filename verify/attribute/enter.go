package attribute

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/world"
)

// Race is what a finding follows that differs between builds in one and the
// same world.
const Race = "race"

// Bounds of what is still the same place, in bytes: random values may agree
// here and there.
const (
	maxChanceGap = 4 // between two ranges
	maxStray     = 2 // outside of all
)

// enter writes into the report's root findings what they follow.
func (s *search) enter() {
	for i, f := range s.match.roots {
		switch names := s.causes(i); {
		case s.races[i]:
			f.Variation = Race
			advise(f, advice[Race])
		case len(names) > 0:
			f.Variation = joined(names)
			refine(f, names)
		case s.pairs[i] != "":
			f.Variation = s.pairs[i]
			note(f, fmt.Sprintf("differs only where %s are varied together", strings.ReplaceAll(s.pairs[i], ", ", " and ")))
		case s.unfinished():
			note(f, "what it follows was not found: not everything could be tried")
		default:
			note(f, fmt.Sprintf("differed in none of %d more builds: a race that is rare, or something that is not varied here", s.builds))
		}
	}
}

// unfinished tells whether something that could be varied was not.
func (s *search) unfinished() bool {
	return s.builds >= s.plan.MaxBuilds || slices.ContainsFunc(s.trials, func(t *trial) bool { return t.failed != "" })
}

// causes lists the variations that a root follows, randomness alone where that
// explains the others.
func (s *search) causes(root int) []world.Name {
	var names []world.Name
	var random []report.Range
	blamed := s.follows(root)
	for _, t := range blamed {
		if t.names[0] == world.RandomName {
			random = t.ranges(root)
		}
	}
	for _, t := range blamed {
		n := t.names[0]
		if random != nil && n != world.RandomName &&
			(s.match.roots[root].Cause == report.Random || covered(t.ranges(root), random)) {
			continue // mixed into the random value
		}
		names = append(names, n)
	}
	return names
}

// ranges lists where a root differed in a trial, in the pinned output; not nil.
func (t *trial) ranges(root int) []report.Range {
	out := []report.Range{}
	for _, o := range t.runs {
		out = append(out, o.touched[root]...)
	}
	return out
}

// covered tells whether a lies in b, give or take what chance may have made
// equal. Ranges that are not known are covered by no others.
func covered(a, b []report.Range) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	b = report.JoinRanges(b, maxChanceGap)
	stray := int64(0)
	for _, r := range report.JoinRanges(a, maxChanceGap) {
		left := r.Length
		for _, q := range b {
			left -= max(min(r.Offset+r.Length, q.Offset+q.Length)-max(r.Offset, q.Offset), 0)
		}
		stray += left
	}
	return stray <= maxStray
}

// attribution is the matrix of findings and variations.
func (s *search) attribution() *report.Attribution {
	a := &report.Attribution{Controls: len(s.runs[key(s.plan.Base)]), Trials: []report.Trial{}}
	for i, f := range s.match.roots {
		if s.races[i] {
			a.Races = append(a.Races, f.ID)
		}
	}
	for _, t := range slices.Concat(s.trials, s.joint) {
		a.Trials = append(a.Trials, s.row(t))
	}
	return a
}

func (s *search) row(t *trial) report.Trial {
	row := report.Trial{Value: t.value, Builds: len(t.runs), Outcome: report.TrialSame}
	for _, n := range t.names {
		row.Variations = append(row.Variations, string(n))
	}
	strange, unsteady := 0, false
	for i, f := range s.match.roots {
		if s.races[i] {
			continue
		}
		if t.count(i) > 0 {
			row.Findings = append(row.Findings, f.ID)
		}
		unsteady = unsteady || t.unstable[i]
	}
	for _, o := range t.runs {
		strange = max(strange, o.strange)
	}
	switch {
	case t.skipped != "":
		row.Outcome, row.Why = report.TrialSkipped, t.skipped
	case t.failed != "":
		row.Outcome, row.Why, row.Builds = report.TrialFailed, t.failed, 1
	case unsteady:
		row.Outcome, row.Why = report.TrialUnstable, "it does not come out the same twice even so"
	case len(row.Findings) > 0:
		row.Outcome = report.TrialDiffers
	case strange > 0:
		row.Outcome, row.Why = report.TrialDiffers, fmt.Sprintf("in %s that the two builds above have alike", report.Counted(int64(strange), "thing"))
	}
	return row
}

func joined(names []world.Name) string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return strings.Join(list, ", ")
}

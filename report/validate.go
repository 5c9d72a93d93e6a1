package report

import (
	"fmt"
	"math"
	"slices"
)

// Validate checks what every report promises: ids are unique; derived_from
// names findings that are there, never in a circle, and is empty exactly for
// root findings; the findings' bytes add up to differing_bytes; the verdict
// and the counts follow from the findings.
func (r *Report) Validate() error {
	if r.Schema != Schema {
		return fmt.Errorf("schema is %q, this program knows %q", r.Schema, Schema)
	}
	if r.DifferingBytes < 0 || r.A.Size < 0 || r.B.Size < 0 {
		return fmt.Errorf("a size or count of bytes is below zero")
	}
	index := make(map[string]int, len(r.Findings))
	var sum, explained int64
	roots := 0
	for i := range r.Findings {
		f := &r.Findings[i]
		if err := f.validate(); err != nil {
			return err
		}
		if _, ok := index[f.ID]; ok {
			return fmt.Errorf("two findings have the id %q", f.ID)
		}
		index[f.ID] = i
		if f.Bytes > math.MaxInt64-sum {
			return fmt.Errorf("finding %q: the sum of bytes overflows", f.ID)
		}
		sum += f.Bytes
		if f.Structure != UnknownStructure {
			explained += f.Bytes
		}
		if !f.Derived {
			roots++
		}
	}
	if err := r.validateSources(index); err != nil {
		return err
	}
	if err := r.validateHeat(); err != nil {
		return err
	}
	if err := r.Policy.validate(); err != nil {
		return err
	}
	if err := r.Verification.validate(index); err != nil {
		return err
	}
	if sum != r.DifferingBytes {
		return fmt.Errorf("findings own %d bytes, but %d differ: %d %s",
			sum, r.DifferingBytes, max(sum-r.DifferingBytes, r.DifferingBytes-sum),
			map[bool]string{true: "are counted twice", false: "are missing"}[sum > r.DifferingBytes])
	}
	if explained != r.ExplainedBytes {
		return fmt.Errorf("explained_bytes is %d, the findings explain %d", r.ExplainedBytes, explained)
	}
	if roots != r.RootFindings {
		return fmt.Errorf("root_findings is %d, there are %d", r.RootFindings, roots)
	}
	if v := r.verdict(); v != r.Verdict {
		return fmt.Errorf("verdict is %q, the findings say %q", r.Verdict, v)
	}
	return nil
}

// validate checks what a finding promises by itself.
func (f *Finding) validate() error {
	switch {
	case f.ID == "":
		return fmt.Errorf("a finding (%q %q %q) has no id", f.Format, f.Structure, f.Field)
	case !slices.Contains(Causes(), f.Cause):
		return fmt.Errorf("finding %q: there is no cause %q", f.ID, f.Cause)
	case f.Bytes < 0 || f.RangesOmitted < 0 || f.FilesOmitted < 0 || f.Partition < 0:
		return fmt.Errorf("finding %q: a number is below zero", f.ID)
	case f.Count < 1:
		return fmt.Errorf("finding %q: count is %d, not 1 or more", f.ID, f.Count)
	case f.Derived && len(f.DerivedFrom) == 0:
		return fmt.Errorf("finding %q is derived from nothing", f.ID)
	case !f.Derived && len(f.DerivedFrom) > 0:
		return fmt.Errorf("finding %q has derived_from, but is not derived", f.ID)
	}
	for _, g := range f.Ranges {
		if g.Offset < 0 || g.Length < 0 || g.Offset > math.MaxInt64-g.Length {
			return fmt.Errorf("finding %q: there is no range of %d bytes at %d", f.ID, g.Length, g.Offset)
		}
	}
	if f.Sample != nil {
		if _, _, err := f.Sample.Bytes(); err != nil {
			return fmt.Errorf("finding %q: %w", f.ID, err)
		}
	}
	return nil
}

// validateSources checks that each derived finding leads to root findings. It
// takes away the findings that nothing is left to derive from, as a
// topological sort does; what stays is in a circle, or hangs on one.
func (r *Report) validateSources(index map[string]int) error {
	waits := make([]int, len(r.Findings))       // for how many sources
	followers := make([][]int, len(r.Findings)) // who is derived from it
	var ready []int
	for i := range r.Findings {
		for _, id := range r.Findings[i].DerivedFrom {
			source, ok := index[id]
			if !ok {
				return fmt.Errorf("finding %q is derived from %q, which is not there", r.Findings[i].ID, id)
			}
			followers[source] = append(followers[source], i)
			waits[i]++
		}
		if waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	done := 0
	for ; len(ready) > 0; done++ {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, j := range followers[i] {
			if waits[j]--; waits[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	if done < len(r.Findings) {
		for i, n := range waits {
			if n > 0 {
				return fmt.Errorf("finding %q is derived from itself, in a circle", r.Findings[i].ID)
			}
		}
	}
	return nil
}

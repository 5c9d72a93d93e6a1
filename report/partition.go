package report

import (
	"fmt"
	"slices"
)

// KeepPartition keeps the findings of one partition only, and finishes the
// report again: what is kept is counted anew. A finding that followed only from
// what is dropped stands for itself; where all that it followed from was
// allowed, it is allowed as well.
func (r *Report) KeepPartition(n int) error {
	before := r.Findings
	harmless := r.harmless()
	kept := map[string]bool{}
	var findings []Finding
	dropped := r.DifferingBytes
	r.DifferingBytes = 0
	for i := range before {
		if f := before[i]; f.Partition == n {
			kept[f.ID] = true
			findings = append(findings, f)
			r.DifferingBytes += f.Bytes
		}
	}
	for i := range findings {
		f := &findings[i]
		var from []string
		for _, id := range f.DerivedFrom {
			if kept[id] {
				from = append(from, id)
			}
		}
		if f.Derived && len(from) == 0 && f.Allowed == "" && harmless(f.ID) {
			f.Allowed = "follows from what is allowed: " + f.DerivedFrom[0]
		}
		f.DerivedFrom, f.Derived = from, len(from) > 0
	}
	if dropped -= r.DifferingBytes; dropped > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("only partition %d is reported: outside of it %s differ", n, Counted(dropped, "byte")))
	}
	r.Findings = findings
	var partitions []Partition
	for _, p := range r.Partitions {
		if p.Number == n {
			partitions = append(partitions, p)
		}
	}
	r.Partitions = partitions
	r.OnlyPartition = &n
	r.Verification = r.Verification.only(kept)
	return r.Finish()
}

// harmless tells of a finding whether all root findings that it leads to are
// allowed. The report is a valid one: nothing goes in a circle.
func (r *Report) harmless() func(id string) bool {
	index := make(map[string]*Finding, len(r.Findings))
	for i := range r.Findings {
		index[r.Findings[i].ID] = &r.Findings[i]
	}
	known := map[string]bool{}
	var tell func(id string) bool
	tell = func(id string) bool {
		if answer, ok := known[id]; ok {
			return answer
		}
		f := index[id]
		answer := f != nil
		switch {
		case f == nil:
		case !f.Derived:
			answer = f.Allowed != ""
		default:
			for _, from := range f.DerivedFrom {
				answer = answer && tell(from)
			}
		}
		known[id] = answer
		return answer
	}
	return tell
}

// only is the verification without findings that are not kept.
func (v *Verification) only(kept map[string]bool) *Verification {
	if v == nil || v.Attribution == nil {
		return v
	}
	drop := func(ids []string) []string {
		return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !kept[id] })
	}
	c, a := *v, *v.Attribution
	a.Races = drop(a.Races)
	a.Trials = slices.Clone(a.Trials)
	for i := range a.Trials {
		a.Trials[i].Findings = drop(a.Trials[i].Findings)
	}
	c.Attribution = &a
	return &c
}

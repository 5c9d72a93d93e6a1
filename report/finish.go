package report

import (
	"cmp"
	"math"
	"slices"
)

// Finish makes a report of what a comparison has collected: it sorts findings
// and partitions, fills in the schema, the verdict and the counts that follow
// from the findings, and checks all of it. DifferingBytes is the comparison's
// own count; the findings have to add up to it.
func (r *Report) Finish() error {
	r.Schema = Schema
	r.fillEmpty()
	r.Sort()
	r.RootFindings, r.ExplainedBytes = 0, 0
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Count == 0 {
			f.Count = 1
		}
		if f.Cause == "" {
			f.Cause = Unknown
		}
		if !f.Derived {
			r.RootFindings++
		}
		if f.Structure != UnknownStructure {
			r.ExplainedBytes += f.Bytes
		}
	}
	r.Verdict = r.verdict()
	return r.Validate()
}

// fillEmpty makes empty lists of the missing ones, which JSON would show as
// null.
func (r *Report) fillEmpty() {
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Policy != nil && r.Policy.Rules == nil {
		r.Policy.Rules = []PolicyRule{}
	}
	if r.Partitions == nil {
		r.Partitions = []Partition{}
	}
	for i := range r.Heat {
		if r.Heat[i].Buckets == nil {
			r.Heat[i].Buckets = []Bucket{}
		}
	}
	for i := range r.Findings {
		r.Findings[i].fillEmpty()
	}
}

func (f *Finding) fillEmpty() {
	if f.Ranges == nil {
		f.Ranges = []Range{}
	}
	if f.DerivedFrom == nil {
		f.DerivedFrom = []string{}
	}
}

// Sort puts root findings first, each kind in order of image, partition,
// place on the disk, and id; those without a place come last. Partitions go
// by image and number.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Findings, func(f, g Finding) int {
		return cmp.Or(
			compareBool(f.Derived, g.Derived),
			cmp.Compare(f.Image, g.Image),
			cmp.Compare(f.Partition, g.Partition),
			cmp.Compare(f.place(), g.place()),
			cmp.Compare(f.ID, g.ID),
		)
	})
	slices.SortStableFunc(r.Partitions, func(p, q Partition) int {
		return cmp.Or(cmp.Compare(p.Image, q.Image), cmp.Compare(p.Number, q.Number))
	})
}

// place is the finding's first byte on the disk.
func (f *Finding) place() int64 {
	if len(f.Ranges) == 0 {
		return math.MaxInt64
	}
	return f.Ranges[0].Offset
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// verdict is Reproducible where every root finding is allowed: what is derived
// follows from one of them.
func (r *Report) verdict() Verdict {
	if r.Unallowed() > 0 || r.A.Size-r.A.Added != r.B.Size-r.B.Added && len(r.Findings) == 0 {
		return Unreproducible
	}
	return Reproducible
}

// Unallowed counts the root findings that the policy does not accept.
func (r *Report) Unallowed() int {
	n := 0
	for i := range r.Findings {
		if f := &r.Findings[i]; !f.Derived && f.Allowed == "" {
			n++
		}
	}
	return n
}

package html

import (
	"cmp"
	"slices"

	"github.com/reprodisk/reprodisk/report"
)

// head is what the page's head needs.
type head struct {
	Title         string
	Script, Style string // digests for the policy
}

func newHead(r *report.Report) head {
	return head{Title: r.Headline(), Script: digestOf(script), Style: digestOf(style)}
}

// body is what the markup says without a script.
type body struct {
	Report   *report.Report
	Headline string
	Same     bool
	World    string // how the images were built
	Inputs   []namedInput
	Blocked  string // why the gate fails all the same
	Policy   *policy
	Allowed  []allowance
	AllowedN int64
	Warnings []string
	More     int // warnings that are left out

	Roots     []root
	RootsMore int
	Follows   string // what the consequences come to
	Matrix    bool   // there is an attribution to show
	Unclaimed int64  // bytes
}

type namedInput struct {
	Name string
	report.Input
}

// allowance is a reason of the policy, with the root findings that it accepts.
type allowance struct {
	Reason   string
	Findings int64
	Bytes    int64
}

// root is a finding of the summary.
type root struct {
	Where, What, File, A, B, Measure, Remedy, Variation, Allowed string
}

const maxWarnings = 1000

func newBody(r *report.Report, opt Options) body {
	b := body{
		Report: r, Headline: r.Headline(), Same: r.Verdict == report.Reproducible,
		Inputs:  []namedInput{{"A", r.A}, {"B", r.B}},
		Blocked: r.Blocked(), Policy: newPolicy(r.Policy),
		Warnings:  r.Warnings[:min(len(r.Warnings), maxWarnings)],
		Unclaimed: r.DifferingBytes - r.ExplainedBytes,
	}
	b.More = len(r.Warnings) - len(b.Warnings)
	if v := r.Verification; v != nil {
		b.World = v.Sentence()
		b.Matrix = v.Attribution != nil
	}
	reasons := map[string]int{}
	var derived []*report.Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Derived {
			derived = append(derived, f)
			continue
		}
		if len(b.Roots) < opt.Max {
			b.Roots = append(b.Roots, newRoot(r, f))
		} else {
			b.RootsMore++
		}
		if f.Allowed == "" {
			continue
		}
		n, ok := reasons[f.Allowed]
		if !ok {
			n = len(b.Allowed)
			reasons[f.Allowed] = n
			b.Allowed = append(b.Allowed, allowance{Reason: f.Allowed})
		}
		b.Allowed[n].Findings++
		b.Allowed[n].Bytes += f.Bytes
		b.AllowedN++
	}
	slices.SortStableFunc(b.Allowed, func(x, y allowance) int { return cmp.Compare(y.Findings, x.Findings) })
	if len(derived) > 0 {
		b.Follows = report.Consequences(derived)
	}
	return b
}

func newRoot(r *report.Report, f *report.Finding) root {
	out := root{
		Where: r.Where(f), What: f.What(), File: report.Visible(f.File), Measure: f.Measure(),
		Remedy: report.Visible(f.Remedy), Variation: report.Visible(f.Variation), Allowed: report.Visible(f.Allowed),
	}
	if f.A != f.B {
		out.A, out.B = shortened(f.A, f.B)
	} else {
		out.A, _ = shortened(f.A, "")
	}
	return out
}

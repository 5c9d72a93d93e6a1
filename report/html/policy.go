package html

import (
	"fmt"

	"github.com/reprodisk/reprodisk/report"
)

// policy is what was allowed to differ, ready for the markup.
type policy struct {
	Path, Digest string
	Strict       bool
	Rules        []report.PolicyRule
	RulesMore    int
	Baseline     string // in a sentence
	Worse        []report.Worse
	WorseMore    int
}

// maxRules is how many rules, and how many findings that got worse, the page
// lists.
const maxRules = 2000

func newPolicy(p *report.Policy) *policy {
	if p == nil {
		return nil
	}
	out := &policy{Path: p.Path, Digest: p.Digest, Strict: p.Strict}
	out.Rules = p.Rules[:min(len(p.Rules), maxRules)]
	out.RulesMore = len(p.Rules) - len(out.Rules)
	if b := p.Baseline; b != nil {
		out.Baseline = fmt.Sprintf("Of what differs, the baseline %s has %s; of what it has, %s no more.", report.Visible(b.Path),
			report.Counted(int64(b.Known), "cause"), differ(b.Gone))
		out.Worse = b.Worse[:min(len(b.Worse), maxRules)]
		out.WorseMore = len(b.Worse) - len(out.Worse)
	}
	return out
}

func differ(n int) string {
	if n == 1 {
		return "1 cause differs"
	}
	return report.Commas(int64(n)) + " causes differ"
}

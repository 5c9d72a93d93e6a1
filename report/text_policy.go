package report

import (
	"cmp"
	"fmt"
	"strings"
)

const (
	maxReasons = 10 // of allowed findings, under one heading
	maxWorse   = 10 // known findings that got worse
)

// parted parts root findings into those that decide and those that are allowed.
func parted(roots []*Finding) (open, allowed []*Finding) {
	for _, f := range roots {
		if f.Allowed == "" {
			open = append(open, f)
		} else {
			allowed = append(allowed, f)
		}
	}
	return open, allowed
}

// allowed sums up allowed findings by their reasons.
func (t *text) allowed(list []*Finding) {
	if len(list) == 0 {
		return
	}
	var reasons []string
	by := map[string][]*Finding{}
	for _, f := range list {
		if by[f.Allowed] == nil {
			reasons = append(reasons, f.Allowed)
		}
		by[f.Allowed] = append(by[f.Allowed], f)
	}
	t.blank()
	shown := 0
	for i, why := range reasons {
		if i == maxReasons {
			break
		}
		t.wrapped("  allowed: ", "", Visible(why))
		var names []string
		for _, f := range by[why][:min(len(by[why]), maxFiles)] {
			names = append(names, f.short())
		}
		s := strings.Join(names, ", ")
		if more := len(by[why]) - len(names); more > 0 {
			s += fmt.Sprintf(" and %s more", Commas(int64(more)))
		}
		t.wrapped("           ", dim, s)
		shown += len(by[why])
	}
	if n := len(list) - shown; n > 0 {
		t.line("  … and ", Commas(int64(n)), " more that are allowed")
	}
}

// short is what a finding is about, in a few words.
func (f *Finding) short() string {
	what := cmp.Or(strings.TrimSpace(f.Structure+" "+f.Field), f.ID)
	if f.File != "" {
		return CutFront(Visible(f.File), 40) + " " + Visible(what)
	}
	return Visible(what)
}

// policy says what came of the rules and of the baseline. Rules that are unused
// or have expired are among the warnings.
func (t *text) policy(p *Policy) {
	if p == nil {
		return
	}
	if len(p.Rules) > 0 || p.Path != "" {
		used, idle := 0, 0
		for i := range p.Rules {
			if p.Rules[i].State == RuleUsed {
				used++
			} else {
				idle++
			}
		}
		t.blank()
		s := fmt.Sprintf("%s, %s used", Counted(int64(len(p.Rules)), "rule"), Commas(int64(used)))
		if idle > 0 {
			s += fmt.Sprintf(", %s unused or expired", Commas(int64(idle)))
		}
		if p.Strict {
			s += "; strict"
		}
		t.wrapped("policy: ", "", strings.TrimPrefix(Visible(p.Path)+": "+s, ": "))
		if t.opt.Verbose {
			for i := range p.Rules {
				t.rule(&p.Rules[i])
			}
		}
	}
	if b := p.Baseline; b != nil {
		t.baseline(b)
	}
}

func (t *text) rule(x *PolicyRule) {
	s := Visible(string(x.State))
	if x.Findings > 0 {
		s += ", " + Counted(int64(x.Findings), "cause")
	}
	if x.Expires != "" {
		s += ", until " + Visible(x.Expires)
	}
	t.line("  ", t.paint(cyan, CutFront(Visible(x.Where), t.opt.Width-2)))
	t.wrapped("      ", "", Visible(x.Names))
	t.wrapped("      ", dim, s)
	if x.Reason != "" {
		t.wrapped("      reason: ", "", Visible(x.Reason))
	}
}

func (t *text) baseline(b *Baseline) {
	t.blank()
	s := fmt.Sprintf("%s known", Counted(int64(b.Known), "cause"))
	if n := len(b.Worse); n > 0 {
		s += fmt.Sprintf(", %s worse than there", Commas(int64(n)))
	}
	if b.Gone > 0 {
		s += fmt.Sprintf("; %s of its causes %s gone: a new baseline is due", Commas(int64(b.Gone)), map[bool]string{true: "is", false: "are"}[b.Gone == 1])
	}
	t.wrapped("baseline: ", "", strings.TrimPrefix(Visible(b.Path)+": "+s, ": "))
	show := b.Worse
	if !t.opt.Verbose {
		show = show[:min(len(show), maxWorse)]
	}
	for _, x := range show {
		t.wrapped("  worse: ", yellow, Visible(x.ID)+": "+Visible(x.Why))
	}
	if n := len(b.Worse) - len(show); n > 0 {
		t.line("  … and ", Commas(int64(n)), " more that got worse")
	}
}

package policy

import (
	"fmt"
	"time"

	"github.com/reprodisk/reprodisk/report"
)

// over tells whether the rule's last day has ended, in UTC.
func (r *Rule) over(today time.Time) bool {
	last, err := time.Parse(time.DateOnly, r.Expires)
	return err == nil && !today.Before(last.AddDate(0, 0, 1))
}

// Gate is what a report is held against.
type Gate struct {
	Policy *Policy // nil: none
	Rules  []Rule  // of the command line, after those of the policy
	Strict bool    // as if the policy said so

	Baseline     *report.Report // nil: none
	BaselinePath string         // for the report

	// Today is the day by which rules have expired or not. Only its date in UTC
	// counts. The zero time stands for a day before all others.
	Today time.Time
}

// Judge marks what the gate allows, says in the report what came of each rule,
// and finishes the report. What is allowed already stays so, but for bytes that
// no format claims where the gate is strict now. The first rule that names a
// finding gives the reason; a rule is used by every finding that it names, so
// that the order of the rules changes neither verdict nor state.
func (g *Gate) Judge(r *report.Report) error {
	if r.Policy == nil {
		r.Policy = &report.Policy{Rules: []report.PolicyRule{}}
	}
	p := r.Policy
	var rules []Rule
	if g.Policy != nil {
		p.Path, p.Digest = report.Printable(g.Policy.Path), g.Policy.Digest
		p.Strict = p.Strict || g.Policy.Strict
		rules = append(rules, g.Policy.Rules...)
	}
	p.Strict = p.Strict || g.Strict
	rules = append(rules, g.Rules...)

	type place struct {
		image  string
		number int
	}
	partitions := make(map[place]*report.Partition, len(r.Partitions))
	for i := range r.Partitions {
		x := &r.Partitions[i]
		partitions[place{x.Image, x.Number}] = x
	}
	outcome := make([]report.PolicyRule, len(rules))
	over := make([]bool, len(rules))
	for i := range rules {
		over[i] = rules[i].over(g.Today)
	}
	expired := map[string]bool{} // ids of findings that only an expired rule names
	for i := range r.Findings {
		f := &r.Findings[i]
		allowed, late := "", false
		of, path := partitions[place{f.Image, f.Partition}], f.Format+"/"+f.Structure+"/"+f.Field
		for n := range rules {
			if !rules[n].matches(f, of, path) {
				continue
			}
			if f.Derived {
				outcome[n].Derived++
			} else {
				outcome[n].Findings++
			}
			switch {
			case over[n]:
				late = true
			case allowed == "":
				allowed = rules[n].allowed()
			}
		}
		if p.Strict && f.Structure == report.UnknownStructure {
			f.Allowed, allowed = "", ""
		}
		if f.Allowed == "" {
			f.Allowed = report.Printable(allowed)
		}
		if f.Allowed == "" && late {
			expired[f.ID] = true
		}
	}
	for i := range rules {
		o := &outcome[i]
		o.Where, o.Names = report.Printable(rules[i].Where), report.Printable(rules[i].String())
		o.Reason, o.Expires = report.Printable(rules[i].Reason), rules[i].Expires
		switch {
		case over[i]:
			o.State = report.RuleExpired
		case o.Findings > 0:
			o.State = report.RuleUsed
		default:
			o.State = report.RuleUnused
		}
		if w := o.Warning(); w != "" {
			r.Warnings = append(r.Warnings, w)
		}
	}
	p.Rules = append(p.Rules, outcome...)
	if g.Baseline != nil {
		g.known(r, expired)
	}
	if err := r.Finish(); err != nil {
		return fmt.Errorf("the report that the policy is held against: %w", err)
	}
	return nil
}

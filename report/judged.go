package report

import (
	"fmt"
	"slices"
)

// Policy is what was allowed to differ, by rules or because it was known, and
// what came of each rule.
type Policy struct {
	Path     string       `json:"path,omitempty"`     // the policy's file, where there was one
	Digest   string       `json:"digest,omitempty"`   // "sha256:…" of its bytes
	Strict   bool         `json:"strict,omitempty"`   // rules that are unused or expired fail the gate; bytes that no format claims are never allowed
	Rules    []PolicyRule `json:"rules"`              // of the policy, in its order, and of the command line
	Baseline *Baseline    `json:"baseline,omitempty"` // the earlier report, where there was one
}

// RuleState is what came of a rule.
type RuleState string

const (
	RuleUsed    RuleState = "used"    // it names at least one cause
	RuleUnused  RuleState = "unused"  // it names none
	RuleExpired RuleState = "expired" // its last day is over: it allows nothing
)

// RuleStates lists every state there is.
func RuleStates() []RuleState { return []RuleState{RuleUsed, RuleUnused, RuleExpired} }

// PolicyRule is one rule of what may differ.
type PolicyRule struct {
	Where    string    `json:"where"`                           // ".reprodisk.yaml:4", or the flag
	Names    string    `json:"names"`                           // what it names, for a person: "field s_uuid, partition 2"
	Reason   string    `json:"reason,omitempty"`                // why that may differ; empty for a flag
	Expires  string    `json:"expires,omitempty"`               // the last day on which it holds, in UTC: 2027-01-31
	State    RuleState `json:"state"`                           // what came of it
	Findings int       `json:"findings" jsonschema:"minimum=0"` // how many root findings it names
	Derived  int       `json:"derived,omitempty"`               // how many consequences, which nobody has to allow
}

// Baseline is an earlier report. What it has is known and does not decide.
type Baseline struct {
	Path  string  `json:"path"`                         // of the report
	Known int     `json:"known" jsonschema:"minimum=0"` // root findings that were allowed because it has them
	Worse []Worse `json:"worse,omitempty"`              // root findings that it has, but not as bad; they are not allowed
	Gone  int     `json:"gone,omitempty"`               // root findings that it has and that do not differ any more
}

// Worse is a finding that is known, but is not what it was.
type Worse struct {
	ID  string `json:"id"`  // of the finding
	Why string `json:"why"` // in which way it got worse
}

// Warning is what there is to say against a rule, in one line that begins with
// its place; empty where it is used.
func (p *PolicyRule) Warning() string {
	switch {
	case p.State == RuleExpired && p.Findings > 0:
		return fmt.Sprintf("%s: this rule expired on %s and allows nothing; it names %s (%s), and its reason was: %s",
			p.Where, p.Expires, Counted(int64(p.Findings), "cause"), p.Names, p.Reason)
	case p.State == RuleExpired:
		return fmt.Sprintf("%s: this rule expired on %s and allows nothing; it names nothing that differs: remove it (%s)", p.Where, p.Expires, p.Names)
	case p.State == RuleUnused && p.Derived > 0:
		return fmt.Sprintf("%s: this rule is unused: only consequences differ there, which nobody has to allow (%s)", p.Where, p.Names)
	case p.State == RuleUnused:
		return fmt.Sprintf("%s: this rule is unused: nothing differs there (%s)", p.Where, p.Names)
	}
	return ""
}

// Blocked says in one line why the gate fails although no difference decides:
// rules that are unused or expired, where the policy is strict. It is empty
// where the verdict decides.
func (r *Report) Blocked() string {
	if r.Policy == nil || !r.Policy.Strict {
		return ""
	}
	n := 0
	for i := range r.Policy.Rules {
		if r.Policy.Rules[i].State != RuleUsed {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s of the policy %s unused or expired", Counted(int64(n), "rule"), map[bool]string{true: "is", false: "are"}[n == 1])
}

// Passes tells whether the gate is open: the verdict is Reproducible, and
// nothing is Blocked.
func (r *Report) Passes() bool { return r.Verdict == Reproducible && r.Blocked() == "" }

// Unjudge forgets what was allowed, and what came of the rules. The caller
// finishes the report again.
func (r *Report) Unjudge() {
	for i := range r.Findings {
		r.Findings[i].Allowed = ""
	}
	if r.Policy == nil {
		return
	}
	var said []string
	for i := range r.Policy.Rules {
		said = append(said, r.Policy.Rules[i].Warning())
	}
	r.Warnings = slices.DeleteFunc(r.Warnings, func(w string) bool { return slices.Contains(said, w) })
	if len(r.Warnings) == 0 {
		r.Warnings = nil
	}
	r.Policy = nil
}

// validate checks what the outcome of a policy promises by itself.
func (p *Policy) validate() error {
	if p == nil {
		return nil
	}
	for i := range p.Rules {
		x := &p.Rules[i]
		if !slices.Contains(RuleStates(), x.State) {
			return fmt.Errorf("policy: rule %q: there is no state %q", x.Where, x.State)
		}
		if x.Findings < 0 || x.Derived < 0 {
			return fmt.Errorf("policy: rule %q: a number is below zero", x.Where)
		}
	}
	if b := p.Baseline; b != nil && (b.Known < 0 || b.Gone < 0) {
		return fmt.Errorf("policy: baseline: a number is below zero")
	}
	return nil
}

// valid is the policy with valid UTF-8 of strings that bypassed Printable.
func (p *Policy) valid() *Policy {
	if p == nil {
		return nil
	}
	c := *p
	for _, s := range []*string{&c.Path, &c.Digest} {
		fix(s)
	}
	c.Rules = append([]PolicyRule{}, p.Rules...)
	for i := range c.Rules {
		x := &c.Rules[i]
		for _, s := range []*string{&x.Where, &x.Names, &x.Reason, &x.Expires} {
			fix(s)
		}
	}
	if p.Baseline != nil {
		b := *p.Baseline
		fix(&b.Path)
		b.Worse = slices.Clone(b.Worse)
		for i := range b.Worse {
			fix(&b.Worse[i].ID)
			fix(&b.Worse[i].Why)
		}
		c.Baseline = &b
	}
	return &c
}

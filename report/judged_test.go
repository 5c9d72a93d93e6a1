package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTextOfJudgedSamples(t *testing.T) {
	s := judgedSamples(t)
	for name, r := range s {
		golden(t, name+".txt", toText(t, r, TextOptions{}))
	}
	for _, name := range []string{"verified", "verified-differs", "policy"} {
		golden(t, name+"-verbose.txt", toText(t, s[name], TextOptions{Verbose: true}))
	}
	golden(t, "verified-narrow.txt", toText(t, s["verified-differs"], TextOptions{Width: 40, Max: 1}))
}

// TestWhatDecidesIsShown: findings that are allowed do not take the place of
// those that are not.
func TestWhatDecidesIsShown(t *testing.T) {
	r := judgedSamples(t)["baseline"]
	text := toText(t, r, TextOptions{})
	for i, f := range r.Findings {
		if f.Allowed == "" && !strings.Contains(text, "\n  "+f.File+"  data content\n") {
			t.Errorf("finding %d, %s, is not shown", i, f.ID)
		}
	}
	if strings.Contains(text, "more (see --json)") || strings.Count(text, "\n") > 60 {
		t.Error(text)
	}
}

func TestJudgedReportsComeBackFromJSON(t *testing.T) {
	schema := compileSchema(t)
	for name, r := range judgedSamples(t) {
		text := toJSON(t, r)
		if err := check(schema, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := ReadJSON(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(r, back); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestOnePartitionOfAVerification: what varying showed is only told of findings
// that are kept.
func TestOnePartitionOfAVerification(t *testing.T) {
	r := judgedSamples(t)["verified-differs"]
	before := toJSON(t, r)
	if err := r.KeepPartition(1); err != nil {
		t.Fatal(err)
	}
	a := r.Verification.Attribution
	if len(a.Races) != 0 || len(a.Trials) != 7 || len(a.Trials[0].Findings) != 1 || len(a.Trials[2].Findings) != 0 {
		t.Errorf("%+v", a)
	}
	if again := toJSON(t, judgedSamples(t)["verified-differs"]); again != before {
		t.Error("the sample was changed")
	}
	if *r.OnlyPartition != 1 {
		t.Error(*r.OnlyPartition)
	}
}

func TestBlockedOnlyWhereStrict(t *testing.T) {
	r := judgedSamples(t)["policy-strict"]
	if r.Passes() || r.Verdict != Reproducible || r.Headline() != "gate failed: 1 rule of the policy is unused or expired; reproducible: 1 allowed difference, 20 of 2,147,483,648 bytes differ" {
		t.Error(r.Headline())
	}
	r.Policy.Strict = false
	if !r.Passes() || strings.Contains(r.Headline(), "gate") {
		t.Error(r.Headline())
	}
}

func TestBrokenPoliciesAreNamed(t *testing.T) {
	for want, change := range map[string]func(p *Policy){
		`policy: rule ".reprodisk.yaml:3": there is no state "fine"`: func(p *Policy) { p.Rules[0].State = "fine" },
		`policy: rule ".reprodisk.yaml:3": a number is below zero`:   func(p *Policy) { p.Rules[0].Findings = -1 },
		`policy: rule "--exclude /var/log": a number is below zero`:  func(p *Policy) { p.Rules[4].Derived = -1 },
		`policy: baseline: a number is below zero`:                   func(p *Policy) { p.Baseline = &Baseline{Known: -1} },
	} {
		r := judgedSamples(t)["policy"]
		change(r.Policy)
		if err := r.Finish(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

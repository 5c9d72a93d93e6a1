package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verified is a report of two builds, with all that verify can say of them.
func verified(t *testing.T) *Report {
	t.Helper()
	r := one()
	id := r.Findings[0].ID
	r.Findings[0].Variation = "random"
	r.Verification = &Verification{
		Level: "isolated", Command: []string{"sh", "-c", "mkfs.ext4 $out"}, Builds: 9, Asked: []string{"time", "random"}, Evidence: "result.buildinfo.json",
		Variations: []Variation{{Name: "time", A: "now", B: "later", Varied: true}, {Name: "load", A: "none", B: "none", Why: "not asked for"}},
		Attribution: &Attribution{Controls: 3, Trials: []Trial{
			{Variations: []string{"random"}, Value: "from the seed \"varied\"", Outcome: TrialDiffers, Builds: 2, Findings: []string{id}},
			{Variations: []string{"load"}, Outcome: TrialSkipped, Why: "not asked for"},
		}},
		Repeat: &Repeat{Planned: 5, Runs: 3, Results: []Result{{Digest: "sha256:00", Count: 2, Runs: []int{1, 3}}, {Digest: "sha256:01", Count: 1, Runs: []int{2}}}},
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAVerificationComesBackTheSame(t *testing.T) {
	r := verified(t)
	text := toJSON(t, r)
	if err := check(compileSchema(t), text); err != nil {
		t.Error(err)
	}
	back, err := ReadJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Error(d)
	}
	bare := one()
	bare.Verification = &Verification{Attribution: &Attribution{}, Repeat: &Repeat{}}
	if err := bare.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := check(compileSchema(t), toJSON(t, bare)); err != nil {
		t.Errorf("an empty one: %v", err)
	}
}

func TestAVerificationThatCannotBeIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(v *Verification){
		"finding that is not there": func(v *Verification) { v.Attribution.Trials[0].Findings[0] = "p9/x" },
		"race that is not there":    func(v *Verification) { v.Attribution.Races = []string{"p9/x"} },
		"the same race twice": func(v *Verification) {
			id := v.Attribution.Trials[0].Findings[0]
			v.Attribution.Races = []string{id, id}
		},
		"unknown outcome":            func(v *Verification) { v.Attribution.Trials[0].Outcome = "maybe" },
		"no variation":               func(v *Verification) { v.Attribution.Trials[1].Variations = nil },
		"fewer than no builds":       func(v *Verification) { v.Builds = -1 },
		"fewer than no controls":     func(v *Verification) { v.Attribution.Controls = -1 },
		"a variation twice":          func(v *Verification) { v.Variations[1].Name = "time" },
		"more results than builds":   func(v *Verification) { v.Repeat.Runs = 1 },
		"fewer results than builds":  func(v *Verification) { v.Repeat.Runs = 4 },
		"a build that was not made":  func(v *Verification) { v.Repeat.Results[0].Runs[1] = 4 },
		"a count that is none":       func(v *Verification) { v.Repeat.Results[1].Count = 0 },
		"a count of more than named": func(v *Verification) { v.Repeat.Results[1].Count = 1 << 40 },
		"too many variations":        func(v *Verification) { v.Variations = make([]Variation, maxVariations+1) },
	} {
		r := verified(t)
		spoil(r.Verification)
		if err := r.Validate(); err == nil {
			t.Errorf("accepted: %s", name)
		}
		if _, err := ReadJSON(strings.NewReader(toJSON(t, r))); err == nil {
			t.Errorf("read: %s", name)
		}
	}
}

// TestAVerificationIsWrittenAsText: names and values may be anybody's.
func TestAVerificationIsWrittenAsText(t *testing.T) {
	r := verified(t)
	v := r.Verification
	bad := "\xff\x9b"
	v.Command, v.Spec, v.Evidence, v.Variations[0].B, v.Attribution.Trials[1].Why, v.Repeat.Note = []string{bad}, bad, bad, bad, bad, bad
	text := toJSON(t, r)
	if strings.Contains(text, "\ufffd") || strings.Count(text, `\\xff`) != 6 {
		t.Error(text)
	}
	if v.Command[0] != bad {
		t.Error("writing has changed the report")
	}
}

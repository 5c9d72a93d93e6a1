package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/report"
)

// TestEachKindOfRuleAllowsWhatItNames: and nothing else. Every kind is here
// with findings that it allows, and with one that it only nearly names.
func TestEachKindOfRuleAllowsWhatItNames(t *testing.T) {
	for _, c := range []struct{ rule, want string }{
		{"field: DiskGUID", disk},
		{"field: diskguid", ""},
		{"field: [BS_VolID, DiskGUID]", disk + " " + volume},
		{"field: i_?time", ctime + " " + mtime},
		{"field: ext4/inode/*", ctime + " " + mtime},
		{"field: ext4/inode", ""},
		{"field: gpt/primary header/*", disk + " " + crc},
		{"field: p1/*", volume},
		{"field: " + log, log},

		{"file: /var/log/build.log", log},
		{"file: build.log", log},
		{"file: '*.log'", log},
		{"file: build", ""},
		{"file: /var/log", log + " " + ctime},
		{"file: /var/lo", ""},
		{"file: /var/log/", log + " " + ctime},
		{"file: /var/log/a", ""}, // i_ctime is about another file too, i_mtime about seven more
		{"file: [/var/log/a, /var/log/b]", ctime},
		{"file: '*'", log + " " + ctime}, // i_mtime leaves files out

		{"partition: 0", disk + " " + crc},
		{"partition: 1", volume},
		{"partition: 9", ""},
		{"partition: {number: 2}", log + " " + ctime + " " + mtime},
		{"partition: {name: ESP}", volume + " " + strays},
		{"partition: {name: esp}", ""},
		{"partition: {name: root}", ""}, // b calls it system
		{"partition: {name: [root, system]}", log + " " + ctime + " " + mtime},
		{"partition: {label: nix*}", log + " " + ctime + " " + mtime},
		{"partition: {label: root}", ""},
		{"partition: {type: c12a7328-f81f-11d2-ba4b-00a0c93ec93b}", volume + " " + strays},
		{"partition: {type: efi system, number: 1}", volume},
		{"partition: {type: EFI}", ""},

		{"range: 568+16", disk},
		{"range: 568+15", ""},
		{"range: 569+16", ""},
		{"range: 568-583", disk},
		{"range: 0x238-0x247", disk},
		{"range: [568+8, 576+8]", disk}, // they touch
		{"range: [568+8, 577+7]", ""},
		{"range: 512+512", disk + " " + crc},
		{"range: 0-0x7ffffffffffffffe", disk + " " + crc + " " + volume + " " + log + " " + ctime + " " + strays}, // i_mtime leaves ranges out
		{"range: [46137344+4, 46137600+4]", ctime},
		{"range: 46137344+4", ""},

		{"cause: time", volume + " " + ctime + " " + mtime},
		{"cause: [random, environment]", disk + " " + crc + " " + log},
		{"cause: order", ""},

		{"image: x.img", ""},
		{"image: '*'", disk + " " + crc + " " + volume + " " + log + " " + ctime + " " + mtime + " " + strays},

		{"{field: i_?time, file: /var/log}", ctime}, // all conditions hold
		{"{cause: time, partition: 1}", volume},
		{"{cause: time, partition: 0}", ""},
		{"{range: 0+1048576, cause: time}", ""},
	} {
		rule := strings.TrimPrefix(strings.TrimSuffix(c.rule, "}"), "{")
		if !strings.HasPrefix(c.rule, "{") {
			rule = c.rule
		}
		r := judged(t, "allow:\n  - {"+rule+", reason: because}\n", nil)
		got := reasons(r)
		want := strings.Fields(strings.ReplaceAll(c.want, "content:/var", "content:/var"))
		if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, slices.Sorted(slices.Values(want))) {
			t.Errorf("%s allows %v, not %v", c.rule, have, want)
		}
		for id, why := range got {
			if why != "because (.reprodisk.yaml:2)" {
				t.Errorf("%s allows %s because %q", c.rule, id, why)
			}
		}
		if r.Verdict == report.Reproducible != (len(want) == 7) {
			t.Errorf("%s: the verdict is %s", c.rule, r.Verdict)
		}
	}
}

// TestWhatNoRuleNamesFails: a policy that names all but one cause, whichever,
// fails; one that names all passes, though nobody has named the consequence.
func TestWhatNoRuleNamesFails(t *testing.T) {
	ids := []string{disk, volume, log, ctime, mtime, strays}
	policy := func(ids []string) string {
		text := "allow:\n"
		for _, id := range ids {
			text += fmt.Sprintf("  - field: %q\n    reason: because of %s\n", id, id)
		}
		return text
	}
	all := judged(t, policy(ids), nil)
	if all.Verdict != report.Reproducible || !all.Passes() || all.RootFindings != len(ids) {
		t.Errorf("with all allowed: %s", all.Headline())
	}
	if reasons(all)[crc] != "" {
		t.Error("the consequence is allowed as well")
	}
	for i, id := range ids {
		r := judged(t, policy(slices.Delete(slices.Clone(ids), i, i+1)), nil)
		if r.Verdict != report.Unreproducible || r.Passes() || r.Unallowed() != 1 {
			t.Errorf("without a rule for %s: %s", id, r.Headline())
		}
	}
	// No policy at all.
	r := sample(t)
	if err := (&Gate{}).Judge(r); err != nil || r.Passes() {
		t.Error(err, r.Headline())
	}
}

// TestRulesKnowImagesApart: where folders are compared, partitions of the same
// number are those of different disks.
func TestRulesKnowImagesApart(t *testing.T) {
	for rule, want := range map[string]string{
		"image: one.img":                           "one.img:a",
		"image: '*.img'":                           "one.img:a two.img:a",
		"partition: 1":                             "one.img:a two.img:a",
		"partition: {label: data}":                 "two.img:a",
		"partition: {label: data}, image: one.img": "",
		"partition: {number: 1}, image: two.img":   "two.img:a",
		"field: two.img:*":                         "two.img:a",
	} {
		p, err := Parse(FileName, []byte("allow: [{"+rule+", reason: x}]"))
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		r := &report.Report{
			A: report.Input{Format: "directory"}, B: report.Input{Format: "directory"}, DifferingBytes: 2,
			Findings: []report.Finding{{ID: "one.img:a", Image: "one.img", Partition: 1, Bytes: 1}, {ID: "two.img:a", Image: "two.img", Partition: 1, Bytes: 1}},
		}
		for image, label := range map[string]string{"one.img": "root", "two.img": "data"} {
			side := &report.PartitionSide{Label: label}
			r.Partitions = append(r.Partitions, report.Partition{Image: image, Number: 1, A: side, B: side})
		}
		if err := (&Gate{Policy: p}).Judge(r); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(reasons(r))), " "); got != want {
			t.Errorf("%s allows %s, not %s", rule, got, want)
		}
	}
}

func TestTheFirstRuleGivesTheReason(t *testing.T) {
	r := judged(t, "allow:\n- {cause: time, reason: first}\n- {field: BS_VolID, reason: second}\n", nil)
	if got := reasons(r)[volume]; got != "first (.reprodisk.yaml:2)" {
		t.Error(got)
	}
	for i, want := range []int{3, 1} {
		if rule := r.Policy.Rules[i]; rule.State != report.RuleUsed || rule.Findings != want {
			t.Errorf("rule %d: %+v", i, rule)
		}
	}
	if len(r.Warnings) != 0 {
		t.Error(r.Warnings)
	}
}

// TestRulesExpireAfterTheirLastDay: by the date in UTC, wherever the clock is.
func TestRulesExpireAfterTheirLastDay(t *testing.T) {
	const text = "allow:\n- field: DiskGUID\n  reason: until then\n  expires: 2027-01-31\n"
	east := time.FixedZone("east", 14*3600)
	for day, want := range map[time.Time]bool{
		today:                      true,
		today.Add(2 * time.Minute): false,
		time.Date(2027, 2, 1, 13, 59, 0, 0, east):    true, // January in UTC
		time.Date(2027, 2, 1, 14, 0, 0, 0, east):     false,
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC):  true,
		time.Date(12027, 1, 1, 0, 0, 0, 0, time.UTC): false,
	} {
		r := judged(t, text, func(g *Gate) { g.Today = day })
		if got := reasons(r)[disk] != ""; got != want {
			t.Errorf("at %s: allowed %v", day, got)
		}
		state := map[bool]report.RuleState{true: report.RuleUsed, false: report.RuleExpired}[want]
		if r.Policy.Rules[0].State != state || (len(r.Warnings) == 0) != want {
			t.Errorf("at %s: %+v, %v", day, r.Policy.Rules[0], r.Warnings)
		}
	}
}

func TestIdleRulesAreReported(t *testing.T) {
	r := judged(t, `allow:
- field: s_uuid
  partition: 2
  reason: x
- field: HeaderCRC32
  reason: x
- field: [DiskGUID, BS_VolID]
  reason: rolled
  expires: 2026-12-31
- file: /gone
  reason: x
  expires: 2026-12-31
- cause: environment
  reason: x
`, nil)
	want := []string{
		".reprodisk.yaml:2: this rule is unused: nothing differs there (field s_uuid, partition 2)",
		".reprodisk.yaml:5: this rule is unused: only consequences differ there, which nobody has to allow (field HeaderCRC32)",
		".reprodisk.yaml:7: this rule expired on 2026-12-31 and allows nothing; it names 2 causes (field DiskGUID or BS_VolID), and its reason was: rolled",
		".reprodisk.yaml:10: this rule expired on 2026-12-31 and allows nothing; it names nothing that differs: remove it (file /gone)",
	}
	if d := cmp.Diff(want, r.Warnings); d != "" {
		t.Error(d)
	}
	if got := reasons(r); len(got) != 2 || got[log] == "" || got[crc] == "" {
		t.Errorf("allowed are %v", got)
	}
}

// TestStrictRefusesIdleRulesAndUnexplainedBytes.
func TestStrictRefusesIdleRulesAndUnexplainedBytes(t *testing.T) {
	const everything = "allow:\n- {field: '*', reason: all of it}\n"
	strict := func(g *Gate) { g.Strict = true }
	if r := judged(t, everything, nil); !r.Passes() {
		t.Error(r.Headline())
	}
	r := judged(t, everything, strict)
	if r.Passes() || r.Unallowed() != 1 || reasons(r)[strays] != "" {
		t.Errorf("unexplained bytes: %s", r.Headline())
	}
	// Also where the report was judged before, and less strictly.
	r = judged(t, everything, nil)
	if err := (&Gate{Strict: true}).Judge(r); err != nil || r.Passes() || r.Unallowed() != 1 {
		t.Errorf("%v, %s", err, r.Headline())
	}
	r = judged(t, "strict: true\n"+everything, nil)
	if r.Passes() || !r.Policy.Strict {
		t.Errorf("strict in the policy: %s", r.Headline())
	}

	// Without them, one idle rule is what closes the gate.
	only := func(text string, change func(*Gate)) *report.Report {
		t.Helper()
		p, err := Parse(FileName, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r := sample(t)
		r.Findings = slices.DeleteFunc(r.Findings, func(f report.Finding) bool { return f.ID == strays })
		r.DifferingBytes -= 12
		g := &Gate{Policy: p, Today: today}
		if change != nil {
			change(g)
		}
		if err := g.Judge(r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := only(everything, strict); !r.Passes() || r.Blocked() != "" {
		t.Error(r.Headline())
	}
	for _, idle := range []string{"- {field: s_uuid, reason: x}\n", "- {field: DiskGUID, reason: x, expires: 2020-01-01}\n"} {
		if r := only(everything+idle, nil); !r.Passes() || len(r.Warnings) != 1 {
			t.Errorf("%s not strict: %s, %v", idle, r.Headline(), r.Warnings)
		}
		r := only(everything+idle, strict)
		if r.Passes() || r.Verdict != report.Reproducible || !strings.HasPrefix(r.Headline(), "gate failed: 1 rule of the policy is unused or expired; reproducible: 5 allowed") {
			t.Errorf("%s strict: %s", idle, r.Headline())
		}
	}
	// The same holds of the command line's.
	r = only(everything, func(g *Gate) { g.Strict, g.Rules = true, []Rule{Ignore("s_uuid")} })
	if r.Passes() {
		t.Error(r.Headline())
	}
}

func TestFlagsAreRules(t *testing.T) {
	r := sample(t)
	exclude, err := Exclude([]string{"/var/log/a", "/var/log/b"})
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{Rules: []Rule{Ignore("DiskGUID"), exclude}}
	if err := g.Judge(r); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{disk: "ignored: --ignore DiskGUID", ctime: "excluded: --exclude /var/log/a --exclude /var/log/b"}
	if d := cmp.Diff(want, reasons(r)); d != "" {
		t.Error(d)
	}
	if _, err := Exclude([]string{"etc/x"}); err == nil {
		t.Error("a path that is not absolute is accepted")
	}
}

// TestJudgingAgain: what was allowed stays, until it is forgotten.
func TestJudgingAgain(t *testing.T) {
	r := judged(t, "allow:\n- {cause: time, reason: clock}\n- {field: s_uuid, reason: x}\n", nil)
	r.Warnings = append(r.Warnings, "partition 3: cannot be read")
	if err := (&Gate{Rules: []Rule{Ignore("DiskGUID")}}).Judge(r); err != nil {
		t.Fatal(err)
	}
	if got := reasons(r); len(got) != 4 || len(r.Policy.Rules) != 3 {
		t.Errorf("%v, %+v", got, r.Policy)
	}
	r.Unjudge()
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	fresh := sample(t)
	fresh.Warnings = []string{"partition 3: cannot be read"}
	if d := cmp.Diff(fresh, r); d != "" {
		t.Error(d)
	}
}

// TestOnePartitionAfterJudging: what follows only from something allowed in
// another partition is no cause.
func TestOnePartitionAfterJudging(t *testing.T) {
	for _, text := range []string{"allow: []", "allow: [{field: DiskGUID, reason: x}]"} {
		r := judged(t, text, func(g *Gate) {})
		i := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.ID == crc })
		r.Findings[i].Partition = 9
		if err := r.KeepPartition(9); err != nil {
			t.Fatal(err)
		}
		if want := text != "allow: []"; r.Passes() != want || r.RootFindings != 1 {
			t.Errorf("%s: %s", text, r.Headline())
		}
	}
}

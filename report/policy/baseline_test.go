package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/report"
)

// against is the sample as change leaves it, held against the sample before.
func against(t *testing.T, before, change func(r *report.Report), gate *Gate) *report.Report {
	t.Helper()
	old, now := sample(t), sample(t)
	for _, x := range []struct {
		r      *report.Report
		change func(*report.Report)
	}{{old, before}, {now, change}} {
		if x.change != nil {
			x.change(x.r)
		}
		x.r.DifferingBytes = 0
		for _, f := range x.r.Findings {
			x.r.DifferingBytes += f.Bytes
		}
		if err := x.r.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	if gate == nil {
		gate = &Gate{}
	}
	gate.Baseline, gate.BaselinePath, gate.Today = old, "base.json", today
	if err := gate.Judge(now); err != nil {
		t.Fatal(err)
	}
	return now
}

func find(t *testing.T, r *report.Report, id string) *report.Finding {
	t.Helper()
	for i := range r.Findings {
		if r.Findings[i].ID == id {
			return &r.Findings[i]
		}
	}
	t.Fatalf("no finding %s", id)
	return nil
}

// TestBaselineLetsOnlyWhatIsNewDecide.
func TestBaselineLetsOnlyWhatIsNewDecide(t *testing.T) {
	r := against(t, nil, nil, nil)
	if !r.Passes() || r.Policy.Baseline.Known != 6 || len(r.Policy.Baseline.Worse) != 0 {
		t.Errorf("the same again: %s, %+v", r.Headline(), r.Policy.Baseline)
	}
	if got := find(t, r, disk).Allowed; got != "known: it is in the baseline base.json" {
		t.Error(got)
	}

	// Values, bytes and ranges may move; less of it is not worse; a consequence
	// does not count.
	r = against(t, nil, func(r *report.Report) {
		f := find(t, r, log)
		f.A, f.B, f.Bytes, f.Ranges = "x", "y", 5000, []report.Range{{Offset: 1 << 20, Length: 9000}}
		f = find(t, r, mtime)
		f.Count, f.FilesOmitted = 3, 2
		find(t, r, strays).Bytes = 25
		r.Findings = append(r.Findings, report.Finding{ID: "new", Derived: true, DerivedFrom: []string{disk}, Format: "gpt", Bytes: 1})
	}, nil)
	if !r.Passes() {
		t.Errorf("moved: %s, %+v", r.Headline(), r.Policy.Baseline)
	}

	r = against(t, nil, func(r *report.Report) {
		r.Findings = append(r.Findings, report.Finding{ID: "p2/ext4/superblock/s_uuid", Partition: 2, Format: "ext4", Structure: "superblock", Field: "s_uuid", Bytes: 16, Cause: report.Random})
	}, nil)
	if r.Passes() || r.Unallowed() != 1 {
		t.Errorf("one more: %s", r.Headline())
	}
	r = against(t, nil, func(r *report.Report) { r.Findings = r.Findings[:2] }, nil)
	if !r.Passes() || r.Policy.Baseline.Gone != 4 {
		t.Errorf("four less: %s, %+v", r.Headline(), r.Policy.Baseline)
	}
}

func TestBaselineRefusesWhatGotWorse(t *testing.T) {
	inside := func(fields ...string) []report.Inside {
		var out []report.Inside
		for _, f := range fields {
			out = append(out, report.Inside{Where: "member a", Field: f, Cause: report.Time})
		}
		return out
	}
	for _, c := range []struct {
		id             string
		before, change func(f *report.Finding)
		why            string
	}{
		{ctime, nil, func(f *report.Finding) { f.Count = 3 }, "it stands for 3 values, and did for 2"},
		{ctime, nil, func(f *report.Finding) { f.Files[1] = "/etc/passwd" }, "it is about another file: /etc/passwd"},
		{ctime, nil, func(f *report.Finding) { f.FilesOmitted = 1 }, "it is about 3 files, and was about 2"},
		{mtime, nil, func(f *report.Finding) { f.FilesOmitted = 8 }, "it is about 9 files, and was about 8"},
		{mtime, nil, func(f *report.Finding) { f.Files = []string{"/etc/passwd"} }, ""}, // the baseline does not list them all
		{log, nil, func(f *report.Finding) { f.Cause = report.Random }, "its cause is random, and was environment"},
		{strays, nil, func(f *report.Finding) { f.Bytes = 26 }, "it has 26 bytes, and had 12"},
		{
			disk, func(f *report.Finding) { f.Derived, f.DerivedFrom = true, []string{volume} }, nil,
			"it followed from another cause before, now it stands for itself",
		},
		{log, func(f *report.Finding) { f.Inside = inside("MTIME", "mode") }, func(f *report.Finding) { f.Inside = inside("mode") }, ""},
		{log, func(f *report.Finding) { f.Inside = inside("MTIME") }, func(f *report.Finding) { f.Inside = inside("MTIME", "content") }, "inside of it, this differs too: member a content"},
		{log, func(f *report.Finding) { f.Inside = inside("MTIME") }, func(f *report.Finding) { f.Inside, f.InsideOmitted = inside("MTIME"), 1 }, "inside of it, more differs than is listed"},
		{log, func(f *report.Finding) { f.InsideOmitted = 2 }, func(f *report.Finding) { f.Inside = inside("a", "b", "c") }, "inside of it, 3 differ, and 2 did"},
	} {
		r := against(t, on(t, c.id, c.before), on(t, c.id, c.change), nil)
		worse := r.Policy.Baseline.Worse
		if c.why == "" {
			if !r.Passes() || len(worse) != 0 {
				t.Errorf("%s: %s, %+v", c.id, r.Headline(), worse)
			}
			continue
		}
		if d := cmp.Diff([]report.Worse{{ID: c.id, Why: c.why}}, worse); d != "" || r.Passes() || r.Unallowed() != 1 {
			t.Errorf("%s: %s\n%s", c.id, r.Headline(), d)
		}
	}
}

// on changes one finding of a report.
func on(t *testing.T, id string, change func(*report.Finding)) func(*report.Report) {
	return func(r *report.Report) {
		if change != nil {
			change(find(t, r, id))
		}
	}
}

// TestBaselineDoesNotProlongARule: what an expired rule names is not known,
// although the report of last month has it.
func TestBaselineDoesNotProlongARule(t *testing.T) {
	p, err := Parse(FileName, []byte("allow: [{field: DiskGUID, reason: x, expires: 2027-01-30}]"))
	if err != nil {
		t.Fatal(err)
	}
	r := against(t, nil, nil, &Gate{Policy: p})
	if r.Passes() || find(t, r, disk).Allowed != "" || r.Unallowed() != 1 {
		t.Error(r.Headline())
	}
	// Another rule, or none, is another matter.
	r = against(t, nil, nil, &Gate{Policy: p, Rules: []Rule{Ignore("DiskGUID")}})
	if !r.Passes() {
		t.Error(r.Headline())
	}
}

func TestStrictDoesNotKnowUnexplainedBytes(t *testing.T) {
	r := against(t, nil, nil, &Gate{Strict: true})
	if r.Passes() || r.Unallowed() != 1 || find(t, r, strays).Allowed != "" {
		t.Error(r.Headline())
	}
}

// TestAReportIsABaselineOfTheNext: also one that was held against a baseline.
func TestAReportIsABaselineOfTheNext(t *testing.T) {
	first := against(t, nil, nil, nil)
	r := sample(t)
	if err := (&Gate{Baseline: first, BaselinePath: "first"}).Judge(r); err != nil {
		t.Fatal(err)
	}
	if !r.Passes() || !strings.HasPrefix(r.Headline(), "reproducible: 6 allowed differences") {
		t.Error(r.Headline())
	}
}

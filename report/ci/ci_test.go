package ci

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/report"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// samples are the reports that the package report keeps as JSON, by name.
func samples(t testing.TB) map[string]*report.Report {
	t.Helper()
	out := map[string]*report.Report{}
	for _, name := range []string{"identical", "one", "many", "hostile", "folders", "allowed", "moved", "bare"} {
		b, err := os.ReadFile(filepath.Join("..", "testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := report.ReadJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = r
	}
	return out
}

// formats are all that the package writes, by the end of a golden file's name.
var formats = map[string]func(io.Writer, *report.Report, *Source) error{
	"junit.xml":       func(w io.Writer, r *report.Report, _ *Source) error { return WriteJUnit(w, r) },
	"sarif":           WriteSARIF,
	"gitlab.json":     WriteGitLab,
	"annotations":     WriteAnnotations,
	"summary.md":      func(w io.Writer, r *report.Report, _ *Source) error { return WriteSummary(w, r, MaxSummary, 0) },
	"diffoscope.json": func(w io.Writer, r *report.Report, _ *Source) error { return WriteDiffoscope(w, r) },
}

func render(t testing.TB, format string, r *report.Report, src *Source) string {
	t.Helper()
	var b strings.Builder
	if err := formats[format](&b, r, src); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test ./report/ci -update writes it):\n%s", name, d)
	}
}

func TestFormatsOfSamples(t *testing.T) {
	all := samples(t)
	for format := range formats {
		for _, name := range []string{"identical", "many", "hostile", "folders", "allowed"} {
			golden(t, name+"."+format, render(t, format, all[name], nil))
		}
	}
	script := NewSource("images/build.sh", []byte(script))
	for _, format := range []string{"sarif", "gitlab.json", "annotations"} {
		golden(t, "many-source."+format, render(t, format, all["many"], script))
	}
}

// The same report gives the same bytes, and is not written to.
func TestFormatsAreSteady(t *testing.T) {
	all, untouched := samples(t), samples(t)
	for format := range formats {
		for name, r := range all {
			first := render(t, format, r, nil)
			if second := render(t, format, r, nil); first != second {
				t.Errorf("%s: %s comes out differently", name, format)
			}
			if d := cmp.Diff(untouched[name], r); d != "" {
				t.Errorf("%s: %s changes the report: %s", name, format, d)
			}
		}
	}
}

// built is a report of two builds.
func built(t testing.TB) *report.Report {
	t.Helper()
	r := samples(t)["many"]
	r.Verification = &report.Verification{
		Level: "isolated", Builds: 2, Spec: "images/appliance.yaml", SpecDigest: "sha256:" + strings.Repeat("ab", 32),
		Variations: []report.Variation{{Name: "time", A: "2020", B: "2031", Varied: true}, {Name: "hostname", A: "a", B: "b", Varied: true}, {Name: "kernel"}},
	}
	return r
}

// Where verify built the images, every format for people says how.
func TestFormatsSayHowTheImagesWereBuilt(t *testing.T) {
	r := built(t)
	for _, format := range []string{"junit.xml", "sarif", "summary.md", "diffoscope.json"} {
		if got := render(t, format, r, nil); !strings.Contains(got, "2 builds, isolated; varied: time, hostname") {
			t.Errorf("%s does not say how the images were built", format)
		}
	}
}

// crowd has n findings that are no consequences, each with a file of its own.
func crowd(t testing.TB, n int) *report.Report {
	t.Helper()
	r := samples(t)["identical"]
	r.Findings = make([]report.Finding, n)
	for i := range r.Findings {
		r.Findings[i] = report.Finding{
			ID: fmt.Sprintf("p2/ext4/data/content:/nix/store/%06d/share/doc/file", i), Partition: 2, Format: "ext4", Structure: "data", Field: "content",
			File: fmt.Sprintf("/nix/store/%06d/share/doc/file", i), A: fmt.Sprintf("%d bytes", i), B: fmt.Sprintf("%d bytes", i+1),
			Ranges: []report.Range{{Offset: int64(i) * 4096, Length: 100}}, Bytes: 1, Cause: report.Content,
			Remedy: "find what writes this file, and pin its clock, randomness, order and paths",
			Diff:   "--- a\n+++ b\n@@ -1 +1 @@\n-one line of a file\n+another line of it\n",
		}
	}
	r.DifferingBytes = int64(n)
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

// judged is a report that is reproducible by a policy with a rule that is
// unused, which strictness makes a failure.
func judged(t testing.TB, strict bool) *report.Report {
	t.Helper()
	r := samples(t)["allowed"]
	r.Policy = &report.Policy{Path: ".reprodisk.yaml", Strict: strict, Rules: []report.PolicyRule{
		{Where: ".reprodisk.yaml:3", Names: "field s_hash_seed", Reason: "on purpose", State: report.RuleUsed, Findings: 1},
		{Where: ".reprodisk.yaml:7", Names: "field s_uuid", Reason: "old", State: report.RuleUnused},
		{Where: "--ignore s_wtime", Names: "field s_wtime", State: report.RuleUnused},
	}}
	for i := range r.Policy.Rules {
		if s := r.Policy.Rules[i].Warning(); s != "" {
			r.Warnings = append(r.Warnings, s)
		}
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	return r
}

// A rule that is unused or expired is shown at its own line, once, and fails
// where the policy is strict, as the exit status does.
func TestIdleRulesAreShownAtTheirLine(t *testing.T) {
	for _, strict := range []bool{false, true} {
		r := judged(t, strict)
		level, severity := "warning", `"severity":"minor"`
		if strict {
			level, severity = "error", `"severity":"major"`
		}
		text := render(t, "annotations", r, nil)
		if n := strings.Count(text, ".reprodisk.yaml:7: this rule is unused"); n != 1 {
			t.Errorf("the rule is shown %d times:\n%s", n, text)
		}
		if !strings.Contains(text, "::"+level+" file=.reprodisk.yaml,line=7,title=reprodisk policy::") {
			t.Error(text)
		}
		if got := render(t, "gitlab.json", r, nil); strings.Count(got, severity) != 2 || !strings.Contains(got, `{"path":".reprodisk.yaml","lines":{"begin":7}}`) {
			t.Error(got)
		}
		if got := render(t, "junit.xml", r, nil); strings.Contains(got, "<failure message=\"2 rules of the policy are unused or expired\"") != strict {
			t.Error(got)
		}
		if got := strings.HasPrefix(render(t, "summary.md", r, nil), "### ✅"); got == strict {
			t.Errorf("strict: %v, and the summary has the mark of success: %v", strict, got)
		}
	}
}

package policy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

func start(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAStartingPolicyWantsReasons: it is refused as it is, and with reasons it
// allows what there was, whatever the names of files hold.
func TestAStartingPolicyWantsReasons(t *testing.T) {
	r := sample(t)
	for i, name := range []string{
		"/a\nallow: []", "/\x1b[2J", `/"quoted"\`, "/\u202egnp", "/*/?", "/#: - {", "/日本語\U0001f600\U000e0041", "/\\xff", "/a\u0085b", "/ ", "/ü\u00a0",
	} {
		r.Findings = append(r.Findings, report.Finding{
			ID: fmt.Sprintf("p2/ext4/data/content:%s", name), Partition: 2, Format: "ext4", Structure: "data", Field: "content", File: name,
			A: "x\n", B: name, Cause: report.Content, Remedy: "see\n" + name, Bytes: int64(i),
		})
		r.DifferingBytes += int64(i)
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	text := start(t, r)
	if _, err := Parse(FileName, []byte(text)); err == nil || !strings.HasSuffix(err.Error(), "say why this may differ, in the place of TODO") {
		t.Errorf("%v\n%s", err, text)
	}
	filled := strings.ReplaceAll(text, "reason: TODO", "reason: known")
	p, err := Parse(FileName, []byte(filled))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := (&Gate{Policy: p, Today: today}).Judge(r); err != nil {
		t.Fatal(err)
	}
	if !r.Passes() || len(p.Rules) != r.RootFindings || len(r.Warnings) != 0 {
		t.Errorf("%s, %d rules, %v\n%s", r.Headline(), len(p.Rules), r.Warnings, text)
	}
	// Nothing is left to allow.
	if rest := start(t, r); !strings.HasSuffix(rest, "allow:\n  []\n") {
		t.Error(rest)
	} else if _, err := Parse(FileName, []byte(rest)); err != nil {
		t.Error(err)
	}
}

func TestAStartingPolicyReadsWell(t *testing.T) {
	r := sample(t)
	r.Findings = r.Findings[:1]
	r.Findings[0].A, r.Findings[0].B, r.Findings[0].Remedy = "97FD", "1C1E", "sgdisk --disk-guid=GUID"
	want := `allow:

  # primary header DiskGUID, random, 16 bytes: 97FD → 1C1E
  # remedy: sgdisk --disk-guid=GUID
  - field: "p0/gpt/primary-header/DiskGUID"
    reason: TODO
`
	if text := start(t, r); !strings.HasSuffix(text, want) {
		t.Error(text)
	}
}

func TestAStartingPolicyIsBounded(t *testing.T) {
	r := &report.Report{}
	for i := range 2000 {
		r.Findings = append(r.Findings, report.Finding{ID: fmt.Sprint(i), Cause: report.Time})
	}
	if text := start(t, r); strings.Count(text, "reason:") != maxStart || !strings.Contains(text, "… and 1,500 causes more") {
		t.Error(text[len(text)-300:])
	}
}

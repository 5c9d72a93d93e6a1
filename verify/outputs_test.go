package verify

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

// TestVariablesAreCompared: a spec that asks for the firmware's variables has
// two outputs, and a difference in either counts.
func TestVariablesAreCompared(t *testing.T) {
	private(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(spec, []byte("partitionTableType: efi\ntouchEFIVars: true\nefiVariables: a\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "result")
	opt := Options{Out: out, Pause: fast, Builder: &Program{Path: self, Args: []string{"build"}}}
	t.Setenv("BUILDER", "image")
	t.Setenv("VARIABLES", "")
	if _, err := Spec(context.Background(), spec, opt); err == nil || !strings.Contains(err.Error(), "it wrote no efi-vars.fd") {
		t.Errorf("without its variables a build ends in %v", err)
	}

	t.Setenv("VARIABLES", "same")
	for range 2 { // the second replaces what the first has kept
		res, err := Spec(context.Background(), spec, opt)
		if err != nil {
			t.Fatal(err)
		}
		if res.Report.Verdict != report.Reproducible || res.Report.A.Path != out || res.Report.A.Format != "directory" {
			t.Errorf("equal outputs: %s, %+v", res.Report.Verdict, res.Report.A)
		}
	}

	t.Setenv("VARIABLES", "cwd")
	res, err := Check(context.Background(), out, spec, opt)
	if err != nil {
		t.Fatal(err)
	}
	if res.Report.Verdict == report.Reproducible || res.B != out+".check" || res.Report.B.Path != out+".check" {
		t.Errorf("other variables: %s, %+v, kept as %q", res.Report.Verdict, res.Report.B, res.B)
	}
	if len(res.Report.Findings) == 0 || !strings.Contains(res.Report.Findings[0].ID, "efi-vars.fd") {
		t.Errorf("the findings are %+v", res.Report.Findings)
	}

	if err := os.WriteFile(filepath.Join(out, "mine"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(context.Background(), out, spec, opt); err == nil || !strings.Contains(err.Error(), "mine: is no output of this spec") {
		t.Errorf("a foreign file in the folder ends in %v", err)
	}
	if err := os.Remove(filepath.Join(out, "mine")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(out, "efi-vars.fd")); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(context.Background(), out, spec, opt); err == nil || !strings.Contains(err.Error(), "efi-vars.fd: no such file") {
		t.Errorf("a result without variables ends in %v", err)
	}
}

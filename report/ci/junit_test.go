package ci

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshdk/go-junit"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
)

// wellFormed reads XML to its end.
func wellFormed(t *testing.T, what, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
	}
}

func parsed(t *testing.T, r *report.Report) []junit.Suite {
	t.Helper()
	list, err := junit.Ingest([]byte(render(t, "junit.xml", r, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestJUnitFollowsTheSchemaOfJenkins asks xmllint, with every sample and every
// hostile name in one call.
func TestJUnitFollowsTheSchemaOfJenkins(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", "testdata/junit-10.xsd"}
	write := func(name, text string) {
		file := filepath.Join(dir, name+".xml")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	for name, r := range samples(t) {
		write(name, render(t, "junit.xml", r, nil))
	}
	for i, s := range nasty {
		write("nasty-"+string(rune('a'+i)), render(t, "junit.xml", poisoned(s, i%2 == 0), nil))
	}
	judge.Must(t, "xmllint", args...)
}

// A parser that others wrote sees a case for each partition and layer, and
// which of them fail, are allowed, or pass.
func TestJUnitCasesAreAPartitionAndALayer(t *testing.T) {
	list := parsed(t, samples(t)["many"])
	if len(list) != 1 || list[0].Name != "nixos.img" {
		t.Fatalf("%+v", list)
	}
	got := map[string]junit.Test{}
	for _, c := range list[0].Tests {
		got[c.Name] = c
		if c.Classname != "reprodisk.nixos_img" {
			t.Errorf("class %s", c.Classname)
		}
	}
	for name, want := range map[string]junit.Status{
		"disk: partition table":                 junit.StatusFailed,
		"disk: gaps":                            junit.StatusFailed,
		"disk: size":                            junit.StatusPassed,
		"partition 1: filesystem structures":    junit.StatusFailed,
		"partition 1: metadata":                 junit.StatusPassed,
		"partition 1: file contents":            junit.StatusPassed,
		"partition 1: unused and unknown bytes": junit.StatusPassed,
		"partition 2: filesystem structures":    junit.StatusFailed,
		"partition 2: metadata":                 junit.StatusFailed,
		"partition 2: file contents":            junit.StatusFailed,
		"partition 2: unused and unknown bytes": junit.StatusPassed,
	} {
		if got[name].Status != want {
			t.Errorf("%s: %q, want %q", name, got[name].Status, want)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("a case %q", name)
	}
	f := list[0].Tests[0]
	if f.Name != "disk: gaps" && f.Name != "disk: partition table" {
		t.Errorf("%s comes first", f.Name)
	}
	for _, c := range list[0].Tests {
		if c.Name != "partition 2: filesystem structures" {
			continue
		}
		if c.Message != "1 cause: superblock s_hash_seed" {
			t.Errorf("message %q", c.Message)
		}
		for _, want := range []string{"0f3c9a61-5a4e-4c0e-9d55-0d4b3f6e8a10 → 91ab77e2", "random, 16 bytes at offset 68158828", "remedy: mke2fs -E hash_seed=UUID"} {
			if !strings.Contains(c.Error.Error(), want) {
				t.Errorf("no %q in %s", want, c.Error.Error())
			}
		}
	}
}

func TestJUnitOfFoldersHasASuiteForEachImage(t *testing.T) {
	var names []string
	for _, s := range parsed(t, samples(t)["folders"]) {
		names = append(names, s.Name)
		if s.Totals.Failed != 1 {
			t.Errorf("%s: %d cases fail", s.Name, s.Totals.Failed)
		}
	}
	if got := strings.Join(names, " "); got != "efi-vars.fd nixos.img" {
		t.Error(got)
	}
}

func TestJUnitSkipsWhatIsAllowed(t *testing.T) {
	s := parsed(t, samples(t)["allowed"])[0]
	if s.Totals.Failed != 0 || s.Totals.Skipped != 1 {
		t.Fatalf("%+v", s.Totals)
	}
	for _, c := range s.Tests {
		if c.Status == junit.StatusSkipped && (!strings.Contains(c.Message, "the hash seed is rolled on purpose") || !strings.Contains(c.SystemOut, "91ab77e2")) {
			t.Errorf("%+v", c)
		}
	}
}

// A case fails exactly where the verdict is that the images differ: CI must
// not be green where the exit status is red, nor the other way.
func TestJUnitFailsWithTheVerdict(t *testing.T) {
	all := samples(t)
	larger := samples(t)["identical"]
	larger.B.Size++
	if err := larger.Finish(); err != nil {
		t.Fatal(err)
	}
	all["larger"] = larger
	empty := &report.Report{A: report.Input{Path: "a", Format: "directory"}, B: report.Input{Path: "b", Format: "directory"}}
	if err := empty.Finish(); err != nil {
		t.Fatal(err)
	}
	all["empty"], all["strict"], all["lenient"] = empty, judged(t, true), judged(t, false)
	for name, r := range all {
		failed, cases := 0, 0
		for _, s := range parsed(t, r) {
			failed += s.Totals.Failed
			cases += s.Totals.Tests
		}
		if (failed > 0) == r.Passes() || cases == 0 {
			t.Errorf("%s passes: %v, and %d of %d cases fail", name, r.Passes(), failed, cases)
		}
	}
}

// GitLab takes 30 MiB.
func TestJUnitStaysSmall(t *testing.T) {
	r := crowd(t, 30_000)
	diff := "@@ -1 +1 @@\n" + strings.Repeat("-"+strings.Repeat("x", 300)+"\n", 100)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Image, f.Diff = "image-"+f.File[11:17], diff
	}
	text := render(t, "junit.xml", r, nil)
	if len(text) > 30<<20 {
		t.Errorf("%d bytes", len(text))
	}
	if n := strings.Count(text, "<failure "); n != 30_000 {
		t.Errorf("%d failures", n)
	}
}

package report

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFinishFillsInWhatFollows(t *testing.T) {
	r := many()
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if r.Schema != Schema || r.Verdict != Unreproducible || r.RootFindings != 7 {
		t.Errorf("%s %s %d", r.Schema, r.Verdict, r.RootFindings)
	}
	if got := r.DifferingBytes - r.ExplainedBytes; got != 12 {
		t.Errorf("%d bytes unexplained, want 12", got)
	}
	seen := false
	for _, f := range r.Findings {
		if seen && !f.Derived {
			t.Errorf("%s comes after a derived finding", f.ID)
		}
		seen = seen || f.Derived
		if f.Count < 1 {
			t.Errorf("%s stands for nothing", f.ID)
		}
	}
}

func TestOrderDoesNotDependOnTheOrderOfFinding(t *testing.T) {
	want := many()
	if err := want.Finish(); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		r := many()
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(r.Findings), func(i, j int) {
			r.Findings[i], r.Findings[j] = r.Findings[j], r.Findings[i]
		})
		if err := r.Finish(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, r); d != "" {
			t.Fatal(d)
		}
	}
}

func TestBrokenPromisesAreNamed(t *testing.T) {
	for want, change := range map[string]func(r *Report){
		"5 are missing":                     func(r *Report) { r.DifferingBytes += 5 },
		"3 are counted twice":               func(r *Report) { r.DifferingBytes -= 3 },
		`two findings have the id "p2/ext4`: func(r *Report) { r.Findings[1].ID = r.Findings[0].ID },
		"has no id":                         func(r *Report) { r.Findings[0].ID = "" },
		`"nowhere", which is not there`:     func(r *Report) { r.Findings[1].DerivedFrom = []string{"nowhere"} },
		"derived from nothing":              func(r *Report) { r.Findings[1].DerivedFrom = nil },
		"is not derived":                    func(r *Report) { r.Findings[1].Derived = false },
		"in a circle":                       func(r *Report) { r.Findings[1].DerivedFrom = []string{r.Findings[1].ID} },
		"no cause":                          func(r *Report) { r.Findings[0].Cause = "magic" },
		"no range":                          func(r *Report) { r.Findings[0].Ranges = at(1<<62, 1<<62) },
		"overflows":                         func(r *Report) { r.Findings[0].Bytes, r.Findings[1].Bytes = 1<<62, 1<<62 },
		"below zero":                        func(r *Report) { r.Findings[0].Bytes = -1 },
		"count is -1":                       func(r *Report) { r.Findings[0].Count = -1 },
	} {
		r := one()
		change(r)
		if err := r.Finish(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestLongChainsAndCirclesEnd(t *testing.T) {
	chain := func() *Report {
		r := &Report{Findings: []Finding{{ID: "0"}}}
		for i := 1; i < 100_000; i++ {
			r.Findings = append(r.Findings, Finding{ID: fmt.Sprint(i), Derived: true, DerivedFrom: []string{fmt.Sprint(i - 1)}})
		}
		return r
	}
	if err := chain().Finish(); err != nil {
		t.Error(err)
	}
	r := chain()
	r.Findings[1].DerivedFrom = []string{"99999"}
	if err := r.Finish(); err == nil {
		t.Error("a circle of 99,999 findings is accepted")
	}
}

func TestVerdictFollowsThePolicy(t *testing.T) {
	r := allowed()
	if err := r.Finish(); err != nil || r.Verdict != Reproducible {
		t.Errorf("%v %s", err, r.Verdict)
	}
	larger := &Report{A: image("a"), B: image("b")}
	larger.B.Size++
	if err := larger.Finish(); err != nil || larger.Verdict != Unreproducible {
		t.Errorf("%v %s", err, larger.Verdict)
	}
}

func TestPrintableKeepsNamesApart(t *testing.T) {
	for in, want := range map[string]string{
		"/etc/fstab":       "/etc/fstab",
		"é\n":              "é\n",
		"a\xffb":           `a\xffb`,
		`a\xffb`:           `a\\xffb`,
		"\\\xff":           `\\\xff`,
		`systemd\x2dx\`:    `systemd\x2dx\`,
		"\ufffd":           "\ufffd",
		"\xed\xa0\x80":     `\xed\xa0\x80`,
		"dir\\\\x80\xc3(é": `dir\\\\x80\xc3(é`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	// Every string of up to 6 of these pieces has a form of its own.
	pieces := []string{`\`, "x", "f", "\xff", "é"}
	seen := map[string]string{}
	var try func(s string, depth int)
	try = func(s string, depth int) {
		p := Printable(s)
		if other, ok := seen[p]; ok && other != s {
			t.Fatalf("%q and %q are both %s", s, other, p)
		}
		seen[p] = s
		for i := 0; i < len(pieces) && depth < 6; i++ {
			try(s+pieces[i], depth+1)
		}
	}
	try("", 0)
}

package report

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestJSONComesBackTheSame(t *testing.T) {
	for name, r := range samples(t) {
		first := toJSON(t, r)
		back, err := ReadJSON(strings.NewReader(first))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(r, back); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if toJSON(t, back) != first {
			t.Errorf("%s: written differently the second time", name)
		}
	}
}

func TestJSONOfSamples(t *testing.T) {
	s := samples(t)
	for name, r := range s { // the tests of report/ci read them
		if name != "crowd" {
			golden(t, name+".json", toJSON(t, r))
		}
	}
}

func TestJSONHasListsAndNoControls(t *testing.T) {
	empty := toJSON(t, &Report{Findings: []Finding{{}}})
	if strings.Contains(empty, "null") || !strings.Contains(empty, `"partitions": []`) {
		t.Error(empty)
	}
	text := toJSON(t, &Report{A: Input{Path: "<&>\x7f\u009b\u202e\U000e0041\xff"}})
	if !strings.Contains(text, `"<&>\u007f\u009b\u202e\udb40\udc41\\xff"`) {
		t.Error(text)
	}
	for _, r := range toJSON(t, samples(t)["hostile"]) {
		if !unicode.IsPrint(r) && r != '\n' {
			t.Errorf("%q in the JSON", r)
		}
	}
}

func TestWriteJSONLeavesTheReportAlone(t *testing.T) {
	r := &Report{Findings: []Finding{{File: "\xff", Files: []string{"\xfe"}}}, Warnings: []string{"\xff"}}
	toJSON(t, r)
	if r.Findings[0].File != "\xff" || r.Findings[0].Files[0] != "\xfe" || r.Warnings[0] != "\xff" || r.Findings[0].Ranges != nil {
		t.Errorf("%+v", r)
	}
}

func TestBadReportsAreRefusedInOneLine(t *testing.T) {
	good := toJSON(t, samples(t)["one"])
	swap := func(old, with string) string {
		out := strings.Replace(good, old, with, 1)
		if out == good {
			t.Fatalf("%s is not in the sample", old)
		}
		return out
	}
	for want, text := range map[string]string{
		"ends in the middle":          good[:len(good)/2],
		"ends in the middle ":         "",
		"expected":                    "[]",
		"invalid character":           "reprodisk",
		"more follows":                good + "{}",
		`schema is "reprodisk-rep`:    swap(Schema, "reprodisk-report/2"),
		`schema is ""`:                "{}",
		"no cause":                    swap(`"cause": "random"`, `"cause": "magic"`),
		`"findings": json: cannot un`: swap(`"bytes": 16`, `"bytes": "16"`),
		"4 are missing":               swap(`"differing_bytes": 20`, `"differing_bytes": 24`),
		"verdict":                     swap(`"verdict": "unreproducible"`, `"verdict": "reproducible"`),
		"root_findings":               swap(`"root_findings": 1`, `"root_findings": 2`),
		"explained_bytes":             swap(`"explained_bytes": 20`, `"explained_bytes": 16`),
	} {
		_, err := ReadJSON(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := ReadJSON(strings.NewReader(swap(`"verdict"`, `"added_later": [{}], "verdict"`))); err != nil {
		t.Error(err)
	}
}

// blanks is a report of endless blanks.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	copy(p, bytes.Repeat([]byte{' '}, len(p)))
	return len(p), nil
}

func TestEndlessReportsEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 128 MiB")
	}
	_, err := ReadJSON(io.MultiReader(strings.NewReader("{"), blanks{}))
	if err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	_, err = ReadJSON(strings.NewReader(`{"findings":[` + strings.Repeat("{},", maxFindings+1)))
	if err == nil || !strings.Contains(err.Error(), "more than") {
		t.Error(err)
	}
}

func TestReadErrorsAreKept(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := ReadJSON(io.MultiReader(strings.NewReader("{"), errReader{broken}))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzReadJSON(f *testing.F) {
	var b bytes.Buffer
	if err := WriteJSON(&b, one()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":"` + Schema + `","verdict":"reproducible"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadJSON(bytes.NewReader(data))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is more than a line", err)
			}
			return
		}
		for _, opt := range []TextOptions{{}, {Verbose: true, Width: 40}} {
			for _, c := range toText(t, r, opt) {
				if !unicode.IsPrint(c) && c != '\n' && c != '\t' {
					t.Fatalf("%q on the terminal", c)
				}
			}
		}
		if _, err := ReadJSON(strings.NewReader(toJSON(t, r))); err != nil {
			t.Fatal(err)
		}
	})
}

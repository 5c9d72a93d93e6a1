package inside

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/report"
)

func source(b []byte) Source { return Source{bytes.NewReader(b), int64(len(b))} }

func explain(t *testing.T, name string, a, b []byte) Explanation {
	t.Helper()
	x, ok := Explain(t.Context(), name, source(a), source(b))
	if !ok {
		t.Fatalf("%s: nothing is known about it", name)
	}
	return x
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// roots are the fields that follow from no other, "where name".
func roots(x Explanation) []string {
	var out []string
	for _, f := range x.Fields {
		if !f.Derived {
			out = append(out, strings.TrimSpace(f.Where+" "+f.Name))
		}
	}
	return out
}

func wantRoots(t *testing.T, x Explanation, kind string, cause report.Cause, want ...string) {
	t.Helper()
	if got := roots(x); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("fields\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if x.Kind != kind {
		t.Errorf("kind %q, want %q (note %q)", x.Kind, kind, x.Note)
	}
	if x.Cause != cause {
		t.Errorf("cause %q, want %q", x.Cause, cause)
	}
}

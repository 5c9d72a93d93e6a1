package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// golden compares with a file of testdata, or writes it with -update.
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
		t.Errorf("%s (go test ./report -update writes it):\n%s", name, d)
	}
}

func toText(t *testing.T, r *Report, opt TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteText(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextOfSamples(t *testing.T) {
	for name, r := range samples(t) {
		golden(t, name+".txt", toText(t, r, TextOptions{}))
	}
	s := samples(t)
	golden(t, "many-verbose.txt", toText(t, s["many"], TextOptions{Verbose: true}))
	golden(t, "many-color.txt", toText(t, s["many"], TextOptions{Color: true}))
	golden(t, "many-narrow.txt", toText(t, s["many"], TextOptions{Width: 40}))
}

func TestTextIsSafeAndNeat(t *testing.T) {
	for name, r := range samples(t) {
		neat(t, name, r)
	}
	for name, r := range judgedSamples(t) {
		neat(t, name, r)
	}
}

// neat checks that a report's text is safe to print, and fits on its lines.
func neat(t *testing.T, name string, r *Report) {
	t.Helper()
	for _, opt := range []TextOptions{{}, {Verbose: true}, {Width: 40}, {Width: 200}} {
		text := toText(t, r, opt)
		if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") || strings.Contains(text, "\n\n\n") && !strings.Contains(name, "hostile") {
			t.Errorf("%s: not neat", name)
		}
		width := max(opt.Width, 80)
		for i, line := range strings.Split(text, "\n") {
			if line != strings.TrimRight(line, " \t") {
				t.Errorf("%s: line %d ends in a blank: %q", name, i+1, line)
			}
			for _, r := range line {
				if !unicode.IsPrint(r) && r != '\t' {
					t.Errorf("%s: line %d holds %q", name, i+1, r)
				}
			}
			if i > 0 && !strings.Contains(name, "hostile") && !opt.Verbose && columns(line) > width {
				t.Errorf("%s: line %d has %d columns: %s", name, i+1, columns(line), line)
			}
		}
	}
}

func TestVerdictComesFirst(t *testing.T) {
	s := samples(t)
	for name, want := range map[string]string{
		"identical": "reproducible: the two images are identical, 2 GiB",
		"one":       "not reproducible: 1 cause, 20 of 2,147,483,648 bytes differ",
		"many":      "not reproducible: 7 causes, 45,632 of 2,147,483,648 bytes differ",
		"allowed":   "reproducible: 1 allowed difference, 20 of 2,147,483,648 bytes differ",
	} {
		first, _, _ := strings.Cut(toText(t, s[name], TextOptions{}), "\n")
		if first != want {
			t.Errorf("%s: %s", name, first)
		}
	}
}

func TestLongValuesAreCutWhereTheyAreEqual(t *testing.T) {
	a, b := CutPair(strings.Repeat("x", 100)+"A tail", strings.Repeat("x", 100)+"B tail", 40)
	if a != "…xxxxxxxxxxxxA tail" || b != "…xxxxxxxxxxxxB tail" {
		t.Errorf("%s\n%s", a, b)
	}
	if got := Cut("日本語テキスト", 7); got != "日本語…" {
		t.Error(got)
	}
	if got := CutFront("/a/very/long/path", 8); got != "…ng/path" {
		t.Error(got)
	}
}

func TestBlanksAtTheEndAreSeen(t *testing.T) {
	for in, want := range map[string]string{"/a ": `/a\x20`, "/a": "/a", "/a b": "/a b", "/a\t": `/a\t`, " ": `\x20`} {
		if got := Visible(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{" ": "", "-": "-", "- ": `-\x20`, "-a \tb\t": "-a \tb\\t", "+\r": `+\r`} {
		if got := VisibleLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSizesReadWell(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 1023: "1,023 bytes", 1024: "1 KiB", 1536: "1.5 KiB",
		3 << 29: "1536 MiB", 2 * gib: "2 GiB", 2*gib + 1: "2.0 GiB", 1<<63 - 1: "8191.9 PiB",
	} {
		if got := HumanSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 2147483648: "2,147,483,648", -1234: "-1,234"} {
		if got := Commas(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

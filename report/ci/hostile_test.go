package ci

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/report/html"
)

// nasty is what somebody might put into a name to act on whatever reads it.
var nasty = []string{
	"line\nbreak\r\ttab\x00\x07\x7f",
	"\x1b[2J\x1b]0;owned\a",
	"<script>alert(1)</script>",
	"<img src=x onerror=alert(1)>",
	"</details></failure></testcase>",
	"\u202egnp.exe\u2066x\u2069\u200b\ufeff",
	"\xff\xfe\xc0\x80",
	"\n::error file=x,title=y::owned",
	"\n::stop-commands::x\n##[error]owned",
	"]]>&amp;<!--",
	"[click](http://evil.example/) ![i](http://evil.example/i)",
	"[one](1) {0} {{x}}",
	"`` ``` ~~~ | || \\| \\",
	"@everyone #1 !2 $x$ http://evil.example www.evil.example",
	"%0A::error::owned %25",
	"--> <!-- reprodisk: other -->",
	"../../../../etc/passwd",
	strings.Repeat("long", 3000),
	strings.Repeat("e\u0301\u0301\u0301\u0301\u0301\u0301", 100),
}

// poison puts the string into every string that a report holds, and lists of
// them, wherever a type has one now or later.
func poison(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		poison(v.Elem(), s)
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i), s)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		}
		for i := range v.Len() {
			poison(v.Index(i), s)
		}
	case reflect.String:
		v.SetString(s)
	}
}

// poisoned is a report whose every string is the given one.
func poisoned(s string, allowed bool) *report.Report {
	r := &report.Report{Findings: make([]report.Finding, 3), Partitions: make([]report.Partition, 2)}
	poison(reflect.ValueOf(r).Elem(), s)
	r.DifferingBytes, r.RootFindings, r.Verdict = 3, 2, report.Reproducible
	if !allowed {
		r.Verdict = report.Unreproducible
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.ID = fmt.Sprint(i, s)
		f.Bytes, f.Count, f.Cause, f.Derived, f.DerivedFrom = 1, 1, report.Content, false, nil
		f.B += "2"
		f.Diff = "--- a\n+++ b\n@@ -1 +1 @@\n-" + strings.ReplaceAll(s, "\n", "\n ") + "\n+x\n"
		if !allowed {
			f.Allowed = ""
		}
		if i == 2 {
			f.Derived, f.DerivedFrom = true, []string{r.Findings[0].ID}
		}
	}
	return r // not finished: Finish refuses some of it, and a renderer must not rely on that
}

// Whatever a name holds, no format has a character that acts on a terminal or
// hides, none leaves its language, and each says as many things as before.
func TestHostileNamesAreEscapedInEveryFormat(t *testing.T) {
	lines := map[string]int{}
	for _, allowed := range []bool{false, true} {
		for _, s := range append([]string{"plain"}, nasty...) {
			for _, src := range []*Source{nil, NewSource(s, []byte("mkfs.ext4 "+s))} {
				r := poisoned(s, allowed)
				for format, write := range everyFormat() {
					if src != nil && formats[format] == nil {
						continue // they show no source
					}
					var b strings.Builder
					if err := write(&b, r, src); err != nil {
						t.Fatal(err)
					}
					got := b.String()
					what := fmt.Sprintf("%s of %q", format, report.Cut(report.Visible(s), 40))
					if !utf8.ValidString(got) {
						t.Errorf("%s is no valid UTF-8", what)
					}
					for _, c := range got {
						if c != '\n' && c != '\t' && !unicode.IsPrint(c) {
							t.Errorf("%s holds %q", what, c)
							break
						}
					}
					switch {
					case format == "report.json": // which keeps what the image has, as \u
					case strings.HasSuffix(format, "json"), format == "sarif":
						decoded(t, what, got)
					case format == "junit.xml":
						if strings.Contains(got, "]]>") || strings.Contains(strings.ToLower(got), "<script") {
							t.Errorf("%s holds markup", what)
						}
						wellFormed(t, what, got)
					case strings.HasSuffix(format, ".md"):
						inertMarkdown(t, what, got)
					case format == "page.html":
						for _, bad := range []string{"<script>alert", "<img src", "</details></failure>", "<!-- reprodisk"} {
							if strings.Contains(got, bad) {
								t.Errorf("%s holds %q", what, bad)
							}
						}
					}
					if format == "annotations" || format == "junit.xml" {
						key := fmt.Sprint(format, allowed, src == nil)
						n := structure(format, got)
						if s == "plain" {
							lines[key] = n
						} else if n != lines[key] {
							t.Errorf("%s says %d things, a plain report %d:\n%s", what, n, lines[key], got)
						}
					}
				}
			}
		}
	}
}

// everyFormat is all that a report is rendered as: those of this package, and
// the others, which each have tests of their own.
func everyFormat() map[string]func(io.Writer, *report.Report, *Source) error {
	out := maps.Clone(formats)
	out["text.txt"] = func(w io.Writer, r *report.Report, _ *Source) error {
		return report.WriteText(w, r, report.TextOptions{Verbose: true})
	}
	out["report.json"] = func(w io.Writer, r *report.Report, _ *Source) error { return report.WriteJSON(w, r) }
	out["comment.md"] = func(w io.Writer, r *report.Report, _ *Source) error {
		return report.WriteMarkdown(w, r, report.MarkdownOptions{Marker: Subject(r)})
	}
	out["page.html"] = func(w io.Writer, r *report.Report, _ *Source) error { return html.Write(w, r, html.Options{}) }
	return out
}

var command = regexp.MustCompile(`(?m)^::(error|warning|notice) [^:\n]*::[^\n]*$`)

// structure counts what a consumer takes for things of their own.
func structure(format, text string) int {
	if format == "annotations" {
		n := len(command.FindAllString(text, -1))
		if n != strings.Count(text, "\n") || strings.Contains(text, "##[") && !strings.Contains(text, "title=") {
			return -1 // a line that is none of our commands
		}
		return n
	}
	return strings.Count(text, "<")
}

// decoded checks a JSON document's strings after decoding: JSON may hide a
// character behind \u.
func decoded(t *testing.T, what, text string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(k, x)
			}
		case []any:
			for _, x := range v {
				walk(key, x)
			}
		case string:
			for _, c := range v {
				if c != '\n' && c != '\t' && !unicode.IsPrint(c) {
					t.Errorf("%s: %s holds %q", what, key, c)
					return
				}
			}
			switch key {
			case "markdown":
				inertMarkdown(t, what, v)
			case "text": // of SARIF, where a bracket before a parenthesis is a link
				if regexp.MustCompile(`[^\\]\]\(`).MatchString(v) {
					t.Errorf("%s: a link in %s", what, v)
				}
			case "uri":
				if strings.ContainsAny(v, " <>\"\\^`{|}") {
					t.Errorf("%s: %q is no URI", what, v)
				}
			}
		}
	}
	walk("", v)
}

var (
	codeBlock = regexp.MustCompile("(?ms)^(`{3,})diff$.*?^`{3,}$")
	marker    = regexp.MustCompile("^<!-- reprodisk: [A-Za-z0-9._/-]+ -->$")
	codeSpan  = regexp.MustCompile("(`+)[^`].*?`+")
)

// inertMarkdown checks that nothing outside of code marks up or links.
func inertMarkdown(t *testing.T, what, text string) {
	t.Helper()
	for _, line := range strings.Split(codeBlock.ReplaceAllString(text, ""), "\n") {
		switch line {
		case "</details>", "<details><summary>What differs inside of files</summary>":
			continue
		}
		if marker.MatchString(line) || strings.HasPrefix(line, "<details") && strings.HasSuffix(line, "</summary>") {
			continue
		}
		line = codeSpan.ReplaceAllString(line, "")
		for _, bad := range []string{"<script", "<img", "<!--", "](http", "](1", "http://", "@everyone", "www.", "-->", "</"} {
			// A mark behind a backslash means itself.
			if strings.Contains(strings.ReplaceAll(line, `\`+bad[:1], ""), bad) {
				t.Errorf("%s: %q in %s", what, bad, report.Cut(line, 300))
			}
		}
	}
}

package report

import (
	"strings"
	"testing"
)

func toMarkdown(t *testing.T, r *Report, opt MarkdownOptions) string {
	t.Helper()
	var b strings.Builder
	if err := WriteMarkdown(&b, r, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownOfSamples(t *testing.T) {
	s := samples(t)
	for _, name := range []string{"identical", "one", "many", "hostile", "folders", "allowed"} {
		golden(t, name+".md", toMarkdown(t, s[name], MarkdownOptions{}))
	}
	if got := toMarkdown(t, s["crowd"], MarkdownOptions{Max: 3}); !strings.HasSuffix(got, "\n\n… and 1,057 more.\n") {
		t.Error(got)
	}
}

func TestMarkdownMeansItself(t *testing.T) {
	for in, want := range map[string]string{
		"a|b":                 `a\|b`,
		"<img src=x>":         `&lt;img src=x\>`,
		"[x](http://evil)":    `\[x\](http:&#47;/evil)`,
		"@team fix #12 *now*": `&#64;team fix &#35;12 \*now\*`,
		"line\nbreak":         `line\\nbreak`,
		"i_ctime":             `i\_ctime`,
	} {
		if got := markdownText(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "x": "`x`", "a`b|c": "``a`b\\|c``", "`": "`` ` ``"} {
		if got := markdownCode(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// Every row of a table has as many cells as its head, whatever a name holds.
func TestMarkdownTablesKeepTheirColumns(t *testing.T) {
	r := hostile()
	r.Findings[0].File, r.Findings[0].A = "/a|b`|", "``|"
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(toMarkdown(t, r, MarkdownOptions{}), "\n") {
		if strings.HasPrefix(line, "|") {
			if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 8 {
				t.Errorf("%d bars: %s", n, line)
			}
		}
	}
}

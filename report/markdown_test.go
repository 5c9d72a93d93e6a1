package report

import (
	"cmp"
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
		if got := MarkdownText(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"": "", "x": "`x`", "a`b|c": "``a`b\\|c``", "`": "`` ` ``"} {
		if got := MarkdownCode(in); got != want {
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

// A comment may have 65,536 characters on GitHub; what has no room is counted,
// and what was opened is closed.
func TestMarkdownKeepsItsLimit(t *testing.T) {
	r := crowd()
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Remedy, f.Diff = strings.Repeat("<@remedy>", 100), longDiff(200)
		f.File += strings.Repeat("|", 300)
		f.A, f.B = strings.Repeat("`|", 500), strings.Repeat("|`", 500)
		if i%3 == 0 {
			f.Allowed = strings.Repeat("[because](x)", 100)
		}
	}
	for range 100 {
		r.Warnings = append(r.Warnings, strings.Repeat("@#<&>|", 1000))
	}
	r.A.Path = strings.Repeat("<a>", 10_000)
	r.Verification = &Verification{Level: strings.Repeat("<", 10_000)}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, opt := range []MarkdownOptions{{}, {Max: 5000}, {Max: 5000, Limit: 1}, {Max: 5000, Limit: 1 << 20}, {Marker: strings.Repeat("-->\n", 1000)}} {
		got := toMarkdown(t, r, opt)
		limit := max(cmp.Or(opt.Limit, CommentLimit), minMarkdown)
		if len(got) > limit {
			t.Errorf("%+v: %d bytes", opt, len(got))
		}
		if opt.Max > 0 && len(got) < limit/2 {
			t.Errorf("%+v: only %d bytes of %d", opt, len(got), limit)
		}
		if a, b := strings.Count(got, "<details"), strings.Count(got, "</details>"); a != b {
			t.Errorf("%+v: %d details are opened and %d closed", opt, a, b)
		}
		if strings.Count(got, "```")%2 != 0 || !strings.Contains(got, " more.\n") {
			t.Errorf("%+v: a fence is open, or what is left out is not counted", opt)
		}
	}
}

// A program finds the comment that it wrote earlier by the first line.
func TestMarkdownCarriesItsMarker(t *testing.T) {
	first := func(marker string) string {
		line, _, _ := strings.Cut(toMarkdown(t, samples(t)["one"], MarkdownOptions{Marker: marker}), "\n")
		return line
	}
	if got := first("result/nixos-1.img"); got != "<!-- reprodisk: result/nixos-1.img -->" {
		t.Error(got)
	}
	if got := first("a --> <script>\nb"); got != "<!-- reprodisk: a______script__nb -->" {
		t.Error(got)
	}
}

// What is not allowed comes first, also where the policy allows a thousand
// differences before it.
func TestMarkdownLeadsWithWhatIsNotAllowed(t *testing.T) {
	r := crowd()
	for i := range r.Findings[:1059] {
		r.Findings[i].Allowed = "known"
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	got := toMarkdown(t, r, MarkdownOptions{})
	open, rest, _ := strings.Cut(got, "<details>")
	if strings.Count(open, "\n| partition") != 1 || !strings.Contains(open, "/nix/store/1059") || !strings.Contains(rest, "1,059 allowed differences") {
		t.Error(got)
	}
}

func TestVerificationInASentence(t *testing.T) {
	varied := []Variation{{Name: "time", Varied: true}, {Name: "host\x1b", Varied: true}, {Name: "user"}}
	for want, v := range map[string]*Verification{
		"2 builds, isolated; varied: time, host\\x1b":                   {Level: "isolated", Builds: 2, Variations: varied},
		"5 builds, supervised, in the pinned world; nothing was varied": {Level: "supervised", Pinned: true, Builds: 5, Variations: varied[2:]},
		"built, at level new\\x07":                                      {Level: "new\a"},
	} {
		if got := v.Sentence(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// MarkdownOptions say how WriteMarkdown prints.
type MarkdownOptions struct {
	Max    int    // rows of the table of what is not allowed, and of that of what is: 50 where it is 0
	Limit  int    // bytes that are written at most: CommentLimit where it is 0, and never fewer than 16384
	Marker string // a name in a comment that nobody sees, on the first line, by which a program finds what it wrote earlier
}

// CommentLimit is how much WriteMarkdown writes. GitHub takes a comment of
// 65,536 characters, GitLab one of 1,000,000; the rest is room for words of
// whoever posts it.
const CommentLimit = 64_000

const (
	maxCell         = 60    // characters of a value in a table
	maxReason       = 200   // characters of a remedy or a reason in a table
	minMarkdown     = 16384 // bytes: the verdict, the inputs and the warnings always have room
	maxWarningChars = 300   // characters of a warning
)

// WriteMarkdown writes a summary for a merge request: the verdict, a table of
// the root findings, one line on what follows from them; folded away, what is
// allowed, and the diffs. It is GitHub Flavored Markdown (the extension
// "Tables", and HTML's details), which GitLab reads as well. What has no room
// is counted. Strings from an image are escaped: they can neither mark up nor
// link.
func WriteMarkdown(w io.Writer, r *Report, opt MarkdownOptions) error {
	if opt.Max <= 0 {
		opt.Max = defaultMax
	}
	if opt.Limit <= 0 {
		opt.Limit = CommentLimit
	}
	m := &markdown{r: r, opt: opt}
	m.head()
	tail := m.tail()
	m.left = max(opt.Limit, minMarkdown) - m.out.Len() - len(tail)
	m.findings()
	m.out.WriteString(tail)
	m.left = max(opt.Limit, minMarkdown) - m.out.Len()
	m.details()
	_, err := w.Write(m.out.Bytes())
	return err
}

// markdown collects the summary.
type markdown struct {
	r    *Report
	opt  MarkdownOptions
	out  bytes.Buffer
	left int // bytes that may still be written
	todo []*Finding
}

// add writes s if there is room for it and a word on what is left out.
func (m *markdown) add(s string) bool {
	const reserve = 200
	if len(s)+reserve > m.left {
		return false
	}
	m.out.WriteString(s)
	m.left -= len(s)
	return true
}

func (m *markdown) head() {
	if m.opt.Marker != "" {
		fmt.Fprintf(&m.out, "<!-- reprodisk: %s -->\n", markerName(m.opt.Marker))
	}
	mark := "✅"
	if !m.r.Passes() {
		mark = "❌"
	}
	fmt.Fprintf(&m.out, "### %s %s\n\n", mark, m.r.Headline())
	fmt.Fprintf(&m.out, "`a` %s, `b` %s\n", markdownInput(m.r.A), markdownInput(m.r.B))
	if v := m.r.Verification; v != nil {
		fmt.Fprintf(&m.out, "\n%s\n", MarkdownText(Cut(v.Sentence(), 1000)))
	}
}

// markerName is a name that stays inside of a comment and on its line.
func markerName(s string) string {
	name := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("._/-", c):
			return c
		}
		return '_'
	}, Cut(Visible(s), 100))
	return strings.ReplaceAll(name, "--", "__")
}

// findings writes the tables: first what is not allowed.
func (m *markdown) findings() {
	var open, allowed []*Finding
	for _, g := range m.r.Groups() {
		for _, f := range g.Roots {
			if f.Allowed == "" {
				open = append(open, f)
			} else {
				allowed = append(allowed, f)
			}
		}
	}
	m.todo = open
	if len(open) > 0 {
		m.table(open, "remedy", func(f *Finding) string { return f.Remedy })
	}
	if len(allowed) > 0 {
		summary := fmt.Sprintf("\n<details><summary>%s</summary>\n", Counted(int64(len(allowed)), "allowed difference"))
		if len(open) == 0 {
			summary = strings.Replace(summary, "<details>", "<details open>", 1)
		}
		if m.add(summary) {
			m.table(allowed, "allowed because", func(f *Finding) string { return f.Allowed })
			m.out.WriteString("\n</details>\n") // out of add's reserve
		}
	}
}

// table writes a row for each of the findings, as far as there is room.
func (m *markdown) table(findings []*Finding, last string, say func(*Finding) string) {
	shown := 0
	if m.add("\n| where | what | a | b | cause | bytes | " + last + " |\n| --- | --- | --- | --- | --- | ---: | --- |\n") {
		for _, f := range findings[:min(len(findings), m.opt.Max)] {
			a, b := CutPair(Visible(f.A), Visible(f.B), maxCell)
			if !m.add(fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n",
				MarkdownText(CutFront(m.r.Where(f), maxCell)), markdownWhat(f), MarkdownCode(a), MarkdownCode(b),
				MarkdownText(string(f.Cause)), Commas(f.Bytes), MarkdownText(Cut(Visible(say(f)), maxReason)))) {
				break
			}
			shown++
		}
	}
	if n := len(findings) - shown; n > 0 {
		fmt.Fprintf(&m.out, "\n… and %s more.\n", Commas(int64(n)))
	}
}

// tail is what follows the tables.
func (m *markdown) tail() string {
	var out strings.Builder
	var derived []*Finding
	for i := range m.r.Findings {
		if f := &m.r.Findings[i]; f.Derived {
			derived = append(derived, f)
		}
	}
	if len(derived) > 0 {
		fmt.Fprintf(&out, "\nAnd %s.\n", MarkdownText(Cut(Consequences(derived), 500)))
	}
	if n := m.r.DifferingBytes - m.r.ExplainedBytes; n > 0 {
		fmt.Fprintf(&out, "\nNo format claims %s of what differs.\n", Counted(n, "byte"))
	}
	for i, s := range m.r.Warnings {
		if i == 0 {
			out.WriteByte('\n')
		}
		if i == maxWarnings || out.Len() > minMarkdown/4 {
			fmt.Fprintf(&out, "- … and %s\n", Counted(int64(len(m.r.Warnings)-i), "more warning"))
			break
		}
		fmt.Fprintf(&out, "- Warning: %s\n", MarkdownText(Cut(Visible(s), maxWarningChars)))
	}
	return out.String()
}

// details shows, folded away, what a table has no room for: diffs, and what
// differs inside of files.
func (m *markdown) details() {
	open, skipped := false, 0
	for _, f := range m.todo[:min(len(m.todo), m.opt.Max)] {
		s := markdownDetail(f)
		if s == "" {
			continue
		}
		if !open {
			if !m.add("\n<details><summary>What differs inside of files</summary>\n") {
				return
			}
			open = true
		}
		if !m.add(s) {
			skipped++
		}
	}
	if skipped > 0 {
		fmt.Fprintf(&m.out, "\n… and %s more.\n", Commas(int64(skipped)))
	}
	if open {
		m.out.WriteString("\n</details>\n")
	}
}

// markdownDetail is the finding's diff and what differs inside of its file, or
// nothing.
func markdownDetail(f *Finding) string {
	var out strings.Builder
	for i := range f.Inside[:min(len(f.Inside), maxInside)] {
		x := &f.Inside[i]
		if x.Derived || x.Where == "" && x.Field == "content" {
			continue
		}
		name := strings.TrimPrefix(x.Where+": "+x.Field, ": ")
		a, b := CutPair(Visible(x.A), Visible(x.B), maxCell)
		fmt.Fprintf(&out, "- %s: %s → %s\n", MarkdownText(Cut(Visible(f.InsideKind+" "+name), 2*maxCell)),
			cmp.Or(MarkdownCode(a), "(none)"), cmp.Or(MarkdownCode(b), "(none)"))
	}
	if lines := DiffLines(f.Diff); len(lines) > 0 {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(markdownDiff(lines))
	}
	if out.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s\n\n%s", markdownWhat(f), out.String())
}

// markdownDiff is a fenced block of the first lines of a diff (CommonMark
// 0.31, section 4.5). Of many lines in a row that are removed, or added, the
// first ones stand for all.
func markdownDiff(lines []string) string {
	var body strings.Builder
	shown := 0
	for printed := 0; shown < len(lines) && printed < maxDiffLines; {
		run := sameMark(lines[shown:])
		show := run
		if run > maxDiffRun+1 {
			show = maxDiffRun
		}
		for _, line := range lines[shown : shown+show] {
			body.WriteString(Cut(VisibleLine(line), 2*defaultWidth) + "\n")
		}
		if show < run {
			fmt.Fprintf(&body, "%c … %s\n", lines[shown][0], Counted(int64(run-show), "more line"))
		}
		shown += run
		printed += show
	}
	if n := len(lines) - shown; n > 0 {
		fmt.Fprintf(&body, "… %s\n", Counted(int64(n), "more line"))
	}
	fence := strings.Repeat("`", max(3, longestRun(body.String(), '`')+1))
	return fence + "diff\n" + body.String() + fence + "\n"
}

func markdownInput(in Input) string {
	s := MarkdownCode(CutFront(Visible(in.Path), 2*defaultWidth))
	if in.Size > 0 {
		s += " (" + HumanSize(in.Size) + ")"
	}
	return s
}

// Where is the place of a finding in a few words: "partition 2, ext4". It is
// safe to print.
func (r *Report) Where(f *Finding) string {
	var parts []string
	if f.Image != "" {
		parts = append(parts, f.Image)
	}
	if f.Partition > 0 {
		parts = append(parts, fmt.Sprintf("partition %d", f.Partition))
	}
	if f.Format != "" {
		parts = append(parts, f.Format)
	}
	return Visible(strings.Join(parts, ", "))
}

func markdownWhat(f *Finding) string {
	what := MarkdownText(Cut(Visible(cmp.Or(strings.TrimSpace(f.Structure), f.ID)), maxCell))
	if f.Field != "" {
		what += " " + MarkdownCode(Cut(Visible(f.Field), maxCell))
	}
	switch {
	case f.File != "":
		what += " of " + MarkdownCode(CutFront(Visible(f.File), maxCell))
	case f.Count > 1:
		what += fmt.Sprintf(" (%s values)", Commas(int64(f.Count)))
	}
	return what
}

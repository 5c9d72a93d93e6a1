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
	Max int // root findings in the table: 50 where it is 0
}

// maxCell is how many characters of a value a table shows.
const maxCell = 60

// WriteMarkdown writes a short summary for a merge request: the verdict, a
// table of the root findings, and one line on what follows from them. It is
// GitHub Flavored Markdown (the extension "Tables"). Strings from an image are
// escaped: they can neither mark up nor link.
func WriteMarkdown(w io.Writer, r *Report, opt MarkdownOptions) error {
	if opt.Max <= 0 {
		opt.Max = defaultMax
	}
	var out bytes.Buffer
	mark := "✅"
	if r.Verdict != Reproducible {
		mark = "❌"
	}
	fmt.Fprintf(&out, "### %s %s\n\n", mark, r.Headline())
	fmt.Fprintf(&out, "`a` %s, `b` %s\n", markdownInput(r.A), markdownInput(r.B))

	var roots, derived []*Finding
	for _, g := range r.Groups() {
		roots = append(roots, g.Roots...)
		derived = append(derived, g.Derived...)
	}
	if len(roots) > 0 {
		out.WriteString("\n| where | what | a | b | cause | bytes | remedy |\n| --- | --- | --- | --- | --- | ---: | --- |\n")
	}
	for _, f := range roots[:min(len(roots), opt.Max)] {
		a, b := cutPair(Visible(f.A), Visible(f.B), maxCell)
		remedy := markdownText(f.Remedy)
		if f.Allowed != "" {
			remedy = "allowed: " + markdownText(f.Allowed)
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s | %s | %s |\n",
			markdownText(r.where(f)), markdownWhat(f), markdownCode(a), markdownCode(b),
			markdownText(string(f.Cause)), Commas(f.Bytes), remedy)
	}
	if n := len(roots) - opt.Max; n > 0 {
		fmt.Fprintf(&out, "\n… and %s more.\n", Commas(int64(n)))
	}
	if len(derived) > 0 {
		fmt.Fprintf(&out, "\nAnd %s.\n", markdownText(Consequences(derived)))
	}
	if n := r.DifferingBytes - r.ExplainedBytes; n > 0 {
		fmt.Fprintf(&out, "\nNo format claims %s of what differs.\n", Counted(n, "byte"))
	}
	for i, s := range r.Warnings {
		if i == 0 {
			out.WriteByte('\n')
		}
		if i == maxWarnings {
			fmt.Fprintf(&out, "- … and %s\n", Counted(int64(len(r.Warnings)-i), "more warning"))
			break
		}
		fmt.Fprintf(&out, "- Warning: %s\n", markdownText(s))
	}
	_, err := w.Write(out.Bytes())
	return err
}

func markdownInput(in Input) string {
	s := markdownCode(Visible(in.Path))
	if in.Size > 0 {
		s += " (" + HumanSize(in.Size) + ")"
	}
	return s
}

// where is the place of a finding in a few words: "partition 2, ext4".
func (r *Report) where(f *Finding) string {
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
	return strings.Join(parts, ", ")
}

func markdownWhat(f *Finding) string {
	what := markdownText(strings.TrimSpace(cmp.Or(strings.TrimSpace(f.Structure), f.ID)))
	if f.Field != "" {
		what += " " + markdownCode(cut(Visible(f.Field), maxCell))
	}
	switch {
	case f.File != "":
		what += " of " + markdownCode(cutFront(Visible(f.File), maxCell))
	case f.Count > 1:
		what += fmt.Sprintf(" (%s values)", Commas(int64(f.Count)))
	}
	return what
}

// markdownCode is a code span of what is visible already. A fence longer than
// any run of backquotes inside keeps it whole (CommonMark 0.31, section 6.1);
// a table takes a bar only behind a backslash, even in code.
func markdownCode(s string) string {
	if s == "" {
		return ""
	}
	longest, run := 0, 0
	for _, c := range s {
		if c == '`' {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	fence := strings.Repeat("`", longest+1)
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(s, "|", `\|`) + pad + fence
}

// markdownText is text that means itself: every ASCII mark that Markdown could
// read something into stands behind a backslash, and what forges make links
// of by themselves (@name, #12, www., http://) is taken apart.
func markdownText(s string) string {
	var out strings.Builder
	for _, c := range Visible(s) {
		switch {
		case c == '<':
			out.WriteString("&lt;")
		case c == '&':
			out.WriteString("&amp;")
		case c == '@':
			out.WriteString("&#64;")
		case c == '#':
			out.WriteString("&#35;")
		case strings.ContainsRune("\\`*_{}[]>|~$", c):
			out.WriteByte('\\')
			out.WriteRune(c)
		default:
			out.WriteRune(c)
		}
	}
	// A reader of this sees no difference; a linker sees no address.
	return strings.NewReplacer("://", ":&#47;/", "www.", "www&#46;").Replace(out.String())
}

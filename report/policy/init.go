package policy

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// maxStart is how many rules a starting policy has. Whoever has more to allow
// than that should not go through them one by one.
const maxStart = 500

// Write writes a policy to start from: a rule for each cause that nothing
// allows, with what is known of it as a comment, and a placeholder where the
// reason goes. Parse refuses it until the reasons are filled in.
func Write(w io.Writer, r *report.Report) error {
	var b bytes.Buffer
	b.WriteString(`# What may differ between two builds of this image, and why.
# See docs/policy.md. Each rule needs a reason; "TODO" is refused. Better than a
# rule is a remedy: where there is one, it stands in the comment.
version: 1
allow:
`)
	n, more := 0, 0
	for i := range r.Findings {
		f := &r.Findings[i]
		switch {
		case f.Derived || f.Allowed != "":
			continue
		case n == maxStart:
			more++
			continue
		}
		n++
		writeRule(&b, f)
	}
	if n == 0 {
		b.WriteString("  []\n")
	}
	if more > 0 {
		fmt.Fprintf(&b, "\n  # … and %s more, which this file does not list\n", report.Counted(int64(more), "cause"))
	}
	_, err := w.Write(b.Bytes())
	return err
}

func writeRule(b *bytes.Buffer, f *report.Finding) {
	b.WriteByte('\n')
	comment(b, describe(f))
	if f.Remedy != "" {
		comment(b, "remedy: "+f.Remedy)
	}
	fmt.Fprintf(b, "  - field: %s\n", quote(strings.ReplaceAll(f.ID, "*", "?"))) // which stands for one byte, not for any number
	fmt.Fprintf(b, "    reason: %s\n", placeholder)
}

// describe says what differs, and by how much.
func describe(f *report.Finding) string {
	s := strings.TrimSpace(f.Structure + " " + f.Field)
	if f.File != "" {
		s = f.File + ": " + s
	}
	s += ", " + string(f.Cause)
	if f.Bytes > 0 {
		s += ", " + report.Counted(f.Bytes, "byte")
	}
	if f.A != f.B && len(f.A)+len(f.B) <= 80 {
		s += fmt.Sprintf(": %s → %s", orNone(f.A), orNone(f.B))
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// comment writes a line of a comment. Nothing in it ends the line.
func comment(b *bytes.Buffer, s string) {
	fmt.Fprintf(b, "  # %s\n", report.Visible(s))
}

// quote is a string in YAML's double quotes, of which JSON's are a part. What
// is not printable is escaped.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r >= 0x80 && report.Visible(string(r)) != string(r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

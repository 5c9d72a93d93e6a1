package ci

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// difference is a node of diffoscope's tree, without its children.
type difference struct {
	Source1     string   `json:"source1"`
	Source2     string   `json:"source2"`
	Comments    []string `json:"comments,omitempty"`
	UnifiedDiff *string  `json:"unified_diff"` // null where there is none
}

// WriteDiffoscope writes the report as the JSON that `diffoscope
// --load-existing-diff` opens: a node for each partition and format, below it
// one for each root finding, with its two values or its diff as a unified
// diff. What follows from them is a comment.
func WriteDiffoscope(w io.Writer, r *report.Report) error {
	out := bufio.NewWriterSize(w, 1<<16)
	root := difference{
		Source1: report.Visible(r.A.Path), Source2: report.Visible(r.B.Path), Comments: []string{r.Headline()},
	}
	if v := r.Verification; v != nil {
		root.Comments = append(root.Comments, v.Sentence())
	}
	for _, s := range r.Warnings {
		root.Comments = append(root.Comments, "warning: "+report.Visible(s))
	}
	d := &diffoscope{w: out}
	d.open(root, `"diffoscope-json-version":1,`)
	for i, g := range r.Groups() {
		d.next(i)
		node := difference{Source1: r.Heading(g), Source2: r.Heading(g)}
		if len(g.Derived) > 0 {
			node.Comments = []string{report.Consequences(g.Derived)}
		}
		d.open(node, "")
		for j, f := range g.Roots {
			d.next(j)
			d.open(finding(f), "")
			d.close()
		}
		d.close()
	}
	d.close()
	out.WriteByte('\n')
	if d.err != nil {
		return fmt.Errorf("diffoscope's JSON: %w", d.err)
	}
	return out.Flush()
}

// finding is the node of a root finding.
func finding(f *report.Finding) difference {
	out := difference{Source1: title(f), Source2: title(f), Comments: advice(f)}
	for i := range f.Inside {
		x := &f.Inside[i]
		if x.Derived {
			continue
		}
		name := strings.TrimPrefix(x.Where+": "+x.Field, ": ")
		a, b := report.CutPair(report.Visible(x.A), report.Visible(x.B), maxValue)
		out.Comments = append(out.Comments, fmt.Sprintf("inside: %s: %s → %s", report.Cut(report.Visible(f.InsideKind+" "+name), maxPath), a, b))
	}
	if f.InsideOmitted > 0 {
		out.Comments = append(out.Comments, fmt.Sprintf("inside: … and %s more", report.Commas(int64(f.InsideOmitted))))
	}
	var diff strings.Builder
	if lines := report.DiffLines(f.Diff); len(lines) > 0 {
		for _, line := range lines {
			if line = report.VisibleLine(line); line == "" {
				line = " " // an empty line of context
			}
			diff.WriteString(line + "\n")
		}
	} else if f.A != f.B {
		before, after := values("-", f.A), values("+", f.B)
		fmt.Fprintf(&diff, "@@ -%s +%s @@\n%s%s", span(before), span(after), before, after)
	}
	if diff.Len() > 0 {
		s := diff.String()
		out.UnifiedDiff = &s
	}
	return out
}

// values is a value as the one line of a diff, or nothing.
func values(mark, value string) string {
	if value == "" {
		return ""
	}
	return mark + report.Visible(value) + "\n"
}

// span is one line, or none, in the head of a hunk.
func span(lines string) string {
	if lines == "" {
		return "0,0"
	}
	return "1"
}

// diffoscope writes the tree node by node: it may have 100,000.
type diffoscope struct {
	w   *bufio.Writer
	err error
}

// open writes a node up to its children, with the given members before its
// own.
func (d *diffoscope) open(n difference, first string) {
	b, err := json.Marshal(n)
	if err != nil {
		d.err = err
		return
	}
	d.w.WriteString("{" + first)
	d.w.Write(b[1 : len(b)-1])
	d.w.WriteString(`,"details":[`)
}

func (d *diffoscope) next(i int) {
	if i > 0 {
		d.w.WriteByte(',')
	}
	d.w.WriteByte('\n')
}

func (d *diffoscope) close() { d.w.WriteString("]}") }

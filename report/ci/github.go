package ci

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// MaxSummary is how many bytes the summary of a step may have, all that the
// step has written to it added up. GitHub drops the whole of a longer one.
const MaxSummary = 1 << 20

// GitHub shows so many annotations of each level for a step.
const maxAnnotations = 10

// summaryRows is how many findings the tables of a summary have: it has room
// for more than a comment, but not a reader's patience for a thousand.
const summaryRows = 200

// WriteSummary writes the report as Markdown for the summary of a step, in at
// most limit bytes (16384 where it is less) with at most rows findings a table
// (200 where it is 0). Nothing is written where there is no room for that.
func WriteSummary(w io.Writer, r *report.Report, limit, rows int) error {
	if rows <= 0 {
		rows = summaryRows
	}
	var out bytes.Buffer
	if err := report.WriteMarkdown(&out, r, report.MarkdownOptions{Max: rows, Limit: limit}); err != nil {
		return err
	}
	if out.Len() > limit {
		return fmt.Errorf("the step's summary has no room left: GitHub takes %d bytes of a step", MaxSummary)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// WriteAnnotations writes GitHub's workflow commands that show findings at the
// lines of the source, or at the workflow where there is none: an error for
// each that is not allowed, as far as GitHub shows them, a notice on those that
// are, and the report's warnings.
func WriteAnnotations(w io.Writer, r *report.Report, src *Source) error {
	var out bytes.Buffer
	var open []*report.Finding
	all := roots(r)
	for _, f := range all {
		if f.Allowed == "" {
			open = append(open, f)
		}
	}
	shown := open
	if len(open) > maxAnnotations {
		shown = open[:maxAnnotations-1]
	}
	for _, f := range shown {
		annotate(&out, "error", sentence(r, f), strings.Join(append(advice(f), excerpt(f)...), "\n"), src, src.Line(f))
	}
	switch {
	case len(open) > len(shown):
		annotate(&out, "error", r.Headline(), fmt.Sprintf("%s more causes: see the step's summary", report.Commas(int64(len(open)-len(shown)))), src, 1)
	case len(open) == 0 && r.Verdict != report.Reproducible:
		annotate(&out, "error", "reprodisk", r.Headline(), src, 1)
	case r.Verdict == report.Reproducible:
		annotate(&out, "notice", "reprodisk", r.Headline(), nil, 0)
	}
	if n := len(all) - len(open); n > 0 && len(open) > 0 {
		annotate(&out, "notice", "reprodisk", report.Counted(int64(n), "allowed difference")+": see the step's summary", nil, 0)
	}
	for i, s := range r.Warnings {
		if i == maxAnnotations-1 && len(r.Warnings) > maxAnnotations {
			annotate(&out, "warning", "reprodisk", report.Counted(int64(len(r.Warnings)-i), "more warning"), nil, 0)
			break
		}
		annotate(&out, "warning", "reprodisk", report.Cut(report.Visible(s), maxAdvice), nil, 0)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// annotate writes one command on one line.
func annotate(out *bytes.Buffer, level, title, message string, src *Source, line int) {
	out.WriteString("::" + level + " ")
	if src != nil {
		fmt.Fprintf(out, "file=%s,line=%d,", property.Replace(report.Visible(src.Path)), line)
	}
	fmt.Fprintf(out, "title=%s::%s\n", property.Replace(report.Cut(title, 2*maxPath)), data.Replace(message))
}

// What stands for what in a workflow command, as GitHub's runner reads it
// (src/Runner.Common/ActionCommand.cs).
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

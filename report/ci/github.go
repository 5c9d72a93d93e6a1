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
	a := &annotations{r: r, left: map[string]int{"error": maxAnnotations, "warning": maxAnnotations, "notice": maxAnnotations}}
	a.findings(src)
	a.policy()
	a.warnings()
	_, err := w.Write(a.out.Bytes())
	return err
}

// annotations collects the commands.
type annotations struct {
	r    *report.Report
	out  bytes.Buffer
	left map[string]int // how many of each level are still shown
}

func (a *annotations) findings(src *Source) {
	all := roots(a.r)
	open := 0
	for _, f := range all {
		if f.Allowed == "" {
			open++
		}
	}
	for i, f := range all[:open] {
		if i == maxAnnotations-1 && open > maxAnnotations {
			a.add("error", a.r.Headline(), fmt.Sprintf("%s more causes: see the step's summary", report.Commas(int64(open-i))), src, 1)
			break
		}
		a.add("error", sentence(a.r, f), strings.Join(append(advice(f), excerpt(f)...), "\n"), src, src.Line(f))
	}
	switch {
	case open == 0 && a.r.Verdict != report.Reproducible:
		a.add("error", "reprodisk", a.r.Headline(), src, 1)
	case a.r.Passes():
		a.add("notice", "reprodisk", a.r.Headline(), nil, 0)
	}
	if n := len(all) - open; n > 0 && open > 0 {
		a.add("notice", "reprodisk", report.Counted(int64(n), "allowed difference")+": see the step's summary", nil, 0)
	}
}

// policy shows the rules that are unused or expired, at their lines.
func (a *annotations) policy() {
	level := "warning"
	if a.r.Blocked() != "" {
		level = "error"
		// One that is sure to be shown, however many findings there are.
		if a.r.Verdict == report.Reproducible {
			a.add(level, "reprodisk", a.r.Headline(), nil, 0)
		}
	}
	for _, x := range idle(a.r) {
		src := ruleLine(x)
		line := 0
		if src != nil {
			line = src.line
		}
		a.add(level, "reprodisk policy", report.Cut(report.Visible(x.Warning()), maxAdvice), src, line)
	}
}

// warnings shows the report's, without those on rules, which are shown.
func (a *annotations) warnings() {
	said := map[string]bool{}
	for _, x := range idle(a.r) {
		said[x.Warning()] = true
	}
	var list []string
	for _, s := range a.r.Warnings {
		if !said[s] {
			list = append(list, s)
		}
	}
	for i, s := range list {
		if a.left["warning"] == 1 && len(list)-i > 1 {
			a.add("warning", "reprodisk", report.Counted(int64(len(list)-i), "more warning"), nil, 0)
			break
		}
		a.add("warning", "reprodisk", report.Cut(report.Visible(s), maxAdvice), nil, 0)
	}
}

// add writes one command on one line, unless GitHub shows no more of its level.
func (a *annotations) add(level, title, message string, src *Source, line int) {
	if a.left[level] == 0 {
		return
	}
	a.left[level]--
	annotate(&a.out, level, title, message, src, line)
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

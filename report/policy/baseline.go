package policy

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// known allows what the baseline has, unless it got worse. Bytes, ranges and
// values may move: what a clock or a random number leaves behind is elsewhere
// and different each time. What a rule named that has expired is not known:
// its day would mean nothing.
func (g *Gate) known(r *report.Report, expired map[string]bool) {
	b := &report.Baseline{Path: report.Printable(g.BaselinePath)}
	r.Policy.Baseline = b
	before := make(map[string]*report.Finding, len(g.Baseline.Findings))
	for i := range g.Baseline.Findings {
		before[g.Baseline.Findings[i].ID] = &g.Baseline.Findings[i]
	}
	seen := make(map[string]bool, len(r.Findings))
	for i := range r.Findings {
		f := &r.Findings[i]
		seen[f.ID] = true
		old := before[f.ID]
		if f.Derived || f.Allowed != "" || old == nil || expired[f.ID] {
			continue
		}
		if r.Policy.Strict && f.Structure == report.UnknownStructure {
			continue
		}
		if why := worse(old, f); why != "" {
			b.Worse = append(b.Worse, report.Worse{ID: f.ID, Why: why})
			continue
		}
		f.Allowed = "known: it is in the baseline " + b.Path
		b.Known++
	}
	for i := range g.Baseline.Findings {
		if f := &g.Baseline.Findings[i]; !f.Derived && !seen[f.ID] {
			b.Gone++
		}
	}
}

// worse says in which way a finding is more than what was known of it; empty
// where it is not.
func worse(old, now *report.Finding) string {
	if old.Derived {
		return "it followed from another cause before, now it stands for itself"
	}
	if old.Cause != now.Cause {
		return fmt.Sprintf("its cause is %s, and was %s", now.Cause, old.Cause)
	}
	if now.Count > old.Count {
		return fmt.Sprintf("it stands for %s, and did for %s", report.Counted(int64(now.Count), "value"), report.Commas(int64(old.Count)))
	}
	if why := moreFiles(old, now); why != "" {
		return why
	}
	if why := moreInside(old, now); why != "" {
		return why
	}
	// Of bytes that no format claims, how many they are is all that is known.
	// Random ones agree by chance here and there, so a few more are not worse.
	if now.Structure == report.UnknownStructure && now.Bytes/2 > old.Bytes {
		return fmt.Sprintf("it has %s, and had %s", report.Counted(now.Bytes, "byte"), report.Commas(old.Bytes))
	}
	return ""
}

// moreFiles: a file that the baseline lists as none of the finding's. Where a
// report leaves files out, their number has to do.
func moreFiles(old, now *report.Finding) string {
	were, are := filesOf(old), filesOf(now)
	if n, m := len(are)+now.FilesOmitted, len(were)+old.FilesOmitted; n > m {
		return fmt.Sprintf("it is about %s, and was about %s", report.Counted(int64(n), "file"), report.Commas(int64(m)))
	}
	if old.FilesOmitted > 0 {
		return ""
	}
	had := make(map[string]bool, len(were))
	for _, file := range were {
		had[file] = true
	}
	for _, file := range are {
		if !had[file] {
			return "it is about another file: " + report.Visible(file)
		}
	}
	return ""
}

// moreInside: a part of a file that differs now and did not.
func moreInside(old, now *report.Finding) string {
	if n, m := len(now.Inside)+now.InsideOmitted, len(old.Inside)+old.InsideOmitted; old.InsideOmitted > 0 {
		if n > m {
			return fmt.Sprintf("inside of it, %s differ, and %s did", report.Commas(int64(n)), report.Commas(int64(m)))
		}
		return ""
	}
	had := make(map[[2]string]bool, len(old.Inside))
	for _, x := range old.Inside {
		had[[2]string{x.Where, x.Field}] = true
	}
	for _, x := range now.Inside {
		if !x.Derived && !had[[2]string{x.Where, x.Field}] {
			return "inside of it, this differs too: " + report.Visible(strings.TrimSpace(x.Where+" "+x.Field))
		}
	}
	if now.InsideOmitted > 0 {
		return "inside of it, more differs than is listed"
	}
	return ""
}

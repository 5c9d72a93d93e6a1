package ci

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// How many characters of a string are shown.
const (
	maxPath   = 200
	maxValue  = 120
	maxWhat   = 120
	maxAdvice = 600
)

// causes says what each cause means, for whoever has not seen it before.
var causes = map[report.Cause]string{
	report.Time:        "The value follows the clock of the build.",
	report.Random:      "The value is drawn at random in each build.",
	report.Order:       "The same things stand in another order, for example that in which a folder was read or processes ended.",
	report.Placement:   "The same things lie in other places.",
	report.Environment: "The value follows the machine that builds: its name, user, paths, kernel, number of processors, or the version of a tool.",
	report.Content:     "What was put into the image differs.",
	report.Residue:     "These bytes should be read by nothing; the builder left in them what was there before.",
	report.Unknown:     "What makes it differ is not known.",
}

// title says what differs, in a few words: "/etc/machine-id: data content", or
// "superblock s_hash_seed".
func title(f *report.Finding) string {
	what := report.Cut(f.What(), maxWhat)
	if f.File == "" {
		if f.Count > 1 {
			what += fmt.Sprintf(" (%s values)", report.Commas(int64(f.Count)))
		}
		return what
	}
	return report.CutFront(report.Visible(f.File), maxPath) + ": " + what
}

// sentence says what differs, where, and how: "superblock s_hash_seed of
// partition 2, ext4 differs: 0f3c… → 91ab…".
func sentence(r *report.Report, f *report.Finding) string {
	out := title(f)
	if where := r.Where(f); where != "" {
		out += " (" + report.Cut(where, maxPath) + ")"
	}
	a, b := report.CutPair(report.Visible(f.A), report.Visible(f.B), maxValue)
	switch {
	case a == "" && b == "":
		return out + " differs"
	case f.A == f.B:
		return out + " differs: " + a + " in both"
	}
	return out + " differs: " + cmp.Or(a, "(none)") + " → " + cmp.Or(b, "(none)")
}

// advice says what made it differ and how to pin it, a line each.
func advice(f *report.Finding) []string {
	out := []string{"cause: " + f.Measure()}
	for _, line := range []struct{ lead, s string }{
		{"", f.Note}, {"follows: ", f.Variation}, {"remedy: ", f.Remedy}, {"allowed: ", f.Allowed},
	} {
		if line.s != "" {
			out = append(out, line.lead+report.Cut(report.Visible(line.s), maxAdvice))
		}
	}
	return out
}

// excerpt is the first lines of a diff that are not context.
func excerpt(f *report.Finding) (out []string) {
	const most = 6
	for _, line := range report.DiffLines(f.Diff) {
		if !strings.HasPrefix(line, "-") && !strings.HasPrefix(line, "+") {
			continue
		}
		if len(out) == most {
			return append(out, "…")
		}
		out = append(out, report.Cut(report.VisibleLine(line), maxValue))
	}
	return out
}

// consequences counts how many findings follow from each root finding.
func consequences(r *report.Report) map[string]int {
	out := map[string]int{}
	for i := range r.Findings {
		for _, id := range r.Findings[i].DerivedFrom {
			out[id]++
		}
	}
	return out
}

// roots lists the findings that follow from no other, those that are not
// allowed first.
func roots(r *report.Report) []*report.Finding {
	var open, allowed []*report.Finding
	for i := range r.Findings {
		switch f := &r.Findings[i]; {
		case f.Derived:
		case f.Allowed == "":
			open = append(open, f)
		default:
			allowed = append(allowed, f)
		}
	}
	return append(open, allowed...)
}

// Subject is what was compared, by a name that stays: the spec's, or else the
// image's.
func Subject(r *report.Report) string {
	name := r.A.Path
	if r.Verification != nil && r.Verification.Spec != "" {
		name = r.Verification.Spec
	}
	name = lastName(strings.TrimRight(name, "/"), '/')
	return cmp.Or(report.Cut(report.Visible(name), maxPath), "disk image")
}

// idle lists the policy's rules that are unused or expired.
func idle(r *report.Report) (out []*report.PolicyRule) {
	if r.Policy == nil {
		return nil
	}
	for i := range r.Policy.Rules {
		if x := &r.Policy.Rules[i]; x.Warning() != "" {
			out = append(out, x)
		}
	}
	return out
}

// ruleLine is where a rule stands: a file and a line, or nothing for one of the
// command line.
func ruleLine(x *report.PolicyRule) *Source {
	i := strings.LastIndexByte(x.Where, ':')
	if i <= 0 {
		return nil
	}
	line, err := strconv.Atoi(x.Where[i+1:])
	if err != nil || line < 1 {
		return nil
	}
	return NewSourceAt(x.Where[:i], line)
}

package html

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// facts are the parts of a verification that are said once.
func facts(v *report.Verification) [][2]string {
	out := [][2]string{}
	add := func(name, value string) {
		if value != "" {
			out = append(out, [2]string{name, report.Visible(value)})
		}
	}
	add("isolation", v.Level)
	if v.Pinned {
		add("world", "pinned: what can be pinned was, in both builds")
	}
	add("command", joinedBy(" ", v.Command))
	add("spec", v.Spec)
	add("spec digest", v.SpecDigest)
	if v.Builds > 0 {
		add("builds", report.Commas(int64(v.Builds)))
	}
	if p := v.Repeat; p != nil {
		add("repeated", fmt.Sprintf("%s of %s that were planned", report.Commas(int64(p.Runs)), report.Commas(int64(p.Planned))))
	}
	add("asked about", joinedBy(", ", v.Asked))
	add("evidence", v.Evidence)
	return out
}

// joinedBy joins words; one that holds a blank stands in quotes.
func joinedBy(by string, words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n\"'\\$") {
			w = fmt.Sprintf("%q", w)
		}
		quoted[i] = w
	}
	return strings.Join(quoted, by)
}

// maxRuns is how many numbers of runs are named.
const maxRuns = 24

// runs names the numbers of runs: "1–3, 7".
func runs(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		if len(parts) == maxRuns {
			parts = append(parts, "…")
			break
		}
		if j > i {
			parts = append(parts, fmt.Sprintf("%d–%d", list[i], list[j]))
		} else {
			parts = append(parts, fmt.Sprint(list[i]))
		}
		i = j + 1
	}
	return strings.Join(parts, ", ")
}

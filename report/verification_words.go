package report

import (
	"fmt"
	"strings"
)

// levels says what kept the builds from the machine, and from each other.
var levels = map[string]string{
	"none":       "with nothing between them and this machine",
	"supervised": "supervised",
	"isolated":   "isolated",
	"vm":         "in virtual machines",
}

// Sentence says how the images were built and what was varied, in one line
// that is safe to print: "2 builds, isolated; varied: time, timezone".
func (v *Verification) Sentence() string {
	out := v.how()
	var varied []string
	for _, x := range v.Variations {
		if x.Varied {
			varied = append(varied, Visible(x.Name))
		}
	}
	switch {
	case len(varied) > 0:
		out += fmt.Sprintf("; varied: %s", strings.Join(varied, ", "))
	case len(v.Variations) > 0:
		out += "; nothing was varied"
	}
	return out
}

// how says how many builds there were, and what kept them apart.
func (v *Verification) how() string {
	out := Counted(int64(v.Builds), "build")
	if v.Builds == 0 {
		out = "built"
	}
	if level, ok := levels[v.Level]; ok {
		out += ", " + level
	} else if v.Level != "" {
		out += ", at level " + Visible(v.Level)
	}
	if v.Pinned {
		out += ", in the pinned world"
	}
	return out
}

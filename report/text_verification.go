package report

import (
	"fmt"
	"slices"
	"strings"
)

// verification says how the images were built. Of images that agree it says
// under what, which is what the verdict is worth; of others both worlds, since
// the cause is among what was varied.
func (t *text) verification(v *Verification, reproducible bool) {
	if v == nil {
		return
	}
	t.blank()
	t.wrapped("", bold, v.how())
	if v.Pinned {
		t.wrapped("  ", yellow, "the pinned world makes builds agree: of other worlds this says nothing")
	}
	var varied, not []Variation
	for _, x := range v.Variations {
		if x.Varied {
			varied = append(varied, x)
		} else {
			not = append(not, x)
		}
	}
	switch {
	case len(varied) == 0 && len(not) > 0:
		t.wrapped("  ", yellow, "nothing was varied: two builds in one world may agree by that alone")
	case reproducible && !t.opt.Verbose:
		t.wrapped("  reproducible under: ", "", names(varied))
	case len(varied) > 0:
		if reproducible {
			t.line("  reproducible under:")
		} else {
			t.line("  varied:")
		}
		t.worlds(varied)
	}
	t.notVaried(not, v.Asked, reproducible)
	t.attribution(v.Attribution)
	t.repeat(v.Repeat)
	if t.opt.Verbose {
		if v.Spec != "" {
			t.wrapped("  spec: ", "", strings.TrimSpace(Visible(v.Spec)+" "+Visible(v.SpecDigest)))
		}
		if len(v.Command) > 0 {
			t.wrapped("  command: ", "", Visible(strings.Join(v.Command, " ")))
		}
		if len(v.Asked) > 0 {
			t.wrapped("  asked about: ", "", Visible(strings.Join(v.Asked, ", ")))
		}
	}
	if v.Evidence != "" {
		t.wrapped("  evidence: ", "", Visible(v.Evidence))
	}
}

func names(list []Variation) string {
	var out []string
	for _, x := range list {
		out = append(out, Visible(x.Name))
	}
	return strings.Join(out, ", ")
}

// worlds shows both values of what was varied, side by side where they fit.
func (t *text) worlds(list []Variation) {
	width := 0
	for _, x := range list {
		width = max(width, columns(Cut(Visible(x.Name), 20)))
	}
	for _, x := range list {
		name := Cut(Visible(x.Name), 20)
		lead := "    " + name + strings.Repeat(" ", width-columns(name)) + "  "
		indent := strings.Repeat(" ", columns(lead))
		room := t.opt.Width - columns(lead)
		a, b := Visible(x.A), Visible(x.B)
		switch {
		case x.A == x.B:
			t.line(lead, Cut(a, room))
		case columns(a)+columns(b)+3 <= room:
			t.line(lead, a, t.paint(dim, " → "), b)
		default:
			if !t.opt.Verbose {
				a, b = CutPair(a, b, room-2)
			}
			t.line(lead, a)
			t.line(indent, t.paint(dim, "→ "), b)
		}
		if x.Why != "" && t.opt.Verbose {
			t.wrapped(indent, dim, Visible(x.Why))
		}
	}
}

// notVaried says what stayed the same, and why: of those, the verdict says
// nothing. What the builder asked about comes first.
func (t *text) notVaried(list []Variation, asked []string, reproducible bool) {
	if len(list) == 0 {
		return
	}
	title := "  not varied: "
	if reproducible {
		title = "  not tried: "
	}
	var heard []string
	for _, x := range list {
		if slices.Contains(asked, x.Name) {
			heard = append(heard, Visible(x.Name))
		}
	}
	if !t.opt.Verbose {
		t.wrapped(title, "", names(list)+" (-v says why)")
	} else {
		t.line(strings.TrimRight(title, " "))
		var reasons []string
		byReason := map[string][]Variation{}
		for _, x := range list {
			if _, ok := byReason[x.Why]; !ok {
				reasons = append(reasons, x.Why)
			}
			byReason[x.Why] = append(byReason[x.Why], x)
		}
		for _, why := range reasons {
			s := names(byReason[why])
			if why != "" {
				s += ": " + Visible(why)
			}
			t.wrapped("    ", "", s)
		}
	}
	if len(heard) > 0 {
		t.wrapped("  but asked about: ", yellow, strings.Join(heard, ", ")+", by the builder")
	}
}

// maxTrialWidth is how wide the names of a trial are at most in the matrix.
const maxTrialWidth = 28

// attribution says what varying one thing at a time has shown: in a few lines,
// or as the matrix of findings and variations.
func (t *text) attribution(a *Attribution) {
	if a == nil {
		return
	}
	var controls string
	if a.Controls > 0 {
		controls = fmt.Sprintf(", against %s in the pinned world", Counted(int64(a.Controls), "build"))
	}
	t.line("  one thing varied at a time", controls, ":")
	if t.opt.Verbose {
		t.matrix(a)
		return
	}
	var parts []string
	skipped := 0
	for i := range a.Trials {
		x := &a.Trials[i]
		switch {
		case x.Outcome == TrialSkipped:
			skipped++
		case x.Outcome == TrialFailed:
			parts = append(parts, x.name()+" makes the build fail")
		case x.Outcome != TrialSame:
			parts = append(parts, fmt.Sprintf("%s makes %s differ", x.name(), Counted(int64(len(x.Findings)), "cause")))
		}
	}
	if n := len(a.Races); n > 0 {
		parts = append(parts, fmt.Sprintf("%s between builds in one world (a race)", Counted(int64(n), "cause")+map[bool]string{true: " differs", false: " differ"}[n == 1]))
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing alone makes a difference")
	}
	if skipped > 0 {
		parts = append(parts, fmt.Sprintf("%s passed over", Counted(int64(skipped), "variation")))
	}
	for _, s := range parts {
		t.wrapped("    ", "", s)
	}
}

// name is what a trial varied.
func (x *Trial) name() string { return Visible(strings.Join(x.Variations, " and ")) }

// matrix lists the trials, and below them the findings with a mark under the
// number of each trial in which they differed.
func (t *text) matrix(a *Attribution) {
	width := 0
	for i := range a.Trials {
		width = max(width, columns(Cut(a.Trials[i].name(), maxTrialWidth)))
	}
	var marked []*Trial // have a number
	for i := range a.Trials {
		x := &a.Trials[i]
		number := "   "
		if len(x.Findings) > 0 {
			marked = append(marked, x)
			number = fmt.Sprintf("%2d ", len(marked))
		}
		name := Cut(x.name(), maxTrialWidth)
		s := Visible(string(x.Outcome))
		if n := len(x.Findings); n > 0 {
			s += ", " + Counted(int64(n), "cause")
		}
		if x.Builds > 0 {
			s += ", " + Counted(int64(x.Builds), "build")
		}
		for _, more := range []string{x.Value, x.Why} {
			if more != "" {
				s += "; " + Visible(more)
			}
		}
		t.wrapped("    "+number+name+strings.Repeat(" ", width-columns(name))+"  ", "", s)
	}
	if len(a.Races) > 0 {
		marked = append(marked, &Trial{Variations: []string{"nothing (a race)"}, Findings: a.Races})
		t.wrapped(fmt.Sprintf("    %2d nothing%s  ", len(marked), strings.Repeat(" ", max(width-len("nothing"), 0))), "", Counted(int64(len(a.Races)), "cause")+" between builds in one world: a race")
	}
	if len(marked) == 0 {
		return
	}
	var ids []string
	in := map[string][]bool{}
	for n, x := range marked {
		for _, id := range x.Findings {
			if in[id] == nil {
				ids = append(ids, id)
				in[id] = make([]bool, len(marked))
			}
			in[id][n] = true
		}
	}
	var head strings.Builder
	for n := range marked {
		fmt.Fprintf(&head, "%3d", n+1)
	}
	t.blank()
	t.line("    ", t.paint(dim, head.String()))
	for _, id := range ids {
		var row strings.Builder
		for _, differs := range in[id] {
			row.WriteString(map[bool]string{true: "  x", false: "  ."}[differs])
		}
		t.line("    ", row.String(), "  ", Visible(id))
	}
}

// maxResultRuns is how many builds are named of one result.
const maxResultRuns = 8

// repeat says how often which result came out.
func (t *text) repeat(p *Repeat) {
	if p == nil {
		return
	}
	s := fmt.Sprintf("%s gave %s", Counted(int64(p.Runs), "build"), Counted(int64(len(p.Results)), "result"))
	if len(p.Results) == 1 {
		s = fmt.Sprintf("%s gave one result", Counted(int64(p.Runs), "build"))
	}
	if p.Runs < p.Planned {
		s += fmt.Sprintf(", of %s planned", Commas(int64(p.Planned)))
	}
	if p.Note != "" {
		s += "; " + Visible(p.Note)
	}
	t.wrapped("  repeated: ", "", s)
	if len(p.Results) < 2 && !t.opt.Verbose {
		return
	}
	show := p.Results
	if !t.opt.Verbose {
		show = show[:min(len(show), maxFolds)]
	}
	for _, x := range show {
		digest := Visible(x.Digest)
		if !t.opt.Verbose {
			digest = Cut(digest, len("sha256:")+13)
		}
		var runs []string
		for _, n := range x.Runs[:min(len(x.Runs), maxResultRuns)] {
			runs = append(runs, fmt.Sprint(n))
		}
		if len(x.Runs) > maxResultRuns {
			runs = append(runs, "…")
		}
		t.wrapped("    ", "", fmt.Sprintf("%s × %s (%s %s)", Commas(int64(x.Count)), digest, map[bool]string{true: "build", false: "builds"}[len(x.Runs) == 1], strings.Join(runs, ", ")))
	}
	if n := len(p.Results) - len(show); n > 0 {
		t.line("    … and ", Counted(int64(n), "more result"))
	}
}

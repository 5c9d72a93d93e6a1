package attribute

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// place is what stays the same of a finding from one comparison to another: an
// id may hold how far times are apart, how many values there are, or a name
// that is another in each build.
type place struct {
	image     string
	partition int
	format    string
	structure string
	field     string
	part      string // "group 3", "entry 2", where it is a place
}

// passing is the part of an id that says how much differs, not where.
var passing = regexp.MustCompile(`^([+-]\d+s|various|more|many-values|only-in-[AB]|.*→.*)$`)

func placeOf(f *report.Finding) place {
	return place{f.Image, f.Partition, f.Format, f.Structure, mainField(f.Field), part(f)}
}

// mainField is the field under whose name a value is known that is stored in
// two: which of them differs depends on how far the values are apart.
func mainField(name string) string {
	switch name {
	case "DIR_WrtDate":
		return "DIR_WrtTime"
	case "DIR_CrtDate", "DIR_CrtTimeTenth":
		return "DIR_CrtTime"
	case "size": // of a file, which other content may change or not
		return "content"
	case "name": // of a file that is the same otherwise; of one that is not, there are two entries
		return "entry"
	}
	return strings.TrimSuffix(strings.TrimSuffix(name, "_extra"), "_hi")
}

// part is which of several places of the same name a finding is about.
func part(f *report.Finding) string {
	id := f.ID
	if f.File != "" {
		id = strings.TrimSuffix(id, ":"+f.File)
	}
	_, part, ok := strings.Cut(id, "#")
	if !ok {
		return ""
	}
	if passing.MatchString(part) {
		return ""
	}
	return part
}

// matcher finds, for the findings of other comparisons, those of one report
// that are about the same thing.
type matcher struct {
	roots []*report.Finding
	at    map[place][]int
}

func newMatcher(r *report.Report) *matcher {
	m := &matcher{at: map[place][]int{}}
	for i := range r.Findings {
		if f := &r.Findings[i]; !f.Derived {
			p := placeOf(f)
			m.at[p] = append(m.at[p], len(m.roots))
			m.roots = append(m.roots, f)
		}
	}
	return m
}

// find gives the roots, by their number, that a finding of another comparison
// is about. There it may well be a consequence.
func (m *matcher) find(g *report.Finding) []int {
	var out, near []int
	for _, i := range m.at[placeOf(g)] {
		f := m.roots[i]
		switch {
		case sameFiles(f, g):
			out = append(out, i)
		case renamed(f, g):
			near = append(near, i)
		}
	}
	if len(out) == 0 {
		return near
	}
	return out
}

// sameFiles tells whether two findings of one place share a file, as far as
// both name files.
func sameFiles(f, g *report.Finding) bool {
	a, b := filesOf(f), filesOf(g)
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b) || f.Count > 1 || g.Count > 1
	}
	if f.FilesOmitted > 0 && g.FilesOmitted > 0 {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 1 {
		return slices.Contains(b, a[0])
	}
	in := make(map[string]bool, len(a))
	for _, name := range a {
		in[name] = true
	}
	return slices.ContainsFunc(b, func(name string) bool { return in[name] })
}

func filesOf(f *report.Finding) []string {
	if len(f.Files) == 0 && f.File != "" {
		return []string{f.File}
	}
	return f.Files
}

// renamed tells whether both findings are about names of one folder that one
// side has and the other has not, so alike that they may be the same file,
// called otherwise in each build: core.1000 and core.23456.
func renamed(f, g *report.Finding) bool {
	for _, x := range []*report.Finding{f, g} {
		if x.Field != "name" && (x.Field != "entry" || x.A != "" && x.B != "") || x.File == "" {
			return false
		}
	}
	dirF, nameF := path.Split(f.File)
	dirG, nameG := path.Split(g.File)
	return dirF == dirG && (len(nameF) == len(nameG) || common(nameF, nameG) >= 2)
}

// common is how many bytes two names begin with alike.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

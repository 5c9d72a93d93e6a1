package html

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/report"
)

// index is what the list, the filters and the search need of every finding:
// columns, in the report's order. What many findings have in common is named
// by its place in Strings, of which the first one is empty.
type index struct {
	Strings []string `json:"strings"`
	Causes  []string `json:"causes"` // as report.Causes

	Image     []int    `json:"image"` // in Strings
	Partition []int    `json:"partition"`
	Format    []int    `json:"format"`    // in Strings
	Structure []int    `json:"structure"` // in Strings
	Field     []int    `json:"field"`     // in Strings
	File      []string `json:"file"`
	A         []string `json:"a"` // shortened
	B         []string `json:"b"`
	Cause     []int    `json:"cause"`     // in Causes
	Parent    []int    `json:"parent"`    // the finding that it follows from first; -1 for a root finding
	Bytes     []int64  `json:"bytes"`     //
	Count     []int    `json:"count"`     //
	Offset    []int64  `json:"offset"`    // of its first range; -1 where it has none
	Remedy    []int    `json:"remedy"`    // in Strings
	Variation []int    `json:"variation"` // in Strings
	Allowed   []int    `json:"allowed"`   // in Strings

	Pieces []int  `json:"pieces"` // the first finding of each piece of the details
	Disks  []disk `json:"disks"`
	World  *world `json:"world,omitempty"`
}

// maxValue is how many characters of a value the list has; the details have
// the rest.
const maxValue = 120

// shortened is a pair of values for the list.
func shortened(a, b string) (string, string) {
	a, b = report.Visible(a), report.Visible(b)
	if len(a) <= maxValue && len(b) <= maxValue {
		return a, b
	}
	return report.CutPair(a, b, maxValue)
}

// interner gives equal strings one number.
type interner struct {
	numbers map[string]int
	list    []string
}

func newInterner() *interner { return &interner{map[string]int{"": 0}, []string{""}} }

func (in *interner) number(s string) int {
	n, ok := in.numbers[s]
	if !ok {
		n = len(in.list)
		in.numbers[s] = n
		in.list = append(in.list, report.Visible(s))
	}
	return n
}

// numbersOf maps the findings' ids to their places in the report.
func numbersOf(r *report.Report) map[string]int {
	out := make(map[string]int, len(r.Findings))
	for i := range r.Findings {
		out[r.Findings[i].ID] = i
	}
	return out
}

func newIndex(r *report.Report, d *details) *index {
	n := len(r.Findings)
	ints := func() []int { return make([]int, n) }
	x := &index{
		Image: ints(), Partition: ints(), Format: ints(), Structure: ints(), Field: ints(),
		File: make([]string, n), A: make([]string, n), B: make([]string, n),
		Cause: ints(), Parent: ints(), Bytes: make([]int64, n), Count: ints(), Offset: make([]int64, n),
		Remedy: ints(), Variation: ints(), Allowed: ints(),
		Pieces: d.starts, Disks: newDisks(r), World: newWorld(r, d.numbers),
	}
	causes := report.Causes()
	for _, c := range causes {
		x.Causes = append(x.Causes, string(c))
	}
	in := newInterner()
	for i := range r.Findings {
		f := &r.Findings[i]
		x.Image[i], x.Partition[i] = in.number(f.Image), f.Partition
		x.Format[i], x.Structure[i], x.Field[i] = in.number(f.Format), in.number(f.Structure), in.number(f.Field)
		x.File[i] = report.Visible(f.File)
		x.A[i], x.B[i] = shortened(f.A, f.B)
		x.Cause[i] = max(slices.Index(causes, f.Cause), 0)
		x.Parent[i] = -1
		if len(f.DerivedFrom) > 0 {
			x.Parent[i] = d.number(f.DerivedFrom[0])
		}
		x.Bytes[i], x.Count[i], x.Offset[i] = f.Bytes, f.Count, -1
		if len(f.Ranges) > 0 {
			x.Offset[i] = f.Ranges[0].Offset
		}
		x.Remedy[i], x.Variation[i], x.Allowed[i] = in.number(f.Remedy), in.number(f.Variation), in.number(f.Allowed)
	}
	x.Strings = in.list
	return x
}

// full is a value as the details show it; blank ones are said to be so.
func full(s string) string {
	if s != "" && strings.TrimSpace(s) == "" && utf8.ValidString(s) {
		return strings.ReplaceAll(report.Visible(s), " ", `\x20`)
	}
	return report.Visible(s)
}

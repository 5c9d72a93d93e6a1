package inside

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// entry is one member of an archive, or one section of an executable.
type entry struct {
	name    string
	content Source        // R is nil where it has none
	attrs   func() []attr // what else is stored about it
}

// attr is one value that is stored about an entry.
type attr struct {
	name, value string
	cause       report.Cause
	remedy      string
	derived     bool
}

// entryList is what an archive holds.
type entryList struct {
	list  []entry
	names int
	seen  map[string]int
	left  *int // entries that the session may still hold; nil where they are few
}

var errEntries = errors.New("it has more entries than are compared")

// add appends an entry. Where a name comes twice, the second is told apart by
// its number.
func (l *entryList) add(e entry) error {
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	if l.names += len(e.name); len(l.list) == maxEntries || l.names > maxNames {
		return errEntries
	}
	if l.left != nil {
		if *l.left == 0 {
			return errEntries
		}
		*l.left--
	}
	l.seen[e.name]++
	if n := l.seen[e.name]; n > 1 {
		for base := e.name; ; n++ {
			e.name = fmt.Sprintf("%s #%d", base, n)
			if l.seen[e.name] == 0 {
				l.seen[base], l.seen[e.name] = n, 1
				break
			}
		}
	}
	l.list = append(l.list, e)
	return nil
}

// entriesOptions say how two lists are told apart.
type entriesOptions struct {
	orderRemedy string
	listing     bool // print a diff of both lists where names differ
}

// compareEntries adds what differs between two lists of entries.
func (s *session) compareEntries(p pair, a, b *entryList, opt entriesOptions, out *result) error {
	a.seen, b.seen = nil, nil // only reading needs them
	at := make(map[string]int, len(b.list))
	for i, e := range b.list {
		at[e.name] = i
	}
	inA := make(map[string]bool, len(a.list))
	var common []int // the place in b of what both have, in a's order
	names := 0
	for _, e := range a.list {
		inA[e.name] = true
		i, ok := at[e.name]
		if !ok {
			names++
			out.add(Field{Where: join(p.where, e.name), Name: "entry", A: describe(e), Cause: report.Content})
			continue
		}
		common = append(common, i)
	}
	for _, e := range b.list {
		if !inA[e.name] {
			names++
			out.add(Field{Where: join(p.where, e.name), Name: "entry", B: describe(e), Cause: report.Content})
		}
	}
	if f, moved := orderField(p, a, b, common, inA); moved {
		names++
		f.Remedy = opt.orderRemedy
		out.add(f)
	}
	if names > 0 && opt.listing && len(a.list) <= maxListing && len(b.list) <= maxListing {
		s.diffTexts(p, listing(a), listing(b), 1, out)
	}
	for _, e := range a.list {
		i, ok := at[e.name]
		if !ok {
			continue
		}
		if err := s.compareEntry(p, e, b.list[i], out); err != nil {
			return err
		}
	}
	return nil
}

// orderField tells whether what both lists have stands in another order.
func orderField(p pair, a, b *entryList, common []int, inA map[string]bool) (Field, bool) {
	moved := 0
	first := -1
	// Without what only one side has, the places in b are 0, 1, 2, … where
	// the order is the same.
	place := make(map[int]int, len(common))
	n := 0
	for i, e := range b.list {
		if inA[e.name] {
			place[i] = n
			n++
		}
	}
	for k, i := range common {
		if place[i] != k {
			if first < 0 {
				first = k
			}
			moved++
		}
	}
	if moved == 0 {
		return Field{}, false
	}
	f := Field{Where: p.where, Name: "order", Cause: report.Order}
	nth := func(l *entryList, has func(string) bool) string {
		k := 0
		for _, e := range l.list {
			if !has(e.name) {
				continue
			}
			if k == first {
				return e.name
			}
			k++
		}
		return ""
	}
	inB := make(map[string]bool, len(b.list))
	for _, e := range b.list {
		inB[e.name] = true
	}
	f.A = fmt.Sprintf("entry %d: %s", first, nth(a, func(n string) bool { return inB[n] }))
	f.B = fmt.Sprintf("entry %d: %s (%d entries stand elsewhere)", first, nth(b, func(n string) bool { return inA[n] }), moved)
	return f, true
}

func (s *session) compareEntry(p pair, a, b entry, out *result) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	where := join(p.where, a.name)
	compareAttrs(where, a.attributes(), b.attributes(), out)
	if a.content.R == nil && b.content.R == nil {
		return nil
	}
	return s.compareContent(p.in(a.name, a.content.orEmpty(), b.content.orEmpty()), out)
}

// compareContent adds what differs between two parts, where something does.
func (s *session) compareContent(p pair, out *result) error {
	same, err := s.equal(p.a, p.b)
	if err != nil || same {
		return err
	}
	s.content(p, out)
	return s.ctx.Err()
}

func (e entry) attributes() []attr {
	if e.attrs == nil {
		return nil
	}
	return e.attrs()
}

// compareAttrs adds the attributes whose values differ.
func compareAttrs(where string, a, b []attr, out *result) {
	find := func(list []attr, name string, hint int) (attr, bool) {
		if hint < len(list) && list[hint].name == name {
			return list[hint], true
		}
		for _, x := range list {
			if x.name == name {
				return x, true
			}
		}
		return attr{}, false
	}
	for i, x := range a {
		if y, _ := find(b, x.name, i); x.value != y.value {
			cause := x.cause
			if y.cause != "" && y.cause != x.cause {
				cause = report.Content
			}
			out.add(Field{Where: where, Name: x.name, A: x.value, B: y.value, Cause: cause, Remedy: x.remedy, Derived: x.derived})
		}
	}
	for i, y := range b {
		if _, ok := find(a, y.name, i); !ok && y.value != "" {
			out.add(Field{Where: where, Name: y.name, B: y.value, Cause: y.cause, Remedy: y.remedy, Derived: y.derived})
		}
	}
}

func describe(e entry) string {
	if e.content.R == nil {
		return "present"
	}
	return fmt.Sprintf("%d bytes", e.content.Size)
}

// listing prints a list of entries, one a line.
func listing(l *entryList) []byte {
	var out strings.Builder
	for _, e := range l.list {
		fmt.Fprintf(&out, "%s\t%d\n", visible(e.name), e.content.Size)
	}
	return []byte(out.String())
}

// visible is a name as it can be printed on a line.
func visible(s string) string {
	q := fmt.Sprintf("%q", s)
	if q == `"`+s+`"` {
		return s
	}
	return q
}

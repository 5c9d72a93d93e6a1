package ledger

import (
	"fmt"
	"sort"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// movedTogether is how far apart, in seconds, two differences of times may be
// and still belong to one movement: a builder that stamps files while it
// works takes not quite the same time for each on its second run. FAT's
// resolution of two seconds is the other reason.
const movedTogether = 2

// fewPairs is how many distinct pairs of values a field may have in a
// partition before they are one finding rather than one each: beyond it, it
// is the field that varies, not some files' values.
const fewPairs = 8

// fewGroups is how many groups of times that moved together a field may have
// in a partition before the small ones are one finding.
const fewGroups = 16

// Times collects the times that differ in many objects, so that those that
// moved together become one finding.
type Times struct {
	items []timeItem
	of    byField
}

// objectField is a field of an object.
type objectField struct {
	field  string
	object uint64
}

// byField holds the findings of objects' fields.
type byField map[string]map[uint64]*Finding

func (m byField) set(o objectField, f *Finding) {
	if m[o.field] == nil {
		m[o.field] = map[uint64]*Finding{}
	}
	m[o.field][o.object] = f
}

type timeItem struct {
	objectField
	file string
	a, b tree.Time
	at   int64
}

// Note enters a differing time: the field of an object (an inode number, an
// entry's offset) that the file's path is shown for, stored at byte offset at
// of A's virtual disk.
func (t *Times) Note(fieldName string, object uint64, file string, a, b tree.Time, at int64) {
	t.items = append(t.items, timeItem{objectField{fieldName, object}, file, a, b, at})
}

// Of is the finding that the noted time became. It is nil before Settle, and
// for what was not noted.
func (t *Times) Of(fieldName string, object uint64) *Finding {
	return t.of[fieldName][object]
}

// Settle enters the findings: for each field, one for each group of objects
// whose times differ by about the same. key names a group's finding; fill
// completes it (cause and remedy).
func (t *Times) Settle(l *Ledger, key Key, fill func(f *Finding)) {
	t.of = byField{}
	sort.SliceStable(t.items, func(i, j int) bool {
		a, b := t.items[i], t.items[j]
		if a.field != b.field {
			return a.field < b.field
		}
		if da, db := a.delta(), b.delta(); da != db {
			return da < db
		}
		return a.object < b.object
	})
	for start := 0; start < len(t.items); {
		end := start
		var groups [][]timeItem
		for end < len(t.items) && t.items[end].field == t.items[start].field {
			first := end
			for end++; end < len(t.items) && t.items[end].field == t.items[start].field && t.items[end].delta()-t.items[end-1].delta() <= movedTogether; {
				end++
			}
			groups = append(groups, t.items[first:end])
		}
		if len(groups) <= fewGroups {
			for _, g := range groups {
				t.settleGroup(l, key, g, "", fill)
			}
		} else {
			t.settleMany(l, key, t.items[start:end], groups, fill)
		}
		start = end
	}
	t.items = nil
}

// settleMany enters the groups of a field that has many of them: a finding for
// each that is a large part of all, and one for the rest.
func (t *Times) settleMany(l *Ledger, key Key, all []timeItem, groups [][]timeItem, fill func(f *Finding)) {
	var rest []timeItem
	for _, g := range groups {
		if len(g) > len(all)/fewGroups {
			t.settleGroup(l, key, g, "", fill)
		} else {
			rest = append(rest, g...)
		}
	}
	if len(rest) > 0 {
		t.settleGroup(l, key, rest, "various", fill)
	}
}

// settleGroup enters the finding of a group. part tells it from the field's
// others; where it is empty, the least difference of the group does.
func (t *Times) settleGroup(l *Ledger, key Key, group []timeItem, part string, fill func(f *Finding)) {
	key.Field = group[0].field
	switch {
	case len(group) == 1:
		key.File = group[0].file
	case part == "":
		key.File, key.Part = "", fmt.Sprintf("%+ds", group[0].delta())
	default:
		key.File, key.Part = "", part
	}
	f, _ := l.Of(key)
	sort.SliceStable(group, func(i, j int) bool { return group[i].at < group[j].at })
	loA, hiA, loB, hiB := group[0].a, group[0].a, group[0].b, group[0].b
	loD, hiD := group[0].delta(), group[0].delta()
	for _, it := range group {
		f.Member(it.file)
		f.At(it.at, 4)
		t.of.set(it.objectField, f)
		loA, hiA = earlier(loA, it.a), later(hiA, it.a)
		loB, hiB = earlier(loB, it.b), later(hiB, it.b)
		loD, hiD = min(loD, it.delta()), max(hiD, it.delta())
	}
	f.A, f.B = showSpan(loA, hiA), showSpan(loB, hiB)
	f.Note = "B is " + showDeltas(loD, hiD)
	fill(f)
}

func (i timeItem) delta() int64 { return i.b.Sec - i.a.Sec }

func earlier(a, b tree.Time) tree.Time {
	if a.After(b) {
		return b
	}
	return a
}

func later(a, b tree.Time) tree.Time {
	if a.After(b) {
		return a
	}
	return b
}

func showSpan(lo, hi tree.Time) string {
	if lo == hi {
		return field.ShowTime(lo.Sec, lo.Nsec)
	}
	return field.ShowTime(lo.Sec, lo.Nsec) + " … " + field.ShowTime(hi.Sec, hi.Nsec)
}

// showDeltas renders a difference of seconds, or a range of them: "27 s later",
// "26 s to 2 min 1 s later", "3 s earlier to 1 s later".
func showDeltas(lo, hi int64) string {
	switch {
	case lo == 0 && hi == 0:
		return "less than a second apart"
	case lo == hi:
		return showSeconds(lo) + " " + direction(lo)
	case lo >= 0:
		return showSeconds(lo) + " to " + showSeconds(hi) + " later"
	case hi <= 0:
		return showSeconds(hi) + " to " + showSeconds(lo) + " earlier"
	}
	return showSeconds(lo) + " earlier to " + showSeconds(hi) + " later"
}

func direction(sec int64) string {
	if sec < 0 {
		return "earlier"
	}
	return "later"
}

// showSeconds renders a number of seconds without its sign: "2 h 3 min 4 s".
func showSeconds(sec int64) string {
	n := uint64(sec)
	if sec < 0 {
		n = -n
	}
	var parts []string
	for _, u := range []struct {
		n    uint64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}} {
		if n >= u.n {
			parts = append(parts, fmt.Sprintf("%d %s", n/u.n, u.name))
			n %= u.n
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// Values collects values other than times that differ in many objects, so
// that objects whose values went from the same to the same become one
// finding.
type Values struct {
	items []valueItem
	of    byField
}

type valueItem struct {
	objectField
	file, a, b string
	at         int64
}

// Note enters a differing value, as Times.Note does.
func (v *Values) Note(fieldName string, object uint64, file, a, b string, at int64) {
	v.items = append(v.items, valueItem{objectField{fieldName, object}, file, a, b, at})
}

// Of is the finding that the noted value became. It is nil before Settle, and
// for what was not noted.
func (v *Values) Of(fieldName string, object uint64) *Finding {
	return v.of[fieldName][object]
}

// Settle enters the findings: for each field one for each pair of values, or
// one for all where there are many pairs. key names a group's finding; fill
// completes it.
func (v *Values) Settle(l *Ledger, key Key, fill func(f *Finding)) {
	v.of = byField{}
	type pair struct{ field, a, b string }
	groups := map[pair][]valueItem{}
	pairs := map[string]map[pair]bool{}
	for _, it := range v.items {
		p := pair{it.field, it.a, it.b}
		if pairs[it.field] == nil {
			pairs[it.field] = map[pair]bool{}
		}
		pairs[it.field][p] = true
		groups[p] = append(groups[p], it)
	}
	merged := map[string][]valueItem{}
	var names []string
	for _, it := range v.items {
		if len(pairs[it.field]) <= fewPairs {
			continue
		}
		if merged[it.field] == nil {
			names = append(names, it.field)
		}
		merged[it.field] = append(merged[it.field], it)
	}
	for _, name := range names {
		g := merged[name]
		v.settleGroup(l, key, g, "", fmt.Sprintf("%d values", len(g)), fmt.Sprintf("%d values", len(g)), fill)
	}
	var order []pair
	for p := range groups {
		if len(pairs[p.field]) <= fewPairs {
			order = append(order, p)
		}
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		if a.field != b.field {
			return a.field < b.field
		}
		if a.a != b.a {
			return a.a < b.a
		}
		return a.b < b.b
	})
	for _, p := range order {
		v.settleGroup(l, key, groups[p], p.a+"→"+p.b, p.a, p.b, fill)
	}
	v.items = nil
}

func (v *Values) settleGroup(l *Ledger, key Key, group []valueItem, part, a, b string, fill func(f *Finding)) {
	key.Field = group[0].field
	if len(group) == 1 {
		key.File = group[0].file
	} else {
		key.File, key.Part = "", part
	}
	f, _ := l.Of(key)
	f.A, f.B = a, b
	for _, it := range group {
		f.Member(it.file)
		f.At(it.at, 1)
		v.of.set(it.objectField, f)
	}
	fill(f)
}

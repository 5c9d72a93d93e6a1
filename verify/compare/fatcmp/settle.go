package fatcmp

import (
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// settle turns what was noted into findings, and says what follows from what.
func (c *comparison) settle() {
	c.settleOrder()
	for _, p := range c.pairs {
		c.compareEntry(p)
	}
	key := c.key("directory", "", "")
	c.times.Settle(c.l, key, settled)
	c.values.Settle(c.l, key, settled)
	if c.placed != nil {
		c.placed.Follows(c.changes...)
		c.placed.Follows(c.reordered)
	}
	explained := map[*ledger.Finding]*tally{}
	count := func(f *ledger.Finding, causes []*ledger.Finding) {
		if explained[f] == nil {
			explained[f] = &tally{}
		}
		explained[f].count(causes)
	}
	var order []*ledger.Finding
	for _, p := range c.pairs {
		for _, name := range p.fields {
			if f := c.noted(name, uint64(p.a)); f != nil {
				p.own(valueName(name, c.a.fs.Variant), f)
				count(f, c.explain(p, name))
				order = append(order, f)
			}
		}
	}
	for _, p := range c.pairs { // after all owners are known: some follow a parent's
		for _, d := range p.dots {
			f := c.noted(d.field, d.object)
			if d.of != nil {
				f = c.dotFollows(p, d)
			} else if f != nil {
				count(f, c.explain(p, d.field))
				order = append(order, f)
			}
			if f != nil {
				p.own(d.name+d.value, f)
			}
		}
	}
	for _, name := range c.labelFields {
		if f := c.noted(name, labelObject); f != nil {
			c.labelOwners[valueName(name, c.a.fs.Variant)] = f
			if f.File == "" && f.Part == "" { // no file's value is with it
				f.Note = strings.TrimPrefix(f.Note+"; it is the volume label's entry", "; ")
			}
			count(f, present([]*ledger.Finding{c.label}))
			order = append(order, f)
		}
	}
	for _, f := range order { // in order, so that the result has one
		if t := explained[f]; t.unexplained == 0 {
			f.Follows(t.causes...)
		}
	}
}

// dotFollows is the finding of a field of "." or ".." that repeats what a
// directory's own entry says.
func (c *comparison) dotFollows(p *pair, d dot) *ledger.Finding {
	f := c.consequence("directory", d.field, d.of.owners[d.value])
	f.Member(p.path + "/" + d.name)
	f.At(c.disk(c.a.vol.Files[p.a].Extents[0].Physical), fat.SlotSize)
	return f
}

// tally counts how many of a finding's values have an explanation.
type tally struct {
	unexplained int
	causes      []*ledger.Finding
	seen        map[*ledger.Finding]bool
}

func (t *tally) count(causes []*ledger.Finding) {
	if len(causes) == 0 {
		t.unexplained++
	}
	if t.seen == nil {
		t.seen = map[*ledger.Finding]bool{}
	}
	for _, f := range causes {
		if !t.seen[f] {
			t.seen[f] = true
			t.causes = append(t.causes, f)
		}
	}
}

// explain lists the findings that a field of a pair follows from, if that is
// all there is to it. A finding follows them only if each of its values is
// explained so.
func (c *comparison) explain(p *pair, name string) []*ledger.Finding {
	var out []*ledger.Finding
	switch valueName(name, c.a.fs.Variant) {
	case "DIR_WrtTime", "DIR_LstAccDate":
		out = append(out, p.content)
		out = append(out, p.entries...)
	case "DIR_CrtTime":
		out = append(out, p.content)
	case "DIR_Name":
		if p.parent != nil {
			switch {
			case len(p.parent.entries) > 0: // one finding for all of them, who may be as many as the names
				out = append(out, c.entriesFollow(p.parent))
			case !p.parent.inOrder:
				out = append(out, c.reordered)
			}
		}
	}
	return present(out)
}

// settleOrder enters the directories that hold the same names in another
// order: one finding for all.
func (c *comparison) settleOrder() {
	if len(c.ordered) == 0 {
		return
	}
	file := ""
	if len(c.ordered) == 1 {
		file = c.ordered[0].path
	}
	c.reordered = c.loose("directory", "order", file, about{report.Order, fixedOrder})
	c.reordered.Note = "the same names in another order"
	for _, p := range c.ordered {
		c.reordered.Member(p.path)
		if e := c.a.vol.Files[p.a].Extents; len(e) > 0 {
			c.reordered.At(c.disk(e[0].Physical), 1)
		}
	}
}

// settled fills in what a finding of an entry's field needs.
func settled(f *ledger.Finding) {
	a := aboutEntry(f.Field)
	f.Whole = true
	f.Cause, f.Remedy = a.cause, a.remedy
}

// dirCauses lists what differs in which names a directory holds, and in what
// order.
func (c *comparison) dirCauses(p *pair) []*ledger.Finding {
	if p == nil {
		return nil
	}
	causes := slices.Clone(p.entries)
	if !p.inOrder {
		causes = append(causes, c.reordered)
	}
	return present(causes)
}

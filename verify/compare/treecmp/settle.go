package treecmp

import (
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Key names a finding of this volume.
func (c *Comparison) Key(structure, field, file string) ledger.Key {
	return ledger.Key{Partition: c.Sides.Partition, Format: c.format.Name, Structure: structure, Field: field, File: file}
}

// Enter is the finding of that name, entered now where there was none. It
// follows what the whole volume follows.
func (c *Comparison) Enter(structure, field, file string, what About) *ledger.Finding {
	f, fresh := c.l.Of(c.Key(structure, field, file))
	if fresh {
		f.Cause, f.Remedy = what.Cause, what.Remedy
		f.Follows(c.Sides.Cause)
	}
	return f
}

// Has is the finding of that name, where there is one.
func (c *Comparison) Has(structure, field, file string) *ledger.Finding {
	return c.l.Has(c.Key(structure, field, file))
}

// Consequence is the one finding of a field that follows from others wherever
// it differs.
func (c *Comparison) Consequence(structure, field string, causes ...*ledger.Finding) *ledger.Finding {
	k := c.Key(structure, field, "")
	k.Part = "follows"
	f, _ := c.l.Of(k)
	return f.Follows(causes...)
}

// Settle enters what the walk has found, and says what follows from what.
func (c *Comparison) Settle() {
	for _, x := range c.lones {
		c.enterLone(x)
	}
	for _, d := range c.diffs {
		c.Changes = append(c.Changes, c.enterContent(d))
	}
	c.settleOrder()
	c.Roots = append(c.Roots, c.Changes...)
	key := c.Key(c.format.Structure, "", "")
	fill := func(f *ledger.Finding) {
		what := c.format.About(f.Field)
		f.Cause, f.Remedy = what.Cause, what.Remedy
		f.Whole = true
		f.Follows(c.Sides.Cause)
		c.Roots = append(c.Roots, f)
	}
	c.times.Settle(c.l, key, fill)
	c.values.Settle(c.l, key, fill)
	if c.Reordered != nil {
		c.Roots = append(c.Roots, c.Reordered)
	}
	c.explain()
}

// explain finds the owners of the noted fields, and links those whose every
// value has an explanation.
func (c *Comparison) explain() {
	type tally struct {
		open   bool // a value without an explanation
		causes []*ledger.Finding
	}
	tallies := map[*ledger.Finding]*tally{}
	var order []*ledger.Finding
	for _, p := range c.pairs {
		for _, name := range p.fields {
			f := c.times.Of(name, p.object)
			if f == nil {
				f = c.values.Of(name, p.object)
			}
			if f == nil {
				continue
			}
			p.own(name, f)
			for other, of := range p.alias {
				if of == name {
					p.own(other, f)
				}
			}
			t := tallies[f]
			if t == nil {
				t = &tally{}
				tallies[f] = t
				order = append(order, f)
			}
			var causes []*ledger.Finding
			if c.format.Explains != nil {
				causes = c.format.Explains(p, name)
			}
			t.open = t.open || len(causes) == 0
			for _, x := range causes {
				if !slices.Contains(t.causes, x) {
					t.causes = append(t.causes, x)
				}
			}
		}
	}
	for _, f := range order {
		if t := tallies[f]; !t.open {
			f.Follows(t.causes...)
		}
	}
}

func (p *Pair) own(field string, f *ledger.Finding) {
	if p.owners == nil {
		p.owners = map[string]*ledger.Finding{}
	}
	p.owners[field] = f
}

func (c *Comparison) enterLone(x *lone) {
	f := c.Enter("directory", "entry", x.path, About{report.Content, SameFiles})
	text := ShowMode(x.n.Mode)
	if x.n.Mode&tree.TypeMask == tree.Regular {
		text += fmt.Sprintf(", %d bytes", x.n.Size)
	}
	if x.below > 0 {
		text += fmt.Sprintf(", %d files below it", x.below)
	}
	base := c.Sides.B.Base
	if x.inA {
		f.A, f.Note, base = text, "only in the first image", c.Sides.A.Base
	} else {
		f.B, f.Note = text, "only in the second image"
	}
	f.At(base+x.n.At, 1)
	c.Changes = append(c.Changes, f)
	c.lone[x.path] = f
	x.parent.Entries = append(x.parent.Entries, f)
	c.keep(x.parent)
}

// settleOrder enters the directories that hold the same names in another
// order: one finding for all.
func (c *Comparison) settleOrder() {
	if len(c.ordered) == 0 {
		return
	}
	file := ""
	if len(c.ordered) == 1 {
		file = c.ordered[0].Path
	}
	f := c.Enter("directory", "order", file, About{report.Order, "write the image with a tool that sorts its directories"})
	f.Note = "the same names in another order"
	for _, p := range c.ordered {
		f.Member(p.Path)
		f.At(c.Sides.A.Base+p.A.At, 1)
	}
	c.Reordered = f
}

// Failed enters that a tree could not be read: all differing bytes that are no
// field's are one finding.
func (c *Comparison) Failed(err error) *ledger.Finding {
	c.Warnings = append(c.Warnings, fmt.Sprintf("the files of this %s are not compared: %v", c.format.Name, err))
	f := c.Enter("filesystem", "content", "", About{report.Unknown, ""})
	f.Note = "the tree could not be read, so the filesystem's bytes are one finding"
	f.At(c.Sides.A.Base, 1)
	return f
}

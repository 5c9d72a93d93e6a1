package treecmp

import (
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

func (c *comparison) key(structure, field, file string) ledger.Key {
	return ledger.Key{Partition: c.p.Partition, Format: c.format, Structure: structure, Field: field, File: file}
}

// enter is the finding of that name, entered now where there was none.
func (c *comparison) enter(structure, field, file string, what about) *ledger.Finding {
	f, fresh := c.l.Of(c.key(structure, field, file))
	if fresh {
		f.Cause, f.Remedy = what.cause, what.remedy
		f.Follows(c.p.Cause)
	}
	return f
}

// consequence is the one finding of a field that follows from others wherever
// it differs.
func (c *comparison) consequence(structure, field string, causes ...*ledger.Finding) *ledger.Finding {
	k := c.key(structure, field, "")
	k.Part = "follows"
	f, _ := c.l.Of(k)
	return f.Follows(causes...)
}

// settle enters what the walk has found, and says what follows from what.
func (c *comparison) settle() {
	for _, x := range c.lones {
		c.enterLone(x)
	}
	for _, d := range c.diffs {
		c.changes = append(c.changes, c.enterContent(d))
	}
	c.settleOrder()
	c.roots = append(c.roots, c.changes...)
	key := c.key(c.structure, "", "")
	fill := func(f *ledger.Finding) {
		what := aboutField(c.format, f.Field)
		f.Cause, f.Remedy = what.cause, what.remedy
		f.Whole = true
		f.Follows(c.p.Cause)
		c.roots = append(c.roots, f)
	}
	c.times.Settle(c.l, key, fill)
	c.values.Settle(c.l, key, fill)
	if c.reordered != nil {
		c.roots = append(c.roots, c.reordered)
	}
	c.explain()
}

// explain finds the owners of the noted fields, and links those whose every
// value has an explanation.
func (c *comparison) explain() {
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
			causes := p.explains(name)
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

func (p *pair) own(field string, f *ledger.Finding) {
	if p.owners == nil {
		p.owners = map[string]*ledger.Finding{}
	}
	p.owners[field] = f
}

// explains lists the findings that a field of the pair follows from, if that
// is all there is to it.
func (p *pair) explains(field string) []*ledger.Finding {
	var out []*ledger.Finding
	switch field {
	case "mtime", "date", "TF.modify", "TF.attributes":
		out = append(out, p.entries...)
		if p.content != nil {
			out = append(out, p.content)
		}
	case "PX.nlink", "nlink":
		out = append(out, p.entries...)
	}
	return out
}

func (c *comparison) enterLone(x *lone) {
	f := c.enter("directory", "entry", x.path, about{report.Content, "make the same files in both builds"})
	text := showMode(x.n.mode)
	if x.n.mode&tree.TypeMask == tree.Regular {
		text += fmt.Sprintf(", %d bytes", x.n.size)
	}
	if x.below > 0 {
		text += fmt.Sprintf(", %d files below it", x.below)
	}
	base := c.p.B.Base
	if x.inA {
		f.A, f.Note, base = text, "only in the first image", c.p.A.Base
	} else {
		f.B, f.Note = text, "only in the second image"
	}
	f.At(base+x.n.at, 1)
	c.changes = append(c.changes, f)
	c.lone[x.path] = f
	x.parent.entries = append(x.parent.entries, f)
	c.keep(x.parent)
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
	f := c.enter("directory", "order", file, about{report.Order, "write the image with a tool that sorts its directories"})
	f.Note = "the same names in another order"
	for _, p := range c.ordered {
		f.Member(p.path)
		f.At(c.p.A.Base+p.a.at, 1)
	}
	c.reordered = f
}

// failed enters that a tree could not be read: all differing bytes that are no
// field's are one finding.
func (c *comparison) failed(err error) *ledger.Finding {
	c.warnings = append(c.warnings, fmt.Sprintf("the files of this %s are not compared: %v", c.format, err))
	f := c.enter("filesystem", "content", "", about{report.Unknown, ""})
	f.Note = "the tree could not be read, so the filesystem's bytes are one finding"
	f.At(c.p.A.Base, 1)
	return f
}

// showMode renders st_mode as ls -l does.
func showMode(m uint32) string {
	types := map[uint32]byte{
		tree.Directory: 'd', tree.Symlink: 'l', tree.Block: 'b', tree.Char: 'c', tree.FIFO: 'p', tree.Socket: 's', tree.Regular: '-',
	}
	t, ok := types[m&tree.TypeMask]
	if !ok {
		t = '?'
	}
	b := []byte{t}
	for i := 8; i >= 0; i-- {
		ch := byte('-')
		if m>>i&1 == 1 {
			ch = "xwr"[i%3]
		}
		b = append(b, ch)
	}
	for i, bit := range []uint32{0o4000, 0o2000, 0o1000} {
		if m&bit == 0 {
			continue
		}
		at := 3 * (i + 1)
		lower, upper := byte('s'), byte('S')
		if bit == 0o1000 {
			lower, upper = 't', 'T'
		}
		if b[at] == 'x' {
			b[at] = lower
		} else {
			b[at] = upper
		}
	}
	return fmt.Sprintf("%s (%04o)", b, m&tree.PermMask)
}

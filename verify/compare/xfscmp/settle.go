package xfscmp

import (
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// explains lists what a field of a file follows from. A time of modification
// changes with a directory's entries and a file's content, and that of change
// with whatever somebody sets in the inode as well.
func (c *comparison) explains(p *treecmp.Pair, field string) []*ledger.Finding {
	a, b := p.A.Ref.(*xfs.Inode), p.B.Ref.(*xfs.Inode)
	if a.Raw == nil || b.Raw == nil {
		// Of an inode that cannot be read there is nothing else to say.
		for _, path := range []string{p.Path, ""} {
			if f := c.Has("inode", "damage", path); f != nil && field != "damage" {
				return []*ledger.Finding{f}
			}
		}
		return nil
	}
	switch field {
	case "di_mtime":
		return p.Changes()
	case "di_nlink":
		return p.Entries
	case "di_flags2":
		if f := c.super["sb_features_incompat"]; f != nil {
			return []*ledger.Finding{f}
		}
		if a.Flags2^b.Flags2 == xfs.Reflink {
			return c.Changes[:min(len(c.Changes), maxCauses)] // it shares blocks with what is new or gone
		}
	case "di_ctime":
		out := p.Changes()
		for _, f := range p.All() {
			if f != nil && (slices.Contains(settable, f.Field) || strings.HasPrefix(f.Field, "xattr:")) {
				out = append(out, f)
			}
		}
		return out
	}
	return nil
}

// settable are fields that somebody sets.
var settable = []string{
	"di_mode", "di_uid", "di_gid", "di_projid", "di_nlink", "di_extsize", "di_cowextsize", "di_flags", "target", "rdev",
}

// settle enters the trees' findings, and what lies elsewhere.
func (c *comparison) settle() {
	c.Settle()
	if c.Reordered != nil {
		c.Reordered.Remedy = sorted
	}
	for _, f := range c.Changes {
		c.grow(f)
	}
	for _, f := range c.Roots {
		// These have their own blocks, or make an inode's fork smaller.
		if f.Field == "target" || strings.HasPrefix(f.Field, "xattr:") || f.Field == "di_extsize" {
			c.grow(f)
		}
	}
	if c.Reordered != nil {
		c.grown = append(c.grown, c.Reordered)
	}
	if len(c.renamed) > 0 {
		c.number = c.Enter("inode", "di_ino", "", treecmp.About{Cause: report.Placement, Remedy: sorted})
		c.number.Note = "files have other inode numbers"
		c.somewhere(c.number)
		c.number.Follows(c.shape()...)
		members(c.number, c.renamed)
	}
	if len(c.moved) > 0 {
		members(c.displaced(), c.moved)
	}
}

// grow notes a finding that changes what is allocated: not one of a file that
// has as many blocks at the same places.
func (c *comparison) grow(f *ledger.Finding) {
	if f == nil || slices.Contains(c.grown, f) {
		return
	}
	if p := c.At(f.File); p != nil {
		a, b := p.A.Ref.(*xfs.Inode), p.B.Ref.(*xfs.Inode)
		if a.NBlocks == b.NBlocks && a.Places() == b.Places() {
			return
		}
	}
	const most = 64 // the report shows fewer
	if len(c.grown) < most {
		c.grown = append(c.grown, f)
	}
}

func members(f *ledger.Finding, paths []string) {
	for _, path := range paths {
		f.Member(path)
	}
	if len(paths) == 1 {
		f.Note += ": " + paths[0]
	}
}

// somewhere gives a place to a finding that will own no bytes.
func (c *comparison) somewhere(f *ledger.Finding) {
	if !c.Sides.Aligned {
		f.At(c.Sides.A.Base, 1)
	}
}

// shape lists what decides where things lie, and how much of them there is.
func (c *comparison) shape() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	return append(slices.Clone(c.options), c.grown...)
}

// because lists what counts and trees follow from: the shape, or else that
// things lie elsewhere for no reason that is known.
func (c *comparison) because() []*ledger.Finding {
	out := c.shape()
	if len(out) == 0 {
		for _, f := range []*ledger.Finding{c.placed, c.number} {
			if f != nil {
				out = append(out, f)
			}
		}
	}
	return out
}

// displaced is the finding that things lie elsewhere.
func (c *comparison) displaced() *ledger.Finding {
	if c.whole != nil {
		return c.whole
	}
	if c.placed == nil {
		c.placed = c.Enter("data", "placement", "", treecmp.About{Cause: report.Placement, Remedy: sorted + "; " + neverMount})
		c.placed.Note = "files lie in other blocks"
		c.somewhere(c.placed)
		c.placed.Follows(c.shape()...)
	}
	return c.placed
}

// maxCauses is how many findings are kept as the causes of a consequence. The
// report shows fewer.
const maxCauses = 64

// follow is the one finding of a field that follows from others wherever it
// differs.
func (c *comparison) follow(structure, field string, causes ...*ledger.Finding) *ledger.Finding {
	f := c.Consequence(structure, field)
	f.Whole = true
	if c.linked[f] < maxCauses {
		c.linked[f] += len(causes)
		f.Follows(causes...)
	}
	return f
}

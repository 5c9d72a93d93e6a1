package xfscmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// ownField is the name under which a field of an inode was compared.
func ownField(p xfs.Part) string {
	switch p.Field {
	case "di_projid_lo", "di_projid_hi":
		return "di_projid"
	case xfs.DeviceField:
		return "rdev"
	case xfs.ValueField:
		return "xattr:" + p.Name
	}
	return p.Field
}

// meaning is the finding of what a part of a file means, or that the file is
// there on one side only; nil for none. The pair comes with it.
func (c *comparison) meaning(path string, pa, pb xfs.Part) (*treecmp.Pair, *ledger.Finding) {
	p := c.At(path)
	if p != nil {
		for _, x := range []xfs.Part{pa, pb} {
			if f := p.Owner(ownField(x)); f != nil {
				return p, f
			}
		}
	}
	return p, c.Lone(path)
}

// inodeOwner owns a part of an inode.
func (c *comparison) inodeOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	path := c.a.path(pa.Ino)
	if other := c.b.path(pb.Ino); pa.Ino != pb.Ino || path != other {
		for _, f := range []*ledger.Finding{c.Lone(path), c.Lone(other), c.number} {
			if f != nil {
				return f
			}
		}
		return c.displaced()
	}
	if pa.Structure == xfs.FreeInode && pb.Structure == xfs.FreeInode {
		return c.freeInode(pa)
	}
	p, f := c.meaning(path, pa, pb)
	if f != nil {
		return f
	}
	if pa.Field == xfs.InumberField || pa.Name != "" && pa.Field != xfs.ValueField {
		return c.dirOwner(r, pa, pb)
	}
	return c.pairOwner(r, p, pa, pb)
}

// pairOwner owns a part of an inode, or of what belongs to one, that has no
// meaning of its own: it follows what differs in the file.
func (c *comparison) pairOwner(r xfs.Region, p *treecmp.Pair, pa, pb xfs.Part) *ledger.Finding {
	var causes []*ledger.Finding
	if p != nil {
		causes = p.All()
		if c.InAnotherOrder(p.Path) {
			causes = append(causes, c.Reordered)
		}
	}
	if len(causes) == 0 {
		if f := c.room(pa.Ino, pb.Ino); f != nil {
			causes = append(causes, f)
		}
	}
	if pa.Field == xfs.ExtentsField || pb.Field == xfs.ExtentsField {
		if len(causes) == 0 || c.placed != nil {
			causes = append(causes, c.displaced())
		}
	}
	if len(causes) > 0 {
		return c.follow(structureOf(r, pa), pa.Field, causes...)
	}
	switch {
	case pa.Field == xfs.SlackField && pb.Field == xfs.SlackField:
		return c.slack(r, pa, pb)
	case (pa.Name != pb.Name || pa.Start != pb.Start) && (pa.Field == xfs.ValueField || pb.Field == xfs.ValueField):
		f := c.Enter("inode", "xattrs", c.a.path(pa.Ino), treecmp.About{Cause: report.Order, Remedy: "set attributes in a fixed order"})
		f.Note = "the same attributes in another order"
		return f
	}
	if c.placed != nil && (pa.Field == "di_nblocks" || pa.Field == "di_nextents" || pa.Field == "di_format" || pa.Field == "di_big_nextents") {
		return c.follow(structureOf(r, pa), pa.Field, c.placed)
	}
	what := aboutField(pa.Field)
	if pa.Field == "di_changecount" {
		what = treecmp.About{Cause: report.Environment, Remedy: "the kernel counts changes of an inode: " + neverMount}
	}
	return c.root(r, pa, pb, what)
}

// freeInode owns a part of an inode that no file has.
func (c *comparison) freeInode(pa xfs.Part) *ledger.Finding {
	what := treecmp.About{Cause: report.Residue, Remedy: fresh}
	if pa.Field == "di_gen" {
		what = aboutField(pa.Field)
	}
	f := c.Enter(xfs.FreeInode, pa.Field, "", what)
	f.Whole = true
	if f.Bytes() > 0 {
		return f
	}
	// What made the files' fields differ did it with those of removed ones.
	for _, x := range c.Roots {
		if x.Field == pa.Field {
			f.Follows(x)
		}
	}
	f.Follows(c.because()...)
	return f
}

// forkOwner owns a part of a block with an inode's attributes, its target, or
// its extents.
func (c *comparison) forkOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	path := c.a.path(pa.Ino)
	p, f := c.meaning(path, pa, pb)
	if f != nil {
		return f
	}
	return c.pairOwner(r, p, pa, pb)
}

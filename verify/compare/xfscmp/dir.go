package xfscmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// dirOwner owns a part of a directory.
func (c *comparison) dirOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	path := c.a.path(pa.Ino)
	if pa.Name == "" || pa.Name != pb.Name || pa.Field != pb.Field {
		return c.shifted(r, path, pa, pb)
	}
	child := treecmp.JoinPath(path, pa.Name)
	switch pa.Field {
	case xfs.InumberField:
		if c.number != nil {
			return c.follow("directory", xfs.InumberField, c.number)
		}
		if f := c.Lone(child); f != nil {
			return f
		}
		return c.entry(r, child, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
	case "ftype":
		if p := c.At(child); p != nil && p.Owner("di_mode") != nil {
			return c.follow("directory", "ftype", p.Owner("di_mode"))
		}
		return c.entry(r, child, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
	}
	return c.shifted(r, path, pa, pb)
}

// entry is the finding of a field of an entry that has no other cause.
func (c *comparison) entry(r xfs.Region, child string, pa, pb xfs.Part, what treecmp.About) *ledger.Finding {
	f := c.Enter("directory", pa.Field, child, what)
	f.Whole = true
	c.showPart(f, pa, pb)
	return f
}

// shifted owns bytes of a directory that hold one entry on one side and another
// on the other, and what finds entries by their names.
func (c *comparison) shifted(r xfs.Region, path string, pa, pb xfs.Part) *ledger.Finding {
	var causes []*ledger.Finding
	if p := c.At(path); p != nil {
		causes = append(causes, p.Entries...)
	}
	if f := c.Lone(path); f != nil {
		causes = append(causes, f)
	}
	if c.InAnotherOrder(path) {
		causes = append(causes, c.Reordered)
	}
	if len(causes) == 0 && c.number != nil && r.Kind == xfs.InodeTable {
		causes = append(causes, c.number) // numbers of more digits take more room
	}
	if len(causes) > 0 {
		return c.follow("directory", pa.Field, causes...)
	}
	if pa.Field == xfs.SlackField && pb.Field == xfs.SlackField {
		return c.slack(r, pa, pb)
	}
	return c.root(r, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
}

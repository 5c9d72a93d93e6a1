package xfscmp

import (
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/tree"
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
	child := tree.JoinPath(path, pa.Name)
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
	causes := c.Listing(path)
	if len(causes) == 0 && c.number != nil && r.Kind == xfs.InodeTable {
		causes = append(causes, c.number) // numbers of more digits take more room
	}
	if len(causes) == 0 {
		if f := c.room(pa.Ino, pb.Ino); f != nil {
			causes = append(causes, f)
		}
	}
	if len(causes) > 0 {
		return c.follow("directory", pa.Field, causes...)
	}
	if pa.Field == xfs.SlackField && pb.Field == xfs.SlackField {
		return c.slack(r, pa, pb)
	}
	return c.root(r, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
}

// room is the finding that a directory's entries, which are the same in the same
// order, have other room between them; nil where they do not.
func (c *comparison) room(inoA, inoB uint64) *ledger.Finding {
	if f, asked := c.rooms[inoA]; asked {
		return f
	}
	c.rooms[inoA] = nil
	a, errA := c.a.entries(inoA)
	b, errB := c.b.entries(inoB)
	if errA != nil || errB != nil || slices.Equal(a, b) || !slices.EqualFunc(a, b, func(x, y xfs.Entry) bool { return x.Name == y.Name }) {
		return nil
	}
	f := c.Enter("directory", "placement", "", treecmp.About{Cause: report.Placement, Remedy: "make no files that are removed again; " + neverMount})
	f.Note = "the same entries in the same order, with other room between them"
	f.Member(c.a.path(inoA))
	c.rooms[inoA] = f
	return f
}

// entries are a directory's, each with its place in its block alone.
func (s *side) entries(ino uint64) ([]xfs.Entry, error) {
	in, err := s.fs.ReadInode(ino)
	if err != nil || in.Type() != tree.Directory {
		return nil, err
	}
	list, err := s.fs.List(in)
	for i := range list {
		list[i].Ino = 0
		list[i].Offset %= int64(s.fs.SB.BlockSize)
	}
	return list, err
}

package xfscmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	if off < int64(xfs.SuperblockLayout.Size()) {
		f := xfs.SuperblockLayout.At(int(off))
		return ledger.Owned{Finding: c.super[f.Name], Start: int64(f.Offset), End: int64(f.End())}
	}
	if c.whole != nil {
		return ledger.Owned{Finding: c.whole, Start: off, End: c.Sides.A.Size}
	}
	ra, okA := c.a.regions.At(off)
	rb, okB := c.b.regions.At(off)
	if !okA || !okB {
		return ledger.Owned{Start: off, End: off + 1}
	}
	o := c.own(ra, rb, off)
	o.Start, o.End = max(o.Start, ra.Start, rb.Start), min(o.End, ra.End, rb.End)
	return o
}

// own answers for a byte of two regions.
func (c *comparison) own(ra, rb xfs.Region, off int64) ledger.Owned {
	all := ledger.Owned{Start: max(ra.Start, rb.Start), End: min(ra.End, rb.End)}
	switch {
	case useless(ra.Kind) && useless(rb.Kind):
		all.Finding = c.residue(ra, rb)
	case ra.Kind == xfs.InodeTable && rb.Kind == xfs.InodeTable:
		return c.structureOwner(ra, rb, off)
	case !c.same(ra, rb):
		return c.elsewhere(ra, rb, off, all)
	case ra.Kind == xfs.Data:
		all.Finding = c.contentOwner(c.a.path(ra.Ino))
	default:
		return c.structureOwner(ra, rb, off)
	}
	return all
}

// same tells whether two regions are the same part of the same thing.
func (c *comparison) same(ra, rb xfs.Region) bool {
	if ra.Kind != rb.Kind || ra.Tree != rb.Tree || ra.Start-ra.Off != rb.Start-rb.Off || ra.Group != rb.Group {
		return false
	}
	return ra.Ino == 0 && rb.Ino == 0 || c.a.path(ra.Ino) == c.b.path(rb.Ino)
}

// useless tells whether nothing reads a region's bytes.
func useless(k xfs.Kind) bool {
	switch k {
	case xfs.Unclaimed, xfs.Padding, xfs.Slack, xfs.Unwritten, xfs.Free, xfs.Reserved:
		return true
	}
	return false
}

var uselessNames = map[xfs.Kind]string{
	xfs.Unclaimed: "unclaimed space", xfs.Padding: "padding", xfs.Slack: "slack", xfs.Unwritten: "unwritten extent", xfs.Free: "free space", xfs.Reserved: "free space",
}

// fresh is what is to be done about bytes that nothing reads.
const fresh = treecmp.FreshBlocks + "; " + neverMount

// residue owns differing bytes that nothing reads.
func (c *comparison) residue(ra, rb xfs.Region) *ledger.Finding {
	r, s := ra, c.a
	if ra.Kind == xfs.Free && rb.Kind != xfs.Free {
		r, s = rb, c.b
	}
	file := ""
	if r.Ino != 0 {
		file = s.path(r.Ino)
	}
	what := treecmp.About{Cause: report.Residue, Remedy: fresh}
	if r.Kind == xfs.Unclaimed && (c.a.broken || c.b.broken) {
		what = treecmp.About{Cause: report.Unknown, Remedy: "see xfs_repair -n"}
	}
	f := c.Enter(uselessNames[r.Kind], "content", file, what)
	// What was left behind by a file that moved or went is no cause of its own.
	if ra.Kind != rb.Kind || ra.Ino != rb.Ino {
		f.Follows(c.placed)
		f.Follows(c.shape()...)
	}
	return f
}

// contentOwner is the finding of a byte of a file's content.
func (c *comparison) contentOwner(path string) *ledger.Finding {
	if f := c.Data(path); f != nil {
		return f
	}
	// A file that could not be compared.
	return c.Enter("data", "content", path, treecmp.About{Cause: report.Content, Remedy: treecmp.RemedyContent})
}

// elsewhere owns bytes that are one thing in A and another in B.
func (c *comparison) elsewhere(ra, rb xfs.Region, off int64, all ledger.Owned) ledger.Owned {
	for _, x := range []struct {
		s *side
		r xfs.Region
	}{{c.a, ra}, {c.b, rb}} {
		ino := x.r.Ino
		if x.r.Kind == xfs.InodeTable {
			p, err := x.s.units.At(x.r, off)
			if err != nil {
				continue
			}
			all.Start, all.End = max(all.Start, p.Start), min(all.End, p.End)
			ino = p.Ino
		}
		if ino == 0 {
			continue
		}
		path := x.s.path(ino)
		if f := c.Lone(path); f != nil {
			all.Finding = f
			return all
		}
		if p := c.At(path); p != nil && p.Content != nil && x.r.Kind == xfs.Data {
			all.Finding = p.Content
			return all
		}
	}
	all.Finding = c.displaced()
	return all
}

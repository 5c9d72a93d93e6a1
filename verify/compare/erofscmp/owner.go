package erofscmp

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// owner answers for a differing byte of the volume. The superblock's checksum
// follows from whatever differs in its block.
func (c *comparison) owner(off int64) ledger.Owned {
	a, b := c.a.at(off), c.b.at(off)
	o := c.own(a, b, off)
	o.Start, o.End = max(o.Start, a.start, b.start), min(o.End, a.end, b.end)
	if x := c.super["checksum"]; x != nil && off >= erofs.SuperOffset && off < max(c.a.sb.SummedEnd(), c.b.sb.SummedEnd()) {
		x.Follows(o.Finding)
	}
	return o
}

func (c *comparison) own(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	same := a.what == b.what && a.start == b.start && a.path == b.path && a.number == b.number
	switch {
	case a.what == bootArea && b.what == bootArea:
		o.Finding = c.Enter("boot area", "content", "", treecmp.About{Cause: report.Unknown, Remedy: "install the same boot code: it is no part of the filesystem"})
	case a.what == superblock && b.what == superblock:
		return c.superOwner(off)
	case c.whole != nil:
		o.Finding = c.whole
	case a.what == unclaimed && b.what == unclaimed:
		o.Finding = c.padding()
	case a.what == config && same:
		return c.configOwner(a, off)
	case a.what == devices && same:
		return c.deviceOwner(a, off)
	case a.what == prefixes && b.what == prefixes:
		o.Finding = c.Enter("xattr prefixes", "content", "", treecmp.About{Cause: report.Environment, Remedy: "mkfs.erofs --xattr-prefix with the same prefixes"})
	case a.what == inode && same:
		return c.inodeOwner(a, b, off)
	case a.what == xattrHeader && same:
		return c.xattrHeaderOwner(a, off)
	case (a.what == xattrIDs || a.what == xattrs) && same:
		return c.xattrOwner(a, b, off)
	case a.what == sharedXattr && same:
		o.Finding = c.sharedOwner(a)
	case (a.what == mapHeader || a.what == index) && same:
		o.Finding = c.mapOwner(a)
	case a.what == directory && same && a.from == b.from:
		return c.entryOwner(a, b, off)
	case a.what == directory && b.what == directory && a.path == b.path:
		o.Finding = c.shifted(a.path)
	case a.what == linkData && b.what == linkData && a.path == b.path:
		o.Finding = c.fieldOwner(a.path, "target", nil)
	case a.what == fileData && b.what == fileData && a.path == b.path:
		o.Finding = c.contentOwner(a, b)
	case a.what == fragments && b.what == fragments:
		o.Finding = c.fragmentsOwner()
	default:
		o.Finding = c.elsewhere(a, b)
	}
	return o
}

// superOwner answers for a byte of the superblock.
func (c *comparison) superOwner(off int64) ledger.Owned {
	n := int(off - erofs.SuperOffset)
	if n < erofs.SuperblockLayout.Size() {
		f := erofs.SuperblockLayout.At(n)
		return ledger.Owned{Finding: c.super[f.Name], Start: erofs.SuperOffset + int64(f.Offset), End: erofs.SuperOffset + int64(f.End())}
	}
	f := c.Enter(superName, "additional slots", "", treecmp.About{Cause: report.Environment, Remedy: sameTool})
	return ledger.Owned{Finding: f, Start: erofs.SuperOffset + int64(erofs.SuperblockLayout.Size()), End: c.a.sb.End()}
}

func (c *comparison) configOwner(a region, off int64) ledger.Owned {
	for _, x := range c.a.fs.Configs() {
		if x.Algorithm != a.number {
			continue
		}
		for _, f := range x.Fields {
			if start, end := x.Start+int64(f.Offset), x.Start+int64(f.End()); off >= start && off < end {
				return ledger.Owned{Finding: c.Enter(configName(a.number), f.Name, "", aboutConfig(f.Name)), Start: start, End: end}
			}
		}
	}
	return ledger.Owned{Finding: c.Enter(configName(a.number), "content", "", aboutConfig("")), Start: off, End: off + 1}
}

func (c *comparison) deviceOwner(a region, off int64) ledger.Owned {
	size := int64(erofs.DeviceSlotLayout.Size())
	n := (off - a.start) / size
	f := erofs.DeviceSlotLayout.At(int((off - a.start) % size))
	what := treecmp.About{Cause: report.Environment, Remedy: "mkfs.erofs --blobdev with the same device"}
	if f.Name == "reserved" {
		what = treecmp.About{Cause: report.Residue, Remedy: zeroed}
	}
	start := a.start + n*size + int64(f.Offset)
	x := c.Enter(fmt.Sprintf("device slot %d", n+1), f.Name, "", what)
	return ledger.Owned{Finding: x, Start: start, End: start + int64(f.Length)}
}

// padding owns what nothing should read.
func (c *comparison) padding() *ledger.Finding {
	f := c.Enter("padding", "content", "", treecmp.About{
		Cause:  report.Residue,
		Remedy: treecmp.FreshBlocks + "; between inodes mkfs.erofs 1.8 may leave what its memory held of files before",
	})
	f.Note = "between the filesystem's parts and behind them, where it has nothing"
	if c.Unread > 0 {
		f.Cause, f.Note = report.Unknown, "it may be content of the files that could not be read"
	}
	return f
}

// contentOwner owns bytes of one file's data.
func (c *comparison) contentOwner(a, b region) *ledger.Finding {
	if f := c.Data(a.path); f != nil {
		return f
	}
	switch {
	case c.unread[a.path]: // its bytes are all that can be compared
		return c.unreadable("data", a.path)
	case a.start != b.start, !a.packed && !b.packed:
		return c.displaced()
	}
	return c.packing()
}

// unreadable owns the bytes of a file whose content could not be compared.
func (c *comparison) unreadable(structure, path string) *ledger.Finding {
	f := c.Enter(structure, "content", path, treecmp.About{Cause: report.Unknown, Remedy: treecmp.RemedyContent})
	f.Note = "the content could not be read, so its bytes are compared as they are stored"
	return f
}

// fragmentsOwner owns bytes of the inode that holds parts of other files.
func (c *comparison) fragmentsOwner() *ledger.Finding {
	if f := c.fromShape("packed inode", "content"); f != nil {
		f.Note = "parts of several files, packed together"
		return f
	}
	return c.packing()
}

// mapOwner owns bytes of the map to a file's data.
func (c *comparison) mapOwner(a region) *ledger.Finding {
	if p := c.At(a.path); p != nil && p.Content != nil {
		return c.Consequence("index", "content", p.Content)
	}
	if c.unread[a.path] {
		return c.unreadable("index", a.path)
	}
	if len(c.shape()) > 0 || len(c.moved) > 0 {
		return c.displaced()
	}
	return c.packing()
}

// elsewhere owns bytes that are one thing in A and another in B.
func (c *comparison) elsewhere(a, b region) *ledger.Finding {
	for _, r := range []region{a, b} {
		if r.path == "" {
			continue
		}
		if f := c.Lone(r.path); f != nil {
			return f
		}
		if p := c.At(r.path); p != nil && p.Content != nil && r.what == fileData {
			return p.Content
		}
		switch {
		case !c.unread[r.path]:
		case r.what == fileData:
			return c.unreadable("data", r.path)
		case r.what == mapHeader || r.what == index:
			return c.unreadable("index", r.path)
		}
	}
	return c.displaced()
}

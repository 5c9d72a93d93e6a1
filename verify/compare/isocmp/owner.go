package isocmp

import (
	"strings"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// settle enters the trees' findings, and where contents lie.
func (c *comparison) settle() {
	c.Comparison.Settle()
	for _, p := range c.Contents() {
		for _, e := range p.A.Ref.(*iso9660.Record).Extents {
			if c.data[e.Start] == nil {
				c.data[e.Start] = p.Content
			}
		}
	}
	if len(c.moved) > 0 {
		f := c.displaced()
		for _, path := range c.moved {
			f.Member(path)
		}
	}
}

// displaced is the finding that things lie at other places.
func (c *comparison) displaced() *ledger.Finding {
	if c.placed == nil {
		c.placed = c.Enter("data", "placement", "", treecmp.About{Cause: report.Placement, Remedy: sameTool + ", and sort what it is given"})
		c.placed.Note = "files and directories lie in other sectors"
		c.placed.Follows(c.shape()...)
		c.placed.At(c.Sides.A.Base+iso9660.SystemArea, 1)
	}
	return c.placed
}

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	if c.a == nil {
		return ledger.Owned{Finding: c.whole, End: c.Sides.A.Size}
	}
	a, b := c.a.at(off), c.b.at(off)
	o := c.own(a, b, off)
	o.Start, o.End = max(o.Start, a.start, b.start), min(o.End, a.end, b.end)
	return o
}

func (c *comparison) own(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	same := a.what == b.what && a.start == b.start && a.name == b.name && a.path == b.path && a.tree == b.tree && a.file == b.file
	switch {
	case a.what == systemArea && b.what == systemArea:
		o.Finding = c.plain("system area", "content", treecmp.About{Cause: report.Unknown, Remedy: "install the same boot code (isohybrid) with the same options: it holds a random disk identifier unless one is given"})
	case a.what == descriptor && same:
		return c.descriptorOwner(a, off)
	case c.whole != nil:
		o.Finding = c.whole
	case a.what == unclaimed && b.what == unclaimed:
		o.Finding = c.plain("padding", "content", treecmp.About{Cause: report.Residue, Remedy: treecmp.FreshBlocks})
		if a.start != b.start || a.end != b.end {
			o.Finding.Follows(c.shape()...)
		}
	case a.what == area && b.what == area && a.name == b.name:
		return c.areaOwner(a, b, off)
	case (a.what == directory || a.what == continuation) && same:
		return c.recordOwner(a, b, off)
	case a.what == directory && b.what == directory && a.path == b.path && a.tree == b.tree:
		return c.shifted(a, o)
	case a.what == fileData && same:
		o.Finding = c.contentOwner(a)
	default:
		o.Finding = c.elsewhere(a, b)
	}
	return o
}

// plain is a finding of which nothing is known but its name.
func (c *comparison) plain(structure, name string, what treecmp.About) *ledger.Finding {
	return c.Enter(structure, name, "", what)
}

func (c *comparison) contentOwner(a region) *ledger.Finding {
	if p := c.At(a.path); p != nil && p.Content != nil {
		return p.Content
	}
	if f := c.data[a.start]; f != nil {
		return f
	}
	// A file that could not be compared, or that only the other tree shows.
	return c.Enter("data", "content", a.path, treecmp.About{Cause: report.Content, Remedy: treecmp.RemedyContent})
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
	}
	return c.displaced()
}

func (c *comparison) descriptorOwner(r region, off int64) ledger.Owned {
	d := c.a.fs.Descriptors()[r.index]
	f := fieldAt(d.Fields(), int(off-r.start))
	o := ledger.Owned{Start: r.start + int64(f.Offset), End: r.start + int64(f.End())}
	if name, ok := strings.CutPrefix(f.Name, rootPrefix); ok {
		if c.whole != nil {
			o.Finding = c.whole
		} else {
			o.Finding = c.fieldOwner("/", name)
		}
		return o
	}
	o.Finding = c.Has(r.name, f.Name, "")
	return o
}

func fieldAt(fields []field.Field, off int) field.Field {
	for _, f := range fields {
		if off < f.End() {
			return f
		}
	}
	return fields[len(fields)-1]
}

func (c *comparison) areaOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	switch a.name {
	case "mkisofs version":
		o.Finding = c.plain("mkisofs version", "content", treecmp.About{Cause: report.Time, Remedy: pinTime})
		o.Finding.Note = "the block behind the volume descriptors, in which the tool writes its version and when it ran"
		o.Finding.Follows(c.Has("primary volume descriptor", "creation_date", ""))
	case bootCatalog:
		f := fieldAt(iso9660.CatalogFields(), int(off-a.start))
		o.Start, o.End = a.start+int64(f.Offset), a.start+int64(f.End())
		if a.start != b.start {
			o.Finding = c.displaced()
			break
		}
		o.Finding = c.plain(bootCatalog, f.Name, treecmp.About{Cause: report.Environment, Remedy: sameTool})
	default: // path tables, which say where directories lie
		o.Finding = c.Consequence("path table", "content", c.shape()...)
		if len(c.shape()) == 0 {
			o.Finding.Follows(c.displaced())
		}
	}
	return o
}

// recordOwner answers for a byte of a directory's extent.
func (c *comparison) recordOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: off, End: off + 1}
	ra, pathA := c.a.recordAt(a, off)
	rb, pathB := c.b.recordAt(b, off)
	if ra == nil || rb == nil || pathA != pathB || ra.Offset != rb.Offset || ra.ID != rb.ID {
		return c.shifted(a, o)
	}
	pa, pb := ra.Part(off), rb.Part(off)
	o.Start, o.End = max(pa.Start, pb.Start), min(pa.End, pb.End)
	if pa != pb {
		o.Finding = c.fieldOwner(pathA, "system use")
		return o
	}
	o.Finding = c.fieldOwner(pathA, pa.Name)
	return o
}

// shifted owns bytes of a directory that hold one record on one side and
// another on the other.
func (c *comparison) shifted(a region, o ledger.Owned) ledger.Owned {
	causes := c.Listing(a.path)
	if len(causes) == 0 {
		causes = c.Roots // a longer name or target moves what follows it
	}
	if len(causes) > 0 {
		o.Finding = c.Consequence("directory", "records", causes...)
		return o
	}
	o.Finding = c.Enter("directory", "records", a.path, treecmp.About{Cause: report.Unknown, Remedy: sameTool})
	return o
}

// fieldOwner is the finding of a field of the record of a path.
func (c *comparison) fieldOwner(path, name string) *ledger.Finding {
	p := c.At(path)
	if p != nil {
		if f := p.Owner(name); f != nil {
			return f
		}
	}
	var causes []*ledger.Finding
	switch name {
	case "extent", "CE", "CL", "PL":
		return c.displaced()
	case "size":
		if p != nil && p.Content != nil {
			return c.Consequence(record, name, p.Content)
		}
	case "SL":
		if p != nil && p.Owner("target") != nil {
			return p.Owner("target")
		}
	}
	if p != nil {
		causes = p.All()
	}
	if len(causes) > 0 {
		return c.Consequence(record, name, causes...)
	}
	if f := c.Lone(path); f != nil {
		return f
	}
	if name == "size" && len(c.Changes) > 0 { // of a directory that grew
		return c.Consequence(record, name, c.Changes...)
	}
	return c.Enter(record, name, path, aboutField(name))
}

// fromUTF16BE is the UTF-8 of Joliet's text.
func fromUTF16BE(b []byte) []byte {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return []byte(strings.TrimRight(string(utf16.Decode(u)), " \x00"))
}

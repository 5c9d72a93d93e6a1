package treecmp

import (
	"strings"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// settle enters the trees' findings, and where contents lie.
func (c *isoComparison) settle() {
	c.comparison.settle()
	for _, d := range c.diffs {
		for _, e := range d.pair.a.ref.(*iso9660.Record).Extents {
			if c.data[e.Start] == nil {
				c.data[e.Start] = d.pair.content
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
func (c *isoComparison) displaced() *ledger.Finding {
	if c.placed == nil {
		c.placed = c.enter("data", "placement", "", about{report.Placement, sameISO + ", and sort what it is given"})
		c.placed.Note = "files and directories lie in other sectors"
		c.placed.Follows(c.shape()...)
		c.placed.At(c.p.A.Base+iso9660.SystemArea, 1)
	}
	return c.placed
}

// owner answers for a differing byte of the volume.
func (c *isoComparison) owner(off int64) ledger.Owned {
	if c.a == nil {
		return ledger.Owned{Finding: c.whole, End: c.p.A.Size}
	}
	a, b := c.a.at(off), c.b.at(off)
	o := c.own(a, b, off)
	o.Start, o.End = max(o.Start, a.start, b.start), min(o.End, a.end, b.end)
	return o
}

func (c *isoComparison) own(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	same := a.what == b.what && a.start == b.start && a.name == b.name && a.path == b.path && a.tree == b.tree && a.file == b.file
	switch {
	case a.what == systemArea && b.what == systemArea:
		o.Finding = c.plain("system area", "content", about{report.Unknown, "install the same boot code (isohybrid) with the same options: it holds a random disk identifier unless one is given"})
	case a.what == descriptor && same:
		return c.descriptorOwner(a, off)
	case c.whole != nil:
		o.Finding = c.whole
	case a.what == unclaimed && b.what == unclaimed:
		o.Finding = c.plain("padding", "content", about{report.Residue, freshBlocks})
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
func (c *isoComparison) plain(structure, name string, what about) *ledger.Finding {
	return c.enter(structure, name, "", what)
}

func (c *isoComparison) contentOwner(a region) *ledger.Finding {
	if p := c.byPath[a.path]; p != nil && p.content != nil {
		return p.content
	}
	if f := c.data[a.start]; f != nil {
		return f
	}
	// A file that could not be compared, or that only the other tree shows.
	return c.enter("data", "content", a.path, about{report.Content, remedyContent})
}

// elsewhere owns bytes that are one thing in A and another in B.
func (c *isoComparison) elsewhere(a, b region) *ledger.Finding {
	for _, r := range []region{a, b} {
		if r.path == "" {
			continue
		}
		if f := c.loneAt(r.path); f != nil {
			return f
		}
		if p := c.byPath[r.path]; p != nil && p.content != nil && r.what == fileData {
			return p.content
		}
	}
	return c.displaced()
}

// loneAt is the finding that a path, or a directory above it, is there on one
// side only.
func (c *isoComparison) loneAt(path string) *ledger.Finding {
	for path != "" {
		if f := c.lone[path]; f != nil {
			return f
		}
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return nil
}

func (c *isoComparison) descriptorOwner(r region, off int64) ledger.Owned {
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
	o.Finding = c.l.Has(c.key(r.name, f.Name, ""))
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

func (c *isoComparison) areaOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	switch a.name {
	case "mkisofs version":
		o.Finding = c.plain("mkisofs version", "content", about{report.Time, pinISOTime})
		o.Finding.Note = "the block behind the volume descriptors, in which the tool writes its version and when it ran"
		o.Finding.Follows(c.l.Has(c.key("primary volume descriptor", "creation_date", "")))
	case bootCatalog:
		f := fieldAt(iso9660.CatalogFields(), int(off-a.start))
		o.Start, o.End = a.start+int64(f.Offset), a.start+int64(f.End())
		if a.start != b.start {
			o.Finding = c.displaced()
			break
		}
		o.Finding = c.plain(bootCatalog, f.Name, about{report.Environment, sameISO})
	default: // path tables, which say where directories lie
		o.Finding = c.consequence("path table", "content", c.shape()...)
		if len(c.shape()) == 0 {
			o.Finding.Follows(c.displaced())
		}
	}
	return o
}

// recordOwner answers for a byte of a directory's extent.
func (c *isoComparison) recordOwner(a, b region, off int64) ledger.Owned {
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
func (c *isoComparison) shifted(a region, o ledger.Owned) ledger.Owned {
	var causes []*ledger.Finding
	if p := c.byPath[a.path]; p != nil {
		causes = append(causes, p.entries...)
	}
	if f := c.loneAt(a.path); f != nil {
		causes = append(causes, f)
	}
	for _, p := range c.ordered {
		if p.path == a.path {
			causes = append(causes, c.reordered)
		}
	}
	if len(causes) == 0 {
		causes = c.roots // a longer name or target moves what follows it
	}
	if len(causes) > 0 {
		o.Finding = c.consequence("directory", "records", causes...)
		return o
	}
	o.Finding = c.enter("directory", "records", a.path, about{report.Unknown, sameISO})
	return o
}

// fieldOwner is the finding of a field of the record of a path.
func (c *isoComparison) fieldOwner(path, name string) *ledger.Finding {
	p := c.byPath[path]
	if p != nil {
		if f := p.owners[name]; f != nil {
			return f
		}
	}
	var causes []*ledger.Finding
	switch name {
	case "extent", "CE", "CL", "PL":
		return c.displaced()
	case "size":
		if p != nil && p.content != nil {
			return c.consequence(c.structure, name, p.content)
		}
	case "SL":
		if p != nil && p.owners["target"] != nil {
			return p.owners["target"]
		}
	}
	if p != nil {
		causes = append(causes, p.entries...)
		for _, field := range p.fields {
			causes = append(causes, p.owners[field])
		}
		if p.content != nil {
			causes = append(causes, p.content)
		}
	}
	if len(causes) > 0 {
		return c.consequence(c.structure, name, causes...)
	}
	if f := c.loneAt(path); f != nil {
		return f
	}
	if name == "size" && len(c.changes) > 0 { // of a directory that grew
		return c.consequence(c.structure, name, c.changes...)
	}
	return c.enter(c.structure, name, path, aboutField(isoFormat, name))
}

// fromUTF16BE is the UTF-8 of Joliet's text.
func fromUTF16BE(b []byte) []byte {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return []byte(strings.TrimRight(string(utf16.Decode(u)), " \x00"))
}

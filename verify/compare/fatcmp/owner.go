package fatcmp

import (
	"fmt"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	ra, okA := c.a.regions.At(off)
	rb, okB := c.b.regions.At(off)
	if !okA || !okB {
		return ledger.Owned{Start: off, End: off + 1}
	}
	o := c.own(ra, rb, off)
	o.Start = max(o.Start, ra.Start, rb.Start)
	o.End = min(o.End, ra.End(), rb.End())
	return o
}

// same tells whether two regions are the same part of the same thing.
func (c *comparison) same(ra, rb fat.Region) bool {
	if ra.Structure != rb.Structure || (ra.Object == fat.NoObject) != (rb.Object == fat.NoObject) {
		return false
	}
	if ra.Object != fat.NoObject {
		return c.isTwin(ra.Object, rb.Object) && ra.Start-ra.Logical == rb.Start-rb.Logical
	}
	switch ra.Structure {
	case fat.StructFAT, fat.StructBackupFAT:
		return ra.Start == rb.Start && c.a.fs.Variant == c.b.fs.Variant
	case fat.StructBoot, fat.StructFSInfo, fat.StructThird, fat.StructBackupBoot, fat.StructBackupInfo, fat.StructBackupThird:
		return ra.Start == rb.Start
	}
	return true
}

// unused tells whether nothing reads a region's bytes.
func unused(structure string) bool {
	switch structure {
	case fat.StructReserved, fat.StructFATSlack, fat.StructRootSlack, fat.StructSlack, fat.StructLost, fat.StructBad, fat.StructFree, fat.StructTail:
		return true
	}
	return false
}

func (c *comparison) own(ra, rb fat.Region, off int64) ledger.Owned {
	whole := ledger.Owned{Start: max(ra.Start, rb.Start), End: min(ra.End(), rb.End())}
	switch {
	case unused(ra.Structure) && unused(rb.Structure):
		whole.Finding = c.residue(ra, rb)
		return whole
	case !c.same(ra, rb):
		whole.Finding = c.elsewhere(ra, rb)
		return whole
	}
	switch ra.Structure {
	case fat.StructFAT:
		return c.tableOwner(off, off-ra.Start)
	case fat.StructBackupFAT:
		return c.copyOwner(ra, off)
	case fat.StructRoot, fat.StructDirectory:
		return c.dirOwner(ra, off)
	case fat.StructData:
		whole.Finding = c.contentOwner(ra)
		return whole
	case fat.StructThird, fat.StructBackupThird:
		whole.Finding = c.loose(ra.Structure, "content", "", bootFields["BS_BootCode"])
		return whole
	}
	fl := fieldAt(fat.SectorFields(c.a.fs.Variant, ra.Structure), int(off-ra.Start))
	return ledger.Owned{Finding: c.bootOwner(ra.Structure, fl.Name), Start: ra.Start + int64(fl.Offset), End: ra.Start + int64(fl.End())}
}

func fieldAt(fields []field.Field, off int) field.Field {
	return fields[sort.Search(len(fields), func(i int) bool { return fields[i].End() > off })]
}

// bootOwner owns a field of the reserved sectors.
func (c *comparison) bootOwner(structure, name string) *ledger.Finding {
	if f := c.bootHas(structure, name); f != nil {
		return f
	}
	if c.a.fs.Variant != c.b.fs.Variant {
		f := c.consequence(structure, "layout", c.layout...)
		f.Whole = false
		f.Note = "the same values in other places"
		return f
	}
	return c.bootField(structure, name)
}

// residue owns differing bytes that nothing reads.
func (c *comparison) residue(ra, rb fat.Region) *ledger.Finding {
	r, s := ra, c.a
	if rank(rb.Structure) > rank(ra.Structure) {
		r, s = rb, c.b
	}
	file := ""
	if r.Object != fat.NoObject {
		file = s.vol.Path(r.Object)
		if s == c.b && c.b.only[r.Object] == nil { // shown under the name that A has for it
			if a := c.twinBack[r.Object]; a != fat.NoObject {
				file = c.a.vol.Path(a)
			}
		}
	}
	f := c.loose(r.Structure, "content", file, about{report.Residue, writeAnew})
	// What was left behind by a file that moved or went is no cause of its own.
	if !c.same(ra, rb) && c.first(f, fat.NoObject) {
		f.Follows(c.placed)
		f.Follows(c.changes...)
		f.Follows(c.layout...)
	}
	return f
}

// rank orders what nothing reads by how much its name says.
func rank(structure string) int {
	switch structure {
	case fat.StructFree, fat.StructTail:
		return 0
	case fat.StructSlack:
		return 2
	}
	return 1
}

// elsewhere owns bytes that are one thing in A and another in B.
func (c *comparison) elsewhere(ra, rb fat.Region) *ledger.Finding {
	for _, s := range []struct {
		side     *side
		r, other fat.Region
	}{{c.a, ra, rb}, {c.b, rb, ra}} {
		if s.r.Object == fat.NoObject || unused(s.r.Structure) || !unused(s.other.Structure) {
			continue
		}
		// A file's clusters where the other side has none: the file is there
		// only on this side, or it has grown or moved.
		if f := s.side.only[s.r.Object]; f != nil {
			return f
		}
		p := c.pairOf(s.side, s.r.Object)
		if p == nil {
			continue
		}
		switch {
		case s.r.Structure == fat.StructDirectory && len(p.entries) > 0:
			return c.member(c.entriesFollow(p), p.a, p.path)
		case p.content != nil:
			return p.content
		}
	}
	if ra.Object != fat.NoObject && rb.Object != fat.NoObject && c.b.only[rb.Object] != nil {
		if f := c.a.only[ra.Object]; f != nil { // one came where another went
			return f
		}
	}
	return c.displaced(ra, rb)
}

// displaced owns bytes whose place serves another purpose on each side.
func (c *comparison) displaced(ra, rb fat.Region) *ledger.Finding {
	f := c.placement(fmt.Sprintf("the same clusters hold %s on one side and %s on the other", ra.Structure, rb.Structure))
	if c.first(f, fat.NoObject) {
		f.Follows(c.changes...)
		f.Follows(c.reordered)
	}
	return f
}

func (c *comparison) contentOwner(r fat.Region) *ledger.Finding {
	if p := c.byA[r.Object]; p != nil && p.content != nil {
		return p.content
	}
	return c.loose("data", "content", c.a.vol.Path(r.Object), about{report.Content, sameBytes})
}

package fatcmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// dirOwner answers for a byte of a directory that lies in the same place on
// both sides.
func (c *comparison) dirOwner(r fat.Region, off int64) ledger.Owned {
	objectA, objectB := r.Object, c.twin[r.Object]
	logical := r.Logical + off - r.Start
	in := int(logical % fat.SlotSize)
	slot := ledger.Owned{Start: off - int64(in), End: off - int64(in) + fat.SlotSize}
	rolesA, rolesB, err := c.rolesOf(objectA, objectB)
	if err != nil { // read once before, so that it can only be the disk
		return slot
	}
	p := c.byA[objectA]
	kindA, a := rolesA.at(logical / fat.SlotSize)
	kindB, b := rolesB.at(logical / fat.SlotSize)
	own := func(f *ledger.Finding, fl field.Field) ledger.Owned {
		return ledger.Owned{Finding: f, Start: slot.Start + int64(fl.Offset), End: slot.Start + int64(fl.End())}
	}
	short, long := fat.DirEntryLayout.At(in), fat.LongEntryLayout.At(in)
	switch {
	case kindA == kindB && kindA == fat.SlotFile && c.isTwin(a, b):
		return own(c.entryOwner(a, short.Name), short)
	case kindA == kindB && kindA == fat.SlotLong && c.isTwin(a, b) && rolesA.part(logical/fat.SlotSize) == rolesB.part(logical/fat.SlotSize):
		return own(c.longOwner(a, long.Name), long)
	case kindA == kindB && (kindA == fat.SlotDot || kindA == fat.SlotDotDot):
		return own(c.dotOwner(p, objectA, kindA, short.Name), short)
	case kindA == kindB && kindA == fat.SlotLabel:
		f := c.labelOwner(valueName(short.Name, c.a.fs.Variant))
		if f == nil { // a second label
			f, _ = c.enter(c.key("directory", short.Name, ""), aboutEntry(short.Name))
		}
		return own(f, short)
	case free(kindA) && free(kindB):
		slot.Finding = c.freeSlot(p, objectA, kindA, kindB)
		return slot
	case free(kindB) && a != fat.NoObject && c.a.only[a] != nil:
		slot.Finding = c.a.only[a]
		return slot
	case free(kindA) && b != fat.NoObject && c.b.only[b] != nil:
		slot.Finding = c.b.only[b]
		return slot
	case kindA == fat.SlotLabel && free(kindB), kindB == fat.SlotLabel && free(kindA):
		if slot.Finding = c.label; slot.Finding != nil {
			return slot
		}
	}
	slot.Finding = c.dirLayout(p, objectA)
	return slot
}

func (c *comparison) rolesOf(a, b uint32) (ra, rb *slotRoles, err error) {
	if ra = c.a.roles[a]; ra == nil {
		if _, ra, err = c.a.directory(a); err != nil {
			return nil, nil, err
		}
	}
	if rb = c.b.roles[b]; rb == nil {
		_, rb, err = c.b.directory(b)
	}
	return ra, rb, err
}

// isTwin tells whether two objects are the same file.
func (c *comparison) isTwin(a, b uint32) bool {
	return a != fat.NoObject && b != fat.NoObject && c.twin[a] == b
}

func free(k fat.SlotKind) bool {
	return k == fat.SlotDeleted || k == fat.SlotEnd || k == fat.SlotOrphan
}

// entryOwner owns a field of a file's entry.
func (c *comparison) entryOwner(object uint32, name string) *ledger.Finding {
	p := c.byA[object]
	if p != nil {
		if f := p.owners[valueName(name, c.a.fs.Variant)]; f != nil {
			return f
		}
		if p.content != nil { // a file on one side, a directory on the other
			return c.consequence("directory", name, p.content)
		}
	}
	f, _ := c.enter(c.key("directory", name, c.a.vol.Path(object)), aboutEntry(name))
	return f
}

// longOwner owns a field of a long-name slot of a file that has the same name
// on both sides, or was renamed.
func (c *comparison) longOwner(object uint32, name string) *ledger.Finding {
	p := c.byA[object]
	if p != nil {
		if p.renamed != nil {
			return p.renamed
		}
		if f := p.owners["DIR_Name"]; f != nil && name == "LDIR_Chksum" {
			return c.member(c.consequence("directory", name, f), object, p.path)
		}
	}
	what := aboutEntry(name)
	if len(name) > 4 && name[:len(name)-1] == "LDIR_Name" { // behind the name's end
		what = about{report.Residue, "use the same tool to write files"}
	}
	f, _ := c.enter(c.key("directory", name, c.a.vol.Path(object)), what)
	return f
}

// dotOwner owns a field of a "." or ".." entry.
func (c *comparison) dotOwner(p *pair, dir uint32, kind fat.SlotKind, field string) *ledger.Finding {
	name := "."
	if kind == fat.SlotDotDot {
		name = ".."
	}
	if p != nil {
		if f := p.owners[name+valueName(field, c.a.fs.Variant)]; f != nil {
			return f
		}
	}
	f, _ := c.enter(c.key("directory", field, c.a.vol.Path(dir)+"/"+name), aboutEntry(field))
	return f
}

// freeSlot owns what is left in slots that are not in use.
func (c *comparison) freeSlot(p *pair, dir uint32, a, b fat.SlotKind) *ledger.Finding {
	name := "slack"
	switch {
	case a == fat.SlotDeleted || b == fat.SlotDeleted:
		name = "deleted entry"
	case a == fat.SlotOrphan || b == fat.SlotOrphan:
		name = "orphaned long name"
	}
	f := c.loose("directory", name, c.a.vol.Path(dir), about{report.Residue, writeAnew})
	if c.first(f, dir) {
		f.Follows(c.dirCauses(p)...)
	}
	return f
}

// first tells whether f is asked about for an object for the first time, so
// that its links to what it follows are made once and not for every byte.
func (c *comparison) first(f *ledger.Finding, object uint32) bool {
	k := memberKey{f, object}
	seen := c.linked[k]
	c.linked[k] = true
	return !seen
}

// dirLayout owns the slots that differ because the entries do.
func (c *comparison) dirLayout(p *pair, dir uint32) *ledger.Finding {
	switch {
	case p != nil && len(p.entries) == 1 && p.entries[0].Field == "name":
		return p.entries[0]
	case p != nil && len(p.entries) > 0:
		return c.member(c.entriesFollow(p), p.a, p.path)
	case p != nil && !p.inOrder:
		return c.reordered
	}
	f := c.loose("directory", "layout", c.a.vol.Path(dir), about{report.Residue, writeAnew})
	f.Note = "the same names in the same order, in other slots: files were removed between them"
	return f
}

// entriesFollow is the finding of directories' bytes that differ because of
// the names that only one side has.
func (c *comparison) entriesFollow(p *pair) *ledger.Finding {
	f := c.consequence("directory", "entries")
	f.Whole = false
	if c.first(f, p.a) {
		c.consequence("directory", "entries", c.dirCauses(p)...)
	}
	return f
}

// member counts each file once for a finding that many bytes are given to.
func (c *comparison) member(f *ledger.Finding, object uint32, path string) *ledger.Finding {
	k := memberKey{f, object}
	if !c.members[k] {
		c.members[k] = true
		f.Member(path)
	}
	return f
}

type memberKey struct {
	f      *ledger.Finding
	object uint32
}

package mbr

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// Names of the structures, as findings call them.
const (
	StructureMBR = "boot record"
	StructureEBR = "extended boot record"
)

// Place is one named field of the table, at its place on the disk.
type Place struct {
	Structure string // StructureMBR or StructureEBR
	Index     int    // which extended boot record, from 0
	Base      int64  // byte offset of the structure on the disk
	Field     field.Field
}

// Offset is the byte offset of the field on the disk.
func (p Place) Offset() int64 { return p.Base + int64(p.Field.Offset) }

// At is the field that owns the byte of the disk at offset off; ok is false
// where the table has none there. The whole logical sector belongs to it.
func (t *Table) At(off int64) (p Place, ok bool) {
	if off >= 0 && off < t.SectorSize {
		return Place{Structure: StructureMBR, Field: FieldAt(int(off), int(t.SectorSize))}, true
	}
	for i, e := range t.Chain {
		base := int64(e.LBA) * t.SectorSize
		if off >= base && off < base+t.SectorSize {
			return Place{Structure: StructureEBR, Index: i, Base: base, Field: FieldAt(int(off-base), int(t.SectorSize))}, true
		}
	}
	return Place{}, false
}

package gpt

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// Place is one named field of a copy, at its place on the disk.
type Place struct {
	Copy  string // "primary" or "backup"
	Entry int    // number of the partition entry, from 1; 0 for the header
	Used  bool   // whether that entry describes a partition; true for the header
	Base  int64  // byte offset on the disk of the header or the entry
	Field field.Field
}

// Offset is the byte offset of the field on the disk.
func (p Place) Offset() int64 { return p.Base + int64(p.Field.Offset) }

// Structure is what findings call the structure: "primary header", "backup
// header", "primary entry" or "backup entry".
func (p Place) Structure() string {
	if p.Entry == 0 {
		return p.Copy + " header"
	}
	return p.Copy + " entry"
}

// At is the field that owns the byte of the disk at offset off, in either
// copy, used entry or not; ok is false where the table has none there.
func (t *Table) At(off int64) (p Place, ok bool) {
	for _, c := range []*Copy{t.Primary, t.Backup} {
		if c == nil {
			continue
		}
		if p, ok := c.at(off, t.SectorSize); ok {
			return p, true
		}
	}
	return Place{}, false
}

// Extent is a range of bytes of the disk.
type Extent struct{ Offset, Length int64 }

// Extents are the ranges that the copy occupies: its header's sector, and its
// array to the last entry. At names every byte of them.
func (t *Table) Extents(c *Copy) []Extent {
	if c == nil {
		return nil
	}
	out := []Extent{{int64(c.LBA) * t.SectorSize, t.SectorSize}}
	if n := int64(len(c.Entries)); n > 0 {
		out = append(out, Extent{int64(c.EntriesLBA) * t.SectorSize, n})
	}
	return out
}

func (c *Copy) at(off, sectorSize int64) (Place, bool) {
	base := int64(c.LBA) * sectorSize
	if off >= base && off < base+sectorSize {
		return Place{Copy: c.Name, Used: true, Base: base, Field: at(HeaderLayout, int(off-base), int(sectorSize))}, true
	}
	base = int64(c.EntriesLBA) * sectorSize
	if off < base || off >= base+int64(len(c.Entries)) {
		return Place{}, false
	}
	size := int64(c.EntrySize)
	i := (off - base) / size
	base += i * size
	return Place{Copy: c.Name, Entry: int(i) + 1, Used: c.used(int(i)), Base: base, Field: at(EntryLayout, int(off-base), int(size))}, true
}

// at is the field at offset off of a structure in a slot of size bytes.
func at[T any](l field.Layout[T], off, size int) field.Field {
	if off < l.Size() {
		return l.At(off)
	}
	return field.Field{Name: Tail, Offset: l.Size(), Length: size - l.Size(), Kind: field.Reserved}
}

package inspect

import (
	"fmt"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/split"
)

// fields shows the fields of a structure whose bytes are raw and that lies at
// base; show may be nil, and a note is asked for where note is not.
func fields(list []field.Field, raw []byte, base int64, show func(field.Field, []byte) string, note func(field.Field, []byte) string) []Field {
	out := make([]Field, 0, len(list))
	for _, f := range list {
		if f.End() > len(raw) {
			break // an older, shorter form
		}
		b := f.Slice(raw)
		v := Field{Name: f.Name, Offset: base + int64(f.Offset), Length: int64(f.Length)}
		if show != nil {
			v.Value = show(f, b)
		} else {
			v.Value = f.Show(b)
		}
		if note != nil {
			v.Note = note(f, b)
		}
		out = append(out, v)
	}
	return out
}

// tables reads the boot record, its chain, and both copies of a GPT.
func (in *inspector) tables(t *split.Table) {
	if m := t.MBR; m != nil && m.Kind != mbr.None {
		in.add(Structure{
			Format: "mbr", Name: mbr.StructureMBR, Length: mbr.Size,
			Fields: fields(mbr.Layout.Fields(), m.Raw, 0, nil, mbrNote),
		})
		for i, e := range m.Chain {
			base := int64(e.LBA) * m.SectorSize
			in.add(Structure{
				Format: "mbr", Name: mbr.StructureEBR, Index: fmt.Sprint(i + 1), Offset: base, Length: mbr.Size,
				Fields: fields(mbr.Layout.Fields(), e.Raw, base, nil, mbrNote),
			})
		}
	}
	if t.GPT == nil {
		return
	}
	for _, c := range []*gpt.Copy{t.GPT.Primary, t.GPT.Backup} {
		if c != nil {
			in.gptCopy(c, t.GPT.SectorSize)
		}
	}
}

func mbrNote(f field.Field, raw []byte) string {
	if f.Length == 1 && len(f.Name) > 6 && f.Name[len(f.Name)-6:] == "OSType" && raw[0] != 0 {
		return mbr.TypeName(raw[0])
	}
	return ""
}

func gptNote(f field.Field, raw []byte) string {
	switch f.Name {
	case "PartitionTypeGUID":
		return gpt.TypeName(gpt.GUID(raw))
	case "Attributes":
		var bits uint64
		for i, b := range raw {
			bits |= uint64(b) << (8 * i)
		}
		return gpt.Attributes(bits)
	}
	return ""
}

// maxEntries is how many used entries of a table are shown.
const maxEntries = 4096

// gptCopy reads a header and the used entries behind it.
func (in *inspector) gptCopy(c *gpt.Copy, sectorSize int64) {
	base := int64(c.LBA) * sectorSize
	h := Structure{
		Format: "gpt", Name: c.Name + " header", Offset: base, Length: int64(gpt.HeaderSize),
		Fields: fields(gpt.HeaderLayout.Fields(), c.RawHeader, base, nil, nil),
	}
	if n := int(c.Header.HeaderSize); n >= gpt.HeaderSize && n <= len(c.RawHeader) {
		h.Checksum = checksum("HeaderCRC32", uint64(c.Header.HeaderCRC32), uint64(headerCRC(c.RawHeader[:n])), 4)
	}
	in.add(h)
	if len(c.Entries) == 0 {
		return
	}
	array := int64(c.EntriesLBA) * sectorSize
	in.add(Structure{
		Format: "gpt", Name: c.Name + " entries", Offset: array, Length: int64(len(c.Entries)),
		Checksum: checksum("PartitionEntryArrayCRC32", uint64(c.Header.PartitionEntryArrayCRC32), uint64(crc32.ChecksumIEEE(c.Entries)), 4),
		Fields:   []Field{},
	})
	shown := 0
	for i := range c.Count() {
		if !c.Entry(i).Used() {
			continue
		}
		if shown++; shown > maxEntries {
			in.warn(0, "of the %s entries, those from %d on are not shown", c.Name, i+1)
			break
		}
		at := i * c.EntrySize
		in.add(Structure{
			Format: "gpt", Name: c.Name + " entry", Index: fmt.Sprint(i + 1), Offset: array + int64(at), Length: int64(c.EntrySize),
			Fields: fields(gpt.EntryLayout.Fields(), c.Entries[at:at+c.EntrySize], array+int64(at), nil, gptNote),
		})
	}
}

// headerCRC is the checksum of a header, computed with its own field zero.
func headerCRC(raw []byte) uint32 {
	b := append([]byte(nil), raw...)
	f, _ := gpt.HeaderLayout.Named("HeaderCRC32")
	clear(f.Slice(b))
	return crc32.ChecksumIEEE(b)
}

// checksum shows two checksums of the given number of bytes.
func checksum(name string, stored, computed uint64, bytes int) *Checksum {
	return &Checksum{
		Field: name, Valid: stored == computed,
		Stored: fmt.Sprintf("0x%0*x", 2*bytes, stored), Computed: fmt.Sprintf("0x%0*x", 2*bytes, computed),
	}
}

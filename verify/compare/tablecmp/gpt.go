package tablecmp

import (
	"bytes"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// entryKey is the key of a field of the partition entry of that number.
func entryKey(copyName string, number int, used bool, field string) ledger.Key {
	k := ledger.Key{Partition: number, Format: "gpt", Structure: "entry", Field: field}
	if copyName == "backup" {
		k.Structure = "backup entry"
	}
	if !used {
		k.Structure = "unused " + k.Structure
	}
	return k
}

func (c *comparison) compareGPT() {
	a, b := c.a.GPT, c.b.GPT
	if a.Primary != nil && b.Primary != nil {
		c.compareCopy(a.Primary, b.Primary)
	}
	if a.Backup != nil && b.Backup != nil {
		c.compareCopy(a.Backup, b.Backup)
	}
	for _, pair := range []struct {
		name string
		a, b *gpt.Copy
	}{{"primary", a.Primary, b.Primary}, {"backup", a.Backup, b.Backup}} {
		if (pair.a == nil) == (pair.b == nil) {
			continue
		}
		f := c.enter(ledger.Key{Format: "gpt", Structure: pair.name + " header", Field: "Signature"}, about{report.Unknown, "one of the two disks lacks this copy: write the table anew"})
		f.A, f.B = "present", "missing"
		present := pair.a
		if pair.a == nil {
			f.A, f.B = f.B, f.A
			present = pair.b
		}
		f.At(int64(present.LBA)*a.SectorSize, a.SectorSize)
	}
	c.linkPlaces()
}

// compareCopy compares the headers and arrays of two primary or two backup
// copies.
func (c *comparison) compareCopy(a, b *gpt.Copy) {
	entries := c.compareEntries(a, b)
	base := int64(a.LBA) * c.a.GPT.SectorSize
	var crc, array *ledger.Finding
	var others []*ledger.Finding
	for _, f := range gpt.HeaderLayout.Diff(a.RawHeader, b.RawHeader) {
		x := c.enter(ledger.Key{Format: "gpt", Structure: a.Name + " header", Field: f.Name}, gptFields[f.Name])
		x.A, x.B = f.Show(f.Slice(a.RawHeader)), f.Show(f.Slice(b.RawHeader))
		x.At(base+int64(f.Offset), int64(f.Length))
		switch f.Name {
		case "HeaderCRC32":
			crc = x
			continue
		case "PartitionEntryArrayCRC32":
			array = x
		case "MyLBA", "AlternateLBA", "LastUsableLBA", "PartitionEntryLBA":
			x.Follows(c.size)
		}
		if a.Name == "backup" {
			c.followPrimary(x, ledger.Key{Format: "gpt", Structure: "primary header", Field: f.Name})
		}
		others = append(others, x)
	}
	if n := gpt.HeaderLayout.Size(); !bytes.Equal(a.RawHeader[n:], b.RawHeader[n:]) {
		x := c.enter(ledger.Key{Format: "gpt", Structure: a.Name + " header", Field: gpt.Tail}, about{report.Residue, "zero the rest of the sector"})
		x.At(base+int64(n), int64(len(a.RawHeader)-n))
		if max(a.Header.HeaderSize, b.Header.HeaderSize) > uint32(n) {
			others = append(others, x)
		}
	}
	if array != nil {
		array.Follows(entries...)
	}
	if crc != nil {
		crc.Follows(others...)
	}
}

// followPrimary lets a field of the backup follow the primary's where both
// went from the same to the same.
func (c *comparison) followPrimary(x *ledger.Finding, primary ledger.Key) {
	if p := c.l.Has(primary); p != nil && p.A == x.A && p.B == x.B {
		x.Follows(p)
	}
}

// compareEntries enters what differs between two arrays, and returns it.
func (c *comparison) compareEntries(a, b *gpt.Copy) []*ledger.Finding {
	var out []*ledger.Finding
	if a.EntrySize != b.EntrySize || a.EntrySize == 0 {
		return nil // the header's field is the finding, its bytes go to the arrays' place
	}
	for i := range min(a.Count(), b.Count()) {
		rawA, rawB := a.Entries[i*a.EntrySize:][:a.EntrySize], b.Entries[i*b.EntrySize:][:b.EntrySize]
		if bytes.Equal(rawA, rawB) {
			continue
		}
		ea, eb := a.Entry(i), b.Entry(i)
		used := ea.Used() || eb.Used()
		base := int64(a.EntriesLBA)*c.a.GPT.SectorSize + int64(i*a.EntrySize)
		var whole *ledger.Finding // that the entry is there at all, where only one disk has it
		for _, f := range gpt.EntryLayout.Diff(rawA, rawB) {
			x := c.enter(entryKey(a.Name, i+1, used, f.Name), gptFields[f.Name])
			x.At(base+int64(f.Offset), int64(f.Length))
			switch {
			case !used:
				x.Cause, x.Remedy = report.Residue, "zero unused entries"
				x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
			case ea.Used() != eb.Used() && f.Name == "PartitionTypeGUID":
				whole = x
				x.A, x.B = partitionType(ea), partitionType(eb)
				x.Note = "only one of the two disks has this partition"
			default:
				x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
				switch f.Name {
				case "PartitionTypeGUID":
					x.A, x.B = partitionType(ea), partitionType(eb)
				case "Attributes":
					x.A, x.B = withNames(x.A, gpt.Attributes(ea.Attributes)), withNames(x.B, gpt.Attributes(eb.Attributes))
				}
				x.Follows(whole)
			}
			if a.Name == "backup" {
				c.followPrimary(x, entryKey("primary", i+1, used, f.Name))
			}
			out = append(out, x)
		}
		if n := gpt.EntryLayout.Size(); !bytes.Equal(rawA[n:], rawB[n:]) {
			x := c.enter(entryKey(a.Name, i+1, used, gpt.Tail), about{report.Residue, "zero the rest of the entry"})
			x.At(base+int64(n), int64(a.EntrySize-n))
			if a.Name == "backup" {
				c.followPrimary(x, entryKey("primary", i+1, used, gpt.Tail))
			}
			out = append(out, x)
		}
	}
	return out
}

func partitionType(e gpt.Entry) string {
	if !e.Used() {
		return ""
	}
	return e.PartitionTypeGUID.String() + " (" + gpt.TypeName(e.PartitionTypeGUID) + ")"
}

func withNames(value, names string) string {
	if names == "" {
		return value
	}
	return value + " (" + names + ")"
}

// linkPlaces lets the places of partitions follow each other: an end follows
// its start where the length stayed, a start follows the end of the partition
// before where the gap between them stayed, and a last end follows the disk's
// size.
func (c *comparison) linkPlaces() {
	a, b := c.a.GPT.Partitions(), c.b.GPT.Partitions()
	slices.SortStableFunc(a, func(x, y gpt.Partition) int {
		switch {
		case x.StartingLBA < y.StartingLBA:
			return -1
		case x.StartingLBA > y.StartingLBA:
			return 1
		}
		return 0
	})
	inB := map[int]gpt.Entry{}
	for _, p := range b {
		inB[p.Number] = p.Entry
	}
	var before *gpt.Partition
	for i := range a {
		pa := a[i]
		pb, ok := inB[pa.Number]
		start := c.l.Has(entryKey("primary", pa.Number, true, "StartingLBA"))
		end := c.l.Has(entryKey("primary", pa.Number, true, "EndingLBA"))
		if ok {
			if start != nil && before != nil {
				if bb, ok := inB[before.Number]; ok && pa.StartingLBA-before.EndingLBA == pb.StartingLBA-bb.EndingLBA {
					start.Follows(c.l.Has(entryKey("primary", before.Number, true, "EndingLBA")))
				}
			}
			if end != nil && start != nil && pa.EndingLBA-pa.StartingLBA == pb.EndingLBA-pb.StartingLBA {
				end.Follows(start)
			}
			if end != nil && uint64(c.a.GPT.DiskSize/c.a.GPT.SectorSize)-pa.EndingLBA == uint64(c.b.GPT.DiskSize/c.b.GPT.SectorSize)-pb.EndingLBA {
				end.Follows(c.size)
			}
		}
		switch {
		case start != nil:
			c.place[pa.Number] = start
		case end != nil:
			c.place[pa.Number] = end
		}
		before = &a[i]
	}
	for _, p := range b { // only on the second disk
		if c.place[p.Number] == nil {
			if f := c.l.Has(entryKey("primary", p.Number, true, "StartingLBA")); f != nil {
				c.place[p.Number] = f
			}
		}
	}
}

func (c *comparison) gptOwner(off int64) ledger.Owned {
	if c.a.GPT == nil || c.b.GPT == nil {
		for _, t := range []*gpt.Table{c.a.GPT, c.b.GPT} {
			if t == nil {
				continue
			}
			if p, ok := t.At(off); ok {
				return owned(c.label, p.Offset(), p.Field.Length)
			}
		}
		return ledger.Owned{}
	}
	pa, okA := c.a.GPT.At(off)
	pb, okB := c.b.GPT.At(off)
	switch {
	case !okA && !okB:
		return ledger.Owned{}
	case okA && okB && pa.Base == pb.Base && pa.Copy == pb.Copy && pa.Entry == pb.Entry && pa.Field == pb.Field:
		k := ledger.Key{Format: "gpt", Structure: pa.Structure(), Field: pa.Field.Name}
		if pa.Entry > 0 {
			k = entryKey(pa.Copy, pa.Entry, pa.Used || pb.Used, pa.Field.Name)
		}
		return owned(c.enter(k, gptFields[pa.Field.Name]), pa.Offset(), pa.Field.Length)
	case okA:
		return c.moved("gpt", pa.Structure(), pa.Offset(), pa.Field.Length)
	default:
		return c.moved("gpt", pb.Structure(), pb.Offset(), pb.Field.Length)
	}
}

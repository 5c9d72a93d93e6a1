package tablecmp

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// bootRecordKey is the key of a field of the first sector. A field of a
// partition record belongs to the partition of that number, unless the record
// only protects a GPT.
func (c *comparison) bootRecordKey(name string) ledger.Key {
	k := ledger.Key{Format: "mbr", Structure: mbr.StructureMBR, Field: name}
	var i int
	if _, err := fmt.Sscanf(name, "PartitionRecord[%d].", &i); err == nil {
		k.Field = name[strings.IndexByte(name, '.')+1:]
		k.Structure = "partition record"
		if c.a.GPT == nil && c.b.GPT == nil {
			k.Partition = i + 1
		} else {
			k.Part = part(i + 1)
		}
	}
	return k
}

func (c *comparison) compareMBR() {
	a, b := c.a.MBR, c.b.MBR
	if a.Kind == mbr.None && b.Kind == mbr.None {
		return
	}
	if len(a.Raw) == mbr.Size && len(b.Raw) == mbr.Size {
		for _, f := range mbr.Layout.Diff(a.Raw, b.Raw) {
			c.enterMBR(c.bootRecordKey(f.Name), f, a.Raw, b.Raw, 0)
		}
	}
	for i := range min(len(a.Chain), len(b.Chain)) {
		if a.Chain[i].LBA != b.Chain[i].LBA {
			continue
		}
		for _, f := range mbr.Layout.Diff(a.Chain[i].Raw, b.Chain[i].Raw) {
			c.enterMBR(c.chainKey(i, f.Name), f, a.Chain[i].Raw, b.Chain[i].Raw, int64(a.Chain[i].LBA)*a.SectorSize)
		}
	}
	c.linkRecords()
}

// chainKey is the key of a field of the extended boot record at index i. Its
// first record is the logical partition's, the second leads on.
func (c *comparison) chainKey(i int, name string) ledger.Key {
	k := ledger.Key{Format: "mbr", Structure: mbr.StructureEBR, Field: name, Part: fmt.Sprint(i + 1)}
	if rest, ok := strings.CutPrefix(name, "PartitionRecord[0]."); ok {
		for _, p := range c.a.MBR.Partitions {
			if p.Role == mbr.RoleLogical && p.At == c.a.MBR.Chain[i].LBA {
				return ledger.Key{Partition: p.Number, Format: "mbr", Structure: "partition record", Field: rest}
			}
		}
	}
	return k
}

func (c *comparison) enterMBR(k ledger.Key, f field.Field, rawA, rawB []byte, base int64) {
	x := c.enter(k, mbrFields[k.Field])
	x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
	x.At(base+int64(f.Offset), int64(f.Length))
	switch k.Field {
	case "BootCode":
		x.Whole = false
		x.A, x.B = shortHex(f.Slice(rawA)), shortHex(f.Slice(rawB))
	case "OSType":
		x.A += " (" + mbr.TypeName(f.Slice(rawA)[0]) + ")"
		x.B += " (" + mbr.TypeName(f.Slice(rawB)[0]) + ")"
	}
	if f.Kind == field.Reserved || k.Field == "Unknown" {
		x.Cause = report.Residue
	}
}

// shortHex tells two stretches of code apart without printing them whole.
func shortHex(b []byte) string {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return "none"
	}
	if len(b) > 16 {
		return fmt.Sprintf("%d bytes, %x…", len(b), b[:16])
	}
	return fmt.Sprintf("%d bytes, %x", len(b), b)
}

// linkRecords lets a record's cylinder, head and sector numbers follow its
// sectors, and a protective record the disk's size.
func (c *comparison) linkRecords() {
	link := func(key func(name string) ledger.Key) {
		start, size := c.l.Has(key("StartingLBA")), c.l.Has(key("SizeInLBA"))
		if f := c.l.Has(key("StartingCHS")); f != nil {
			f.Follows(start)
		}
		if f := c.l.Has(key("EndingCHS")); f != nil {
			f.Follows(start, size)
		}
		if size != nil {
			size.Follows(c.size)
		}
		if start == nil {
			start = size
		}
		if n := key("StartingLBA").Partition; start != nil && n != 0 {
			c.place[n] = start
		}
	}
	for i := range 4 {
		link(func(name string) ledger.Key { return c.bootRecordKey(fmt.Sprintf("PartitionRecord[%d].%s", i, name)) })
	}
	for i := range c.a.MBR.Chain {
		link(func(name string) ledger.Key { return c.chainKey(i, "PartitionRecord[0]."+name) })
	}
}

func (c *comparison) mbrOwner(off int64) ledger.Owned {
	a, b := c.a.MBR, c.b.MBR
	if a.Kind == mbr.None && b.Kind == mbr.None {
		return ledger.Owned{}
	}
	var pa, pb mbr.Place
	var okA, okB bool
	if a.Kind != mbr.None {
		pa, okA = a.At(off)
	}
	if b.Kind != mbr.None {
		pb, okB = b.At(off)
	}
	switch {
	case !okA && !okB:
		return ledger.Owned{}
	case okA && okB && pa == pb:
		k := c.bootRecordKey(pa.Field.Name)
		if pa.Structure == mbr.StructureEBR {
			k = c.chainKey(pa.Index, pa.Field.Name)
		}
		return owned(c.enter(k, mbrFields[k.Field]), pa.Offset(), pa.Field.Length)
	case okA:
		return c.moved("mbr", pa.Structure, pa.Offset(), pa.Field.Length)
	default:
		return c.moved("mbr", pb.Structure, pb.Offset(), pb.Field.Length)
	}
}

package split

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

// Labels of partition tables, as fdisk names them.
const (
	LabelGPT  = "gpt"
	LabelDOS  = "dos"
	LabelNone = "" // a bare filesystem, or nothing at all
)

// Table is a disk's partition table, whichever sort it is.
type Table struct {
	Label      string
	ID         string // the disk's GUID, or the boot record's signature as "0x1ebdc45c"
	DiskSize   int64  // bytes
	SectorSize int64  // bytes; every LBA and count of sectors is in this unit
	FirstLBA   uint64 // first and last sector that a GPT lets partitions use; 0 otherwise
	LastLBA    uint64
	Partitions []Partition // in order of their numbers
	Structures []Structure // what the table itself occupies, in order of offset
	Gaps       []Gap       // what neither a partition nor the table occupies, in order; none where there is no table
	Warnings   []string    // what is damaged or doubtful

	MBR *mbr.Table // the boot record; its Kind is mbr.None where there is none
	GPT *gpt.Table // nil where there is none
}

// Kind tells where a partition stands in its table.
type Kind string

const (
	Primary  Kind = "primary" // every partition of a GPT
	Extended Kind = "extended"
	Logical  Kind = "logical"
)

// Partition is one partition of a disk.
type Partition struct {
	Number     int
	Kind       Kind
	Start      uint64 // first sector
	Sectors    uint64
	Offset     int64  // of the first byte
	Length     int64  // bytes
	Missing    int64  // how many of its bytes lie past the end of the image; 0 for a whole one
	Type       string // the type's GUID in upper case, or the boot record's type in lower-case hex, as "83"
	TypeName   string // as fdisk prints it
	UUID       string // of a GPT partition
	Name       string // of a GPT partition
	Attributes uint64 // of a GPT partition
	Bootable   bool   // the boot record's active flag
}

// End is the offset of the first byte behind the partition.
func (p Partition) End() int64 { return p.Offset + p.Length }

// LastSector is the partition's last sector, inclusive.
func (p Partition) LastSector() uint64 { return p.Start + p.Sectors - 1 }

// Structure is a range of bytes that the table itself occupies.
type Structure struct {
	Name           string // "boot record", "primary header", "primary entries", …
	Offset, Length int64
}

// Gap is a range of bytes that belongs to no partition and to no table.
type Gap struct {
	Number         int // from 1, in the disk's order
	Offset, Length int64
}

// Table finds the image's partition table. A disk without one gives a Table
// with LabelNone; an error is a failure to read.
func (i *Image) Table() (*Table, error) {
	t, err := readTable(i.Disk, i.sectorSize)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", i.path, err)
	}
	return t, nil
}

func readTable(d Disk, sectorSize int64) (*Table, error) {
	g, err := gpt.Read(d, d.Size(), sectorSize)
	if sectorSize != 0 && errors.Is(err, gpt.ErrNone) {
		g, err = gpt.Read(d, d.Size(), 0) // a disk of other sectors, copied here
	}
	if err != nil && !errors.Is(err, gpt.ErrNone) {
		return nil, err
	}
	if sectorSize == 0 {
		sectorSize = 512 // nothing in a boot record tells
	}
	if g != nil && g.Active() != nil {
		sectorSize = g.SectorSize
	}
	m, err := mbr.Read(d, d.Size(), sectorSize)
	if err != nil {
		return nil, err
	}
	t := &Table{DiskSize: d.Size(), SectorSize: sectorSize, MBR: m}
	guarded := m.Kind == mbr.Protective || m.Kind == mbr.Hybrid
	switch {
	case g != nil && (guarded || m.Kind == mbr.None && g.Primary.Valid()):
		t.readGPT(g)
		if !guarded {
			t.warn("the boot record does not protect the GUID partition table: other programs may not see it")
		}
	case m.Kind != mbr.None:
		t.readMBR(m)
		if g != nil {
			t.warn("what is left of a GUID partition table is ignored: the boot record is not a protective one")
		} else if guarded {
			t.warn("the boot record protects a GUID partition table that is not there")
		}
	default:
		return t, nil
	}
	t.findOverlaps()
	t.findGaps()
	return t, nil
}

func (t *Table) readGPT(g *gpt.Table) {
	t.Label, t.GPT, t.SectorSize = LabelGPT, g, g.SectorSize
	t.Warnings = append(t.Warnings, g.Warnings...)
	t.structure(mbr.StructureMBR, 0, t.SectorSize)
	for _, c := range []*gpt.Copy{g.Primary, g.Backup} {
		for i, e := range g.Extents(c) {
			t.structure(c.Name+[]string{" header", " entries"}[i], e.Offset, e.Length)
		}
	}
	active := g.Active()
	if active == nil {
		return
	}
	t.ID = active.Header.DiskGUID.String()
	t.FirstLBA, t.LastLBA = active.Header.FirstUsableLBA, active.Header.LastUsableLBA
	for _, p := range g.Partitions() {
		if p.Sectors() == 0 {
			t.warn("partition %d ends in sector %d, before it begins in sector %d", p.Number, p.EndingLBA, p.StartingLBA)
		} else if p.StartingLBA < t.FirstLBA || p.EndingLBA > t.LastLBA {
			t.warn("partition %d lies outside of sectors %d to %d, which the table lets partitions use", p.Number, t.FirstLBA, t.LastLBA)
		}
		t.add(Partition{
			Number: p.Number, Kind: Primary, Start: p.StartingLBA, Sectors: p.Sectors(),
			Type: p.PartitionTypeGUID.String(), TypeName: gpt.TypeName(p.PartitionTypeGUID),
			UUID: p.UniquePartitionGUID.String(), Name: p.Name(), Attributes: p.Attributes,
		})
	}
}

func (t *Table) readMBR(m *mbr.Table) {
	t.Label = LabelDOS
	t.ID = fmt.Sprintf("0x%08x", m.Sector.DiskSignature)
	t.Warnings = append(t.Warnings, m.Warnings...)
	t.structure(mbr.StructureMBR, 0, t.SectorSize)
	for _, e := range m.Chain {
		t.structure(mbr.StructureEBR, int64(e.LBA)*t.SectorSize, t.SectorSize)
	}
	for _, p := range m.Partitions {
		t.add(Partition{
			Number: p.Number, Kind: Kind(p.Role), Start: p.Start, Sectors: p.Sectors,
			Type: fmt.Sprintf("%x", p.Record.OSType), TypeName: mbr.TypeName(p.Record.OSType),
			Bootable: p.Record.BootIndicator == mbr.Active,
		})
	}
}

// add fills in what follows from a partition's sectors, which may be any
// numbers at all.
func (t *Table) add(p Partition) {
	limit := uint64(math.MaxInt64 / t.SectorSize)
	start := min(p.Start, limit)
	p.Offset = int64(start) * t.SectorSize
	p.Length = int64(min(p.Sectors, limit-start)) * t.SectorSize
	if p.End() > t.DiskSize {
		p.Missing = min(p.End()-t.DiskSize, p.Length)
		t.warn("partition %d reaches %d bytes past the end of the image", p.Number, p.Missing)
	}
	t.Partitions = append(t.Partitions, p)
}

func (t *Table) structure(name string, offset, length int64) {
	t.Structures = append(t.Structures, Structure{name, offset, length})
}

func (t *Table) warn(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// findOverlaps warns of partitions that share sectors. A logical partition is
// meant to lie inside of an extended one.
func (t *Table) findOverlaps() {
	byStart := append([]Partition(nil), t.Partitions...)
	sort.SliceStable(byStart, func(i, j int) bool { return byStart[i].Offset < byStart[j].Offset })
	for _, nested := range []bool{false, true} {
		var last *Partition // of those seen, the one that reaches furthest
		for i := range byStart {
			p := &byStart[i]
			if (p.Kind == Logical) != nested || p.Length == 0 {
				continue
			}
			if last != nil && p.Offset < last.End() {
				t.warn("partitions %d and %d overlap by %d bytes", last.Number, p.Number, min(last.End(), p.End())-p.Offset)
			}
			if last == nil || p.End() > last.End() {
				last = p
			}
		}
	}
	for _, l := range t.Partitions {
		inside := l.Kind != Logical
		for _, e := range t.Partitions {
			inside = inside || e.Kind == Extended && l.Offset >= e.Offset && l.End() <= e.End()
			if l.Kind == Logical && e.Kind == Primary && l.Offset < e.End() && e.Offset < l.End() && l.Length > 0 && e.Length > 0 {
				t.warn("partitions %d and %d overlap", e.Number, l.Number)
			}
		}
		if !inside {
			t.warn("logical partition %d reaches out of the extended partition", l.Number)
		}
	}
}

// findGaps fills in Gaps. What lies in an extended partition but in no logical
// one is a gap.
func (t *Table) findGaps() {
	type extent struct{ start, end int64 }
	var taken []extent
	for _, s := range t.Structures {
		taken = append(taken, extent{s.Offset, s.Offset + s.Length})
	}
	for _, p := range t.Partitions {
		if p.Kind != Extended && p.Length > 0 {
			taken = append(taken, extent{p.Offset, p.End()})
		}
	}
	sort.Slice(taken, func(i, j int) bool { return taken[i].start < taken[j].start })
	sort.SliceStable(t.Structures, func(i, j int) bool { return t.Structures[i].Offset < t.Structures[j].Offset })
	taken = append(taken, extent{t.DiskSize, t.DiskSize})
	at := int64(0)
	for _, e := range taken {
		if start := min(e.start, t.DiskSize); start > at {
			t.Gaps = append(t.Gaps, Gap{Number: len(t.Gaps) + 1, Offset: at, Length: start - at})
		}
		at = max(at, e.end)
	}
}

package mbr

import (
	"errors"
	"fmt"
	"io"
)

// maxLogical bounds the chain of extended boot records. fdisk stops at 60
// partitions and Linux at 255.
const maxLogical = 1024

// Table is what Read found.
type Table struct {
	Kind       Kind
	SectorSize int64 // bytes; every LBA is in this unit
	DiskSize   int64 // bytes
	Sector     Sector
	Raw        []byte      // the record's 512 bytes; shorter on a smaller disk
	Partitions []Partition // the used records: 1…4 primary, in order, then 5… logical; none where Kind is None
	Chain      []Extended  // the extended boot records that were read, in order
	Warnings   []string
}

// Role tells where a partition's record stands.
type Role string

const (
	RolePrimary  Role = "primary"
	RoleExtended Role = "extended" // a primary record that holds logical partitions
	RoleLogical  Role = "logical"
)

// Partition is one used record.
type Partition struct {
	Number  int // 1…4 primary, 5… logical
	Role    Role
	Record  Record
	Start   uint64 // first sector of the disk, absolute
	Sectors uint64
	At      uint64 // the sector that holds the record
	Slot    int    // 0…3: which record of that sector
}

// Extended is one extended boot record.
type Extended struct {
	LBA    uint64
	Sector Sector
	Raw    []byte // 512 bytes
}

// Read decodes the table of a disk of size bytes with sectors of sectorSize
// bytes. A disk without one gives a Table of Kind None. An error is a failure
// to read r.
func Read(r io.ReaderAt, size, sectorSize int64) (*Table, error) {
	t := &Table{Kind: None, SectorSize: sectorSize, DiskSize: size}
	raw := make([]byte, Size)
	n, err := readAt(r, raw, 0)
	if err != nil {
		return nil, err
	}
	t.Raw = raw[:n]
	if n < Size {
		return t, nil
	}
	t.Sector = Layout.Decode(raw)
	probe := make([]byte, probeSize)
	n, err = readAt(r, probe, 0)
	if err != nil {
		return nil, err
	}
	if t.Kind = Classify(probe[:n], uint64(size/sectorSize)); t.Kind == None {
		return t, nil
	}
	var container *Partition
	for i, rec := range t.Sector.PartitionRecord {
		if !rec.Used() {
			continue
		}
		p := Partition{Number: i + 1, Role: RolePrimary, Record: rec, Start: uint64(rec.StartingLBA), Sectors: uint64(rec.SizeInLBA), Slot: i}
		if rec.Extended() {
			p.Role = RoleExtended
			if container != nil {
				t.warn("partition %d is a second extended partition: its logical partitions are not read", p.Number)
			} else {
				container = &p
			}
		}
		t.Partitions = append(t.Partitions, p)
	}
	if container != nil {
		if err := t.readChain(r, *container); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// readChain follows the extended boot records. Each holds a logical partition,
// whose start counts from the record itself, and a link to the next record,
// whose start counts from the extended partition.
func (t *Table) readChain(r io.ReaderAt, container Partition) error {
	seen := map[uint64]bool{0: true}
	number := 5
	for lba := container.Start; ; {
		switch {
		case seen[lba]:
			t.warn("the chain of extended boot records leads back to sector %d: it is read no further", lba)
			return nil
		case len(t.Chain) == maxLogical:
			t.warn("more than %d extended boot records: the rest is not read", maxLogical)
			return nil
		}
		seen[lba] = true
		raw := make([]byte, Size)
		n := 0
		if lba < uint64(t.DiskSize/t.SectorSize) {
			var err error
			if n, err = readAt(r, raw, int64(lba)*t.SectorSize); err != nil {
				return err
			}
		}
		if n < Size {
			t.warn("the extended boot record at sector %d lies past the end of the disk", lba)
			return nil
		}
		s := Layout.Decode(raw)
		if s.Signature != BootSignature {
			t.warn("there is no extended boot record at sector %d: it does not end in 55 AA", lba)
			return nil
		}
		t.Chain = append(t.Chain, Extended{LBA: lba, Sector: s, Raw: raw})
		data, next := -1, -1
		for i, rec := range s.PartitionRecord {
			switch {
			case !rec.Used():
			case rec.Extended() && next < 0:
				next = i
			case !rec.Extended() && data < 0:
				data = i
			default:
				t.warn("record %d of the extended boot record at sector %d is ignored: there is another of its kind", i, lba)
			}
		}
		if data >= 0 {
			rec := s.PartitionRecord[data]
			t.Partitions = append(t.Partitions, Partition{
				Number: number, Role: RoleLogical, Record: rec,
				Start: lba + uint64(rec.StartingLBA), Sectors: uint64(rec.SizeInLBA), At: lba, Slot: data,
			})
			number++
		}
		if next < 0 {
			return nil
		}
		lba = container.Start + uint64(s.PartitionRecord[next].StartingLBA)
	}
}

func (t *Table) warn(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// readAt reads as much of b as there is: a disk that ends early is no error.
func readAt(r io.ReaderAt, b []byte, off int64) (int, error) {
	n, err := r.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("partition table: read at byte %d: %w", off, err)
	}
	return n, nil
}

package partition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	diskgpt "github.com/diskfs/go-diskfs/partition/gpt"
	diskmbr "github.com/diskfs/go-diskfs/partition/mbr"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

// Disk is what a table is written to. It must be DiskSize long, or grow.
type Disk interface {
	io.ReaderAt
	io.WriterAt
}

// Geometry that parted gives a plain file, for the CHS fields that nothing
// reads any more.
const (
	heads   = 4
	sectors = 32
)

// Write writes the layout's partition table: for a GPT both copies and the
// protective boot record. A layout without a table writes nothing. What the
// table does not cover is not touched.
func Write(d Disk, l Layout) error {
	switch l.Label {
	case LabelDOS:
		return writeMBR(d, l)
	case LabelGPT:
		return writeGPT(d, l)
	}
	return nil
}

func writeMBR(d Disk, l Layout) error {
	table := diskmbr.Table{LogicalSectorSize: SectorSize, PhysicalSectorSize: SectorSize}
	for _, p := range l.Partitions {
		start, end := mbr.CHS(p.StartLBA, heads, sectors), mbr.CHS(p.EndLBA, heads, sectors)
		table.Partitions = append(table.Partitions, &diskmbr.Partition{
			Index: p.Number, Type: diskmbr.Type(p.OSType),
			Start: uint32(p.StartLBA), Size: uint32(p.EndLBA - p.StartLBA + 1),
			StartHead: start[0], StartSector: start[1], StartCylinder: start[2],
			EndHead: end[0], EndSector: end[1], EndCylinder: end[2],
		})
	}
	if err := table.Write(backend{d}, l.DiskSize); err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	return amend(d, func(s *mbr.Sector) { s.DiskSignature = l.DiskSignature })
}

func writeGPT(d Disk, l Layout) error {
	table := diskgpt.Table{LogicalSectorSize: SectorSize, PhysicalSectorSize: SectorSize, GUID: l.DiskGUID.String(), ProtectiveMBR: true}
	for _, p := range l.Partitions {
		table.Partitions = append(table.Partitions, &diskgpt.Partition{
			Index: p.Number, Start: p.StartLBA, End: p.EndLBA,
			Type: diskgpt.Type(p.TypeGUID.String()), GUID: p.UniqueGUID.String(), Name: p.Name,
		})
	}
	if err := table.Write(backend{d}, l.DiskSize); err != nil {
		return fmt.Errorf("write the partition table: %w", err)
	}
	last := uint64(l.DiskSize/SectorSize) - 1
	err := amend(d, func(s *mbr.Sector) {
		// As UEFI 5.2.3 wants it and as parted and sgdisk write it. go-diskfs
		// leaves both CHS fields zero, and cuts the size of a disk of more than
		// 2 TiB instead of clipping it.
		r := &s.PartitionRecord[0]
		r.StartingCHS, r.EndingCHS = [3]byte{0, 2, 0}, [3]byte{0xff, 0xff, 0xff}
		r.SizeInLBA = uint32(min(last, 0xffffffff))
	})
	if err != nil {
		return err
	}
	return check(d, l)
}

// amend rewrites the first sector, its boot code cleared, after change has set
// what go-diskfs cannot.
func amend(d Disk, change func(*mbr.Sector)) error {
	raw := make([]byte, mbr.Size)
	if _, err := d.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the boot record: %w", err)
	}
	s := mbr.Layout.Decode(raw)
	s.BootCode, s.DiskSignature, s.Unknown = [440]byte{}, 0, [2]byte{}
	change(&s)
	if _, err := d.WriteAt(mbr.Layout.Encode(&s), 0); err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	return nil
}

// check reads the table back with this project's own reader. It is what a
// later change of go-diskfs's would have to get past.
func check(d Disk, l Layout) error {
	t, err := gpt.Read(d, l.DiskSize, SectorSize)
	if err != nil {
		return fmt.Errorf("read the partition table back: %w", err)
	}
	if len(t.Warnings) > 0 {
		return fmt.Errorf("read the partition table back: %s", t.Warnings[0])
	}
	got := t.Partitions()
	for _, p := range l.Partitions {
		found := false
		for _, g := range got {
			found = found || g.Number == p.Number && g.StartingLBA == p.StartLBA && g.EndingLBA == p.EndLBA &&
				g.PartitionTypeGUID == p.TypeGUID && g.UniquePartitionGUID == p.UniqueGUID && g.Name() == p.Name
		}
		if !found {
			return fmt.Errorf("read the partition table back: partition %d is not as it was meant", p.Number)
		}
	}
	if len(got) != len(l.Partitions) || t.Primary.Header.DiskGUID != l.DiskGUID || !bytes.Equal(t.Primary.Entries, t.Backup.Entries) {
		return errors.New("read the partition table back: it is not as it was meant")
	}
	return nil
}

// backend gives go-diskfs, which asks for a whole file, what it needs of one to
// write a table: WriteAt. Its own reader, which is not used, would need more.
type backend struct{ Disk }

var errNoFile = errors.New("the table's writer is no file")

func (backend) Stat() (fs.FileInfo, error)     { return nil, errNoFile }
func (backend) Read([]byte) (int, error)       { return 0, errNoFile }
func (backend) Seek(int64, int) (int64, error) { return 0, errNoFile }
func (backend) Close() error                   { return nil }

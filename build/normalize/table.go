package normalize

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/split"
)

// checkTable refuses a table that cannot be relied on: what it says is where
// everything is written.
func (d *disk) checkTable() error {
	t := d.table
	if len(t.Warnings) > 0 {
		return fmt.Errorf("the partition table is damaged: %s", t.Warnings[0])
	}
	if t.GPT != nil && t.GPT.Active() == nil {
		return fmt.Errorf("the partition table is damaged: neither copy of the GPT is valid")
	}
	for i, p := range t.Partitions {
		for _, q := range t.Partitions[:i] {
			if p.Kind != split.Extended && q.Kind != split.Extended && p.Offset < q.End() && q.Offset < p.End() {
				return fmt.Errorf("the partitions %d and %d overlap", q.Number, p.Number)
			}
		}
	}
	return nil
}

// writeTable writes the partition table from what it says.
func (d *disk) writeTable() error {
	switch d.table.Label {
	case split.LabelNone:
		return nil
	case split.LabelGPT:
		if err := d.writeGPT(); err != nil {
			return err
		}
	}
	if err := d.writeMBR(); err != nil {
		return err
	}
	d.account.Parts = append(d.account.Parts, Part{"partition table (" + d.table.Label + ")", Rewritten, fmt.Sprintf("%d partitions", len(d.table.Partitions)), true})
	return nil
}

// writeMBR writes the boot record, with its boot code, and the extended boot
// records, which have none.
func (d *disk) writeMBR() error {
	m := d.table.MBR
	if m == nil || m.Kind == mbr.None {
		return nil
	}
	s := m.Sector
	s.DiskSignature, s.Unknown = d.ids.signature, [2]byte{}
	if _, err := d.w.WriteAt(mbr.Layout.Encode(&s), 0); err != nil {
		return err
	}
	for _, x := range m.Chain {
		s := x.Sector
		s.BootCode, s.DiskSignature, s.Unknown = [440]byte{}, 0, [2]byte{}
		if _, err := d.w.WriteAt(mbr.Layout.Encode(&s), int64(x.LBA)*d.table.SectorSize); err != nil {
			return err
		}
	}
	return nil
}

// writeGPT writes both copies of a GPT. They lie where they lay, so that the
// partitions do as well.
func (d *disk) writeGPT() error {
	active := d.table.GPT.Active()
	entries := make([]byte, len(active.Entries))
	for i := range active.Count() {
		e := active.Entry(i)
		if !e.Used() {
			continue
		}
		e.UniquePartitionGUID = d.ids.partitions[i+1]
		gpt.EntryLayout.Put(entries[i*active.EntrySize:], &e)
	}
	main, backup := active.Header, active.Header
	front, back := active.LBA, active.Header.AlternateLBA
	if active.Name != "primary" {
		front, back = back, front
	}
	size := int64(len(entries))
	sectors := uint64((size + d.table.SectorSize - 1) / d.table.SectorSize)
	if back <= sectors || back >= uint64(d.table.DiskSize/d.table.SectorSize) {
		return fmt.Errorf("%s: the partition table is damaged: its copy is said to be in sector %d", d.img.Path(), back)
	}
	frontEntries := main.PartitionEntryLBA
	backEntries := back - sectors
	if p := d.table.GPT.Primary; p != nil && p.Valid() {
		frontEntries = p.EntriesLBA
	}
	if b := d.table.GPT.Backup; b != nil && b.Valid() {
		backEntries = b.EntriesLBA
	}
	main.MyLBA, main.AlternateLBA, main.PartitionEntryLBA = front, back, frontEntries
	backup.MyLBA, backup.AlternateLBA, backup.PartitionEntryLBA = back, front, backEntries
	for _, h := range []gpt.Header{main, backup} {
		h.DiskGUID, h.HeaderSize, h.Reserved = d.ids.disk, gpt.HeaderSize, 0
		if _, err := d.w.WriteAt(gpt.Seal(h, entries), int64(h.MyLBA)*d.table.SectorSize); err != nil {
			return err
		}
		if _, err := d.w.WriteAt(entries, int64(h.PartitionEntryLBA)*d.table.SectorSize); err != nil {
			return err
		}
	}
	return nil
}

// writeGap copies what lies between the partitions, which nobody's table
// describes, or leaves it out.
func (d *disk) writeGap(g split.Gap) error {
	name := fmt.Sprintf("gap at byte %d", g.Offset)
	found, err := d.holdsData(g.Offset, g.Length)
	if err != nil || !found {
		return err
	}
	if d.opt.ClearGaps {
		d.account.Parts = append(d.account.Parts, Part{name, Cleared, fmt.Sprintf("%d bytes", g.Length), true})
		return nil
	}
	if _, err := d.copy(g.Offset, g.Length, name); err != nil {
		return err
	}
	d.account.Parts = append(d.account.Parts, Part{name, Kept, "a boot loader may be embedded there", false})
	return nil
}

package gpt

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Copy is one of a disk's two tables, as it was found: valid or not.
type Copy struct {
	Name      string // "primary" or "backup"
	LBA       uint64 // the sector that the header was read from
	Header    Header
	RawHeader []byte   // that whole sector
	Problems  []string // what is wrong with it; none for a valid copy

	Entries    []byte // the array's raw bytes; empty where they could not be found
	EntriesLBA uint64 // the sector that they were read from
	EntrySize  int    // bytes of one entry

	headerSound bool // whether Header may be relied on to find Entries
}

// Valid tells whether the copy may be relied on.
func (c *Copy) Valid() bool { return c != nil && len(c.Problems) == 0 }

// Table is what Read found: at least one copy that carries the signature.
type Table struct {
	SectorSize int64 // bytes; every LBA is in this unit
	DiskSize   int64 // bytes
	Primary    *Copy // nil where sector 1 does not carry the signature
	Backup     *Copy // nil where neither AlternateLBA nor the last sector carries it
	Warnings   []string
}

// ErrNone says that a disk has no GPT, not even a damaged one.
var ErrNone = errors.New("no GUID partition table")

// Active is the copy that counts: the primary where it is valid, else the
// backup where that is, else nil.
func (t *Table) Active() *Copy {
	switch {
	case t.Primary.Valid():
		return t.Primary
	case t.Backup.Valid():
		return t.Backup
	}
	return nil
}

// Partition is one used entry.
type Partition struct {
	Number int // its place in the array, from 1
	Entry
}

// Partitions lists the used entries of the active copy in the array's order.
func (t *Table) Partitions() []Partition {
	c := t.Active()
	if c == nil {
		return nil
	}
	var out []Partition
	for i := range c.Count() {
		if c.used(i) {
			out = append(out, Partition{Number: i + 1, Entry: c.Entry(i)})
		}
	}
	return out
}

// Count is how many entries were read.
func (c *Copy) Count() int {
	if len(c.Entries) == 0 {
		return 0
	}
	return len(c.Entries) / c.EntrySize
}

// Entry decodes the entry at index i, from 0.
func (c *Copy) Entry(i int) Entry {
	return EntryLayout.Decode(c.raw(i))
}

// raw is the entry at index i as stored.
func (c *Copy) raw(i int) []byte { return c.Entries[i*c.EntrySize : (i+1)*c.EntrySize] }

// used tells cheaply whether the entry at index i describes a partition.
func (c *Copy) used(i int) bool { return GUID(c.raw(i)[:16]) != GUID{} }

// Read finds the table of a disk of size bytes. A sectorSize of 0 stands for
// "find out": 512 and 4096 bytes are tried. The error is ErrNone where no copy
// is to be found, or a failure to read. A table of which no copy is valid is
// no error: Active is nil then.
func Read(r io.ReaderAt, size, sectorSize int64) (*Table, error) {
	if sectorSize != 0 {
		return read(r, size, sectorSize)
	}
	var best *Table
	for _, s := range []int64{512, 4096} {
		t, err := read(r, size, s)
		if errors.Is(err, ErrNone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// The array of one sector size may begin where the header of the other
		// would: only a valid copy proves a size.
		if best == nil || rank(t) > rank(best) {
			best = t
		}
	}
	if best == nil {
		return nil, ErrNone
	}
	return best, nil
}

func rank(t *Table) int {
	switch {
	case t.Primary.Valid():
		return 2
	case t.Backup.Valid():
		return 1
	}
	return 0
}

func read(r io.ReaderAt, size, sectorSize int64) (*Table, error) {
	t := &Table{SectorSize: sectorSize, DiskSize: size}
	sectors := uint64(size / sectorSize)
	if sectors < 3 {
		return nil, ErrNone
	}
	var err error
	if t.Primary, err = t.readCopy(r, "primary", 1); err != nil {
		return nil, err
	}
	last := sectors - 1
	at := last
	if t.Primary.Valid() {
		at = t.Primary.Header.AlternateLBA
	}
	if at > 1 && at < sectors {
		if t.Backup, err = t.readCopy(r, "backup", at); err != nil {
			return nil, err
		}
	}
	if !t.Backup.Valid() && at != last {
		// A disk that grew, or shrank, since the table was written.
		c, err := t.readCopy(r, "backup", last)
		if err != nil {
			return nil, err
		}
		if c.Valid() || t.Backup == nil {
			t.Backup = c
		}
	}
	if t.Primary == nil && t.Backup == nil {
		return nil, ErrNone
	}
	if err := t.findEntries(r, t.Primary, t.Backup); err != nil {
		return nil, err
	}
	if err := t.findEntries(r, t.Backup, t.Primary); err != nil {
		return nil, err
	}
	t.judge(last)
	return t, nil
}

// findEntries reads the array of a copy whose header cannot be relied on from
// where every tool puts it, in the size that the other, valid copy gives: the
// entries of a damaged copy are still to be named.
func (t *Table) findEntries(r io.ReaderAt, c, other *Copy) error {
	if c == nil || c.headerSound || !other.Valid() {
		return nil
	}
	sectors := (uint64(len(other.Entries)) + uint64(t.SectorSize) - 1) / uint64(t.SectorSize)
	lba := c.LBA + 1
	if c.Name == "backup" {
		lba = c.LBA - min(c.LBA, sectors)
	}
	if lba+sectors > uint64(t.DiskSize/t.SectorSize) {
		return nil
	}
	b, err := t.readAt(r, lba, len(other.Entries))
	if err != nil {
		return err
	}
	c.Entries, c.EntriesLBA, c.EntrySize = b, lba, other.EntrySize
	return nil
}

// judge fills in the warnings.
func (t *Table) judge(last uint64) {
	for _, c := range []struct {
		name string
		*Copy
	}{{"primary", t.Primary}, {"backup", t.Backup}} {
		switch {
		case c.Copy == nil && c.name == "primary":
			t.warn("there is no primary partition table in sector 1: the backup in sector %d is used", t.Backup.LBA)
		case c.Copy == nil && t.Primary.Valid() && t.Primary.Header.AlternateLBA > last:
			t.warn("the image is truncated: the backup partition table belongs in sector %d, %d bytes past the end",
				t.Primary.Header.AlternateLBA, excess(t.Primary.Header.AlternateLBA-last, t.SectorSize))
		case c.Copy == nil:
			t.warn("there is no backup partition table")
		default:
			for _, p := range c.Problems {
				t.warn("the %s partition table is damaged: %s", c.name, p)
			}
		}
	}
	if t.Primary.Valid() && t.Backup != nil && t.Backup.LBA != last {
		t.warn("the backup partition table is in sector %d, not at the end of the disk in sector %d", t.Backup.LBA, last)
	}
	if t.Primary.Valid() && t.Backup.Valid() {
		a, b := t.Primary.Header, t.Backup.Header
		if b.AlternateLBA != t.Primary.LBA {
			t.warn("the backup partition table says that the primary is in sector %d", b.AlternateLBA)
		}
		if a.DiskGUID != b.DiskGUID || a.FirstUsableLBA != b.FirstUsableLBA || a.LastUsableLBA != b.LastUsableLBA || !bytes.Equal(t.Primary.Entries, t.Backup.Entries) {
			t.warn("the backup partition table differs from the primary, which is used")
		}
	}
	if t.Active() == nil {
		t.warn("neither copy of the partition table is valid")
	} else if t.Primary != nil && !t.Primary.Valid() {
		t.warn("the backup partition table in sector %d is used", t.Backup.LBA)
	}
}

// excess is n sectors in bytes, or the largest number there is.
func excess(n uint64, sectorSize int64) uint64 {
	if n > (1<<63)/uint64(sectorSize) {
		return 1 << 63
	}
	return n * uint64(sectorSize)
}

func (t *Table) warn(format string, args ...any) {
	t.Warnings = append(t.Warnings, fmt.Sprintf(format, args...))
}

// readCopy reads the copy whose header is in sector lba, which must be on the
// disk; nil where that sector does not carry the signature.
func (t *Table) readCopy(r io.ReaderAt, name string, lba uint64) (*Copy, error) {
	raw, err := t.readAt(r, lba, int(t.SectorSize))
	if err != nil {
		return nil, err
	}
	h := HeaderLayout.Decode(raw)
	if h.Signature != Signature {
		return nil, nil
	}
	c := &Copy{Name: name, LBA: lba, Header: h, RawHeader: raw}
	bad := func(format string, args ...any) { c.Problems = append(c.Problems, fmt.Sprintf(format, args...)) }
	if h.HeaderSize < HeaderSize || int64(h.HeaderSize) > t.SectorSize {
		bad("HeaderSize is %d, not between %d and %d", h.HeaderSize, HeaderSize, t.SectorSize)
	} else if crc := headerCRC(raw[:h.HeaderSize]); crc != h.HeaderCRC32 {
		bad("HeaderCRC32 is %#08x, the header's checksum %#08x", h.HeaderCRC32, crc)
	}
	if h.Revision>>16 != Revision>>16 {
		bad("Revision is %#08x, not %#08x", h.Revision, Revision)
	}
	if h.MyLBA != lba {
		bad("MyLBA is %d in sector %d", h.MyLBA, lba)
	}
	if h.FirstUsableLBA > h.LastUsableLBA {
		bad("FirstUsableLBA %d lies behind LastUsableLBA %d", h.FirstUsableLBA, h.LastUsableLBA)
	}
	c.headerSound = len(c.Problems) == 0
	size := uint64(h.NumberOfPartitionEntries) * uint64(h.SizeOfPartitionEntry)
	sectors := uint64(t.DiskSize / t.SectorSize)
	switch {
	case h.SizeOfPartitionEntry < EntrySize || h.SizeOfPartitionEntry&(h.SizeOfPartitionEntry-1) != 0:
		c.headerSound = false
		bad("SizeOfPartitionEntry is %d, not 128 or a power of two above", h.SizeOfPartitionEntry)
	case size == 0 || size > MaxArraySize:
		c.headerSound = false
		bad("%d entries of %d bytes are none or more than %d bytes", h.NumberOfPartitionEntries, h.SizeOfPartitionEntry, MaxArraySize)
	case h.PartitionEntryLBA >= sectors || size > uint64(t.DiskSize)-h.PartitionEntryLBA*uint64(t.SectorSize):
		c.headerSound = false
		bad("PartitionEntryLBA %d puts the entries past the end of the disk", h.PartitionEntryLBA)
	default:
		if c.Entries, err = t.readAt(r, h.PartitionEntryLBA, int(size)); err != nil {
			return nil, err
		}
		c.EntriesLBA, c.EntrySize = h.PartitionEntryLBA, int(h.SizeOfPartitionEntry)
		if crc := crc32.ChecksumIEEE(c.Entries); crc != h.PartitionEntryArrayCRC32 {
			bad("PartitionEntryArrayCRC32 is %#08x, the entries' checksum %#08x", h.PartitionEntryArrayCRC32, crc)
		}
	}
	return c, nil
}

func (t *Table) readAt(r io.ReaderAt, lba uint64, n int) ([]byte, error) {
	b := make([]byte, n)
	off := int64(lba) * t.SectorSize
	if got, err := r.ReadAt(b, off); got < n {
		return nil, fmt.Errorf("partition table: read at byte %d: %w", off, err)
	}
	return b, nil
}

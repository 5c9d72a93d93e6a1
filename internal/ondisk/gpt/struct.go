package gpt

import (
	"encoding/binary"
	"hash/crc32"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Signature of a header: "EFI PART".
var Signature = [8]byte{'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'}

const (
	Revision      = 0x00010000 // 1.0, the only one there is
	HeaderSize    = 92         // bytes of the header as revision 1.0 has it
	EntrySize     = 128        // bytes of the smallest entry
	MaxArraySize  = 16 << 20   // bytes of the largest array of entries that is read
	NameLength    = 36         // UTF-16 code units in a PartitionName
	MinArraySize  = 16384      // bytes that UEFI reserves for an array, however few entries it has
	DefaultNumber = 128        // entries in the array that every tool makes
)

// Header is the partition table header (UEFI table 5-5).
type Header struct {
	Signature                [8]byte `disk:"Signature,text"`
	Revision                 uint32  `disk:"Revision,hex"`
	HeaderSize               uint32  `disk:"HeaderSize"`           // bytes that HeaderCRC32 covers
	HeaderCRC32              uint32  `disk:"HeaderCRC32,checksum"` // computed with this field zero
	Reserved                 uint32  `disk:"Reserved,reserved"`
	MyLBA                    uint64  `disk:"MyLBA"`
	AlternateLBA             uint64  `disk:"AlternateLBA"`
	FirstUsableLBA           uint64  `disk:"FirstUsableLBA"`
	LastUsableLBA            uint64  `disk:"LastUsableLBA"`
	DiskGUID                 GUID    `disk:"DiskGUID,guid"`
	PartitionEntryLBA        uint64  `disk:"PartitionEntryLBA"`
	NumberOfPartitionEntries uint32  `disk:"NumberOfPartitionEntries"`
	SizeOfPartitionEntry     uint32  `disk:"SizeOfPartitionEntry"` // bytes
	PartitionEntryArrayCRC32 uint32  `disk:"PartitionEntryArrayCRC32,checksum"`
}

// Entry is one partition entry (UEFI table 5-6).
type Entry struct {
	PartitionTypeGUID   GUID     `disk:"PartitionTypeGUID,guid"` // zero: the entry is unused
	UniquePartitionGUID GUID     `disk:"UniquePartitionGUID,guid"`
	StartingLBA         uint64   `disk:"StartingLBA"`
	EndingLBA           uint64   `disk:"EndingLBA"` // the last sector, inclusive
	Attributes          uint64   `disk:"Attributes,flags"`
	PartitionName       [72]byte `disk:"PartitionName,utf16"`
}

// Layouts of the two structures. Behind a header and behind a longer entry
// follow reserved bytes, named Tail.
var (
	HeaderLayout = field.MustOf[Header](binary.LittleEndian)
	EntryLayout  = field.MustOf[Entry](binary.LittleEndian)
)

// Tail is the name of the reserved bytes between a header's or an entry's
// fields and the end of its sector or slot.
const Tail = "ReservedTail"

// Used tells whether the entry describes a partition.
func (e Entry) Used() bool { return e.PartitionTypeGUID != GUID{} }

// Sectors is the partition's length; 0 where it ends before it begins.
func (e Entry) Sectors() uint64 {
	if e.EndingLBA < e.StartingLBA || e.EndingLBA-e.StartingLBA == 1<<64-1 {
		return 0
	}
	return e.EndingLBA - e.StartingLBA + 1
}

// Name is the partition's name, up to the first NUL. What is no UTF-16
// becomes U+FFFD.
func (e Entry) Name() string {
	var u []uint16
	for i := 0; i < len(e.PartitionName); i += 2 {
		c := binary.LittleEndian.Uint16(e.PartitionName[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// Seal returns the header's bytes, HeaderSize long, with both checksums filled
// in: that of the given array of entries, and its own.
func Seal(h Header, entries []byte) []byte {
	h.Signature, h.Revision, h.HeaderSize = Signature, Revision, HeaderSize
	h.PartitionEntryArrayCRC32 = crc32.ChecksumIEEE(entries)
	h.HeaderCRC32 = 0
	h.HeaderCRC32 = crc32.ChecksumIEEE(HeaderLayout.Encode(&h))
	return HeaderLayout.Encode(&h)
}

// headerCRC is the checksum of a header whose first size bytes are given.
func headerCRC(raw []byte) uint32 {
	b := append([]byte(nil), raw...)
	f, _ := HeaderLayout.Named("HeaderCRC32")
	clear(f.Slice(b))
	return crc32.ChecksumIEEE(b)
}

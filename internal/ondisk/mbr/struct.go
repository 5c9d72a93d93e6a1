package mbr

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Size of the record in bytes, whatever the disk's sector size.
const Size = 512

// BootSignature is the value of Sector.Signature: the bytes 55 AA.
const BootSignature = 0xaa55

// Types of partitions that mean something to this package (OSType).
const (
	TypeExtended      = 0x05
	TypeExtendedLBA   = 0x0f
	TypeLinux         = 0x83
	TypeLinuxExtended = 0x85
	TypeProtective    = 0xee // UEFI: the disk has a GPT
	TypeESP           = 0xef
)

// Active is the BootIndicator of the partition that a BIOS boots. Every other
// record holds zero there.
const Active = 0x80

// Record is one partition record (UEFI table 5-2).
type Record struct {
	BootIndicator uint8   `disk:"BootIndicator,hex"`
	StartingCHS   [3]byte `disk:"StartingCHS,bytes"`
	OSType        uint8   `disk:"OSType,hex"`
	EndingCHS     [3]byte `disk:"EndingCHS,bytes"`
	StartingLBA   uint32  `disk:"StartingLBA"` // first sector; relative in an extended boot record
	SizeInLBA     uint32  `disk:"SizeInLBA"`   // number of sectors; 0 means that the record is unused
}

// Used tells whether the record describes a partition. As fdisk has it, the
// size decides, not the type.
func (r Record) Used() bool { return r.SizeInLBA != 0 }

// Extended tells whether the record is a link to extended boot records.
func (r Record) Extended() bool {
	return r.OSType == TypeExtended || r.OSType == TypeExtendedLBA || r.OSType == TypeLinuxExtended
}

// Sector is the record in a disk's first sector (UEFI table 5-1), and the
// extended boot record at the front of each logical partition, which has the
// same form but uses only two partition records.
type Sector struct {
	BootCode        [440]byte `disk:"BootCode,bytes"`
	DiskSignature   uint32    `disk:"DiskSignature,hex"`
	Unknown         [2]byte   `disk:"Unknown,bytes"`
	PartitionRecord [4]Record `disk:"PartitionRecord"`
	Signature       uint16    `disk:"Signature,hex"`
}

// Layout names every byte of a Sector.
var Layout = field.MustOf[Sector](binary.LittleEndian)

// Tail is the name of what a logical sector larger than Size holds behind the
// record: bytes that UEFI reserves.
const Tail = "Reserved"

// FieldAt is the field that owns the byte at offset off of a logical sector
// that holds a Sector; behind Size it is the Tail.
func FieldAt(off, sectorSize int) field.Field {
	if off < Size {
		return Layout.At(off)
	}
	return field.Field{Name: Tail, Offset: Size, Length: sectorSize - Size, Kind: field.Reserved}
}

// CHS packs a sector's cylinder, head and sector number in the given geometry
// the way StartingCHS holds them, cylinders above 1023 clipped to 1023 as
// parted and fdisk clip them.
func CHS(lba uint64, heads, sectors uint64) [3]byte {
	cylinder, head, sector := lba/(heads*sectors), lba/sectors%heads, lba%sectors+1
	cylinder = min(cylinder, 1023)
	return [3]byte{byte(head), byte(sector) | byte(cylinder>>8)<<6, byte(cylinder)}
}

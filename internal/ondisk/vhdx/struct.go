package vhdx

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	// Signature is what a VHDX begins with.
	Signature         = "vhdxfile"
	headerSignature   = "head"
	regionSignature   = "regi"
	metadataSignature = "metadata"

	// Where the parts of the header section lie, and how long in bytes those
	// are over which a checksum is made.
	headerAt1, headerAt2 = 64 << 10, 128 << 10
	regionAt1, regionAt2 = 192 << 10, 256 << 10
	headerSize           = 4 << 10
	regionSize           = 64 << 10
	metadataTableSize    = 64 << 10

	maxTableEntries = 2047
	checksumAt      = 4 // in headers and region tables

	mib = 1 << 20
)

// GUIDs as they are stored; see guid.
var (
	batRegion          = guid(0x2dc27766, 0xf623, 0x4200, 0x9d64115e9bfd4a08)
	metadataRegion     = guid(0x8b7ca206, 0x4790, 0x4b9a, 0xb8fe575f050f886e)
	fileParameters     = guid(0xcaa16737, 0xfa36, 0x4d43, 0xb3b633f0aa44e76b)
	virtualDiskSize    = guid(0x2fa54224, 0xcd1b, 0x4876, 0xb2115dbed83bf4b8)
	virtualDiskID      = guid(0xbeca12ab, 0xb2e6, 0x4523, 0x93efc309e000c746)
	logicalSectorSize  = guid(0x8141bf1d, 0xa96f, 0x4709, 0xba47f233a8faab5f)
	physicalSectorSize = guid(0xcda348c7, 0x445d, 0x4471, 0x9cc9e9885251c556)
	parentLocator      = guid(0xa8d35f2d, 0xb30b, 0x454d, 0xabf7d3d84834ab0c)
)

// guid stores a GUID: its first three parts little-endian, the rest as written.
func guid(a uint32, b, c uint16, d uint64) (g [16]byte) {
	binary.LittleEndian.PutUint32(g[0:], a)
	binary.LittleEndian.PutUint16(g[4:], b)
	binary.LittleEndian.PutUint16(g[6:], c)
	binary.BigEndian.PutUint64(g[8:], d)
	return g
}

// Identifier is the file type identifier.
type Identifier struct {
	Signature [8]byte   `disk:"Signature,text"`
	Creator   [512]byte `disk:"Creator,utf16"`
}

// Header is one of the two headers.
type Header struct {
	Signature      [4]byte    `disk:"Signature,text"`
	Checksum       uint32     `disk:"Checksum,checksum"`
	SequenceNumber uint64     `disk:"SequenceNumber"`
	FileWriteGUID  [16]byte   `disk:"FileWriteGuid,guid"`
	DataWriteGUID  [16]byte   `disk:"DataWriteGuid,guid"`
	LogGUID        [16]byte   `disk:"LogGuid,guid"`
	LogVersion     uint16     `disk:"LogVersion"`
	Version        uint16     `disk:"Version"`
	LogLength      uint32     `disk:"LogLength"`
	LogOffset      uint64     `disk:"LogOffset"`
	Reserved       [4016]byte `disk:"Reserved,reserved"`
}

// tableHeader begins a region table.
type tableHeader struct {
	Signature  [4]byte `disk:"Signature,text"`
	Checksum   uint32  `disk:"Checksum,checksum"`
	EntryCount uint32  `disk:"EntryCount"`
	Reserved   uint32  `disk:"Reserved,reserved"`
}

// regionEntry says where a region lies.
type regionEntry struct {
	GUID       [16]byte `disk:"Guid,guid"`
	FileOffset uint64   `disk:"FileOffset"`
	Length     uint32   `disk:"Length"`
	Required   uint32   `disk:"Required,flags"` // bit 0
}

// metadataHeader begins the metadata region.
type metadataHeader struct {
	Signature  [8]byte  `disk:"Signature,text"`
	Reserved   uint16   `disk:"Reserved,reserved"`
	EntryCount uint16   `disk:"EntryCount"`
	Reserved2  [20]byte `disk:"Reserved2,reserved"`
}

// metadataEntry says where an item lies.
type metadataEntry struct {
	ItemID    [16]byte `disk:"ItemId,guid"`
	Offset    uint32   `disk:"Offset"` // bytes from the region's begin
	Length    uint32   `disk:"Length"`
	Flags     uint32   `disk:"IsUser|IsVirtualDisk|IsRequired,flags"` // bits 0, 1, 2
	Reserved2 uint32   `disk:"Reserved2,reserved"`
}

const (
	required     = 1 << 0 // of regionEntry.Required
	itemRequired = 1 << 2 // of metadataEntry.Flags
	hasParent    = 1 << 1 // of parameters.Flags
)

// parameters is the item File Parameters.
type parameters struct {
	BlockSize uint32 `disk:"BlockSize"`
	Flags     uint32 `disk:"LeaveBlockAllocated|HasParent,flags"` // bits 0, 1
}

// The other items are a value each.
type (
	sizeItem struct {
		Value uint64 `disk:"VirtualDiskSize"`
	}
	idItem struct {
		Value [16]byte `disk:"VirtualDiskId,guid"`
	}
	logicalItem struct {
		Value uint32 `disk:"LogicalSectorSize"`
	}
	physicalItem struct {
		Value uint32 `disk:"PhysicalSectorSize"`
	}
)

var (
	// IdentifierLayout is the identifier's layout, 520 bytes.
	IdentifierLayout = field.MustOf[Identifier](binary.LittleEndian)
	// HeaderLayout is a header's layout, 4096 bytes.
	HeaderLayout = field.MustOf[Header](binary.LittleEndian)

	tableLayout    = field.MustOf[tableHeader](binary.LittleEndian)
	regionLayout   = field.MustOf[regionEntry](binary.LittleEndian)
	metadataLayout = field.MustOf[metadataHeader](binary.LittleEndian)
	itemLayout     = field.MustOf[metadataEntry](binary.LittleEndian)
	paramLayout    = field.MustOf[parameters](binary.LittleEndian)
	sizeLayout     = field.MustOf[sizeItem](binary.LittleEndian)
	idLayout       = field.MustOf[idItem](binary.LittleEndian)
	logicalLayout  = field.MustOf[logicalItem](binary.LittleEndian)
	physicalLayout = field.MustOf[physicalItem](binary.LittleEndian)
)

// States of a block, the low three bits of its BAT entry.
const (
	stateNotPresent   = 0
	stateUndefined    = 1
	stateZero         = 2
	stateUnmapped     = 3
	stateUnmapped095  = 5 // of drafts of the specification; QEMU reads it, too
	stateFullyPresent = 6
	statePartial      = 7
)

// blockPlace is the part of a BAT entry that is a place in bytes.
const blockPlace = ^uint64(mib - 1)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// goodChecksum compares a structure's checksum, which is made with zeros in
// its own place.
func goodChecksum(b []byte) bool {
	sum := crc32.Update(0, castagnoli, b[:checksumAt])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	sum = crc32.Update(sum, castagnoli, b[checksumAt+4:])
	return sum == binary.LittleEndian.Uint32(b[checksumAt:])
}

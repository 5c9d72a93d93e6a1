package efivars

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// VolumeHeader is EFI_FIRMWARE_VOLUME_HEADER up to its block map.
type VolumeHeader struct {
	ZeroVector      [16]byte `disk:"ZeroVector,reserved"`
	FileSystemGUID  [16]byte `disk:"FileSystemGuid,guid"`
	FvLength        uint64   `disk:"FvLength"`
	Signature       [4]byte  `disk:"Signature,text"`
	Attributes      uint32   `disk:"Attributes,hex"`
	HeaderLength    uint16   `disk:"HeaderLength"`
	Checksum        uint16   `disk:"Checksum,hex"`
	ExtHeaderOffset uint16   `disk:"ExtHeaderOffset"`
	Reserved        uint8    `disk:"Reserved,reserved"`
	Revision        uint8    `disk:"Revision"`
}

// StoreHeader is VARIABLE_STORE_HEADER.
type StoreHeader struct {
	Signature [16]byte `disk:"Signature,guid"`
	Size      uint32   `disk:"Size"` // bytes of the store, this header included
	Format    uint8    `disk:"Format,hex"`
	State     uint8    `disk:"State,hex"`
	Reserved  uint16   `disk:"Reserved,reserved"`
	Reserved1 uint32   `disk:"Reserved1,reserved"`
}

// Time is EFI_TIME.
type Time struct {
	Year       uint16 `disk:"Year"`
	Month      uint8  `disk:"Month"`
	Day        uint8  `disk:"Day"`
	Hour       uint8  `disk:"Hour"`
	Minute     uint8  `disk:"Minute"`
	Second     uint8  `disk:"Second"`
	Pad1       uint8  `disk:"Pad1,reserved"`
	Nanosecond uint32 `disk:"Nanosecond"`
	TimeZone   int16  `disk:"TimeZone"`
	Daylight   uint8  `disk:"Daylight"`
	Pad2       uint8  `disk:"Pad2,reserved"`
}

// AuthenticatedHeader is AUTHENTICATED_VARIABLE_HEADER.
type AuthenticatedHeader struct {
	StartID        uint16   `disk:"StartId,hex"`
	State          uint8    `disk:"State,hex"`
	Reserved       uint8    `disk:"Reserved,reserved"`
	Attributes     uint32   `disk:"Attributes,hex"`
	MonotonicCount uint64   `disk:"MonotonicCount"`
	TimeStamp      Time     `disk:"TimeStamp"`
	PubKeyIndex    uint32   `disk:"PubKeyIndex"`
	NameSize       uint32   `disk:"NameSize"` // bytes of the name in UTF-16, its end included
	DataSize       uint32   `disk:"DataSize"`
	VendorGUID     [16]byte `disk:"VendorGuid,guid"`
}

// PlainHeader is VARIABLE_HEADER.
type PlainHeader struct {
	StartID    uint16   `disk:"StartId,hex"`
	State      uint8    `disk:"State,hex"`
	Reserved   uint8    `disk:"Reserved,reserved"`
	Attributes uint32   `disk:"Attributes,hex"`
	NameSize   uint32   `disk:"NameSize"`
	DataSize   uint32   `disk:"DataSize"`
	VendorGUID [16]byte `disk:"VendorGuid,guid"`
}

// The layouts of the structures.
var (
	VolumeLayout        = field.MustOf[VolumeHeader](binary.LittleEndian)
	StoreLayout         = field.MustOf[StoreHeader](binary.LittleEndian)
	AuthenticatedLayout = field.MustOf[AuthenticatedHeader](binary.LittleEndian)
	PlainLayout         = field.MustOf[PlainHeader](binary.LittleEndian)
)

// GUIDs in storage order.
var (
	// NVDataGUID is gEfiSystemNvDataFvGuid, FFF12B8D-7696-4C8B-A985-2747075B4F50.
	NVDataGUID = [16]byte{0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50}
	// AuthenticatedGUID is gEfiAuthenticatedVariableGuid, AAF32C78-947B-439A-A180-2E144EC37792.
	AuthenticatedGUID = [16]byte{0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92}
	// PlainGUID is gEfiVariableGuid, DDCF3616-3275-4164-98B6-FE85707FFE7D.
	PlainGUID = [16]byte{0x16, 0x36, 0xcf, 0xdd, 0x75, 0x32, 0x64, 0x41, 0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d}
)

const (
	signature = "_FVH"
	formatted = 0x5a // VARIABLE_STORE_FORMATTED
	healthy   = 0xfe // VARIABLE_STORE_HEALTHY
	startID   = 0x55aa

	// Added is VAR_ADDED, the state of a variable in use. Every further step
	// of its life clears a bit: 0x3d is deleted, 0x3e is about to be.
	Added           = 0x3f
	deletedMask     = 0x02 // cleared by VAR_DELETED
	headerValidOnly = 0x7f // VAR_HEADER_VALID_ONLY: the data was never written in full

	// MaxVolume is the size in bytes of the largest volume that is read.
	MaxVolume = 64 << 20
)

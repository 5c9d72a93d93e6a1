package vdi

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// Signature is u32Signature of every VDI, at byte 64.
const Signature = 0xbeda107f

// version is u32Version of VDI 1.1; the format before it had another header.
const version = 0x00010001

// Types of images, u32Type.
const (
	typeDynamic = 1
	typeFixed   = 2
	typeUndo    = 3
	typeDiff    = 4
)

// Entries of the block map that are no places.
const (
	blockZero = 0xfffffffe // discarded: reads as zeros
	blockFree = 0xffffffff // never written
)

// Header is what a VDI begins with: VDIPREHEADER and VDIHEADER1PLUS, and the
// rest of the sector.
type Header struct {
	FileInfo        [64]byte  `disk:"szFileInfo,text"`
	Signature       uint32    `disk:"u32Signature,hex"`
	Version         uint32    `disk:"u32Version,hex"`
	HeaderSize      uint32    `disk:"cbHeader"`
	Type            uint32    `disk:"u32Type"`
	Flags           uint32    `disk:"fFlags,flags"`
	Comment         [256]byte `disk:"szComment,text"`
	OffBlocks       uint32    `disk:"offBlocks"`
	OffData         uint32    `disk:"offData"`
	LegacyGeometry  geometry  `disk:"LegacyGeometry"`
	Dummy           uint32    `disk:"u32Dummy,reserved"`
	DiskSize        uint64    `disk:"cbDisk"`
	BlockSize       uint32    `disk:"cbBlock"`
	BlockExtra      uint32    `disk:"cbBlockExtra"`
	Blocks          uint32    `disk:"cBlocks"`
	BlocksAllocated uint32    `disk:"cBlocksAllocated"`
	UUIDImage       [16]byte  `disk:"uuid_image,guid"`
	UUIDLastSnap    [16]byte  `disk:"uuid_last_snap,guid"`
	UUIDLink        [16]byte  `disk:"uuid_link,guid"`
	UUIDParent      [16]byte  `disk:"uuid_parent,guid"`
	Geometry        geometry  `disk:"LCHSGeometry"`
	Reserved        [40]byte  `disk:"reserved,reserved"`
}

// geometry is VDIDISKGEOMETRY.
type geometry struct {
	Cylinders  uint32 `disk:"cCylinders"`
	Heads      uint32 `disk:"cHeads"`
	Sectors    uint32 `disk:"cSectors"`
	SectorSize uint32 `disk:"cbSector"`
}

// Layout is the header's layout, 512 bytes.
var Layout = field.MustOf[Header](binary.LittleEndian)

package vmdk

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	// Magic is magicNumber of a sparse extent, "KDMV" in the file.
	Magic = "KDMV"
	// magicCOWD is what ESX's sparse extents begin with.
	magicCOWD = "COWD"
	// magicSESparse is what ESX's space-efficient sparse extents begin with.
	magicSESparse = "\xbe\xba\xfe\xca\x00\x00\x00\x00"
	// DescriptorMagic is what a descriptor begins with.
	DescriptorMagic = "# Disk DescriptorFile"

	sector = 512 // bytes; the unit of all places and sizes in this format

	gdAtEnd = 1<<64 - 1 // gdOffset: the footer has it

	noParent = "ffffffff" // parentCID of an image without one
)

// Bits of flags.
const (
	flagNewlines  = 1 << 0 // the four line end characters are there
	flagRedundant = 1 << 1 // there is a second grain directory
	flagZeroGrain = 1 << 2 // entry 1 of a grain table is a grain of zeros
	flagMarkers   = 1 << 17
)

const compressDeflate = 1 // compressAlgorithm: RFC 1950

// Types of markers; the type of a grain's marker is its first data.
const (
	markerEndOfStream = 0
	markerFooter      = 3
)

// Header is SparseExtentHeader.
type Header struct {
	MagicNumber        [4]byte   `disk:"magicNumber,text"`
	Version            uint32    `disk:"version"`
	Flags              uint32    `disk:"flags,flags"`
	Capacity           uint64    `disk:"capacity"`
	GrainSize          uint64    `disk:"grainSize"`
	DescriptorOffset   uint64    `disk:"descriptorOffset"`
	DescriptorSize     uint64    `disk:"descriptorSize"`
	NumGTEsPerGT       uint32    `disk:"numGTEsPerGT"`
	RGDOffset          uint64    `disk:"rgdOffset"`
	GDOffset           uint64    `disk:"gdOffset"`
	OverHead           uint64    `disk:"overHead"`
	UncleanShutdown    uint8     `disk:"uncleanShutdown"`
	SingleEndLineChar  uint8     `disk:"singleEndLineChar,hex"`
	NonEndLineChar     uint8     `disk:"nonEndLineChar,hex"`
	DoubleEndLineChar1 uint8     `disk:"doubleEndLineChar1,hex"`
	DoubleEndLineChar2 uint8     `disk:"doubleEndLineChar2,hex"`
	CompressAlgorithm  uint16    `disk:"compressAlgorithm"`
	Pad                [433]byte `disk:"pad,reserved"`
}

// marker precedes what is in a stream: a grain, whose data begin where its
// type would be, or a sector that is not a grain's.
type marker struct {
	Val  uint64 `disk:"val"`  // a grain's first sector in the disk; else how many sectors follow
	Size uint32 `disk:"size"` // of a grain's data in bytes; 0 for the others
	Type uint32 `disk:"type"`
}

// grainMarker is the length in bytes of the marker before a grain's data.
const grainMarker = 12

var (
	// HeaderLayout is the header's layout, 512 bytes.
	HeaderLayout = field.MustOf[Header](binary.LittleEndian)

	markerLayout = field.MustOf[marker](binary.LittleEndian)
)

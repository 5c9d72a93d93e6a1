package vmdk

import (
	"fmt"
	"math"
)

const (
	// GrainBytes is the length in bytes of a grain of the images that are
	// written, and VMware's own.
	GrainBytes = 64 << 10

	// MaxSize is the largest disk in bytes: places in the file are 32 bits of
	// sectors, and the tables take some room, too.
	MaxSize = 2<<40 - 1<<30

	descriptorSectors = 20 // as others reserve them
	tableEntries      = 512
	heads, perTrack   = 16, 63 // of the geometry for IDE
)

// Monolithic is how a monolithicSparse image is laid out: places are bytes of
// the file.
type Monolithic struct {
	Head      []byte // the header and the descriptor, at byte 0
	Tables    int64  // how many grain tables there are
	Directory [2]int64
	Table     [2]int64 // the first grain table of each directory; the others follow
	Data      int64    // the first grain's place
}

// TableBytes is the length of a grain table in bytes.
const TableBytes = 4 * tableEntries

// NewMonolithic lays out the image, whose file is called name, of a disk of
// size bytes. The content identifier cid stands in the descriptor.
func NewMonolithic(size int64, name string, cid uint32) (*Monolithic, error) {
	if size <= 0 || size%sector != 0 || size > MaxSize {
		return nil, fmt.Errorf("a VMDK in one file holds whole sectors of 512 bytes, up to %d bytes, not %d bytes", int64(MaxSize), size)
	}
	if err := plainName(name); err != nil {
		return nil, err
	}
	if cid >= math.MaxUint32-1 { // no parent, and what some readers take for none
		cid = 1
	}
	text := fmt.Sprintf(`%s
version=1
CID=%08x
parentCID=%s
createType="monolithicSparse"

# Extent description
RW %d SPARSE "%s"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = "4"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "%d"
ddb.geometry.sectors = "%d"
ddb.adapterType = "ide"
`, DescriptorMagic, cid, noParent, size/sector, name, size/(heads*perTrack*sector), heads, perTrack)
	if len(text) > descriptorSectors*sector {
		return nil, fmt.Errorf("the descriptor has %d bytes, more than %d: choose a shorter name than %s", len(text), descriptorSectors*sector, quote(name))
	}
	m := &Monolithic{Tables: (size + tableEntries*GrainBytes - 1) / (tableEntries * GrainBytes)}
	directory := (4*m.Tables + sector - 1) / sector * sector
	at := int64(1+descriptorSectors) * sector
	for i := range m.Directory {
		m.Directory[i] = at
		m.Table[i] = at + directory
		at = m.Table[i] + m.Tables*TableBytes
	}
	m.Data = (at + GrainBytes - 1) / GrainBytes * GrainBytes
	h := Header{
		Version:          1,
		Flags:            flagNewlines | flagRedundant,
		Capacity:         uint64(size / sector),
		GrainSize:        GrainBytes / sector,
		DescriptorOffset: 1,
		DescriptorSize:   descriptorSectors,
		NumGTEsPerGT:     tableEntries,
		RGDOffset:        uint64(m.Directory[0] / sector),
		GDOffset:         uint64(m.Directory[1] / sector),
		OverHead:         uint64(m.Data / sector),

		SingleEndLineChar: '\n', NonEndLineChar: ' ', DoubleEndLineChar1: '\r', DoubleEndLineChar2: '\n',
	}
	copy(h.MagicNumber[:], Magic)
	m.Head = make([]byte, (1+descriptorSectors)*sector)
	HeaderLayout.Put(m.Head, &h)
	copy(m.Head[sector:], text)
	return m, nil
}

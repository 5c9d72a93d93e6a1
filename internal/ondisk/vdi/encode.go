package vdi

import "fmt"

const (
	// BlockSize is the length in bytes of the blocks of the images that are
	// written, and VirtualBox's own.
	BlockSize = 1 << 20
	// BlockFree is the block map's entry for a block that is not stored.
	BlockFree = blockFree

	// fileInfo is a text for people.
	fileInfo = "<<< reprodisk Disk Image >>>\n"
	// headerSize is cbHeader of VDIHEADER1, without the geometry behind it.
	headerSize = 0x180
)

// NewDynamic is the header of a dynamic image of a disk of size bytes. The
// block map lies behind it, and the blocks behind that, at a multiple of their
// length. How many there are, BlocksAllocated, is the writer's to fill in. The
// identifiers are given as they are written (RFC 9562).
func NewDynamic(size int64, image, snapshot [16]byte) (Header, error) {
	if size <= 0 || size%sector != 0 || size > maxDiskSize-BlockSize {
		return Header{}, fmt.Errorf("a VDI holds whole sectors of 512 bytes, up to %d bytes, not %d bytes", int64(maxDiskSize-BlockSize), size)
	}
	blocks := (size + BlockSize - 1) / BlockSize
	offBlocks := int64(Layout.Size())
	h := Header{
		Signature:    Signature,
		Version:      version,
		HeaderSize:   headerSize,
		Type:         typeDynamic,
		OffBlocks:    uint32(offBlocks),
		DiskSize:     uint64(size),
		BlockSize:    BlockSize,
		Blocks:       uint32(blocks),
		UUIDImage:    mixed(image),
		UUIDLastSnap: mixed(snapshot),
	}
	offData := (offBlocks + 4*blocks + BlockSize - 1) / BlockSize * BlockSize
	if offData > 1<<32-1 {
		return Header{}, fmt.Errorf("a disk of %d bytes needs a block map that no VDI has room for", size)
	}
	h.OffData = uint32(offData)
	h.LegacyGeometry.SectorSize = sector
	copy(h.FileInfo[:], fileInfo)
	return h, nil
}

// mixed stores an identifier with the lowest byte of its first three parts in
// front, as RTUUID does.
func mixed(id [16]byte) [16]byte {
	for _, r := range [][2]int{{0, 3}, {1, 2}, {4, 5}, {6, 7}} {
		id[r[0]], id[r[1]] = id[r[1]], id[r[0]]
	}
	return id
}

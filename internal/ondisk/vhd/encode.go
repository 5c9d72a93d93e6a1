package vhd

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// BlockSize is the length in bytes of a block of the images that are
	// written, and the specification's default.
	BlockSize = 2 << 20
	// BlockFree is the BAT's entry for a block that is not stored.
	BlockFree = freeMark
	// TableOffset is where the BAT of an image that is written lies: behind the
	// footer's copy and the header.
	TableOffset = 3 * sector

	// MaxSize is the largest disk in bytes.
	MaxSize = maxSectors * sector

	// creator tells readers, QEMU among them, that the disk has CurrentSize
	// bytes, whatever the geometry makes: it is what qemu-img writes with
	// force_size.
	creator        = "qem2"
	creatorVersion = 0x00050003
	creatorHost    = "Wi2k"

	features      = 2       // "reserved", which is always set
	formatVersion = 0x10000 // of footer and header
)

// EncodeDynamic is the footer and the dynamic disk header of an image of a disk
// of size bytes. The image's time is given in seconds since 1970; what the
// format cannot hold becomes its first or last second. The geometry is the
// largest, by which every reader goes by CurrentSize.
func EncodeDynamic(size, seconds int64, id [16]byte) (footer, header []byte, err error) {
	if size <= 0 || size%sector != 0 || size > MaxSize {
		return nil, nil, fmt.Errorf("a VHD holds whole sectors of 512 bytes, up to %d bytes, not %d bytes", int64(MaxSize), size)
	}
	f := Footer{
		Features:           features,
		FileFormatVersion:  formatVersion,
		DataOffset:         sector,
		TimeStamp:          uint32(min(max(seconds-epoch, 0), math.MaxUint32)),
		CreatorApplication: [4]byte([]byte(creator)),
		CreatorVersion:     creatorVersion,
		CreatorHostOS:      [4]byte([]byte(creatorHost)),
		OriginalSize:       uint64(size),
		CurrentSize:        uint64(size),
		DiskGeometry:       [4]byte{0xff, 0xff, 16, 255},
		DiskType:           typeDynamic,
		UniqueID:           id,
	}
	copy(f.Cookie[:], Cookie)
	h := Header{
		DataOffset:      math.MaxUint64, // nothing follows
		TableOffset:     TableOffset,
		HeaderVersion:   formatVersion,
		MaxTableEntries: uint32((size + BlockSize - 1) / BlockSize),
		BlockSize:       BlockSize,
	}
	copy(h.Cookie[:], headerCookie)
	footer, header = FooterLayout.Encode(&f), HeaderLayout.Encode(&h)
	binary.BigEndian.PutUint32(footer[footerChecksum:], checksum(footer, footerChecksum))
	binary.BigEndian.PutUint32(header[headerChecksum:], checksum(header, headerChecksum))
	return footer, header, nil
}

// BitmapSize is the length in bytes of the bitmap before each block.
func BitmapSize() int64 { return bitmapSize(BlockSize) }

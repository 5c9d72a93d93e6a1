package vhd

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	// Cookie is what a footer begins with.
	Cookie = "conectix"
	// headerCookie is what a dynamic disk header begins with.
	headerCookie = "cxsparse"

	// epoch is 2000-01-01T00:00:00Z in seconds since 1970: times count from
	// there.
	epoch = 946684800

	sector   = 512        // bytes
	freeMark = 0xffffffff // in the BAT: the block is not allocated

	// maxSectors is the largest disk in sectors: 2040 GiB.
	maxSectors = 0xff000000
	// maxGeometry is the number of sectors of the largest geometry, 65535
	// cylinders of 16 heads of 255 sectors: what is larger has that one, too.
	maxGeometry = 65535 * 16 * 255
)

// Types of images, DiskType.
const (
	typeFixed        = 2
	typeDynamic      = 3
	typeDifferencing = 4
)

// Footer is the hard disk footer.
type Footer struct {
	Cookie             [8]byte   `disk:"Cookie,text"`
	Features           uint32    `disk:"Features,flags"`
	FileFormatVersion  uint32    `disk:"FileFormatVersion,hex"`
	DataOffset         uint64    `disk:"DataOffset,hex"`
	TimeStamp          uint32    `disk:"TimeStamp"`
	CreatorApplication [4]byte   `disk:"CreatorApplication,text"`
	CreatorVersion     uint32    `disk:"CreatorVersion,hex"`
	CreatorHostOS      [4]byte   `disk:"CreatorHostOS,text"`
	OriginalSize       uint64    `disk:"OriginalSize"`
	CurrentSize        uint64    `disk:"CurrentSize"`
	DiskGeometry       [4]byte   `disk:"DiskGeometry,bytes"`
	DiskType           uint32    `disk:"DiskType"`
	Checksum           uint32    `disk:"Checksum,checksum"`
	UniqueID           [16]byte  `disk:"UniqueId,uuid"`
	SavedState         uint8     `disk:"SavedState"`
	Reserved           [427]byte `disk:"Reserved,reserved"`
}

// Header is the dynamic disk header.
type Header struct {
	Cookie            [8]byte    `disk:"Cookie,text"`
	DataOffset        uint64     `disk:"DataOffset,hex"`
	TableOffset       uint64     `disk:"TableOffset"`
	HeaderVersion     uint32     `disk:"HeaderVersion,hex"`
	MaxTableEntries   uint32     `disk:"MaxTableEntries"`
	BlockSize         uint32     `disk:"BlockSize"`
	Checksum          uint32     `disk:"Checksum,checksum"`
	ParentUniqueID    [16]byte   `disk:"ParentUniqueId,uuid"`
	ParentTimeStamp   uint32     `disk:"ParentTimeStamp"`
	Reserved          uint32     `disk:"Reserved,reserved"`
	ParentUnicodeName [512]byte  `disk:"ParentUnicodeName,bytes"`
	ParentLocator     [8]locator `disk:"ParentLocatorEntry"`
	Reserved2         [256]byte  `disk:"Reserved2,reserved"`
}

// locator says where a platform's name of the parent is stored.
type locator struct {
	PlatformCode       [4]byte `disk:"PlatformCode,bytes"`
	PlatformDataSpace  uint32  `disk:"PlatformDataSpace"`
	PlatformDataLength uint32  `disk:"PlatformDataLength"`
	Reserved           uint32  `disk:"Reserved,reserved"`
	PlatformDataOffset uint64  `disk:"PlatformDataOffset"`
}

var (
	// FooterLayout is the footer's layout, 512 bytes.
	FooterLayout = field.MustOf[Footer](binary.BigEndian)
	// HeaderLayout is the dynamic disk header's layout, 1024 bytes.
	HeaderLayout = field.MustOf[Header](binary.BigEndian)
)

// checksum is the complement of the sum of all bytes but the four of the
// checksum itself, which lie at byte at.
func checksum(b []byte, at int) uint32 {
	var sum uint32
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return ^sum
}

// Offsets in bytes of the two checksums.
const (
	footerChecksum = 64
	headerChecksum = 36
)

func goodFooter(raw []byte) bool {
	return string(raw[:8]) == Cookie && binary.BigEndian.Uint32(raw[footerChecksum:]) == checksum(raw, footerChecksum)
}

package iso9660

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	SectorSize  = 2048            // bytes of a logical sector
	SystemArea  = 16 * SectorSize // bytes before the first descriptor
	standardID  = "CD001"
	maxSectors  = 64 // of descriptors
	recordFixed = 33 // bytes of a directory record before its name
)

// Types of volume descriptors; ECMA-119, section 8.1.1.
const (
	BootType          = 0
	PrimaryType       = 1
	SupplementaryType = 2
	PartitionType     = 3
	TerminatorType    = 255
)

// RecordHead is what every directory record begins with. Numbers of 8 bytes
// hold 32 bits twice, little-endian first; of 4 bytes, 16 bits twice.
type RecordHead struct {
	Length       uint8   `disk:"length"`
	ExtAttr      uint8   `disk:"ext_attr_length"`
	Extent       [8]byte `disk:"extent,bytes"`
	Size         [8]byte `disk:"size,bytes"`
	Date         [7]byte `disk:"date,bytes"`
	Flags        uint8   `disk:"flags,flags"`
	FileUnitSize uint8   `disk:"file_unit_size"`
	Interleave   uint8   `disk:"interleave"`
	VolumeSeq    [4]byte `disk:"volume_sequence_number,bytes"`
	NameLen      uint8   `disk:"name_len"`
}

// Bits of a record's flags.
const (
	flagDirectory   = 0x02
	flagMultiExtent = 0x80
)

// rootRecord is the record in a volume descriptor.
type rootRecord struct {
	Head RecordHead `disk:""`
	Name [1]byte    `disk:"name,bytes"`
}

// volume is a primary or supplementary volume descriptor: iso_primary_descriptor.
type volume struct {
	Type          uint8      `disk:"type"`
	ID            [5]byte    `disk:"id,text"`
	Version       uint8      `disk:"version"`
	Flags         uint8      `disk:"flags,flags"` // of a supplementary one; else unused
	SystemID      [32]byte   `disk:"system_id,text"`
	VolumeID      [32]byte   `disk:"volume_id,text"`
	Unused2       [8]byte    `disk:"unused2,reserved"`
	SpaceSize     [8]byte    `disk:"volume_space_size,bytes"`
	Escape        [32]byte   `disk:"escape,bytes"` // of a supplementary one; else unused
	SetSize       [4]byte    `disk:"volume_set_size,bytes"`
	Sequence      [4]byte    `disk:"volume_sequence_number,bytes"`
	BlockSize     [4]byte    `disk:"logical_block_size,bytes"`
	PathTableSize [8]byte    `disk:"path_table_size,bytes"`
	TypeL         [4]byte    `disk:"type_l_path_table,bytes"` // little-endian
	OptTypeL      [4]byte    `disk:"opt_type_l_path_table,bytes"`
	TypeM         [4]byte    `disk:"type_m_path_table,bytes"` // big-endian
	OptTypeM      [4]byte    `disk:"opt_type_m_path_table,bytes"`
	Root          rootRecord `disk:"root_directory_record"`
	SetID         [128]byte  `disk:"volume_set_id,text"`
	Publisher     [128]byte  `disk:"publisher_id,text"`
	Preparer      [128]byte  `disk:"preparer_id,text"`
	Application   [128]byte  `disk:"application_id,text"`
	Copyright     [37]byte   `disk:"copyright_file_id,text"`
	Abstract      [37]byte   `disk:"abstract_file_id,text"`
	Bibliographic [37]byte   `disk:"bibliographic_file_id,text"`
	Creation      [17]byte   `disk:"creation_date,bytes"`
	Modification  [17]byte   `disk:"modification_date,bytes"`
	Expiration    [17]byte   `disk:"expiration_date,bytes"`
	Effective     [17]byte   `disk:"effective_date,bytes"`
	Structure     uint8      `disk:"file_structure_version"`
	Unused4       uint8      `disk:"unused4,reserved"`
	AppData       [512]byte  `disk:"application_data,bytes"`
	Unused5       [653]byte  `disk:"unused5,reserved"`
}

// bootRecord is a boot record as El Torito fills it.
type bootRecord struct {
	Type     uint8      `disk:"type"`
	ID       [5]byte    `disk:"id,text"`
	Version  uint8      `disk:"version"`
	SystemID [32]byte   `disk:"boot_system_id,text"`
	BootID   [32]byte   `disk:"boot_id,text"`
	Catalog  uint32     `disk:"boot_catalog"` // its sector
	Use      [1973]byte `disk:"boot_system_use,bytes"`
}

// otherDescriptor is any other.
type otherDescriptor struct {
	Type    uint8      `disk:"type"`
	ID      [5]byte    `disk:"id,text"`
	Version uint8      `disk:"version"`
	Data    [2041]byte `disk:"data,bytes"`
}

// bootValidation and bootEntry are the first two entries of El Torito's boot
// catalog; El Torito 1.0, section 2.0.
type (
	bootValidation struct {
		Header   uint8    `disk:"header_id"`
		Platform uint8    `disk:"platform_id,hex"`
		Reserved uint16   `disk:"reserved,reserved"`
		ID       [24]byte `disk:"id_string,text"`
		Checksum uint16   `disk:"checksum,checksum"`
		Key      uint16   `disk:"key,hex"`
	}
	bootEntry struct {
		Indicator uint8    `disk:"boot_indicator,hex"`
		Media     uint8    `disk:"boot_media_type,hex"`
		Segment   uint16   `disk:"load_segment,hex"`
		System    uint8    `disk:"system_type,hex"`
		Unused    uint8    `disk:"unused,reserved"`
		Sectors   uint16   `disk:"sector_count"`
		LoadRBA   uint32   `disk:"load_rba"`
		Vendor    [20]byte `disk:"selection_criteria,bytes"`
	}
	bootCatalog struct {
		Validation bootValidation        `disk:"validation"`
		Initial    bootEntry             `disk:"initial"`
		Rest       [SectorSize - 64]byte `disk:"sections,bytes"`
	}
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian

	recordLayout  = field.MustOf[RecordHead](le)
	volumeLayout  = field.MustOf[volume](le)
	bootLayout    = field.MustOf[bootRecord](le)
	otherLayout   = field.MustOf[otherDescriptor](le)
	catalogLayout = field.MustOf[bootCatalog](le)
)

// CatalogFields are the fields of El Torito's boot catalog.
func CatalogFields() []field.Field { return catalogLayout.Fields() }

// RecordFields are the fields that every directory record begins with.
func RecordFields() []field.Field { return recordLayout.Fields() }

// both32 is a number that is stored in both byte orders.
func both32(b []byte) uint32 { return le.Uint32(b) }

// Error is what is wrong with the bytes of a filesystem.
type Error struct {
	Offset int64 // of the byte in the filesystem
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("iso9660: byte %d: %s", e.Offset, e.Text) }

func wrong(off int64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...)}
}

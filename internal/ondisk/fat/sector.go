package fat

import "github.com/reprodisk/reprodisk/internal/ondisk/field"

// BootFieldAt names the field of the byte at off, 0 to 511, of the boot sector
// or its backup.
func BootFieldAt(v Variant, off int) field.Field {
	if v == FAT32 {
		return BootSector32Layout.At(off)
	}
	return BootSector16Layout.At(off)
}

// BootFields lists the fields of the boot sector.
func BootFields(v Variant) []field.Field {
	if v == FAT32 {
		return BootSector32Layout.Fields()
	}
	return BootSector16Layout.Fields()
}

// SectorFields lists the fields of the structure that a region in the reserved
// sectors is named after, as offsets from the region's start; nil where that
// structure has no fields.
func SectorFields(v Variant, structure string) []field.Field {
	switch structure {
	case StructBoot, StructBackupBoot:
		return BootFields(v)
	case StructFSInfo, StructBackupInfo:
		return FSInfoLayout.Fields()
	}
	return nil
}

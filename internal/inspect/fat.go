package inspect

import "github.com/reprodisk/reprodisk/internal/ondisk/fat"

// fatSector is how much of a sector FAT's structures take, in bytes, however
// large the sectors are.
const fatSector = 512

// fat reads the boot sector, its backup and the FSInfo sector.
func (v *volume) fat() {
	fs, err := fat.Open(v.r, v.size)
	if err != nil {
		v.warn(v.number, "%v", err)
		return
	}
	v.bootSector(fs, 0, "boot sector")
	if fs.Backup > 0 {
		v.bootSector(fs, fs.Backup, "backup boot sector")
	}
	if fs.FSInfo > 0 {
		raw, ok := v.bytes(fs.FSInfo, fatSector, "FSInfo sector")
		if !ok {
			return
		}
		v.add(Structure{
			Partition: v.number, Format: "fat", Name: "FSInfo sector", Offset: v.base + fs.FSInfo, Length: int64(len(raw)),
			Fields: fields(fat.FSInfoLayout.Fields(), raw, v.base+fs.FSInfo, fat.ShowField, nil),
		})
	}
}

func (v *volume) bootSector(fs *fat.FS, at int64, name string) {
	raw, ok := v.bytes(at, fatSector, name)
	if !ok {
		return
	}
	v.add(Structure{
		Partition: v.number, Format: "fat", Name: name, Index: fs.Variant.String(), Offset: v.base + at, Length: int64(len(raw)),
		Fields: fields(fat.BootFields(fs.Variant), raw, v.base+at, fat.ShowField, nil),
	})
}

package build

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
)

// ext4Options are those of the root filesystem, at a size in bytes.
func (b *builder) ext4Options(size int64) mkext4.Options {
	return mkext4.Options{Size: size, UUID: b.rootUUID(), HashSeed: b.id("ext4 hash seed"), Label: b.spec.Label, Epoch: b.epoch}
}

// rootUUID is the root filesystem's.
func (b *builder) rootUUID() [16]byte {
	if id := b.spec.RootFSUID; id != nil {
		return b.chosen("rootFSUID", *id)
	}
	return b.id(b.spec.FSType + " UUID")
}

// bootNames are the boot partitions' names in messages and, as make-disk-image
// gives them to mkfs.vfat -n, their filesystems' labels.
var bootNames = map[partition.Role]struct{ title, label, contents string }{
	partition.ESP:      {"ESP", "ESP", "espContents"},
	partition.XBOOTLDR: {"XBOOTLDR", "BOOT", "bootContents"},
}

// fatOptions are those of a boot partition.
func (b *builder) fatOptions(p partition.Partition) mkfat.Options {
	opt := mkfat.Options{
		Size: p.Length(), Label: bootNames[p.Role].label, Epoch: b.epoch,
		VolumeID: b.number(string(p.Role) + " volume ID"),
		// A boot partition starts within the first 100 MiB.
		HiddenSectors: uint32(p.StartLBA),
	}
	switch b.spec.EspFat {
	case spec.FAT12:
		opt.Type = fat.FAT12
	case spec.FAT16:
		opt.Type = fat.FAT16
	case spec.FAT32:
		opt.Type = fat.FAT32
	}
	return opt
}

// number is 32 bits for a purpose, never zero, which some fields take
// for "none".
func (b *builder) number(purpose string) uint32 {
	id := b.id(purpose)
	for i := 0; i+4 <= len(id); i += 4 {
		if n := binary.BigEndian.Uint32(id[i:]); n != 0 {
			return n
		}
	}
	return 1
}

// rootGUID is rootGPUID as the table stores it.
func (b *builder) rootGUID() (gpt.GUID, error) {
	return stored(b.chosen("rootGPUID", b.spec.RootGPUID))
}

package boot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

const sector = partition.SectorSize

// bootImage is what GRUB's boot.img has in a boot record's BootCode.
type bootImage struct {
	Code         [0x5c]byte         `disk:"code,bytes"`
	KernelSector uint64             `disk:"kernel_sector"` // LBA of core.img
	BootDrive    uint8              `disk:"boot_drive,hex"`
	Pad          uint8              `disk:"pad,reserved"`
	DriveCheck   [2]byte            `disk:"boot_drive_check,bytes"`
	Rest         [440 - 0x68]byte   `disk:"rest,bytes"`
	Tail         [sector - 440]byte `disk:"tail,bytes"` // not written: the table is there
}

// blockList is the last entry of the list in core.img's first sector, and the
// only one where core.img is in one piece.
type blockList struct {
	Start   uint64 `disk:"start"`   // LBA of core.img's second sector
	Length  uint16 `disk:"length"`  // sectors
	Segment uint16 `disk:"segment"` // where they are loaded to, in units of 16 bytes
}

var (
	bootLayout  = field.MustOf[bootImage](binary.LittleEndian)
	blockLayout = field.MustOf[blockList](binary.LittleEndian)
)

const (
	// blockListAt is where core.img has its blockList: the last 12 bytes of
	// the first sector.
	blockListAt = sector - 12
	// kernelSegment is GRUB's address for what follows core.img's first sector.
	kernelSegment = 0x820
)

// noCheck are two instructions that do nothing, in place of the jump over
// boot.img's own check of the drive's number, which some BIOSes get wrong.
var noCheck = [2]byte{0x90, 0x90}

// BIOS is GRUB's first two images, for a BIOS.
type BIOS struct {
	boot bootImage
	core []byte // whole sectors
}

// NewBIOS takes boot.img and core.img as they are.
func NewBIOS(boot, core []byte) (*BIOS, error) {
	if len(boot) != sector || binary.LittleEndian.Uint16(boot[510:]) != mbr.BootSignature {
		return nil, fmt.Errorf("boot.img has %d bytes; it must be %d, with the boot signature at byte 510", len(boot), sector)
	}
	b := &BIOS{boot: bootLayout.Decode(boot)}
	// A jump, or what an earlier installation has put in its place.
	if c := b.boot.DriveCheck; b.boot.KernelSector == 0 || c[0] != 0xeb && c != noCheck {
		return nil, errors.New("boot.img is not GRUB's: bytes 92 to 103 hold no sector and no check of the drive")
	}
	if len(core) <= sector {
		return nil, fmt.Errorf("core.img has %d bytes; the smallest has two sectors", len(core))
	}
	if l := blockLayout.Decode(core[blockListAt:]); l.Segment != kernelSegment {
		return nil, fmt.Errorf("core.img is not GRUB's for a BIOS: the segment at byte %d is %#x, not %#x", blockListAt+10, l.Segment, kernelSegment)
	}
	b.core = append(append([]byte{}, core...), make([]byte, -len(core)&(sector-1))...)
	return b, nil
}

// area is the sectors that core.img may have.
func area(l partition.Layout) (first, count uint64, name string, err error) {
	switch l.Label {
	case partition.LabelDOS:
		next := uint64(l.DiskSize / sector)
		for _, p := range l.Partitions {
			next = min(next, p.StartLBA)
		}
		return 1, next - 1, "the gap before the first partition", nil
	case partition.LabelGPT:
		if p, ok := l.Find(partition.BIOSBoot); ok {
			return p.StartLBA, p.EndLBA - p.StartLBA + 1, "the BIOS boot partition", nil
		}
	}
	return 0, 0, "", fmt.Errorf("the layout %s has no place for GRUB's core.img", l.Type)
}

// Check tells whether core.img fits a layout.
func (b *BIOS) Check(l partition.Layout) error {
	_, count, name, err := area(l)
	if err != nil {
		return err
	}
	if need, has := int64(len(b.core)), int64(count)*sector; need > has {
		return fmt.Errorf("core.img does not fit into %s of %d bytes: %d bytes are missing", name, has, need-has)
	}
	return nil
}

// Write puts both images onto a disk that has its table already, and leaves
// the table and the disk's signature as they are.
func (b *BIOS) Write(d partition.Disk, l partition.Layout) error {
	if err := b.Check(l); err != nil {
		return err
	}
	first, _, _, _ := area(l)

	core := append([]byte{}, b.core...)
	blockLayout.Put(core[blockListAt:], &blockList{Start: first + 1, Length: uint16(len(core)/sector - 1), Segment: kernelSegment})
	if _, err := d.WriteAt(core, int64(first)*sector); err != nil {
		return fmt.Errorf("write core.img: %w", err)
	}

	raw := make([]byte, mbr.Size)
	if _, err := d.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the boot record: %w", err)
	}
	boot := b.boot
	boot.KernelSector, boot.DriveCheck = first, noCheck
	record := mbr.Layout.Decode(raw)
	copy(record.BootCode[:], bootLayout.Encode(&boot))
	if _, err := d.WriteAt(mbr.Layout.Encode(&record), 0); err != nil {
		return fmt.Errorf("write the boot record: %w", err)
	}
	return nil
}

package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

// Embedded looks at the code in a disk's first sector, which a boot loader's
// installer may have put there, before the filesystems of the disk are written
// anew. It is an error where that code reads sectors of a filesystem by their
// numbers, since its files come to lie elsewhere, and a warning where nobody
// here knows the code.
func Embedded(disk io.ReaderAt, l partition.Layout) (warning string, err error) {
	if l.Label == partition.NoLabel {
		return "", nil // what begins in the first sector is a filesystem
	}
	raw := make([]byte, sector)
	if _, err := disk.ReadAt(raw, 0); err != nil {
		return "", fmt.Errorf("read the boot record: %w", err)
	}
	record := mbr.Layout.Decode(raw)
	code := record.BootCode[:]
	switch {
	case len(bytes.Trim(code, "\x00")) == 0:
		return "", nil
	case bytes.Contains(code[:16], []byte("LILO")):
		return "", errors.New("LILO in the boot record finds its files by the numbers of their sectors, which change when the filesystem is written anew")
	case !bytes.Contains(code, []byte("GRUB ")) || !bytes.Contains(code, []byte("Geom")):
		return "there is code in the boot record that is not GRUB's: it stays, and is not looked into", nil
	}
	boot := bootLayout.Decode(raw)
	if err := outside(l, boot.KernelSector, 1); err != nil {
		return "", err
	}
	if boot.KernelSector >= uint64(l.DiskSize/sector) {
		return "", fmt.Errorf("GRUB in the boot record reads sector %d, behind the end of the disk", boot.KernelSector)
	}
	core := make([]byte, sector)
	if _, err := disk.ReadAt(core, int64(boot.KernelSector)*sector); err != nil {
		return "", fmt.Errorf("read GRUB's core image: %w", err)
	}
	// The list grows towards the sector's start, and ends with an entry of no
	// sectors.
	for at := blockListAt; at >= 0; at -= blockLayout.Size() {
		e := blockLayout.Decode(core[at:])
		if e.Length == 0 {
			break
		}
		if err := outside(l, e.Start, uint64(e.Length)); err != nil {
			return "", err
		}
	}
	return "", nil
}

// outside says in which filesystem some sectors lie; nil: in none.
func outside(l partition.Layout, first, count uint64) error {
	for _, p := range l.Partitions {
		if p.Role != partition.BIOSBoot && first <= p.EndLBA && first+count > p.StartLBA {
			return fmt.Errorf("GRUB in the boot record reads its core image by the numbers of its sectors, %d for one, in partition %d (%s), where it moves when the filesystem is written anew: have it embedded, in the gap behind a boot record or in a BIOS boot partition", max(first, p.StartLBA), p.Number, p.Role)
		}
	}
	return nil
}

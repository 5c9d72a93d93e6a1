package build

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/build/boot"
	"github.com/reprodisk/reprodisk/build/normalize"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// gptSectors are those of one copy of a GPT with 128 entries.
const gptSectors = 33

// area is a range of a disk, in bytes.
type area struct{ off, length int64 }

// tables are where a layout's partition tables lie, the code of the boot record
// left out.
func tables(l partition.Layout) []area {
	const signature = 440 // where the boot record's code ends and the disk's signature begins
	switch l.Label {
	case partition.LabelDOS:
		return []area{{signature, mbr.Size - signature}}
	case partition.LabelGPT:
		return []area{
			{signature, mbr.Size - signature + gptSectors*partition.SectorSize},
			{l.DiskSize - gptSectors*partition.SectorSize, gptSectors * partition.SectorSize},
		}
	}
	return nil
}

// between are the ranges that belong to neither a table nor a filesystem: the
// code of the boot record, the BIOS boot partition, and the gaps.
func between(l partition.Layout) []area {
	if l.Label == partition.NoLabel {
		return nil
	}
	taken := tables(l)
	for _, p := range l.Partitions {
		if p.Role != partition.BIOSBoot {
			taken = append(taken, area{p.Offset(), p.Length()})
		}
	}
	var free []area
	for at := int64(0); at < l.DiskSize; {
		next := area{off: l.DiskSize}
		for _, a := range taken {
			if a.off+a.length > at && a.off < next.off {
				next = a
			}
		}
		if next.off > at {
			free = append(free, area{at, next.off - at})
		}
		at = next.off + next.length
	}
	return free
}

// readTables are the bytes of the partition tables.
func (b *builder) readTables(disk io.ReaderAt) ([]byte, error) {
	var all []byte
	for _, a := range tables(b.layout) {
		part := make([]byte, a.length)
		if _, err := io.ReadFull(io.NewSectionReader(disk, a.off, a.length), part); err != nil {
			return nil, fmt.Errorf("read the partition table: %w", err)
		}
		all = append(all, part...)
	}
	return all, nil
}

// takeBack takes what the guest has left on its disk as what the image is to
// hold: the trees are those of its filesystems, and what lies between the
// partitions goes along. table is the partition tables as they were before.
func (b *builder) takeBack(ctx context.Context, disk io.ReaderAt, table []byte) error {
	now, err := b.readTables(disk)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, table) {
		return b.guestError("the partition table was changed in the guest, and would be lost: " + keepIt)
	}
	warning, err := boot.Embedded(disk, b.layout)
	if err != nil {
		return b.guestError(fmt.Sprintf("%v; or %s", err, keepIt))
	}
	if warning != "" {
		b.opt.warn([]string{warning})
	}
	for _, p := range b.layout.Partitions {
		read := normalize.ReadFAT
		switch p.Role {
		case partition.BIOSBoot:
			continue
		case partition.Root:
			read = normalize.ReadExt4
		}
		root, err := read(ctx, io.NewSectionReader(disk, p.Offset(), p.Length()), p.Length())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return b.guestError(fmt.Sprintf("the %s filesystem cannot be written anew: %v; %s", p.Role, err, keepIt))
		}
		asStaged(root, b.epoch)
		b.trees[p.Role] = root
	}
	b.bios, b.left = nil, disk
	return nil
}

const keepIt = "--keep-guest-disk leaves the image as the guest did"

// asStaged gives a tree the times that one has that was staged: no later than
// the epoch, and that of modification alone is anybody's choice.
func asStaged(root *tree.Node, epoch tree.Time) {
	root.Walk(func(_ string, n *tree.Node) error {
		if n.Mtime.After(epoch) {
			n.Mtime = epoch
		}
		n.Atime, n.Ctime, n.Btime = epoch, epoch, epoch
		return nil
	})
}

// writeLeft copies what the guest left between the partitions.
func (b *builder) writeLeft(o io.WriterAt) error {
	if b.left == nil {
		return nil
	}
	buf, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for _, a := range between(b.layout) {
		for at := a.off; at < a.off+a.length; {
			piece := buf[:min(int64(len(buf)), a.off+a.length-at)]
			if _, err := io.ReadFull(io.NewSectionReader(b.left, at, int64(len(piece))), piece); err != nil {
				return fmt.Errorf("read between the partitions: %w", err)
			}
			if !bytes.Equal(piece, zeros[:len(piece)]) {
				if _, err := o.WriteAt(piece, at); err != nil {
					return err
				}
			}
			at += int64(len(piece))
		}
	}
	return nil
}

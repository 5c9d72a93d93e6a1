package build

import (
	"context"
	"errors"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
)

const (
	mebibyte = 1 << 20
	// gptSpace is what make-disk-image allows for the backup table: 34 sectors.
	gptSpace = 34 * 512
	// maxRoot is what a root filesystem stays below, in bytes.
	maxRoot = 16 << 40
)

// plan decides how large the disk is and where its partitions lie.
func (b *builder) plan(ctx context.Context) error {
	boot, err := partition.ParseBootSize(b.spec.BootSize)
	if err != nil {
		return b.spec.Errorf("bootSize", "%v", err)
	}
	root, err := b.rootGUID()
	if err != nil {
		return b.spec.Errorf("rootGPUID", "%v", err)
	}
	opt := partition.Options{
		Type: partition.Type(b.spec.PartitionTableType), BootSize: boot, RootGUID: root,
		DiskSignature: b.number("MBR disk signature"),
	}
	if b.spec.FSType != spec.Ext4 {
		return b.planOther(ctx, opt)
	}
	if !b.spec.DiskSize.Auto {
		opt.DiskSize = int64(b.spec.DiskSize.Bytes)
		if b.layout, err = partition.Plan(opt); err != nil {
			return b.spec.Errorf("diskSize", "%v", err)
		}
		if _, err := b.planRoot(b.layout); err != nil {
			return err
		}
		return b.planBoot()
	}
	sizes, err := stage.AutoSize(stage.UsageOf(b.trees[partition.Root]), int64(b.spec.AdditionalSpace), reserved(b.spec.PartitionTableType, boot))
	if err != nil {
		return b.spec.Errorf("diskSize", "%v", err)
	}
	if err := b.grow(opt, sizes.DiskSize); err != nil {
		return err
	}
	return b.planBoot()
}

// reserved is the space beside the root filesystem that make-disk-image's sum
// allows for, in bytes.
func reserved(table string, boot partition.BootSize) int64 {
	switch table {
	case spec.TableEFI, spec.TableHybrid, spec.TableEFIXBootldr:
		return gptSpace + boot.Reserved()
	case spec.TableLegacyGPT:
		return gptSpace + 2*mebibyte
	case spec.TableLegacy:
		return mebibyte
	}
	return 0
}

// grow plans a disk of at least the given size, and raises it until the root
// filesystem holds its tree: make-disk-image's sum knows of no journal and no
// inode tables, and may be too small.
func (b *builder) grow(opt partition.Options, size int64) error {
	opt.DiskSize = max(size, least(opt))
	for {
		layout, err := partition.Plan(opt)
		if err != nil {
			return b.spec.Errorf("diskSize", "%v", err)
		}
		fits, err := b.planRoot(layout)
		if err != nil {
			return err
		}
		if fits {
			b.layout = layout
			return nil
		}
		size := layout.Root().Length()
		need, err := mkext4.MinSize(b.trees[partition.Root], b.ext4Options(size), size+1)
		if err != nil {
			return b.spec.Errorf("contents", "%v", err)
		}
		opt.DiskSize += (need - size + mebibyte - 1) / mebibyte * mebibyte
	}
}

// planRoot tells whether the root filesystem certainly holds its tree, and
// says what keeps it from being made at all.
func (b *builder) planRoot(l partition.Layout) (fits bool, err error) {
	size := l.Root().Length()
	if size >= maxRoot {
		return false, b.spec.Errorf("diskSize", "a root filesystem of %d bytes is too large: ext4 with blocks of 4 KiB ends below 16 TiB", size)
	}
	fs, err := mkext4.Plan(b.trees[partition.Root], b.ext4Options(size))
	var full *mkext4.NoSpaceError
	switch {
	case errors.As(err, &full) && b.spec.DiskSize.Auto:
		return false, nil
	case errors.As(err, &full):
		return false, b.rootFull(full)
	case err != nil:
		return false, b.spec.Errorf("contents", "%v", err)
	}
	return fs.Fits, nil
}

// rootFull says that the root filesystem is too small for its tree.
func (b *builder) rootFull(full *mkext4.NoSpaceError) error {
	return b.noRoom(full.Size, full.Missing)
}

func (b *builder) noRoom(size, missing int64) error {
	return b.spec.Errorf("diskSize", "the contents do not fit into the root filesystem of %d bytes: %d bytes are missing; raise diskSize, or leave it at auto", size, missing)
}

// least is a disk size at which the layout has room for a root partition at
// all, in bytes.
func least(opt partition.Options) int64 {
	front := int64(mebibyte) // what lies before the root partition
	switch opt.Type {
	case partition.LegacyGPT:
		front = 2 * mebibyte
	case partition.EFI, partition.Hybrid, partition.EFIXBOOTLDR:
		lba, _ := opt.BootSize.Boundary()
		front = (int64(lba)*512 + mebibyte - 1) / mebibyte * mebibyte
	}
	// A MiB for the root filesystem, one behind it, and one to spare for a
	// boundary that is no whole MiB.
	return front + 3*mebibyte
}

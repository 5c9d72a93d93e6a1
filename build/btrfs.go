package build

import (
	"context"
	"errors"
	"io"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkbtrfs"
)

// btrfsOptions are those of a root filesystem that is btrfs, at a size in
// bytes.
func (b *builder) btrfsOptions(size int64) mkbtrfs.Options {
	return mkbtrfs.Options{
		Size: size, UUID: b.rootUUID(), Device: b.id("btrfs device"), Chunks: b.id("btrfs chunk tree"), Subvolume: b.id("btrfs subvolume"),
		Label: b.spec.Label, Epoch: b.epoch,
	}
}

// planBtrfs is the size of a disk that holds the tree: the given one, or, where
// that is 0, make-disk-image's sum, raised to what btrfs needs. Whether the
// tree fits into a given one shows when its holes are known.
func (b *builder) planBtrfs(size int64) (int64, error) {
	size, err := b.bareSize(size)
	if err != nil {
		return 0, err
	}
	need, err := mkbtrfs.Size(b.trees[partition.Root], b.btrfsOptions(size))
	if err != nil {
		return 0, b.spec.Errorf("contents", "%v", err)
	}
	if b.spec.DiskSize.Auto {
		size = max(size, need)
	}
	return size, nil
}

func (b *builder) writeBtrfs(ctx context.Context, w io.WriterAt, size int64) error {
	opt := b.btrfsOptions(size)
	opt.Progress = b.opt.phase("root filesystem")
	err := mkbtrfs.Write(ctx, w, b.trees[partition.Root], opt)
	var full *mkbtrfs.SpaceError
	if errors.As(err, &full) {
		return b.noRoom(size, full.Missing)
	}
	return err
}

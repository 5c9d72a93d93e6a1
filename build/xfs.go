package build

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkxfs"
)

// xfsTries is how often a size is raised until mkfs.xfs is content, each time
// by a quarter: it cannot say how much is missing.
const xfsTries = 8

// planXFS makes the filesystem in a file of its own, for whether the tree fits
// shows only then, and returns the size of the disk: the given one, or, where
// that is 0, make-disk-image's sum, raised to what mkfs.xfs needs.
func (b *builder) planXFS(ctx context.Context, size int64) (int64, error) {
	root := b.trees[partition.Root]
	links, err := mkxfs.Check(root)
	if err != nil {
		return 0, b.spec.Errorf("fsType", "%v", err)
	}
	if links > 0 {
		b.opt.warn([]string{fmt.Sprintf("fsType: xfs: %d hard links become files of their own, for mkfs.xfs knows none", links)})
	}
	if size, err = b.bareSize(size); err != nil {
		return 0, err
	}
	if b.spec.DiskSize.Auto {
		size = max(size, mkxfs.MinSize)
	}
	if size < mkxfs.MinSize {
		return 0, b.spec.Errorf("diskSize", "mkfs.xfs makes no XFS of less than %d bytes: %d bytes are missing; raise diskSize, or leave it at auto", mkxfs.MinSize, mkxfs.MinSize-size)
	}
	for try := 0; ; try++ {
		f, err := b.scratch()
		if err != nil {
			return 0, err
		}
		err = mkxfs.Write(ctx, f, root, mkxfs.Options{
			Size: size, UUID: b.rootUUID(), Label: b.spec.Label, Epoch: b.epoch, Progress: b.opt.phase("root filesystem"),
		})
		switch {
		case err == nil:
			return size, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case !errors.Is(err, mkxfs.ErrSpace):
			return 0, b.spec.Errorf("fsType", "%v", err)
		case !b.spec.DiskSize.Auto || try == xfsTries:
			return 0, b.spec.Errorf("diskSize", "the contents do not fit into an XFS of %d bytes, as mkfs.xfs says; raise diskSize, or leave it at auto", size)
		}
		size += wholeMebibytes(size / 4)
	}
}

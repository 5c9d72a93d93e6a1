package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkerofs"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// planOther decides how large the disk is where its one filesystem is not ext4.
func (b *builder) planOther(ctx context.Context, opt partition.Options) error {
	if !b.spec.DiskSize.Auto {
		opt.DiskSize = int64(b.spec.DiskSize.Bytes)
	}
	var err error
	switch b.spec.FSType {
	case spec.VFAT:
		opt.DiskSize, err = b.planVFAT(opt.DiskSize)
	case spec.EROFS:
		opt.DiskSize, err = b.planErofs(opt.DiskSize)
	case spec.Btrfs:
		opt.DiskSize, err = b.planBtrfs(opt.DiskSize)
	case spec.XFS:
		opt.DiskSize, err = b.planXFS(ctx, opt.DiskSize)
	default:
		opt.DiskSize, err = b.planSquashfs(ctx, opt.DiskSize)
	}
	if err != nil {
		return err
	}
	if b.layout, err = partition.Plan(opt); err != nil {
		return b.spec.Errorf("diskSize", "%v", err)
	}
	return nil
}

// writeOther makes the root filesystem that planOther has planned.
func (b *builder) writeOther(ctx context.Context, w io.WriterAt, size int64) error {
	switch root := b.trees[partition.Root]; b.spec.FSType {
	case spec.VFAT:
		opt := b.vfatOptions(size)
		opt.Progress = b.opt.phase("root filesystem")
		_, err := mkfat.Write(ctx, w, root, opt)
		return err
	case spec.EROFS:
		opt := b.erofsOptions()
		opt.Progress = b.opt.phase("root filesystem")
		return mkerofs.Write(ctx, w, root, opt)
	case spec.Btrfs:
		return b.writeBtrfs(ctx, w, size)
	}
	return b.copyMade(ctx, w)
}

// vfatOptions are those of a root filesystem that is FAT, at a size in bytes.
func (b *builder) vfatOptions(size int64) mkfat.Options {
	return mkfat.Options{
		Size: size, Label: strings.ToUpper(b.spec.Label), Epoch: b.epoch,
		VolumeID: b.number("vfat volume ID"),
	}
}

// planVFAT is the size of a disk that holds the tree: the given one, or, where
// that is 0, make-disk-image's sum, raised to what FAT needs.
func (b *builder) planVFAT(size int64) (int64, error) {
	root := b.trees[partition.Root]
	size, err := b.bareSize(size)
	if err != nil {
		return 0, err
	}
	empty := &tree.Node{Inode: &tree.Inode{Mode: tree.Directory | 0o755}}
	if _, err := mkfat.Write(context.Background(), nowhere{}, empty, b.vfatOptions(size)); err != nil {
		option := "diskSize"
		if _, err := mkfat.MinSize(empty, b.vfatOptions(size)); err != nil {
			option = "label"
		}
		return 0, b.spec.Errorf(option, "%v", err)
	}
	files := hollow(root)
	for {
		_, err := mkfat.Write(context.Background(), nowhere{}, files, b.vfatOptions(size))
		var small *mkfat.SpaceError
		switch {
		case err == nil:
			return size, nil
		case errors.As(err, &small) && b.spec.DiskSize.Auto:
			size += wholeMebibytes(small.Missing)
		case errors.As(err, &small):
			return 0, b.noRoom(size, small.Missing)
		default:
			return 0, b.spec.Errorf("contents", "%v", err)
		}
	}
}

// bareSize is the given size of a disk without partitions, or, where that is 0,
// make-disk-image's sum.
func (b *builder) bareSize(size int64) (int64, error) {
	if !b.spec.DiskSize.Auto {
		return size, nil
	}
	sizes, err := stage.AutoSize(stage.UsageOf(b.trees[partition.Root]), int64(b.spec.AdditionalSpace), 0)
	if err != nil {
		return 0, b.spec.Errorf("diskSize", "%v", err)
	}
	return sizes.DiskSize, nil
}

// planSquashfs makes the filesystem in a file of its own, for how large it
// becomes shows only then, and returns the size of the disk: the given one,
// or, where that is 0, as much as the filesystem takes.
func (b *builder) planSquashfs(ctx context.Context, size int64) (int64, error) {
	f, err := b.scratch()
	if err != nil {
		return 0, err
	}
	if err := writeSquashfs(ctx, f, b.trees[partition.Root], b.epoch, b.opt.phase("root filesystem")); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, b.spec.Errorf("fsType", "%v", err)
	}
	if b.spec.Deterministic {
		if err := pinned(f, b.epoch); err != nil {
			return 0, b.spec.Errorf("fsType", "%v", err)
		}
	}
	fi, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return b.holds(size, fi.Size())
}

// holds is the size of a disk for a filesystem that takes so many bytes and
// has no free space.
func (b *builder) holds(size, takes int64) (int64, error) {
	switch {
	case b.spec.DiskSize.Auto:
		return wholeMebibytes(takes), nil
	case takes > size:
		return 0, b.spec.Errorf("diskSize", "the %s of %d bytes does not fit into %d: %d bytes are missing; raise diskSize, or leave it at auto", b.spec.FSType, takes, size, takes-size)
	}
	return size, nil
}

// scratch opens a file without a name for a filesystem that is made before its
// disk.
func (b *builder) scratch() (*os.File, error) {
	f, err := os.CreateTemp("", "reprodisk-*."+b.spec.FSType)
	if err != nil {
		return nil, fmt.Errorf("a temporary file for the %s (see TMPDIR): %w", b.spec.FSType, patherr.Bare(err))
	}
	b.close()
	b.made = f
	return f, os.Remove(f.Name())
}

// copyMade copies the filesystem that was made before to its place, without
// its blocks of zeros.
func (b *builder) copyMade(ctx context.Context, w io.WriterAt) error {
	fi, err := b.made.Stat()
	if err != nil {
		return err
	}
	progress := b.opt.phase("copying the root filesystem")
	source := &container.File{F: b.made, Length: fi.Size()}
	return pour.Runs(ctx, madeReader{source}, fi.Size(), pour.NewBuffer(), func(p []byte, off int64) error {
		if _, err := w.WriteAt(p, off); err != nil {
			return err
		}
		if progress != nil {
			progress(off+int64(len(p)), fi.Size())
		}
		return nil
	})
}

// madeReader is a file as content; it is only read at places.
type madeReader struct{ *container.File }

func (madeReader) Read([]byte) (int, error) { return 0, io.EOF }

// close lets go of what a build holds open.
func (b *builder) close() {
	if b.made != nil {
		b.made.Close()
	}
}

// wholeMebibytes is a size rounded up.
func wholeMebibytes(n int64) int64 { return (n + mebibyte - 1) / mebibyte * mebibyte }

package build

import (
	"context"

	"github.com/reprodisk/reprodisk/build/closure"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// stageAll makes the trees of all filesystems of the image.
func (b *builder) stageAll(ctx context.Context) error {
	s := b.spec
	b.trees = map[partition.Role]*tree.Node{}
	for _, t := range []struct {
		role    partition.Role
		entries []spec.Content
	}{{partition.Root, s.Contents}, {partition.ESP, s.EspContents}, {partition.XBOOTLDR, s.BootContents}} {
		staged, err := stage.Stage(ctx, t.entries, stage.Options{Epoch: b.epoch.Sec, Owners: b.owners()})
		if err != nil {
			return err
		}
		b.opt.warn(staged.Warnings)
		b.trees[t.role] = staged.Root
		b.later = append(b.later, staged.Later...)
	}
	// Nix's part comes onto the contents, as nixos-install does.
	var err error
	if b.trees[partition.Root], err = closure.Stage(ctx, s, b.trees[partition.Root], b.epoch.Sec); err != nil {
		return err
	}
	return mountPoints(s, b.trees[partition.Root], b.epoch.Sec)
}

// owners says when the owners of contents are known: a system makes its users
// when it is activated, which a guest does.
func (b *builder) owners() stage.Owners {
	switch s := b.spec; {
	case s.System != "" && s.NeedsGuest():
		return stage.OwnersLater
	case s.NeedsGuest(), s.System != "" && s.FSType == spec.Ext4 && !s.OnlyNixStore:
		return stage.OwnersOrLater
	}
	return stage.OwnersNow
}

// mountPoints makes the folders that the boot partitions are mounted on, as
// make-disk-image does when it mounts them.
func mountPoints(s *spec.Spec, root *tree.Node, epoch int64) error {
	var names []string
	switch s.PartitionTableType {
	case spec.TableEFI, spec.TableHybrid:
		names = []string{"/boot"}
	case spec.TableEFIXBootldr:
		names = []string{"/efi", "/boot"}
	}
	for _, name := range names {
		if s.OnlyNixStore {
			break
		}
		if _, err := stage.Folder(root, name, epoch, "partitionTableType: "+s.PartitionTableType); err != nil {
			return s.Errorf("partitionTableType", "the mount point of a boot partition: %v", err)
		}
	}
	return nil
}

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
func stageAll(ctx context.Context, s *spec.Spec, epoch int64, opt Options) (map[partition.Role]*tree.Node, error) {
	trees := map[partition.Role]*tree.Node{}
	for _, t := range []struct {
		role    partition.Role
		entries []spec.Content
	}{{partition.Root, s.Contents}, {partition.ESP, s.EspContents}, {partition.XBOOTLDR, s.BootContents}} {
		staged, err := stage.Stage(ctx, t.entries, stage.Options{Epoch: epoch})
		if err != nil {
			return nil, err
		}
		opt.warn(staged.Warnings)
		trees[t.role] = staged.Root
	}
	// Nix's part comes onto the contents, as nixos-install does.
	var err error
	trees[partition.Root], err = closure.Stage(ctx, s, trees[partition.Root], epoch)
	return trees, err
}

package build

import (
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkerofs"
)

// erofsOptions are those of a root filesystem that is EROFS.
func (b *builder) erofsOptions() mkerofs.Options {
	return mkerofs.Options{UUID: b.rootUUID(), Label: b.spec.Label, Epoch: b.epoch}
}

// planErofs is planSquashfs for what is known beforehand.
func (b *builder) planErofs(size int64) (int64, error) {
	takes, err := mkerofs.Size(b.trees[partition.Root], b.erofsOptions())
	if err != nil {
		return 0, b.spec.Errorf("contents", "%v", err)
	}
	return b.holds(size, takes)
}

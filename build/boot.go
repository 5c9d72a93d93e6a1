package build

import (
	"context"
	"errors"
	"io"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// planBoot says what keeps the boot partitions from being made, before
// anything is written.
func (b *builder) planBoot() error {
	if b.bios != nil {
		if err := b.bios.Check(b.layout); err != nil {
			return b.spec.Errorf("grub", "%v", err)
		}
	}
	for _, p := range b.layout.Partitions {
		name, ok := bootNames[p.Role]
		if !ok {
			continue
		}
		opt := b.fatOptions(p)
		empty := &tree.Node{Inode: &tree.Inode{Mode: tree.Directory | 0o755}}
		_, err := mkfat.Write(context.Background(), nowhere{}, empty, opt)
		var small *mkfat.SpaceError
		switch {
		case errors.As(err, &small) && b.spec.EspFat == spec.FAT32:
			return b.spec.Errorf("bootSize", "the %s has %d bytes, and FAT32 needs %d: raise bootSize, or choose espFat: 16 or auto", name.title, p.Length(), p.Length()+small.Missing)
		case err != nil:
			return b.spec.Errorf("espFat", "the %s of %d bytes: %v", name.title, p.Length(), err)
		}
		_, err = mkfat.Write(context.Background(), nowhere{}, hollow(b.trees[p.Role]), opt)
		switch {
		case errors.As(err, &small):
			return b.bootFull(p, small.Missing)
		case err != nil:
			return b.spec.Errorf(b.brings(p.Role), "%v", err)
		}
	}
	return nil
}

// bootFull says that a boot partition is too small for what goes onto it.
func (b *builder) bootFull(p partition.Partition, missing int64) error {
	name, remedy := bootNames[p.Role], "raise bootSize"
	if p.Role == partition.ESP && b.spec.PartitionTableType == spec.TableEFIXBootldr {
		remedy = "with efixbootldr it always has this size, and kernels belong into bootContents"
	}
	return b.spec.Errorf(b.brings(p.Role), "they do not fit into the %s of %d bytes: %d bytes are missing; %s", name.title, p.Length(), missing, remedy)
}

// brings is the option by which most gets onto a boot partition.
func (b *builder) brings(r partition.Role) string {
	option := bootNames[r].contents
	if _, given := b.spec.At(option); given {
		return option
	}
	if b.spec.SystemdBoot != nil {
		return "systemdBoot"
	}
	return "grub"
}

// nowhere takes what is written and forgets it.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// hollow is a tree with the same names and sizes whose files are one hole
// each, so that writing it opens no source.
func hollow(n *tree.Node) *tree.Node {
	i := *n.Inode
	if i.Content != nil {
		i.Content = hole(i.Size)
	}
	out := &tree.Node{Name: n.Name, Inode: &i}
	for _, c := range n.Children {
		out.Children = append(out.Children, hollow(c))
	}
	return out
}

// hole is that many bytes of nothing.
type hole int64

func (h hole) Open() (tree.Reader, error) { return h, nil }

func (h hole) Read([]byte) (int, error) { return 0, io.EOF }

func (h hole) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

func (h hole) Close() error { return nil }

func (h hole) NextData(int64) (start, end int64, err error) { return int64(h), int64(h), nil }

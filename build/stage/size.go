package stage

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// blockSize is the block of make-disk-image's ext4, in bytes.
const blockSize = 4096

// Usage is what make-disk-image counts of a staged root.
type Usage struct {
	// DiskUsageBlocks is the apparent size of everything but directories, each
	// rounded up to blocks of 4 KiB, hard links once:
	// find . ! -type d -print0 | du --files0-from=- --apparent-size --block-size 4096
	DiskUsageBlocks int64
	// Inodes is the number of names, the root's among them: find . | wc -l. (A
	// name with a newline in it counts once here.)
	Inodes int64
}

// UsageOf counts a tree.
func UsageOf(root *tree.Node) Usage {
	var u Usage
	// Hard links are known by their shared inode. Only what is seen twice in
	// one tree needs remembering, but that is known at the end alone.
	seen := map[*tree.Inode]struct{}{}
	_ = root.Walk(func(_ string, n *tree.Node) error {
		u.Inodes++
		size := n.Size
		switch n.Type() {
		case tree.Regular:
		case tree.Symlink:
			size = int64(len(n.Target))
		default:
			return nil
		}
		if _, again := seen[n.Inode]; !again {
			seen[n.Inode] = struct{}{}
			u.DiskUsageBlocks += size / blockSize
			if size%blockSize != 0 {
				u.DiskUsageBlocks++
			}
		}
		return nil
	})
	return u
}

// Sizes is make-disk-image's sum for diskSize "auto", in bytes, under the names
// that it prints.
type Sizes struct {
	DiskUsage               int64 // contents, and two blocks for every inode
	Fudge                   int64 // 5.2 percent of it
	RequiredFilesystemSpace int64
	AdditionalSpace         int64 // additionalSpace and what lies before and behind the filesystem
	DiskSize                int64 // the sum, rounded up to a whole MiB
}

const (
	// inodeBlocks is what make-disk-image takes an inode for, in blocks.
	inodeBlocks = 2
	// fudge in thousandths: "approximative percentage of reserved space in an
	// ext4 fs over 512MiB, 0.05208587646484375 × 1000, integer part".
	fudge    = 52
	mebibyte = 1 << 20
	// mostBytes keeps the sums below from overflowing: 2^60, as large as an
	// ext4 filesystem of 4 KiB blocks can be.
	mostBytes = 1 << 60
)

// AutoSize is make-disk-image's arithmetic for diskSize "auto". reservedSpace,
// in bytes, is what the layout keeps for itself: 0 for none, 1 MiB for legacy,
// 2 MiB and 34 sectors for legacy+gpt, bootSize and 34 sectors for the layouts
// with an ESP. It is an error if the sum is larger than an ext4 filesystem can
// be.
//
// The sum knows of no journal and no inode table; whoever plans the filesystem
// raises it where it does not suffice.
func AutoSize(u Usage, additionalSpace, reservedSpace int64) (Sizes, error) {
	for _, n := range []int64{additionalSpace, reservedSpace, u.DiskUsageBlocks, u.Inodes} {
		if n < 0 || n > mostBytes {
			return Sizes{}, fmt.Errorf("a disk for these contents is larger than 1024P, the largest that can be built")
		}
	}
	blocks := u.DiskUsageBlocks + inodeBlocks*u.Inodes
	if blocks > mostBytes/blockSize {
		return Sizes{}, fmt.Errorf("a disk for contents of %d blocks is larger than 1024P, the largest that can be built", blocks)
	}
	var s Sizes
	s.DiskUsage = blocks * blockSize
	// In two parts: the product alone could overflow.
	s.Fudge = s.DiskUsage/1000*fudge + s.DiskUsage%1000*fudge/1000
	s.RequiredFilesystemSpace = s.DiskUsage + s.Fudge
	s.AdditionalSpace = additionalSpace + reservedSpace
	s.DiskSize = s.RequiredFilesystemSpace + s.AdditionalSpace
	if rest := s.DiskSize % mebibyte; rest != 0 {
		s.DiskSize += mebibyte - rest
	}
	if s.DiskSize > mostBytes {
		return Sizes{}, fmt.Errorf("a disk of %d bytes is larger than 1024P, the largest that can be built", s.DiskSize)
	}
	return s, nil
}

package mkext4

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Geometry is what a filesystem of a certain size looks like. Numbers of
// blocks are in blocks of 4096 bytes.
type Geometry struct {
	Size               int64  // of the volume, in bytes
	Blocks             uint64 // of the filesystem
	ReservedBlocks     uint64 // for the superuser
	Groups             uint64
	BlocksPerGroup     uint64
	Inodes             uint64
	InodesPerGroup     uint64
	JournalBlocks      uint64 // 0: the volume is too small for a journal
	ReservedDescBlocks uint64 // for the group descriptors to grow
	OverheadBlocks     uint64 // tables and journal

	TreeInodes uint64 // in use, the 11 of the filesystem's own included
	TreeBlocks uint64 // that the tree takes: from Plan as though no block of a file held only zeros, from Write as it is
	Fits       bool   // whether TreeBlocks certainly fit
}

// Info is what Write has made.
type Info struct {
	Geometry
	FreeBlocks uint64 // the reserved ones included
	FreeInodes uint64
}

// NoSpaceError says that a tree does not fit.
type NoSpaceError struct {
	Size    int64 // of the volume, in bytes
	Missing int64 // with so many bytes more it certainly fits
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("ext4: the files do not fit into %d bytes: %d more bytes are needed", e.Size, e.Missing)
}

// Plan tells what Write would make, without opening a file.
func Plan(root *tree.Node, opt Options) (Geometry, error) {
	c, s, err := prepare(root, opt)
	if err != nil {
		return Geometry{}, err
	}
	return c.geometry(s), nil
}

// MinSize is the smallest multiple of 1 MiB, in bytes, that is not less than
// atLeast and at which the tree certainly fits, whatever its files hold.
// opt.Size does not matter. A larger size may not fit: at some sizes the
// journal grows, at others the number of inodes.
func MinSize(root *tree.Node, opt Options, atLeast int64) (int64, error) {
	o, err := opt.check()
	if err != nil {
		return 0, err
	}
	c, err := takeCensus(root, o)
	if err != nil {
		return 0, err
	}
	return c.minSize(c.content, atLeast)
}

// minSize is MinSize where the files' content takes at most so many blocks.
func (c *census) minSize(content uint64, atLeast int64) (int64, error) {
	inodes := uint64(c.lastIno())
	need := c.fixed + content
	least := (need + max(inodes, uint64(c.opt.Inodes))/inodesPerBlock) * blockSize
	const limit = (maxBlocks + 1) * blockSize
	if least >= limit || atLeast >= limit {
		return 0, fmt.Errorf("ext4: the tree needs a volume of 16 TiB or more, which is not supported")
	}
	size := max(mebibyte, roundUp(int64(least), mebibyte), roundUp(atLeast, mebibyte))
	size = c.firstShape(size, limit)
	for size < limit {
		s, err := shapeOf(c.opt, size, inodes)
		step := int64(mebibyte)
		if err == nil {
			missing := int64(need+s.gaps()) - int64(s.forTree())
			if missing <= 0 {
				return size, nil
			}
			// Tables grow with the volume, so that what is missing is the least that
			// must be added; but for the up to 50 blocks that a last group gains
			// when it is large enough to be used at all.
			step = max(step, (missing-64)*blockSize/mebibyte*mebibyte)
		}
		// Where the number of inodes drops, so does what is needed.
		for _, border := range []int64{512 * mebibyte, 4 << 40} {
			if size < border && size+step > border {
				step = border - size
			}
		}
		size += step
	}
	return 0, fmt.Errorf("ext4: the tree needs a volume of 16 TiB or more, which is not supported")
}

// firstShape is the smallest size, a multiple of 1 MiB from size on, that has
// room for its inodes; limit where there is none.
func (c *census) firstShape(size, limit int64) int64 {
	ok := func(size int64) bool {
		_, err := shapeOf(c.opt, size, uint64(c.lastIno()))
		return err == nil
	}
	if ok(size) {
		return size
	}
	bad, good := size, size
	for step := int64(mebibyte); !ok(good); step *= 2 {
		if bad = good; good+step >= limit {
			return limit
		}
		good += step
	}
	for good-bad > mebibyte {
		if mid := bad + (good-bad)/2/mebibyte*mebibyte; ok(mid) {
			good = mid
		} else {
			bad = mid
		}
	}
	return good
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

// noSpace is the error of a tree whose content takes at most so many blocks.
func (c *census) noSpace(content uint64) error {
	size, err := c.minSize(content, c.opt.Size)
	if err != nil {
		return err
	}
	if size <= c.opt.Size {
		size = c.opt.Size/mebibyte*mebibyte + mebibyte
	}
	return &NoSpaceError{Size: c.opt.Size, Missing: size - c.opt.Size}
}

// tooSmall turns the error of a volume without a shape into one that says
// what would do, where a larger one would.
func (c *census) tooSmall(err error) error {
	if size, serr := c.minSize(c.content, c.opt.Size); serr == nil && size > c.opt.Size {
		return &NoSpaceError{Size: c.opt.Size, Missing: size - c.opt.Size}
	}
	return err
}

func (c *census) geometry(s shape) Geometry {
	tree := c.fixed + c.content
	return Geometry{
		Size: c.opt.Size, Blocks: s.blocks, ReservedBlocks: s.reserved,
		Groups: s.groups, BlocksPerGroup: s.blocksPerGroup,
		Inodes: s.inodes(), InodesPerGroup: s.inodesPerGroup,
		JournalBlocks: s.journal, ReservedDescBlocks: s.reservedDescs,
		OverheadBlocks: s.overhead(),
		TreeInodes:     uint64(c.lastIno()), TreeBlocks: tree,
		Fits: tree+s.gaps() <= s.forTree(),
	}
}

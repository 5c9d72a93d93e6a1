package ext4cmp

import (
	"errors"
	"fmt"
	"math"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const remedyContent = "find what writes this file, and pin its clock, randomness, order and paths"

// compareContent compares what a regular file holds, or where a symbolic link
// points.
func (c *comparison) compareContent(p *pair) error {
	switch p.a.Raw.Type() {
	case tree.Symlink:
		return c.compareTarget(p)
	case tree.Regular:
		return c.compareFile(p)
	}
	return nil
}

func (c *comparison) compareTarget(p *pair) error {
	a, errA := c.a.fs.Target(p.a)
	b, errB := c.b.fs.Target(p.b)
	for _, err := range []error{errA, errB} {
		var damaged *ext4.Problem
		if err != nil && !errors.As(err, &damaged) {
			return err
		}
	}
	if errA != nil || errB != nil {
		a += message(errA)
		b += message(errB)
	}
	if a == b {
		return nil
	}
	structure := "inode"
	if p.a.HasBlocks() {
		structure = "symlink"
	}
	f, _ := c.enter(c.key(structure, "target", p.path), about{report.Content, "make the link with the same target in both builds"})
	f.A, f.B = a, b
	f.Whole = structure == "inode"
	c.differs(p, f, len(a) != len(b) && (p.a.HasBlocks() || p.b.HasBlocks()))
	return nil
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}

// differs records that a file's content is the finding f; resized says that
// it takes other blocks because of it.
func (c *comparison) differs(p *pair, f *ledger.Finding, resized bool) {
	p.content = f
	p.causes = append(p.causes, f)
	if resized {
		c.changed(f)
	}
	c.keep(p)
}

func (c *comparison) compareFile(p *pair) error {
	fa, fb := c.a.fs.OpenFile(p.a), c.b.fs.OpenFile(p.b)
	c.problems("first image", fa.Problems())
	c.problems("second image", fb.Problems())
	sameSize := fa.Size() == fb.Size()
	if sameSize && c.sameBlocks(fa, fb) {
		return nil
	}
	if c.budget -= int64(min(blocksOf(fa)+blocksOf(fb), math.MaxInt32)) * c.a.fs.BlockSize(); c.budget < 0 {
		c.problems("both images", []*ext4.Problem{{Offset: p.a.Offset, Text: "files share blocks so often that not all contents are compared"}})
		return nil
	}
	a, b := content(fa), content(fb)
	d, err := contents.Compare(c.ctx, a, b)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if d.Equal() {
		return nil
	}
	f, _ := c.enter(c.key("data", "content", p.path), about{report.Content, remedyContent})
	f.Whole = false
	if err := c.describe.Describe(c.ctx, f, p.path, a, b, d); err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	c.differs(p, f, blocksOf(fa) != blocksOf(fb))
	return nil
}

// blocksOf is how many blocks hold a file's content.
func blocksOf(f *ext4.File) (n uint64) {
	for _, r := range f.Runs() {
		n += r.Blocks
	}
	return n
}

// sameBlocks tells whether two files of the same size lie in the same blocks,
// none of which has a differing byte.
func (c *comparison) sameBlocks(a, b *ext4.File) bool {
	ra, rb := a.Runs(), b.Runs()
	if !c.p.Aligned || len(ra) == 0 || len(ra) != len(rb) || c.a.fs.BlockSize() != c.b.fs.BlockSize() {
		return false
	}
	bs := c.a.fs.BlockSize()
	left := a.Size()
	for i := range ra {
		if ra[i] != rb[i] {
			return false
		}
		start := int64(ra[i].Physical) * bs
		n := min(int64(ra[i].Blocks)*bs, left-int64(ra[i].Logical)*bs)
		if n > 0 && !c.p.Clean(start, start+n) {
			return false
		}
	}
	return true
}

// content is what a file holds. What is damaged reads as zeros: the volume's
// problems say so.
func content(f *ext4.File) contents.File {
	return contents.File{
		R: f, Size: f.Size(),
		Damaged: func(err error) bool {
			var damaged *ext4.Problem
			return errors.As(err, &damaged)
		},
		NextData: func(off int64) (int64, bool) {
			start, _, err := f.NextData(off)
			return start, err == nil
		},
	}
}

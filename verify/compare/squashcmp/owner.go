package squashcmp

import (
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// settle enters the trees' findings, and which data blocks are the files'
// whose content differs.
func (c *comparison) settle() {
	c.Comparison.Settle()
	for _, p := range c.Contents() {
		a, b := p.A.Ref.(*squashfs.Inode), p.B.Ref.(*squashfs.Inode)
		if a.Start != b.Start || len(a.Blocks) == 0 || len(b.Blocks) == 0 {
			continue
		}
		end := min(c.a.fs.OpenFile(a).DataEnd(), c.b.fs.OpenFile(b).DataEnd())
		c.files = append(c.files, packedFile{int64(a.Start), end, p.Content})
	}
	slices.SortStableFunc(c.files, func(x, y packedFile) int { return int(min(max(x.start-y.start, -1), 1)) })
}

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	if off < squashfs.SuperblockSize {
		f := squashfs.SuperblockLayout.At(int(off))
		return ledger.Owned{Finding: c.super[f.Name], Start: int64(f.Offset), End: int64(f.End())}
	}
	usedA, usedB := c.used(c.a), c.used(c.b)
	if start := max(usedA, usedB); off >= start {
		f := c.Enter("padding", "content", "", treecmp.About{Cause: report.Residue, Remedy: treecmp.FreshBlocks})
		f.Note = "behind bytes_used, where squashfs has nothing"
		return ledger.Owned{Finding: f, Start: start, End: c.Sides.A.Size}
	}
	o := ledger.Owned{Finding: c.packing(), Start: off, End: max(usedA, usedB)}
	if c.whole != nil {
		return o
	}
	for _, f := range c.options {
		switch {
		case off >= int64(f.Offset) && off < int64(f.End()):
			return ledger.Owned{Finding: c.super["options."+f.Name], Start: int64(f.Offset), End: int64(f.End())}
		case off < int64(f.Offset):
			o.End = min(o.End, int64(f.Offset))
		}
	}
	// The first file that begins behind the byte, and the one before it.
	i, _ := slices.BinarySearchFunc(c.files, off, func(f packedFile, off int64) int {
		if f.start > off {
			return 1
		}
		return -1
	})
	if i < len(c.files) {
		o.End = min(o.End, c.files[i].start)
	}
	if i > 0 && off < c.files[i-1].end {
		o.Finding = c.files[i-1].finding
		o.End = min(o.End, c.files[i-1].end)
	}
	return o
}

// used is how many bytes of a side hold the filesystem.
func (c *comparison) used(s *side) int64 {
	if s.sb.BytesUsed > uint64(s.Size) {
		return s.Size
	}
	return int64(s.sb.BytesUsed)
}

package fatcmp

import (
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
)

// compareContent compares what a file on both sides holds.
func (c *comparison) compareContent(p *pair) error {
	fa, fb := &c.a.vol.Files[p.a], &c.b.vol.Files[p.b]
	if fa.Size == fb.Size && c.samePlace(fa, fb) {
		return nil
	}
	a, b := c.a.file(p.a), c.b.file(p.b)
	d, err := contents.Compare(c.ctx, a, b)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if d.Equal() {
		return nil
	}
	f := c.loose("data", "content", p.path, about{report.Content, sameBytes})
	if err := c.describe.Describe(c.ctx, f, p.path, a, b, d); err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if len(fa.Extents) > 0 {
		f.At(c.disk(fa.Extents[0].Physical), 1)
	} else if len(fb.Extents) > 0 {
		f.At(c.p.B.Base+fb.Extents[0].Physical, 1)
	}
	p.content = f
	if allocated(fa) != allocated(fb) {
		c.changes = append(c.changes, f)
	}
	return nil
}

// sameContent tells whether two files hold the same, or both are directories.
func (c *comparison) sameContent(a, b uint32) (bool, error) {
	fa, fb := &c.a.vol.Files[a], &c.b.vol.Files[b]
	if fa.Dir || fb.Dir || fa.Size != fb.Size {
		return fa.Dir && fb.Dir, nil
	}
	if c.samePlace(fa, fb) {
		return true, nil
	}
	d, err := contents.Compare(c.ctx, c.a.file(a), c.b.file(b))
	return d.Equal(), err
}

// file is the content of a side's file. What a chain that ends early, or an
// image that does, leaves out reads as zeros: the volume's problems say so.
func (s *side) file(object uint32) contents.File {
	r := s.vol.Open(object)
	// A file's size is a number from its entry; its chain is what is there.
	return contents.File{R: r, Size: r.Size(), Damaged: damaged, NextData: s.endOfChain(object)}
}

// endOfChain passes over what no cluster of the chain holds, so that a size of
// 4 GiB in the entry of an empty chain costs nothing.
func (s *side) endOfChain(object uint32) func(int64) (int64, bool) {
	f := &s.vol.Files[object]
	end := allocated(f)
	return func(off int64) (int64, bool) {
		if off < end {
			return off, true
		}
		return f.Size, true
	}
}

func damaged(err error) bool {
	var bad *fat.FormatError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &bad)
}

// allocated is how many bytes the clusters of a file have.
func allocated(f *fat.File) int64 {
	if len(f.Extents) == 0 {
		return 0
	}
	last := f.Extents[len(f.Extents)-1]
	return last.Logical + last.Length
}

// sameExtents tells whether two files lie in the same places of the volume.
func sameExtents(a, b *fat.File) bool {
	if len(a.Extents) != len(b.Extents) {
		return false
	}
	for i := range a.Extents {
		if a.Extents[i] != b.Extents[i] {
			return false
		}
	}
	return true
}

// samePlace tells whether two objects of the same size lie in the same
// places, none of which has a differing byte.
func (c *comparison) samePlace(a, b *fat.File) bool {
	if !c.p.Aligned || !sameExtents(a, b) {
		return false
	}
	for _, e := range a.Extents {
		if n := min(e.Length, a.Size-e.Logical); n > 0 && !c.p.Clean(e.Physical, e.Physical+n) {
			return false
		}
	}
	return true
}

package ext4cmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/textdiff"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
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
		c.changes = append(c.changes, f)
	}
	c.keep(p)
}

// compared tells how far two contents are apart.
type compared struct {
	first int64 // offset of the first difference; -1 for none
	bytes int64 // how many bytes differ, as far as both go
	a, b  []byte
}

// excerpt is how many bytes around the first difference are shown.
const excerpt = 16

func (c *comparison) compareFile(p *pair) error {
	fa, fb := c.a.fs.OpenFile(p.a), c.b.fs.OpenFile(p.b)
	c.problems("first image", fa.Problems())
	c.problems("second image", fb.Problems())
	sameSize := fa.Size() == fb.Size()
	if sameSize && c.sameBlocks(fa, fb) {
		return nil
	}
	if c.budget -= min(fa.Size(), fb.Size()); c.budget < 0 {
		c.problems("both images", []*ext4.Problem{{Offset: p.a.Offset, Text: "files share blocks so often that not all contents are compared"}})
		return nil
	}
	d, err := c.compareReaders(fa, fb)
	if err != nil {
		return fmt.Errorf("%s: %w", p.path, err)
	}
	if d.first < 0 && sameSize {
		return nil
	}
	f, _ := c.enter(c.key("data", "content", p.path), about{report.Content, remedyContent})
	f.Whole = false
	f.A, f.B = fmt.Sprintf("%d bytes", fa.Size()), fmt.Sprintf("%d bytes", fb.Size())
	if f.Diff, err = c.textDiff(p.path, fa, fb); err != nil {
		return err
	}
	switch {
	case f.Diff != "": // says it better
	case d.first >= 0:
		f.A, f.B = f.A+fmt.Sprintf("; at %d: %x", d.first, d.a), f.B+fmt.Sprintf("; at %d: %x", d.first, d.b)
		f.Note = fmt.Sprintf("%d bytes of the file differ, the first at %d", d.bytes, d.first)
	default:
		f.Note = "one is the beginning of the other"
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

const contentBuffer = 256 << 10

// compareReaders compares two files as far as both go.
func (c *comparison) compareReaders(a, b *ext4.File) (compared, error) {
	d := compared{first: -1}
	size := min(a.Size(), b.Size())
	bufA, bufB := make([]byte, min(size, contentBuffer)), make([]byte, min(size, contentBuffer))
	for off := int64(0); off < size; {
		if err := c.ctx.Err(); err != nil {
			return d, err
		}
		// Where both have a hole there is nothing to read.
		sa, _, errA := a.NextData(off)
		sb, _, errB := b.NextData(off)
		if errA == nil && errB == nil {
			if off = max(off, min(sa, sb)); off >= size {
				break
			}
		}
		n := int(min(size-off, contentBuffer))
		x, y := bufA[:n], bufB[:n]
		if err := readContent(a, x, off); err != nil {
			return d, err
		}
		if err := readContent(b, y, off); err != nil {
			return d, err
		}
		if !bytes.Equal(x, y) {
			for i := range x {
				if x[i] == y[i] {
					continue
				}
				if d.first < 0 {
					d.first = off + int64(i)
					d.a = bytes.Clone(x[i:min(n, i+excerpt)])
					d.b = bytes.Clone(y[i:min(n, i+excerpt)])
				}
				d.bytes++
			}
		}
		off += int64(n)
	}
	return d, nil
}

// readContent reads a part of a file that its size promises. What is damaged
// reads as zeros: the volume's problems say so.
func readContent(f *ext4.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	var damaged *ext4.Problem
	if err == nil || err == io.EOF || errors.As(err, &damaged) {
		clear(p[n:])
		return nil
	}
	return err
}

// maxDiffed is the size in bytes of the largest text that is diffed.
const maxDiffed = 1 << 20

func (c *comparison) textDiff(path string, a, b *ext4.File) (string, error) {
	if a.Size() > maxDiffed || b.Size() > maxDiffed {
		return "", nil
	}
	x, y := make([]byte, a.Size()), make([]byte, b.Size())
	if err := readContent(a, x, 0); err != nil {
		return "", err
	}
	if err := readContent(b, y, 0); err != nil {
		return "", err
	}
	diff, ok := textdiff.Unified(x, y, textdiff.Options{NameA: "a" + path, NameB: "b" + path, MaxOutput: 16 << 10})
	if !ok {
		return "", nil
	}
	return diff, nil
}

package treecmp

import (
	"bytes"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Content is what a regular file holds.
type Content interface {
	io.ReaderAt
	Size() int64
	// Same tells how many bytes from off on the other file, which is the
	// second image's, is known to have just so, without reading them.
	Same(c *Comparison, other Content, off int64) int64
}

// Unread is content of which not even the place can be read, because of err.
func Unread(size int64, err error) Content { return unread{max(size, 0), err} }

type unread struct {
	size int64
	err  error
}

func (u unread) Size() int64                            { return u.size }
func (u unread) ReadAt([]byte, int64) (int, error)      { return 0, u.err }
func (u unread) Same(*Comparison, Content, int64) int64 { return 0 }

// contentDiff tells how far two contents are apart.
type contentDiff struct {
	pair         *Pair
	also         []*Pair // that hold the same two contents
	sizeA, sizeB int64
	first        int64 // offset of the first difference; -1 for none
	bytes        int64 // how many bytes differ, as far as both go
	a, b         []byte
}

const (
	excerpt       = 16       // bytes of a difference that are shown
	contentBuffer = 64 << 10 // bytes
)

// compareContent compares two regular files, unit by unit. A file that cannot
// be read is passed over with a warning: that the others are compared is not
// its concern.
func (c *Comparison) compareContent(p *Pair) error {
	var key [4]int64
	keyed := false
	if c.format.ContentKey != nil {
		if key, keyed = c.format.ContentKey(p); keyed {
			if d, met := c.compared[key]; met {
				if d != nil {
					d.also = append(d.also, p)
					c.keep(p)
				}
				return nil
			}
		}
	}
	a, b := c.a.Open(p.A), c.b.Open(p.B)
	d, err := c.compareReaders(a, b)
	if err == nil && (d.first >= 0 || d.sizeA != d.sizeB) {
		d.pair = p
	}
	switch {
	case err != nil && !c.Unreadable(err):
		return fmt.Errorf("%s: %w", p.Path, err)
	case err != nil:
		c.Unread++
		if c.Unread == 1 {
			c.Warnings = append(c.Warnings, fmt.Sprintf("the content of %s is not compared: %v", p.Path, err))
		}
		return nil
	}
	if d.pair == nil {
		d = nil
	}
	if keyed {
		c.compared[key] = d
	}
	if d != nil {
		c.diffs = append(c.diffs, d)
		c.keep(p)
	}
	return nil
}

func (c *Comparison) compareReaders(a, b Content) (*contentDiff, error) {
	d := &contentDiff{sizeA: a.Size(), sizeB: b.Size(), first: -1}
	size := min(d.sizeA, d.sizeB)
	var bufA, bufB []byte
	for off := int64(0); off < size; {
		if err := c.ctx.Err(); err != nil {
			return d, err
		}
		if n := a.Same(c, b, off); n > 0 {
			off += n
			continue
		}
		if bufA == nil {
			bufA, bufB = make([]byte, min(size, contentBuffer)), make([]byte, min(size, contentBuffer))
		}
		n := min(size-off, contentBuffer-off%contentBuffer)
		if c.Budget -= n; c.Budget < 0 {
			return d, TooMuch("files share blocks so often that not all contents are compared")
		}
		x, y := bufA[:min(n, int64(len(bufA)))], bufB[:min(n, int64(len(bufB)))]
		if err := readContent(a, x, off); err != nil {
			return d, err
		}
		if err := readContent(b, y, off); err != nil {
			return d, err
		}
		d.add(x, y, off)
		off += int64(len(x))
	}
	return d, nil
}

func (d *contentDiff) add(x, y []byte, off int64) {
	if bytes.Equal(x, y) {
		return
	}
	for i := range x {
		if x[i] == y[i] {
			continue
		}
		if d.first < 0 {
			d.first = off + int64(i)
			d.a = bytes.Clone(x[i:min(len(x), i+excerpt)])
			d.b = bytes.Clone(y[i:min(len(y), i+excerpt)])
		}
		d.bytes++
	}
}

func readContent(r Content, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// enterContent makes a finding of a difference.
func (c *Comparison) enterContent(d *contentDiff) *ledger.Finding {
	f := c.Enter("data", "content", d.pair.Path, About{report.Content, RemedyContent})
	diff := contents.Difference{SizeA: d.sizeA, SizeB: d.sizeB, First: d.first, Bytes: d.bytes, A: d.a, B: d.b}
	a, b := c.a.Open(d.pair.A), c.b.Open(d.pair.B)
	err := c.describe.Describe(c.ctx, f, d.pair.Path, contents.File{R: a, Size: d.sizeA}, contents.File{R: b, Size: d.sizeB}, diff)
	if err != nil { // it was read before: ctx has ended, or its file is changing
		f.A, f.B, f.Note = diff.Show("")
	}
	f.At(c.Sides.A.Base+d.pair.A.At, 1)
	d.pair.Content = f
	for _, p := range d.also {
		p.Content = f
	}
	if n := len(d.also); n > 0 {
		if f.Note != "" {
			f.Note += "; "
		}
		f.Note += fmt.Sprintf("stored once for this file and %d more, such as %s", n, d.also[0].Path)
	}
	return f
}

package contents

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/textdiff"
)

const (
	buffer    = 256 << 10
	excerpt   = 16       // bytes from the first difference on that are shown
	maxDiffed = 1 << 20  // bytes of the largest text that is diffed
	maxOutput = 16 << 10 // bytes of a diff
)

// File is a file's content.
type File struct {
	R    io.ReaderAt
	Size int64 // bytes

	// Damaged tells whether an error of R is about the filesystem rather than
	// about reading it: what cannot be read for such a reason reads as zeros.
	Damaged func(error) bool
	// NextData, where not nil, is the start of the first data at or behind
	// off. What lies before reads as zeros.
	NextData func(off int64) (int64, bool)
}

// Difference tells how far two contents are apart.
type Difference struct {
	SizeA, SizeB int64
	First        int64  // offset of the first byte that differs; -1 for none
	Bytes        int64  // how many bytes differ, as far as both go
	A, B         []byte // the first of them
}

// Equal tells whether the contents are the same.
func (d Difference) Equal() bool { return d.First < 0 && d.SizeA == d.SizeB }

// Show renders both sides for a person, with a note on the difference. Where
// there is a diff of their text, that says it better.
func (d Difference) Show(diff string) (a, b, note string) {
	a, b = fmt.Sprintf("%d bytes", d.SizeA), fmt.Sprintf("%d bytes", d.SizeB)
	if diff != "" {
		return a, b, ""
	}
	if d.First < 0 {
		return a, b, "one is the beginning of the other"
	}
	return a + fmt.Sprintf("; at %d: %x", d.First, d.A), b + fmt.Sprintf("; at %d: %x", d.First, d.B),
		differing(d.Bytes, d.First)
}

func differing(n, first int64) string {
	if n == 1 {
		return fmt.Sprintf("1 byte of the file differs, at %d", first)
	}
	return fmt.Sprintf("%d bytes of the file differ, the first at %d", n, first)
}

// Compare compares two files as far as both go.
func Compare(ctx context.Context, a, b File) (Difference, error) {
	d := Difference{SizeA: a.Size, SizeB: b.Size, First: -1}
	size := min(a.Size, b.Size)
	bufA, bufB := make([]byte, min(size, buffer)), make([]byte, min(size, buffer))
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return d, err
		}
		if off = max(off, min(a.next(off), b.next(off))); off >= size {
			break
		}
		n := int(min(size-off, buffer))
		x, y := bufA[:n], bufB[:n]
		if err := a.read(x, off); err != nil {
			return d, err
		}
		if err := b.read(y, off); err != nil {
			return d, err
		}
		if !bytes.Equal(x, y) {
			d.count(x, y, off)
		}
		off += int64(n)
	}
	return d, nil
}

func (d *Difference) count(x, y []byte, off int64) {
	for i := range x {
		if x[i] == y[i] {
			continue
		}
		if d.First < 0 {
			d.First = off + int64(i)
			end := min(len(x), i+excerpt)
			d.A, d.B = bytes.Clone(x[i:end]), bytes.Clone(y[i:end])
		}
		d.Bytes++
	}
}

// Diff is a unified diff of two texts that are a file at the given path;
// empty where they are no text, or too long.
func Diff(path string, a, b File) (string, error) {
	if a.Size > maxDiffed || b.Size > maxDiffed {
		return "", nil
	}
	x, y := make([]byte, a.Size), make([]byte, b.Size)
	if err := a.read(x, 0); err != nil {
		return "", err
	}
	if err := b.read(y, 0); err != nil {
		return "", err
	}
	diff, ok := textdiff.Unified(x, y, textdiff.Options{NameA: "a" + path, NameB: "b" + path, MaxOutput: maxOutput})
	if !ok {
		return "", nil
	}
	return diff, nil
}

func (f File) next(off int64) int64 {
	if f.NextData != nil {
		if next, ok := f.NextData(off); ok {
			return next
		}
	}
	return off
}

// read reads a part of a file that its size promises.
func (f File) read(p []byte, off int64) error {
	n, err := f.R.ReadAt(p, off)
	if err == nil || err == io.EOF || f.Damaged != nil && f.Damaged(err) {
		clear(p[n:])
		return nil
	}
	return err
}

package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/readonly"
	"github.com/reprodisk/reprodisk/internal/textdiff"
	"github.com/reprodisk/reprodisk/report"
)

const (
	filePiece  = 1 << 20 // bytes of a file that are read at once
	fileRanges = 256     // differing ranges that are named
	fileText   = 1 << 20 // bytes of the largest text that is shown as a diff
)

// fileDiff is where two files differ, as far as both go.
type fileDiff struct {
	bytes   int64 // as cmp -l counts
	ranges  []report.Range
	omitted int
	end     int64 // of the last range, named or omitted
}

// bytes compares two files that hold no disk.
func (c *folders) bytes(rel, nameA, nameB string) error {
	a, err := readonly.Open(nameA)
	if err != nil {
		return patherr.At(nameA, err)
	}
	defer a.Close()
	b, err := readonly.Open(nameB)
	if err != nil {
		return patherr.At(nameB, err)
	}
	defer b.Close()
	d, sizeA, sizeB, err := compareFiles(c.ctx, a, b)
	if err != nil {
		return err
	}
	c.report.DifferingBytes += d.bytes
	var diff string
	if (d.bytes > 0 || sizeA != sizeB) && max(sizeA, sizeB) <= fileText {
		if diff, err = textDiff(rel, a, b); err != nil {
			return err
		}
	}
	if d.bytes > 0 {
		f := report.Finding{
			Format: "file", Structure: "data", Field: "content",
			Ranges: d.ranges, RangesOmitted: d.omitted, Bytes: d.bytes, Diff: diff,
		}
		if c.samples < maxSamples {
			c.samples++
			s := sampler{a: a, b: b, sizeA: sizeA, sizeB: sizeB, left: 1}
			if err := s.one(&f); err != nil {
				return fmt.Errorf("%s, %s: %w", nameA, nameB, err)
			}
		}
		c.add(rel, f)
		diff = ""
	}
	if sizeA != sizeB {
		f := report.Finding{
			Format: "file", Structure: "data", Field: "size", Diff: diff,
			A: fmt.Sprintf("%d bytes", sizeA), B: fmt.Sprintf("%d bytes", sizeB),
		}
		if d.bytes > 0 {
			f.Note = "bytes are compared as far as both files go"
		}
		c.add(rel, f)
	}
	return nil
}

// textDiff is the unified diff of two small files, empty where they are no texts.
func textDiff(rel string, a, b *os.File) (string, error) {
	var text [2][]byte
	for i, f := range []*os.File{a, b} {
		var err error
		if text[i], err = io.ReadAll(io.NewSectionReader(f, 0, fileText+1)); err != nil {
			return "", patherr.At(f.Name(), err)
		}
	}
	diff, _ := textdiff.Unified(text[0], text[1], textdiff.Options{NameA: "a/" + rel, NameB: "b/" + rel})
	return report.Printable(diff), nil
}

// compareFiles finds the differing bytes of the range that both files have.
func compareFiles(ctx context.Context, a, b *os.File) (d fileDiff, sizeA, sizeB int64, err error) {
	bufA, bufB := make([]byte, filePiece), make([]byte, filePiece)
	for off := int64(0); ; off += filePiece {
		if err := ctx.Err(); err != nil {
			return d, 0, 0, err
		}
		na, err := readPiece(a, bufA, off)
		if err != nil {
			return d, 0, 0, err
		}
		nb, err := readPiece(b, bufB, off)
		if err != nil {
			return d, 0, 0, err
		}
		sizeA, sizeB = sizeA+int64(na), sizeB+int64(nb)
		d.note(bufA[:min(na, nb)], bufB[:min(na, nb)], off)
		if na < filePiece && nb < filePiece {
			return d, sizeA, sizeB, nil
		}
	}
}

func readPiece(f *os.File, buf []byte, off int64) (int, error) {
	n, err := f.ReadAt(buf, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("%s: read at byte %d: %w", f.Name(), off, errors.Unwrap(err))
	}
	return n, nil
}

// note counts the differing bytes of two pieces of the same length.
func (d *fileDiff) note(a, b []byte, off int64) {
	if bytes.Equal(a, b) {
		return
	}
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		d.bytes++
		at := off + int64(i)
		touches := d.bytes > 1 && d.end == at
		d.end = at + 1
		switch {
		case touches && d.omitted > 0:
		case touches:
			d.ranges[len(d.ranges)-1].Length++
		case len(d.ranges) == fileRanges:
			d.omitted++
		default:
			d.ranges = append(d.ranges, report.Range{Offset: at, Length: 1})
		}
	}
}

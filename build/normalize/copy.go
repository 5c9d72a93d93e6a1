package normalize

import (
	"errors"
	"fmt"
	"io"
)

// piece is how many bytes are copied at a time.
const piece = 1 << 20

// block is the unit in which zeros become holes, in bytes.
const block = 4096

// copy copies a range of the disk, past its holes and zeros, and tells whether
// it holds anything but zeros.
func (d *disk) copy(off, length int64, stage string) (empty bool, err error) {
	progress := d.opt.stage(stage)
	empty = true
	end := min(off+length, d.img.Size())
	err = d.eachPiece(off, end, func(at int64, b []byte) error {
		progress(at-off, length)
		for len(b) > 0 {
			n := min(len(b), block)
			if !zeros(b[:n]) {
				empty = false
				if _, err := d.w.WriteAt(b[:n], at); err != nil {
					return err
				}
			}
			b, at = b[n:], at+int64(n)
		}
		return nil
	})
	return empty, err
}

// holdsData tells whether a range of the disk holds anything but zeros.
func (d *disk) holdsData(off, length int64) (found bool, err error) {
	stop := errors.New("found")
	err = d.eachPiece(off, min(off+length, d.img.Size()), func(_ int64, b []byte) error {
		if !zeros(b) {
			return stop
		}
		return nil
	})
	if errors.Is(err, stop) {
		return true, nil
	}
	return false, err
}

// eachPiece reads what a range of the disk has of data, a piece at a time.
func (d *disk) eachPiece(off, end int64, visit func(at int64, b []byte) error) error {
	buf := make([]byte, min(piece, max(end-off, 0)))
	for off < end {
		start, stop, err := d.img.NextData(off)
		if err != nil {
			return fmt.Errorf("%s: %w", d.img.Path(), err)
		}
		if start >= end {
			return nil
		}
		for stop = min(stop, end); start < stop; {
			if err := d.ctx.Err(); err != nil {
				return err
			}
			b := buf[:min(int64(len(buf)), stop-start)]
			if _, err := io.ReadFull(io.NewSectionReader(d.img, start, int64(len(b))), b); err != nil {
				return fmt.Errorf("%s: at byte %d: %w", d.img.Path(), start, err)
			}
			if err := visit(start, b); err != nil {
				return err
			}
			start += int64(len(b))
		}
		off = stop
	}
	return nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

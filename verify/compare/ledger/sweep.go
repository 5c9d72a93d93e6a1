package ledger

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// Volume is a part of two disks whose bytes stand at the same places on both:
// a partition with the same start, or the whole disk.
type Volume struct {
	A, B  io.ReaderAt // offset 0 is the volume's first byte
	Base  int64       // byte offset of the volume in the virtual disk
	Size  int64       // bytes that both sides have
	Dirty []scan.Span // the spans, relative to the volume, outside of which the sides are known to be equal
}

// Owned says who owns the bytes from Start to End (offsets in the volume).
type Owned struct {
	Finding    *Finding // nil: nobody
	Start, End int64
}

// gapToJoin is how many equal bytes may lie between two differing ones of the
// same owner for the report to show them as one range.
const gapToJoin = 16

const sweepBuffer = 256 << 10

// Sweep gives every differing byte of the volume to its owner. owner is
// called with rising offsets, each that of a differing byte, and answers for
// it and for what follows up to End. Bytes that nobody owns go to the
// partition's finding of structure "unknown".
func (l *Ledger) Sweep(ctx context.Context, v Volume, partition int, owner func(off int64) Owned) error {
	bufA, bufB := make([]byte, sweepBuffer), make([]byte, sweepBuffer)
	var now Owned // answers for bytes up to now.End
	for _, s := range v.Dirty {
		for off := s.Start; off < min(s.End, v.Size); {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(s.End, v.Size, off+sweepBuffer) - off)
			a, b := bufA[:n], bufB[:n]
			if err := readFull(v.A, a, off); err != nil {
				return fmt.Errorf("first image: at byte %d: %w", v.Base+off, err)
			}
			if err := readFull(v.B, b, off); err != nil {
				return fmt.Errorf("second image: at byte %d: %w", v.Base+off, err)
			}
			for i := 0; i < n; {
				if a[i] == b[i] {
					i++
					continue
				}
				at := off + int64(i)
				if at >= now.End || at < now.Start {
					now = owner(at)
					if now.Finding == nil {
						now.Finding = l.Unknown(partition)
					}
					if now.End <= at { // an owner that answers for nothing would hang the sweep
						now.End = at + 1
					}
					now.Start = min(now.Start, at)
				}
				i = now.take(v.Base, off, a, b, i)
			}
			off += int64(n)
		}
	}
	return nil
}

// take gives the differing bytes from index i up to the owner's end or the
// buffer's to the owner, and returns the index behind them.
func (o Owned) take(base, off int64, a, b []byte, i int) int {
	end := int(min(o.End-off, int64(len(a))))
	if o.Finding.Whole {
		n := int64(0)
		for ; i < end; i++ {
			if a[i] != b[i] {
				n++
			}
		}
		o.Finding.Own(base+o.Start, o.End-o.Start, n)
		return end
	}
	for i < end {
		if a[i] == b[i] {
			i++
			continue
		}
		start, last, n := i, i, int64(0)
		for ; i < end && i-last <= gapToJoin; i++ {
			if a[i] != b[i] {
				last = i
				n++
			}
		}
		o.Finding.Own(base+off+int64(start), int64(last-start+1), n)
	}
	return end
}

// Unknown is the finding that owns what no format claims in a partition.
func (l *Ledger) Unknown(partition int) *Finding {
	f, fresh := l.Of(Key{Partition: partition, Format: "disk", Structure: report.UnknownStructure, Field: "content"})
	if fresh {
		f.Note = "no format that is known here claims these bytes"
	}
	return f
}

// readFull reads len(p) bytes at off. What lies behind the end of r reads as
// an error: the caller asked for bytes that the sizes promised.
func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

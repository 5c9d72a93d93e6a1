// Package scan finds where two disks differ, in one pass over what either of
// them has allocated.
//
// It is the floor under a comparison: everything else looks only at the spans
// that it returns. Ranges that are holes in both images are never read, so
// that the cost follows what is allocated and not the disk's virtual size.
package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
)

// Span is a range of bytes, from Start up to but not including End.
type Span struct{ Start, End int64 }

// Disk is a virtual disk that can tell where its holes are.
type Disk interface {
	io.ReaderAt
	Size() int64
	// NextData is the first range at or after off that may hold anything but
	// zeros; start == end == Size() behind the last one.
	NextData(off int64) (start, end int64, err error)
}

// Result says where two disks differ.
type Result struct {
	Spans []Span // sorted, apart; multiples of Grain except at the end
	Bytes int64  // how many bytes differ
	Size  int64  // bytes compared: the smaller disk's size
	Heat  Heat   // how Bytes are spread over Size
}

// Grain is the granularity of Spans in bytes: one block of most filesystems.
const Grain = 4096

// piece is how much one step of work compares.
const piece = 1 << 20

// Progress is told how many of the bytes to compare are done.
type Progress func(done, total int64)

// Compare finds the differing bytes of the range that both disks have. What
// the longer one has behind it is not compared.
func Compare(ctx context.Context, a, b Disk, progress Progress) (Result, error) {
	size := min(a.Size(), b.Size())
	work, total, err := allocated(a, b, size)
	if err != nil {
		return Result{}, err
	}
	spread := newHeat(size)
	results := make([]Result, len(work))
	errs := make([]error, len(work))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next int
		done int64
	)
	for range min(runtime.GOMAXPROCS(0), 8) {
		wg.Go(func() {
			bufA, bufB := make([]byte, piece), make([]byte, piece)
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(work) || ctx.Err() != nil {
					return
				}
				if results[i], errs[i] = compareSpan(a, b, work[i], bufA, bufB, spread); errs[i] != nil {
					cancel()
					return
				}
				if progress != nil {
					mu.Lock()
					done += work[i].End - work[i].Start
					progress(done, total)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return Result{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	out := Result{Size: size, Heat: spread.result()}
	for _, r := range results {
		out.Bytes += r.Bytes
		for _, s := range r.Spans {
			out.add(s)
		}
	}
	return out, nil
}

func (r *Result) add(s Span) {
	if n := len(r.Spans); n > 0 && r.Spans[n-1].End == s.Start {
		r.Spans[n-1].End = s.End
		return
	}
	r.Spans = append(r.Spans, s)
}

// allocated lists the ranges that are data in at least one disk, widened to
// the Grain and cut into pieces.
func allocated(a, b Disk, size int64) (work []Span, total int64, err error) {
	curA, curB := cursor{disk: a, name: "first"}, cursor{disk: b, name: "second"}
	for off := int64(0); off < size; {
		sa, err := curA.at(off)
		if err != nil {
			return nil, 0, err
		}
		sb, err := curB.at(off)
		if err != nil {
			return nil, 0, err
		}
		first := sa
		if sb.Start < first.Start || sb.Start == first.Start && sb.End > first.End {
			first = sb
		}
		if first.Start >= size {
			break
		}
		start := max(off, first.Start/Grain*Grain)
		end := min((first.End+Grain-1)/Grain*Grain, start+piece, size)
		work = append(work, Span{start, end})
		total += end - start
		off = end
	}
	return work, total, nil
}

// cursor remembers the data range that it found last, so that a range that is
// walked in many steps is looked up once.
type cursor struct {
	disk Disk
	name string
	span Span
	ok   bool
}

func (c *cursor) at(off int64) (Span, error) {
	if c.ok && off < c.span.End {
		return c.span, nil
	}
	if c.ok && c.span.Start == c.span.End {
		return c.span, nil // no data behind this
	}
	start, end, err := c.disk.NextData(off)
	if err != nil {
		return Span{}, fmt.Errorf("%s image: looking for data at byte %d: %w", c.name, off, err)
	}
	c.span, c.ok = Span{start, end}, true
	return c.span, nil
}

func compareSpan(a, b Disk, s Span, bufA, bufB []byte, spread *heat) (Result, error) {
	var r Result
	x, y := bufA[:s.End-s.Start], bufB[:s.End-s.Start]
	if err := read(a, x, s.Start); err != nil {
		return r, fmt.Errorf("first image: at byte %d: %w", s.Start, err)
	}
	if err := read(b, y, s.Start); err != nil {
		return r, fmt.Errorf("second image: at byte %d: %w", s.Start, err)
	}
	if bytes.Equal(x, y) {
		return r, nil
	}
	for i := 0; i < len(x); i += Grain {
		e := min(i+Grain, len(x))
		if bytes.Equal(x[i:e], y[i:e]) {
			continue
		}
		n := int64(0)
		for j := i; j < e; j++ {
			if x[j] != y[j] {
				n++
			}
		}
		r.Bytes += n
		spread.add(s.Start+int64(i), n)
		r.add(Span{s.Start + int64(i), s.Start + int64(e)})
	}
	return r, nil
}

func read(d Disk, p []byte, off int64) error {
	n, err := d.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errors.New("the image ended early: it was truncated while it was read")
	}
	return err
}

// Within lists the spans that lie in [start, end), relative to start.
func Within(spans []Span, start, end int64) []Span {
	var out []Span
	for _, s := range spans {
		if s.End <= start {
			continue
		}
		if s.Start >= end {
			break
		}
		out = append(out, Span{max(s.Start, start) - start, min(s.End, end) - start})
	}
	return out
}

// Touch tells whether any of the sorted spans has a byte in [start, end).
func Touch(spans []Span, start, end int64) bool {
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := (lo + hi) / 2
		if spans[mid].End <= start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo < len(spans) && spans[lo].Start < end
}

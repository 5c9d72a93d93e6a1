package forensic

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// data is where the content of a file lies on the disk, as far as the blocks
// are its own and plain.
func (f *File) data(s *Side) []scan.Span {
	var out []scan.Span
	for _, r := range f.Runs {
		if r.Physical >= 0 && !r.Zeros && r.Unpacked == 0 {
			out = append(out, scan.Span{Start: s.Offset + r.Physical, End: s.Offset + r.Physical + r.Length})
		}
	}
	return out
}

// ranges extracts where a disk differs from the other, but for what lies in
// extracted files, and what only the longer one has.
func (e *extraction) ranges(p *Pair, side int, taken []scan.Span) error {
	spans, err := differing(e.ctx, p, without(p.Spans, taken))
	if err != nil {
		return err
	}
	img := []*Image{&p.A, &p.B}[side]
	list := joined(spans, maxRangeFiles)
	if both := min(p.A.Size, p.B.Size); img.Size > both {
		list = append(list, scan.Span{Start: both, End: img.Size})
	}
	for _, s := range list {
		r := ExtractedRange{Side: sides[side], Image: p.Name, Offset: s.Start, Length: s.End - s.Start}
		omit := func(why string) {
			e.omit(ManifestOmission{Side: r.Side, Image: r.Image, Path: fmt.Sprintf("%d+%d", r.Offset, r.Length), Size: r.Length, Why: why})
		}
		if r.Length > maxSparse {
			omit(tooLarge)
			continue
		}
		r.Name = e.names.free(path.Join(e.base(side, p), "ranges"), fmt.Sprintf("%d+%d.bin", r.Offset, r.Length))
		sum, err := e.write(r.Name, diskRange{img, s})
		var unread *readError
		switch {
		case errors.Is(err, errLimit):
			omit(err.Error())
			continue
		case errors.As(err, &unread):
			return fmt.Errorf("%s: %w", img.Path, unread.err)
		case err != nil:
			return err
		}
		r.SHA256 = sum
		e.m.Ranges = append(e.m.Ranges, r)
	}
	return nil
}

const sector = 512 // bytes

// differing narrows spans down to the sectors in which the disks differ.
func differing(ctx context.Context, p *Pair, spans []scan.Span) ([]scan.Span, error) {
	var out []scan.Span
	x, y := make([]byte, piece), make([]byte, piece)
	for _, s := range spans {
		for at := s.Start; at < s.End; {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			n := min(piece-at%sector, s.End-at)
			for _, r := range []struct {
				img *Image
				b   []byte
			}{{&p.A, x[:n]}, {&p.B, y[:n]}} {
				if err := readFull(r.img.disk, r.b, at); err != nil {
					return nil, fmt.Errorf("%s: at byte %d: %w", r.img.Path, at, err)
				}
			}
			for i := int64(0); i < n; {
				end := min(n, i+sector-(at+i)%sector)
				if !bytes.Equal(x[i:end], y[i:end]) {
					if k := len(out) - 1; k >= 0 && out[k].End == at+i {
						out[k].End = at + end
					} else {
						out = append(out, scan.Span{Start: at + i, End: at + end})
					}
				}
				i = end
			}
			at += n
		}
	}
	return out, nil
}

// diskRange is a range of a disk as a content.
type diskRange struct {
	img *Image
	s   scan.Span
}

func (d diskRange) Size() int64 { return d.s.End - d.s.Start }

func (d diskRange) ReadAt(b []byte, off int64) (int, error) {
	return d.img.disk.ReadAt(b[:min(int64(len(b)), d.Size()-off)], d.s.Start+off)
}

func (d diskRange) NextData(off int64) (start, end int64) {
	start, end, err := d.img.disk.NextData(d.s.Start + off)
	if err != nil {
		return off, d.Size()
	}
	return min(start-d.s.Start, d.Size()), min(end-d.s.Start, d.Size())
}

// without is the part of sorted spans that is in none of the others.
func without(spans, taken []scan.Span) []scan.Span {
	slices.SortFunc(taken, func(x, y scan.Span) int { return cmp.Compare(x.Start, y.Start) })
	var out []scan.Span
	i := 0
	for _, s := range spans {
		for i < len(taken) && taken[i].End <= s.Start {
			i++
		}
		at := s.Start
		for k := i; k < len(taken) && taken[k].Start < s.End; k++ {
			if taken[k].Start > at {
				out = append(out, scan.Span{Start: at, End: taken[k].Start})
			}
			at = max(at, taken[k].End)
		}
		if at < s.End {
			out = append(out, scan.Span{Start: at, End: s.End})
		}
	}
	return out
}

// joined joins spans that are near each other until there are at most n.
func joined(spans []scan.Span, n int) []scan.Span {
	for gap := int64(scan.Grain); ; gap *= 2 {
		var out []scan.Span
		for _, s := range spans {
			if k := len(out) - 1; k >= 0 && s.Start-out[k].End <= gap {
				out[k].End = max(out[k].End, s.End)
			} else {
				out = append(out, s)
			}
		}
		if len(out) <= n || gap > 1<<60 {
			return out
		}
	}
}

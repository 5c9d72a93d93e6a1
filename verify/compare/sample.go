package compare

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/report"
)

const (
	maxDiskSamples = 2048 // findings of two disks that have a sample
	maxSamples     = 4096 // of two folders
	sampleSearch   = 4096 // bytes of a finding's first range that are searched for a difference
	sampleRow      = 16   // samples begin at a multiple of it, as hex dumps do
)

// sampler shows findings' bytes, of two disks or two files.
type sampler struct {
	a, b         io.ReaderAt
	sizeA, sizeB int64
	left         int // how many more samples there may be
}

// all gives a sample to the first findings that own bytes. Those come first
// that follow from no other.
func (s *sampler) all(ctx context.Context, findings []report.Finding) error {
	for i := range findings {
		if s.left == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.one(&findings[i]); err != nil {
			return err
		}
	}
	return nil
}

// one gives a finding its sample. One that owns no bytes has none: where its
// values lie on B, its ranges do not tell.
func (s *sampler) one(f *report.Finding) error {
	if f.Bytes == 0 || len(f.Ranges) == 0 {
		return nil
	}
	g := f.Ranges[0]
	n := min(g.Length, sampleSearch)
	a, err := read(s.a, s.sizeA, g.Offset, n, "first")
	if err != nil {
		return err
	}
	b, err := read(s.b, s.sizeB, g.Offset, n, "second")
	if err != nil {
		return err
	}
	first := -1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			first = i
			break
		}
	}
	if first < 0 {
		return nil
	}
	// A row before the one that differs, and what comes behind.
	off := max((g.Offset+int64(first))/sampleRow*sampleRow-sampleRow, 0)
	if a, err = read(s.a, s.sizeA, off, report.MaxSample, "first"); err != nil {
		return err
	}
	if b, err = read(s.b, s.sizeB, off, report.MaxSample, "second"); err != nil {
		return err
	}
	f.Sample = &report.Sample{Offset: off, A: hex.EncodeToString(a), B: hex.EncodeToString(b)}
	s.left--
	return nil
}

// read is the n bytes at off, or those that there are before the end.
func read(r io.ReaderAt, size, off, n int64, name string) ([]byte, error) {
	p := make([]byte, max(min(n, size-off), 0))
	if len(p) == 0 {
		return p, nil
	}
	if _, err := io.ReadFull(io.NewSectionReader(r, off, int64(len(p))), p); err != nil {
		return nil, fmt.Errorf("%s image: at byte %d: %w", name, off, err)
	}
	return p, nil
}

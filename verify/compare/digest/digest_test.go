package digest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// sparse is a disk of which only some ranges may be read.
type sparse struct {
	b    []byte
	data []scan.Span
	t    *testing.T
}

func (s *sparse) Size() int64 { return int64(len(s.b)) }

func (s *sparse) NextData(off int64) (start, end int64, err error) {
	for _, d := range s.data {
		if d.End > off {
			return max(d.Start, off), d.End, nil
		}
	}
	return s.Size(), s.Size(), nil
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	inside := false
	for _, d := range s.data {
		inside = inside || off >= d.Start && off+int64(len(p)) <= d.End
	}
	if !inside {
		s.t.Errorf("%d bytes at %d are read, which are not all data", len(p), off)
	}
	n := copy(p, s.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(h[:])
}

func disk(t *testing.T, size int64, data ...scan.Span) *sparse {
	d := &sparse{b: make([]byte, size), data: data, t: t}
	random := rand.NewChaCha8([32]byte{1})
	for _, s := range data {
		random.Read(d.b[s.Start:s.End])
	}
	return d
}

// TestDigestsAreThoseOfTheBytes: whatever is a hole, and wherever a partition
// begins, the digest is that of all its bytes.
func TestDigestsAreThoseOfTheBytes(t *testing.T) {
	const size = 5<<20 + 777
	d := disk(t, size, scan.Span{Start: 0, End: 512}, scan.Span{Start: 1<<20 + 4096, End: 3 << 20}, scan.Span{Start: 5 << 20, End: size})
	spans := []scan.Span{
		{Start: 512, End: 1 << 20}, // only a hole
		{Start: 1 << 20, End: 4 << 20},
		{Start: 2 << 20, End: 2<<20 + 1}, // inside of the one before
		{Start: 4 << 20, End: size + 5000},
		{Start: 100, End: 100},
		{Start: size + 10, End: size + 20},
	}
	var last int64
	whole, parts, err := Disk(context.Background(), d, spans, func(done, total int64) {
		if done <= last || total != size {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	if whole != sum(d.b) || last != size {
		t.Errorf("the disk's digest is %s, of its bytes %s; progress ended at %d", whole, sum(d.b), last)
	}
	for i, s := range spans {
		end := min(s.End, size)
		want := sum(d.b[min(s.Start, end):end])
		if parts[i] != want {
			t.Errorf("partition %v: %s, of its bytes %s", s, parts[i], want)
		}
	}
}

func TestOverlappingPartitionsAreNotHashed(t *testing.T) {
	d := disk(t, 4096, scan.Span{Start: 0, End: 4096})
	var spans []scan.Span
	for range 1000 {
		spans = append(spans, scan.Span{Start: 0, End: 4096})
	}
	whole, parts, err := Disk(context.Background(), d, spans, nil)
	if !errors.Is(err, ErrOverlap) || whole != sum(d.b) || parts != nil {
		t.Errorf("%s, %v, %v", whole, parts, err)
	}
}

func TestDigestsEndWhereTheContextDoes(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Disk(ctx, disk(t, 4096), nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Reader(ctx, bytes.NewReader(nil)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReader(t *testing.T) {
	b := disk(t, 2<<20+5, scan.Span{Start: 0, End: 2<<20 + 5}).b
	if got, err := Reader(context.Background(), bytes.NewReader(b)); err != nil || got != sum(b) {
		t.Errorf("%s, %v", got, err)
	}
}

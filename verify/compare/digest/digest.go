package digest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sort"
	"sync"

	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// Prefix is what a digest begins with in a report.
const Prefix = "sha256:"

// MaxPasses is how many times its disk the partitions may come to. A partition
// in an extended one counts on its own, so honest tables stay below 2.
const MaxPasses = 3

// ErrOverlap says that the partitions are not hashed, only the disk.
var ErrOverlap = errors.New("its partitions overlap too much for digests of each")

// piece is how many bytes are read and hashed at once.
const piece = 1 << 20

var zeros [piece]byte

// Disk is the digest of a disk, and of each of the spans of it, in their
// order. With ErrOverlap the digest of the disk is there, and none of a span.
// A span ends at the disk's end at the latest.
func Disk(ctx context.Context, d scan.Disk, spans []scan.Span, progress scan.Progress) (whole string, parts []string, err error) {
	size := d.Size()
	var sum int64
	var overlap error
	for _, s := range spans {
		length := max(min(s.End, size)-s.Start, 0)
		if sum += length; sum > MaxPasses*max(size, 1) || sum < 0 {
			spans, overlap = nil, ErrOverlap
			break
		}
	}
	h := hasher{whole: sha256.New(), parts: make([]part, len(spans))}
	for i, s := range spans {
		h.parts[i] = part{Span: s, Hash: sha256.New()}
		h.edges = append(h.edges, s.Start, s.End)
	}
	h.edges = append(h.edges, size)
	sort.Slice(h.edges, func(i, j int) bool { return h.edges[i] < h.edges[j] })

	buf := make([]byte, piece)
	var data scan.Span // the range of data that was found last; at its end, all before is known
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		if off >= data.End {
			start, end, err := d.NextData(off)
			if err != nil {
				return "", nil, err
			}
			if start < off || end < start || start == end && start < size {
				return "", nil, fmt.Errorf("looking for data at byte %d: there is none up to %d", off, end)
			}
			data = scan.Span{Start: start, End: max(end, start)}
			if start >= size {
				data = scan.Span{Start: size, End: size}
			}
		}
		end := min(off+piece, h.edge(off))
		var b []byte
		if off < data.Start {
			end = min(end, data.Start)
			b = zeros[:end-off]
		} else {
			end = min(end, data.End, size)
			b = buf[:end-off]
			if n, err := d.ReadAt(b, off); n < len(b) {
				if err == nil || errors.Is(err, io.EOF) {
					err = errors.New("the image ended early: it was truncated while it was read")
				}
				return "", nil, fmt.Errorf("at byte %d: %w", off, err)
			}
		}
		h.write(b, off)
		off = end
		if progress != nil {
			progress(off, size)
		}
	}
	for _, p := range h.parts {
		parts = append(parts, text(p.Hash))
	}
	return text(h.whole), parts, overlap
}

// part is a span that is hashed on its own.
type part struct {
	scan.Span
	hash.Hash
}

type hasher struct {
	whole hash.Hash
	parts []part
	edges []int64 // where a span begins or ends, sorted; the disk's end is the last that counts
}

// edge is the next place behind off at which another set of spans is written.
func (h *hasher) edge(off int64) int64 {
	i := sort.Search(len(h.edges), func(i int) bool { return h.edges[i] > off })
	return h.edges[i]
}

// write feeds bytes that no edge divides to every hash that they belong to, at
// the same time.
func (h *hasher) write(b []byte, off int64) {
	var wg sync.WaitGroup
	for _, p := range h.parts {
		if off >= p.Start && off < p.End {
			wg.Go(func() { p.Write(b) })
		}
	}
	h.whole.Write(b)
	wg.Wait()
}

// Reader is the digest of what r has from its start to its end.
func Reader(ctx context.Context, r io.ReaderAt) (string, error) {
	h := sha256.New()
	buf := make([]byte, piece)
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := r.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		switch {
		case errors.Is(err, io.EOF):
			return text(h), nil
		case err != nil:
			return "", fmt.Errorf("at byte %d: %w", off, err)
		}
	}
}

// Bytes is the digest of b.
func Bytes(b []byte) string {
	h := sha256.New()
	h.Write(b)
	return text(h)
}

func text(h hash.Hash) string { return Prefix + hex.EncodeToString(h.Sum(nil)) }

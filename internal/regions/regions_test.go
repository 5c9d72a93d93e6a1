package regions

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type part struct {
	start, end int64
	rank       int
	whole      bool
}

func bounds(p part) (start, end int64) { return p.start, p.end }

func rank(a, b part) int { return a.rank - b.rank }

func cut(p part, start int64) (part, bool) {
	if p.whole {
		return p, false
	}
	p.start = start
	return p, true
}

// TestEveryByteHasItsPart asks for each byte in order and in none, and holds
// that against a look at all parts.
func TestEveryByteHasItsPart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const size = 200
	for range 300 {
		var all []part
		for range r.IntN(20) {
			start := r.Int64N(size)
			all = append(all, part{start, start + r.Int64N(30), r.IntN(3), r.IntN(4) == 0})
		}
		all = Arrange(all, bounds, rank, cut)
		for i := 1; i < len(all); i++ {
			if all[i].start < all[i-1].end {
				t.Fatalf("%v and %v overlap", all[i-1], all[i])
			}
		}
		l := New(all, bounds)
		asked := r.Perm(size)
		for i := range size {
			asked = append(asked, i)
		}
		for _, i := range asked {
			off := int64(i)
			at := slices.IndexFunc(all, func(p part) bool { return off >= p.start && off < p.end })
			got, ok := l.At(off)
			if ok != (at >= 0) || ok && got != all[at] {
				t.Fatalf("byte %d is in %v, %v; want part %d of %v", off, got, ok, at, all)
			}
			if ok {
				continue
			}
			start, end := l.Gap(off, size+30)
			for _, p := range all {
				if p.end <= off && p.end > start || p.start > off && p.start < end {
					t.Fatalf("the gap at %d is %d to %d, with the part %v", off, start, end, p)
				}
			}
			if off < start || off >= end {
				t.Fatalf("the gap at %d is %d to %d", off, start, end)
			}
		}
	}
}

func TestArrangeKeepsWhatBeginsFirst(t *testing.T) {
	got := Arrange([]part{{5, 12, 1, false}, {0, 10, 1, false}, {0, 10, 0, true}, {8, 20, 0, true}, {20, 20, 0, false}}, bounds, rank, cut)
	want := []part{{0, 10, 0, true}, {10, 12, 1, false}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

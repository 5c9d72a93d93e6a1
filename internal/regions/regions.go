// Package regions looks up which part of a volume a byte lies in.
//
// A format's reader, or its comparer, says what a volume's bytes are for in
// parts of its own type; a part is a run of bytes. Nothing is known here of any
// format.
package regions

import (
	"cmp"
	"slices"
	"sort"
)

// List is the parts of one volume in order, none of which overlap.
type List[R any] struct {
	all    []R
	bounds func(R) (start, end int64)
	cursor int // index of the part that At found last
}

// New makes a list of parts that are in order and do not overlap. The bounds of
// a part are the offsets in bytes of its first byte and of the first one
// behind it. No list at all is one without parts.
func New[R any](all []R, bounds func(R) (start, end int64)) *List[R] {
	return &List[R]{all: all, bounds: bounds}
}

// At is the part that holds a byte. Bytes are mostly asked for in rising
// order, so the one found last and its neighbour are tried first.
func (l *List[R]) At(off int64) (R, bool) {
	var none R
	if l == nil {
		return none, false
	}
	for i := l.cursor; i < min(l.cursor+2, len(l.all)); i++ {
		if start, end := l.bounds(l.all[i]); off >= start && off < end {
			l.cursor = i
			return l.all[i], true
		}
	}
	if i := l.search(off); i < len(l.all) {
		if start, _ := l.bounds(l.all[i]); off >= start {
			l.cursor = i
			return l.all[i], true
		}
	}
	return none, false
}

// Gap is the run of bytes around one that no part holds: from the end of the
// part before it, or 0, to the start of the one behind it, or the volume's
// size.
func (l *List[R]) Gap(off, size int64) (start, end int64) {
	end = size
	if l == nil {
		return 0, end
	}
	i := l.search(off)
	if i > 0 {
		_, start = l.bounds(l.all[i-1])
	}
	if i < len(l.all) {
		end, _ = l.bounds(l.all[i])
	}
	return start, end
}

// search is the index of the first part that ends behind a byte.
func (l *List[R]) search(off int64) int {
	return sort.Search(len(l.all), func(i int) bool {
		_, end := l.bounds(l.all[i])
		return end > off
	})
}

// Arrange puts parts in order, and settles which of several that claim a byte
// has it: that which begins first, and of those the first by rank. What is left
// of the others is up to cut, which gives a part without its bytes in front of
// start, or false where a part cannot be cut. It works in the slice's own room.
func Arrange[R any](all []R, bounds func(R) (start, end int64), rank func(a, b R) int, cut func(r R, start int64) (R, bool)) []R {
	slices.SortStableFunc(all, func(a, b R) int {
		startA, _ := bounds(a)
		startB, _ := bounds(b)
		return cmp.Or(cmp.Compare(startA, startB), rank(a, b))
	})
	out := all[:0]
	var behind int64
	for _, r := range all {
		start, end := bounds(r)
		if end <= max(start, behind) {
			continue
		}
		if start < behind {
			var ok bool
			if r, ok = cut(r, behind); !ok {
				continue
			}
		}
		behind = end
		out = append(out, r)
	}
	return out
}

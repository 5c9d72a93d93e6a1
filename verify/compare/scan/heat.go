package scan

import "sync/atomic"

// MaxBuckets is how many parts of a disk a Heat tells apart.
const MaxBuckets = 2048

// Heat is how many bytes differ in each part of two disks.
type Heat struct {
	Bucket int64   // bytes of one part: the Grain, doubled until MaxBuckets of them hold the disk
	Counts []int64 // of the parts in order; the last one may be shorter
}

// heat is a Heat that several goroutines count in.
type heat struct {
	bucket int64
	counts []atomic.Int64
}

func newHeat(size int64) *heat {
	h := &heat{bucket: Grain}
	for (size-1)/h.bucket >= MaxBuckets {
		h.bucket *= 2
	}
	if size > 0 {
		h.counts = make([]atomic.Int64, (size-1)/h.bucket+1)
	}
	return h
}

// add counts n bytes that differ in the grain at off.
func (h *heat) add(off, n int64) { h.counts[off/h.bucket].Add(n) }

func (h *heat) result() Heat {
	out := Heat{Bucket: h.bucket, Counts: make([]int64, len(h.counts))}
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	return out
}

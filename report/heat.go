package report

import (
	"fmt"
	"math"
)

// Limits of what a report may say about the places that differ.
const (
	MaxHeats   = 64   // disks of two folders that have a Heat
	MaxBuckets = 2048 // of one disk
)

// Heat is how the differing bytes are spread over two disks, from the first
// byte to the last. It counts whole disks, also where a report is about one
// partition.
type Heat struct {
	Image   string   `json:"image,omitempty"`                    // the image's name, where two folders were compared
	SizeA   int64    `json:"size_a" jsonschema:"minimum=0"`      // bytes of A's virtual disk
	SizeB   int64    `json:"size_b" jsonschema:"minimum=0"`      // bytes of B's virtual disk
	Bucket  int64    `json:"bucket" jsonschema:"minimum=1"`      // bytes of the disk that one bucket stands for
	Buckets []Bucket `json:"buckets" jsonschema:"maxItems=2048"` // those in which bytes differ, in order of place
}

// Bucket is a part of two disks in which bytes differ.
type Bucket struct {
	Index int   `json:"index" jsonschema:"minimum=0,maximum=2047"` // it begins at byte index × bucket
	Bytes int64 `json:"bytes" jsonschema:"minimum=1"`              // how many of its bytes differ
}

// validateHeat checks that each heat lies within its disk, and that no finding
// owns bytes which it does not count.
func (r *Report) validateHeat() error {
	if len(r.Heat) == 0 {
		return nil
	}
	if len(r.Heat) > MaxHeats {
		return fmt.Errorf("heat of %d disks, more than %d", len(r.Heat), MaxHeats)
	}
	counted := make(map[string]int64, len(r.Heat))
	for i := range r.Heat {
		h := &r.Heat[i]
		if _, ok := counted[h.Image]; ok {
			return fmt.Errorf("there are two heats of the image %q", h.Image)
		}
		sum, err := h.sum()
		if err != nil {
			return fmt.Errorf("heat of the image %q: %w", h.Image, err)
		}
		counted[h.Image] = sum
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		left, ok := counted[f.Image]
		if !ok {
			continue
		}
		if f.Bytes > left {
			return fmt.Errorf("heat of the image %q counts fewer bytes than its findings own", f.Image)
		}
		counted[f.Image] = left - f.Bytes
	}
	return nil
}

func (h *Heat) sum() (int64, error) {
	switch {
	case h.SizeA < 0 || h.SizeB < 0:
		return 0, fmt.Errorf("a size is below zero")
	case h.Bucket < 1:
		return 0, fmt.Errorf("bucket is %d, not 1 or more", h.Bucket)
	case len(h.Buckets) > MaxBuckets:
		return 0, fmt.Errorf("%d buckets, more than %d", len(h.Buckets), MaxBuckets)
	}
	both := min(h.SizeA, h.SizeB)
	var sum int64
	last := -1
	for _, b := range h.Buckets {
		switch {
		case b.Index <= last:
			return 0, fmt.Errorf("bucket %d comes after bucket %d", b.Index, last)
		case b.Index >= MaxBuckets || int64(b.Index) > math.MaxInt64/h.Bucket || int64(b.Index)*h.Bucket >= both:
			return 0, fmt.Errorf("bucket %d lies behind the disk's %d bytes", b.Index, both)
		case b.Bytes < 1 || b.Bytes > min(h.Bucket, both-int64(b.Index)*h.Bucket):
			return 0, fmt.Errorf("bucket %d has no room for %d bytes", b.Index, b.Bytes)
		}
		last = b.Index
		sum += b.Bytes // never more than the disk has
	}
	return sum, nil
}

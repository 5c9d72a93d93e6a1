package report

import (
	"strings"
	"testing"
)

func TestBrokenHeatsAndSamplesAreNamed(t *testing.T) {
	for want, change := range map[string]func(r *Report){
		"two heats":               func(r *Report) { r.Heat = append(r.Heat, r.Heat[0]) },
		"more than 64":            func(r *Report) { r.Heat = make([]Heat, MaxHeats+1) },
		"more than 2048":          func(r *Report) { r.Heat[0].Buckets = make([]Bucket, MaxBuckets+1) },
		"bucket is 0":             func(r *Report) { r.Heat[0].Bucket = 0 },
		"a size is below zero":    func(r *Report) { r.Heat[0].SizeB = -1 },
		"comes after bucket 65":   func(r *Report) { r.Heat[0].Buckets = append(r.Heat[0].Buckets, r.Heat[0].Buckets[0]) },
		"bucket -1 comes after":   func(r *Report) { r.Heat[0].Buckets[0].Index = -1 },
		"behind the disk's 1024":  func(r *Report) { r.Heat[0].SizeB = 1024 },
		"bucket 9999 lies behind": func(r *Report) { r.Heat[0].Buckets[0].Index = 9999 },
		"no room for 1048577":     func(r *Report) { r.Heat[0].Buckets[0].Bytes = mib + 1 },
		"no room for 0 bytes":     func(r *Report) { r.Heat[0].Buckets[0].Bytes = 0 },
		"fewer bytes than":        func(r *Report) { r.Heat[0].Buckets[0].Bytes = 19 },
		"sample a is longer":      func(r *Report) { r.Findings[0].Sample.A = strings.Repeat("00", MaxSample+1) },
		"sample b is no hex":      func(r *Report) { r.Findings[0].Sample.B = "0" },
		"no sample lies at":       func(r *Report) { r.Findings[0].Sample.Offset = 1<<63 - 1 },
	} {
		r := one()
		change(r)
		if err := r.Finish(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestHugeHeatsDoNotOverflow(t *testing.T) {
	r := one()
	h := &r.Heat[0]
	h.SizeA, h.SizeB, h.Bucket = 1<<63-1, 1<<63-1, 1<<52
	h.Buckets = nil
	for i := range MaxBuckets {
		h.Buckets = append(h.Buckets, Bucket{Index: i, Bytes: min(h.Bucket, h.SizeA-int64(i)*h.Bucket)})
	}
	if err := r.Finish(); err != nil {
		t.Error(err)
	}
	h.Bucket = 1 << 60
	if err := r.Finish(); err == nil {
		t.Error("buckets behind the largest disk are accepted")
	}
}

// A report of one partition still says where its whole disk differs.
func TestHeatStaysWithOnePartition(t *testing.T) {
	r := many()
	r.Heat = []Heat{{SizeA: 2 * gib, SizeB: 2 * gib, Bucket: mib, Buckets: []Bucket{{Index: 0, Bytes: r.DifferingBytes}}}}
	if err := r.KeepPartition(2); err != nil {
		t.Fatal(err)
	}
	if len(r.Heat) != 1 || len(r.Heat[0].Buckets) != 1 {
		t.Errorf("%+v", r.Heat)
	}
}

package scan

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// memory is a disk whose zero blocks of the given size are holes.
type memory struct {
	*bytes.Reader
	data []byte
	hole int
}

func newMemory(data []byte, hole int) memory { return memory{bytes.NewReader(data), data, hole} }

func (m memory) NextData(off int64) (int64, int64, error) {
	size := len(m.data)
	zero := func(i int) bool {
		for _, c := range m.data[i*m.hole : min((i+1)*m.hole, size)] {
			if c != 0 {
				return false
			}
		}
		return true
	}
	i := int(off) / m.hole
	for i*m.hole < size && zero(i) {
		i++
	}
	j := i
	for j*m.hole < size && !zero(j) {
		j++
	}
	return max(off, int64(min(i*m.hole, size))), int64(min(j*m.hole, size)), nil
}

func TestCompareCountsEveryByte(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for round := range rounds {
		size := 1 + rnd.IntN(5<<20)
		a := make([]byte, size)
		for range rnd.IntN(20) {
			o := rnd.IntN(size)
			for i := o; i < min(size, o+rnd.IntN(1<<18)); i++ {
				a[i] = byte(rnd.Uint32())
			}
		}
		b := bytes.Clone(a)
		if rnd.IntN(3) == 0 {
			b = append(b, make([]byte, rnd.IntN(9000))...)
		}
		for range rnd.IntN(50) {
			b[rnd.IntN(size)] ^= byte(rnd.IntN(256))
		}
		for range rnd.IntN(3) {
			o := rnd.IntN(size)
			clear(b[o:min(size, o+rnd.IntN(1<<20))])
		}
		want := int64(0)
		for i := range a {
			if a[i] != b[i] {
				want++
			}
		}
		got, err := Compare(context.Background(), newMemory(a, 512<<rnd.IntN(6)), newMemory(b, 512<<rnd.IntN(6)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Bytes != want {
			t.Fatalf("round %d: %d bytes differ, Compare says %d", round, want, got.Bytes)
		}
		spread := make([]int64, len(got.Heat.Counts))
		for i := range a {
			if a[i] != b[i] {
				spread[int64(i)/got.Heat.Bucket]++
			}
		}
		if !slices.Equal(spread, got.Heat.Counts) {
			t.Fatalf("round %d: in parts of %d bytes %v differ, Compare says %v", round, got.Heat.Bucket, spread, got.Heat.Counts)
		}
		end := int64(-1)
		for _, s := range got.Spans {
			if s.Start <= end || s.End <= s.Start || s.Start%Grain != 0 {
				t.Fatalf("round %d: spans are not sorted, apart and aligned: %v", round, got.Spans)
			}
			end = s.End
		}
		for i := range a {
			if a[i] != b[i] && !Touch(got.Spans, int64(i), int64(i)+1) {
				t.Fatalf("round %d: byte %d differs outside of the spans", round, i)
			}
		}
		lo := rnd.Int64N(int64(size))
		hi := lo + rnd.Int64N(int64(size)-lo+1)
		for _, s := range Within(got.Spans, lo, hi) {
			if s.Start < 0 || s.End > hi-lo || !Touch(got.Spans, lo+s.Start, lo+s.End) {
				t.Fatalf("round %d: Within(%d, %d) gives %v", round, lo, hi, s)
			}
		}
	}
}

func TestAHeatHasBoundedParts(t *testing.T) {
	for _, size := range []int64{0, 1, Grain, Grain * MaxBuckets, Grain*MaxBuckets + 1, 1 << 40, 1<<63 - 1} {
		h := newHeat(size)
		if n := int64(len(h.counts)); n > MaxBuckets || size > 0 && (size-1)/h.bucket != n-1 || h.bucket%Grain != 0 {
			t.Errorf("%d bytes: %d parts of %d", size, n, h.bucket)
		}
	}
}

func TestCompareStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	d := newMemory(bytes.Repeat([]byte{1}, 8<<20), 4096)
	if _, err := Compare(ctx, d, d, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled comparison ends in %v", err)
	}
}

type truncated struct{ memory }

func (truncated) Size() int64 { return 8 << 20 }

func TestCompareOfATruncatedDisk(t *testing.T) {
	whole := newMemory(bytes.Repeat([]byte{1}, 8<<20), 4096)
	short := truncated{newMemory(bytes.Repeat([]byte{1}, 3<<20), 4096)}
	if _, err := Compare(context.Background(), whole, short, nil); err == nil {
		t.Error("a disk that ends before its size compares without an error")
	}
}

package ledger

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

func TestSweepGivesEveryDifferingByteToOneOwner(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for round := range 100 {
		size := 1 + rnd.IntN(1<<20)
		a := make([]byte, size)
		b := bytes.Clone(a)
		want := int64(0)
		for range rnd.IntN(3000) {
			o := rnd.IntN(size)
			if b[o] == 0 {
				want++
			}
			b[o] = 1 + byte(rnd.IntN(255))
		}
		dirty := []scan.Span{{Start: 0, End: int64(size)}}
		if rnd.IntN(2) == 0 && size > 8192 { // spans that cut owners in two
			dirty = []scan.Span{{Start: 0, End: 4096}, {Start: 4096, End: 8192}, {Start: 8192, End: int64(size)}}
		}
		l := New()
		grain := int64(1 + rnd.IntN(5000))
		owner := func(off int64) Owned {
			i := off / grain
			o := Owned{Start: i * grain, End: (i + 1) * grain}
			if i%5 == 4 {
				return o // nobody's
			}
			f, _ := l.Of(Key{Format: "ext4", Structure: "data", File: fmt.Sprint(i)})
			f.Whole = i%2 == 0
			o.Finding = f
			return o
		}
		if err := l.Sweep(context.Background(), Volume{A: bytes.NewReader(a), B: bytes.NewReader(b), Base: 1 << 20, Size: int64(size), Dirty: dirty}, 0, owner); err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for _, f := range l.Findings() {
			sum += f.Bytes
			if f.Structure == "unknown" {
				continue
			}
			var i int64
			fmt.Sscan(f.File, &i)
			n := int64(0)
			for o := i * grain; o < min((i+1)*grain, int64(size)); o++ {
				if a[o] != b[o] {
					n++
				}
			}
			if n != f.Bytes {
				t.Fatalf("round %d: owner %d has %d differing bytes, the ledger says %d", round, i, n, f.Bytes)
			}
			for _, r := range f.Ranges {
				if r.Offset < 1<<20+i*grain || r.Offset+r.Length > 1<<20+(i+1)*grain {
					t.Fatalf("round %d: range %v is outside of owner %d", round, r, i)
				}
			}
		}
		if sum != want {
			t.Fatalf("round %d: %d bytes differ, findings own %d", round, want, sum)
		}
	}
}

func TestSweepOfATruncatedVolume(t *testing.T) {
	v := Volume{A: bytes.NewReader(make([]byte, 100)), B: bytes.NewReader(make([]byte, 50)), Size: 100, Dirty: []scan.Span{{Start: 0, End: 100}}}
	err := New().Sweep(context.Background(), v, 0, func(off int64) Owned { return Owned{} })
	if err == nil {
		t.Error("reading past the end of an image must be an error")
	}
}

func roots(fs []report.Finding) (out []string) {
	for _, f := range fs {
		if !f.Derived {
			out = append(out, f.ID)
		}
	}
	return out
}

func TestConsequencesNameTheirCauses(t *testing.T) {
	l := New()
	crc, _ := l.Of(Key{Format: "gpt", Structure: "primary header", Field: "HeaderCRC32"})
	array, _ := l.Of(Key{Format: "gpt", Structure: "primary header", Field: "PartitionEntryArrayCRC32"})
	guid, _ := l.Of(Key{Format: "gpt", Structure: "entry", Field: "UniquePartitionGUID", Part: "1"})
	array.Follows(guid, nil, guid)
	crc.Follows(array)
	fs := l.Findings()
	if got := roots(fs); len(got) != 1 || got[0] != "p0/gpt/entry/UniquePartitionGUID#1" {
		t.Errorf("roots are %v", got)
	}
	for _, f := range fs[1:] {
		if len(f.DerivedFrom) != 1 {
			t.Errorf("%s is derived from %v", f.ID, f.DerivedFrom)
		}
	}
}

func TestACircleKeepsARoot(t *testing.T) {
	l := New()
	a, _ := l.Of(Key{Field: "a"})
	b, _ := l.Of(Key{Field: "b"})
	c, _ := l.Of(Key{Field: "c"})
	a.Follows(b, a)
	b.Follows(c)
	c.Follows(a)
	fs := l.Findings()
	if n := len(roots(fs)); n != 1 {
		t.Errorf("a circle of three has %d roots: %+v", n, fs)
	}
}

func TestTimesThatMovedTogetherAreOneFinding(t *testing.T) {
	l := New()
	var times Times
	for i := range uint64(5000) {
		times.Note("i_ctime", i, fmt.Sprintf("/f%d", i), tree.Time{Sec: 1000 + int64(i/500)}, tree.Time{Sec: 1027 + int64(i/400)}, int64(i))
	}
	times.Note("i_mtime", 7, "/f7", tree.Time{Sec: 5}, tree.Time{Sec: 782}, 7)
	times.Note("i_mtime", 8, "/f8", tree.Time{Sec: 5}, tree.Time{Sec: 900000}, 8)
	times.Settle(l, Key{Partition: 2, Format: "ext4", Structure: "inode"}, func(f *Finding) { f.Cause = report.Time })
	fs := l.Findings()
	if len(fs) != 3 {
		t.Fatalf("%d findings, want 3: %+v", len(fs), fs)
	}
	if f := times.Of("i_ctime", 4999); f == nil || f.count != 5000 || f != times.Of("i_ctime", 0) || f.File != "" {
		t.Errorf("the ctimes are %+v", f)
	}
	if f := times.Of("i_mtime", 7); f == nil || f.File != "/f7" || f.Note != "B is 12 min 57 s later" {
		t.Errorf("the mtime of /f7 is %+v", f)
	}
	if times.Of("i_mtime", 9) != nil {
		t.Error("a time that was not noted has a finding")
	}
}

func TestTimesThatMovedAllOverAreFewFindings(t *testing.T) {
	l := New()
	var times Times
	for i := range uint64(5000) {
		times.Note("i_mtime", i, fmt.Sprintf("/f%d", i), tree.Time{Sec: 1000}, tree.Time{Sec: 1000 + int64(i)*10}, int64(i))
		times.Note("i_mtime", 10000+i, fmt.Sprintf("/g%d", i), tree.Time{Sec: 1000}, tree.Time{Sec: 200000}, int64(i))
	}
	times.Settle(l, Key{Format: "ext4", Structure: "inode"}, func(*Finding) {})
	fs := l.Findings()
	if len(fs) != 2 || fs[0].Count+fs[1].Count != 10000 {
		t.Errorf("%d findings, want one of those that moved together and one of the others", len(fs))
	}
	if times.Of("i_mtime", 3) == nil || times.Of("i_mtime", 3) == times.Of("i_mtime", 10003) {
		t.Error("a time that moved alone is in the finding of those that moved together")
	}
}

func TestEqualChangesAreOneFinding(t *testing.T) {
	l := New()
	var v Values
	for i := range uint64(100) {
		v.Note("i_uid", i, fmt.Sprintf("/f%d", i), "0", "1000", int64(i))
		v.Note("i_generation", i, fmt.Sprintf("/f%d", i), fmt.Sprint(i*7919), fmt.Sprint(i*104729+1), int64(i))
	}
	v.Note("i_uid", 200, "/other", "0", "33", 200)
	v.Settle(l, Key{Format: "ext4", Structure: "inode"}, func(*Finding) {})
	fs := l.Findings()
	if len(fs) != 3 {
		t.Fatalf("%d findings, want 3: %+v", len(fs), fs)
	}
	if f := v.Of("i_uid", 200); f.File != "/other" || f.A != "0" || f.B != "33" {
		t.Errorf("the lone change is %+v", f)
	}
	if f := v.Of("i_uid", 3); f.count != 100 || f.B != "1000" {
		t.Errorf("the common change is %+v", f)
	}
}

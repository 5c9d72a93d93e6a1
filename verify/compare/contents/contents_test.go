package contents

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func text(s string) File { return File{R: strings.NewReader(s), Size: int64(len(s))} }

func TestFirstDifferenceIsFound(t *testing.T) {
	long := strings.Repeat("x", buffer+100)
	for _, c := range []struct {
		name, a, b   string
		first, bytes int64
		equal        bool
	}{
		{"equal", "same", "same", -1, 0, true},
		{"empty", "", "", -1, 0, true},
		{"prefix", "same", "same and more", -1, 0, false},
		{"one byte", "abcdef", "abXdef", 2, 1, false},
		{"behind the first buffer", long + "a", long + "b", buffer + 100, 1, false},
		{"across", "aa" + long, "bb" + long, 0, 2, false},
	} {
		d, err := Compare(context.Background(), text(c.a), text(c.b))
		if err != nil || d.First != c.first || d.Bytes != c.bytes || d.Equal() != c.equal {
			t.Errorf("%s: first %d, %d bytes, %v, %v", c.name, d.First, d.Bytes, d.Equal(), err)
		}
	}
}

// brokenReader fails behind its first bytes.
type brokenReader struct {
	good []byte
	err  error
}

func (r brokenReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(r.good)) {
		return 0, r.err
	}
	return copy(p, r.good[off:]), r.err
}

func TestDamageReadsAsZeros(t *testing.T) {
	bad := errors.New("the chain ends")
	broken := File{R: brokenReader{[]byte("abc"), bad}, Size: 6}
	if _, err := Compare(context.Background(), broken, text("abc\x00\x00\x00")); !errors.Is(err, bad) {
		t.Errorf("an error of reading is passed over: %v", err)
	}
	broken.Damaged = func(err error) bool { return errors.Is(err, bad) }
	if d, err := Compare(context.Background(), broken, text("abc\x00\x00\x00")); err != nil || !d.Equal() {
		t.Errorf("%+v, %v", d, err)
	}
}

// Where both have a hole nothing is read, however large it is.
func TestHolesAreNotRead(t *testing.T) {
	const huge = 1 << 50
	hole := File{R: brokenReader{nil, io.ErrClosedPipe}, Size: huge, NextData: func(int64) (int64, bool) { return huge, true }}
	if d, err := Compare(context.Background(), hole, hole); err != nil || !d.Equal() {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTextsHaveADiff(t *testing.T) {
	diff, err := Diff("/etc/issue", text("one\ntwo\n"), text("one\n2\n"))
	if err != nil || !strings.Contains(diff, "-two\n+2\n") || !strings.Contains(diff, "a/etc/issue") {
		t.Errorf("%q, %v", diff, err)
	}
	big := File{R: bytes.NewReader(make([]byte, 10)), Size: maxDiffed + 1}
	if diff, err := Diff("/big", big, big); err != nil || diff != "" {
		t.Errorf("%q, %v", diff, err)
	}
	if a, b, note := (Difference{SizeA: 3, SizeB: 4, First: 1, A: []byte{1}, B: []byte{2}, Bytes: 1}).Show(""); a != "3 bytes; at 1: 01" || b != "4 bytes; at 1: 02" || note == "" {
		t.Errorf("%q %q %q", a, b, note)
	}
}

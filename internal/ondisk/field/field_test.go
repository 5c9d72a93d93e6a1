package field

import (
	"bytes"
	"encoding/binary"
	"testing"
)

type inner struct {
	Lo uint16 `disk:"lo"`
	Hi uint16 `disk:"hi,hex"`
}

type sample struct {
	Magic uint32    `disk:"s_magic,hex"`
	ID    [16]byte  `disk:"s_uuid,uuid"`
	When  uint32    `disk:"s_mtime,time"`
	Name  [8]byte   `disk:"s_name,text"`
	Pair  inner     `disk:"s_pair"`
	Many  [2]inner  `disk:"s_many"`
	Words [2]uint32 `disk:"s_words"`
	Pad   [3]byte   `disk:"s_reserved,reserved"`
}

func TestFieldsCoverTheStructure(t *testing.T) {
	l := MustOf[sample](binary.LittleEndian)
	want := []string{"s_magic", "s_uuid", "s_mtime", "s_name", "s_pair.lo", "s_pair.hi", "s_many[0].lo", "s_many[0].hi", "s_many[1].lo", "s_many[1].hi", "s_words", "s_reserved"}
	end := 0
	for i, f := range l.Fields() {
		if f.Name != want[i] || f.Offset != end {
			t.Errorf("field %d is %s at %d, want %s at %d", i, f.Name, f.Offset, want[i], end)
		}
		end = f.End()
		for o := f.Offset; o < f.End(); o++ {
			if l.At(o).Name != f.Name {
				t.Errorf("At(%d) = %s, want %s", o, l.At(o).Name, f.Name)
			}
		}
	}
	if end != l.Size() {
		t.Errorf("fields end at %d, structure at %d", end, l.Size())
	}
}

func TestDecodeEncodeRoundTrip(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		l := MustOf[sample](order)
		raw := make([]byte, l.Size())
		for i := range raw {
			raw[i] = byte(i*7 + 1)
		}
		v := l.Decode(raw)
		if got := l.Encode(&v); !bytes.Equal(got, raw) {
			t.Errorf("%v: round trip gives %x, want %x", order, got, raw)
		}
		short := make([]byte, 10)
		l.Put(short, &v)
		if !bytes.Equal(short, raw[:10]) {
			t.Errorf("%v: Put into a short buffer gives %x, want %x", order, short, raw[:10])
		}
		v2 := l.Decode(raw[:10])
		if v2.Magic != v.Magic || v2.When != 0 {
			t.Errorf("%v: a short structure must read as followed by zeros, got %+v", order, v2)
		}
	}
}

func TestDiffNamesTheField(t *testing.T) {
	l := MustOf[sample](binary.LittleEndian)
	a := make([]byte, l.Size())
	for off := range a {
		b := bytes.Clone(a)
		b[off] ^= 0x40
		d := l.Diff(a, b)
		if len(d) != 1 || d[0].Name != l.At(off).Name {
			t.Errorf("byte %d: Diff says %v, want %s", off, d, l.At(off).Name)
		}
	}
}

func TestShow(t *testing.T) {
	l := MustOf[sample](binary.LittleEndian)
	v := sample{Magic: 0xef53, When: 0xffffffff, Name: [8]byte{'a', 'b', ' ', 0, 'x'}, Pair: inner{1, 2}}
	copy(v.ID[:], []byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b})
	raw := l.Encode(&v)
	for name, want := range map[string]string{
		"s_magic": "0x0000ef53", "s_mtime": "1969-12-31T23:59:59Z", "s_name": "ab",
		"s_uuid": "28732ac1-1ff8-d211-ba4b-00a0c93ec93b", "s_pair.lo": "1", "s_pair.hi": "0x0002",
		"s_words": "0000000000000000", "s_reserved": "000000",
	} {
		f, ok := l.Named(name)
		if !ok {
			t.Fatalf("no field %s", name)
		}
		if got := f.Show(f.Slice(raw)); got != want {
			t.Errorf("%s shows as %q, want %q", name, got, want)
		}
	}
	// The same 16 bytes are the EFI system partition's type when read as UEFI stores them.
	if got, want := ShowGUID(v.ID[:]), "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"; got != want {
		t.Errorf("ShowGUID = %s, want %s", got, want)
	}
	if got, want := ShowText([]byte("a\x1b[1m\x00")), `"a\x1b[1m"`; got != want {
		t.Errorf("ShowText = %s, want %s", got, want)
	}
	if got, want := ShowUTF16([]byte{'E', 0, 'S', 0, 'P', 0, 0, 0, 'x', 0}), "ESP"; got != want {
		t.Errorf("ShowUTF16 = %s, want %s", got, want)
	}
}

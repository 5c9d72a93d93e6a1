package sqlite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf16"
)

// Type is a value's storage class.
type Type uint8

// The storage classes, in SQLite's order.
const (
	Null Type = iota
	Integer
	Real
	Text
	Blob
)

// Value is one value of a row.
type Value struct {
	Type  Type
	Int   int64   // of an Integer
	Real  float64 // of a Real
	Bytes []byte  // of a Text (in UTF-8) or a Blob
}

// Equal tells whether two values are the same, storage class included.
func (v Value) Equal(w Value) bool {
	return v.Type == w.Type && v.Int == w.Int && math.Float64bits(v.Real) == math.Float64bits(w.Real) && bytes.Equal(v.Bytes, w.Bytes)
}

// String renders a value as SQL's quote() does, but for a Real, which is
// rendered with as few digits as tell it apart.
func (v Value) String() string {
	switch v.Type {
	case Integer:
		return strconv.FormatInt(v.Int, 10)
	case Real:
		return strconv.FormatFloat(v.Real, 'g', -1, 64)
	case Text:
		return "'" + string(bytes.ReplaceAll(v.Bytes, []byte("'"), []byte("''"))) + "'"
	case Blob:
		return fmt.Sprintf("X'%X'", v.Bytes)
	}
	return "NULL"
}

// maxColumns is SQLite's own limit on the columns of a table.
const maxColumns = 32767

var errRecord = errors.New("a record ends early")

// record decodes a payload, section 2.1.
func (d *DB) record(p []byte) ([]Value, error) {
	size, n := uvarint(p)
	if n == 0 || size > uint64(len(p)) || size < uint64(n) {
		return nil, errRecord
	}
	head, body := p[n:size], p[size:]
	var out []Value
	for len(head) > 0 {
		t, n := uvarint(head)
		if n == 0 || len(out) == maxColumns {
			return nil, errRecord
		}
		head = head[n:]
		v, length, err := d.value(t, body)
		if err != nil {
			return nil, err
		}
		body = body[length:]
		out = append(out, v)
	}
	return out, nil
}

// intSizes are the lengths of the integers of serial types 0 to 6.
var intSizes = [7]int{0, 1, 2, 3, 4, 6, 8}

func (d *DB) value(t uint64, body []byte) (v Value, length int, err error) {
	switch {
	case t == 0:
		return Value{}, 0, nil
	case t <= 6:
		n := intSizes[t]
		if len(body) < n {
			return v, 0, errRecord
		}
		var raw [8]byte
		if body[0]&0x80 != 0 {
			raw = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
		}
		copy(raw[8-n:], body[:n])
		return Value{Type: Integer, Int: int64(binary.BigEndian.Uint64(raw[:]))}, n, nil
	case t == 7:
		if len(body) < 8 {
			return v, 0, errRecord
		}
		return Value{Type: Real, Real: math.Float64frombits(binary.BigEndian.Uint64(body))}, 8, nil
	case t <= 9:
		return Value{Type: Integer, Int: int64(t - 8)}, 0, nil
	case t <= 11:
		return v, 0, fmt.Errorf("serial type %d is reserved", t)
	}
	n := (t - 12) / 2
	if n > uint64(len(body)) {
		return v, 0, errRecord
	}
	b := body[:n:n]
	if t%2 == 0 {
		return Value{Type: Blob, Bytes: b}, int(n), nil
	}
	return Value{Type: Text, Bytes: d.text(b)}, int(n), nil
}

// text is a text in UTF-8.
func (d *DB) text(b []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch d.Header.TextEncoding {
	case utf16be:
		order = binary.BigEndian
	case utf16le:
	default:
		return b
	}
	wide := make([]uint16, len(b)/2)
	for i := range wide {
		wide[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(wide)))
}

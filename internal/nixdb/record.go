package nixdb

import "fmt"

// value is a value of a row: nil, an int64 or a string.
type value any

// record is values as SQLite stores them (section 2.1).
func record(values ...value) []byte {
	// A header is short here: at most nine columns, whose types take at most
	// three bytes each. Its length is one byte, then.
	header, body := []byte{0}, []byte(nil)
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			header = append(header, 0)
		case int64:
			kind, size := integer(v)
			header = append(header, kind)
			for i := size - 1; i >= 0; i-- {
				body = append(body, byte(v>>(8*i)))
			}
		case string:
			header = appendVarint(header, uint64(13+2*len(v)))
			body = append(body, v...)
		default:
			panic(fmt.Sprintf("nixdb: a value of type %T", v))
		}
	}
	header[0] = byte(len(header))
	return append(header, body...)
}

// integer is the serial type of a number, and how many bytes it takes: the
// fewest that hold it, and none for 0 and 1.
func integer(v int64) (kind byte, size int) {
	switch {
	case v == 0:
		return 8, 0
	case v == 1:
		return 9, 0
	}
	for _, t := range []struct {
		kind byte
		size int
	}{{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 6}} {
		if limit := int64(1) << (8*t.size - 1); -limit <= v && v < limit {
			return t.kind, t.size
		}
	}
	return 6, 8
}

// appendVarint is SQLite's number of variable length: seven bits a byte, the
// highest first, and eight in a ninth (section 1.6).
func appendVarint(b []byte, v uint64) []byte {
	if v >= 1<<56 {
		for shift := 57; shift >= 8; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	n := 1
	for v>>(7*n) != 0 {
		n++
	}
	for i := n - 1; i > 0; i-- {
		b = append(b, byte(v>>(7*i))|0x80)
	}
	return append(b, byte(v&0x7f))
}

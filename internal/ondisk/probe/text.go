package probe

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// space is the white space that is removed from a label's end: C's isspace.
const space = " \t\n\v\f\r"

// text is b up to its first NUL, without white space at its end.
func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimRight(s, space)
}

// wide is text for UTF-16 in the given byte order.
func wide(b []byte, order binary.ByteOrder) string {
	var u []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := order.Uint16(b)
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return strings.TrimRight(string(utf16.Decode(u)), space)
}

// uuid renders 16 bytes in storage order; 16 zeros are no identifier.
func uuid(b [16]byte) string {
	if zero(b[:]) {
		return ""
	}
	return field.ShowUUID(b[:])
}

package field

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Show renders the field's raw bytes (as Slice returns them) for a person:
// times in RFC 3339 UTC, GUIDs as GUIDs, text quoted only where it holds
// something that cannot be printed.
func (f Field) Show(raw []byte) string {
	switch f.Kind {
	case UUID:
		if len(raw) == 16 {
			return ShowUUID(raw)
		}
	case GUID:
		if len(raw) == 16 {
			return ShowGUID(raw)
		}
	case Time:
		switch len(raw) {
		case 4:
			return ShowTime(int64(int32(f.order.Uint32(raw))), 0)
		case 8:
			return ShowTime(int64(f.order.Uint64(raw)), 0)
		}
	case Text:
		return ShowText(raw)
	case UTF16:
		return ShowUTF16(raw)
	case Uint:
		if v, ok := f.number(raw); ok {
			return strconv.FormatUint(v, 10)
		}
	case Hex, Flags, Checksum:
		if v, ok := f.number(raw); ok {
			return fmt.Sprintf("0x%0*x", 2*len(raw), v)
		}
	}
	return hex.EncodeToString(raw)
}

func (f Field) number(raw []byte) (uint64, bool) {
	if f.elem != f.Length {
		return 0, false // an array: shown byte by byte
	}
	switch len(raw) {
	case 1:
		return uint64(raw[0]), true
	case 2:
		return uint64(f.order.Uint16(raw)), true
	case 4:
		return uint64(f.order.Uint32(raw)), true
	case 8:
		return f.order.Uint64(raw), true
	}
	return 0, false
}

// ShowTime renders seconds and nanoseconds since 1970 in UTC. Years outside
// 0…9999, which RFC 3339 cannot hold, are shown as "@seconds".
func ShowTime(sec int64, nsec uint32) string {
	t := time.Unix(sec, int64(nsec)).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("@%d", sec)
	}
	return t.Format("2006-01-02T15:04:05.999999999Z07:00")
}

// ShowUUID renders 16 bytes in storage order as 8-4-4-4-12 lower-case digits.
func ShowUUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// ShowGUID renders 16 bytes in UEFI's mixed order as 8-4-4-4-12 upper-case
// digits, as sgdisk prints them.
func ShowGUID(b []byte) string {
	le := binary.LittleEndian
	return fmt.Sprintf("%08X-%04X-%04X-%X-%X", le.Uint32(b[0:4]), le.Uint16(b[4:6]), le.Uint16(b[6:8]), b[8:10], b[10:16])
}

// ShowText renders bytes up to the first NUL, with trailing blanks removed,
// quoted as a Go string where they hold anything but printable UTF-8.
func ShowText(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	s = strings.TrimRight(s, " ")
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}

// ShowUTF16 renders UTF-16LE up to the first NUL, quoted like ShowText.
func ShowUTF16(b []byte) string {
	var u []uint16
	for i := 0; i+1 < len(b); i += 2 {
		c := binary.LittleEndian.Uint16(b[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return ShowText([]byte(string(utf16.Decode(u))))
}

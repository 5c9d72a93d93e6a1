package iso9660

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/tree"
)

const quarterHour = 15 * 60 // seconds: the unit of an offset from UTC

// shortTime reads the 7 bytes of ECMA-119, section 9.1.5.
func shortTime(b []byte) tree.Time {
	t := time.Date(1900+int(b[0]), time.Month(b[1]), int(b[2]), int(b[3]), int(b[4]), int(b[5]), 0, time.UTC)
	return tree.Time{Sec: t.Unix() - int64(int8(b[6]))*quarterHour}
}

// LongTime reads the 17 bytes of ECMA-119, section 8.4.26.1: sixteen digits and
// an offset from UTC. ok is false where they specify no time, or are none.
func LongTime(b []byte) (t tree.Time, ok bool) {
	if len(b) != 17 || strings.Trim(string(b[:16]), "0") == "" {
		return tree.Time{}, false
	}
	var n [7]int
	for i, part := range []string{string(b[0:4]), string(b[4:6]), string(b[6:8]), string(b[8:10]), string(b[10:12]), string(b[12:14]), string(b[14:16])} {
		v, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return tree.Time{}, false
		}
		n[i] = int(v)
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	return tree.Time{Sec: at.Unix() - int64(int8(b[16]))*quarterHour, Nsec: uint32(n[6]) * 10_000_000}, true
}

// ShowTime renders 17 bytes of time as they are stored: local time, hundredths
// of a second and the offset from UTC.
func ShowTime(b []byte) string {
	if len(b) != 17 {
		return fmt.Sprintf("%x", b)
	}
	if strings.Trim(string(b[:16]), "0\x00") == "" && b[16] == 0 {
		return "not set"
	}
	if _, ok := LongTime(b); !ok {
		return strconv.Quote(string(b))
	}
	d, z := string(b[:16]), int(int8(b[16]))*15
	sign := "+"
	if z < 0 {
		sign, z = "-", -z
	}
	return fmt.Sprintf("%s-%s-%sT%s:%s:%s.%s%s%02d:%02d", d[:4], d[4:6], d[6:8], d[8:10], d[10:12], d[12:14], d[14:], sign, z/60, z%60)
}

package fat

import (
	"fmt"
	"time"
)

// A DOS date holds the year since 1980 in bits 15 to 9, the month in 8 to 5,
// the day in 4 to 0; a DOS time the hour in bits 15 to 11, the minute in 10 to
// 5, half the second in 4 to 0. Both are local time, and the zone is not
// stored (fatgen103, "Date and Time Formats").

// ShowDate renders a DOS date as 2006-01-02, with the numbers that are stored
// even where no calendar has that day. Zero, which means no date, is "none".
func ShowDate(d uint16) string {
	if d == 0 {
		return "none"
	}
	return fmt.Sprintf("%04d-%02d-%02d", 1980+int(d>>9), d>>5&15, d&31)
}

// ShowClock renders a DOS time as 15:04:05, in steps of two seconds.
func ShowClock(t uint16) string {
	return fmt.Sprintf("%02d:%02d:%02d", t>>11, t>>5&63, t&31*2)
}

// ShowTime renders date, time and 10 ms units as local time without a zone:
// "2006-01-02 15:04:05", with hundredths where tenth has any.
func ShowTime(date, clock uint16, tenth uint8) string {
	if date == 0 {
		return "none"
	}
	s := fmt.Sprintf("%s %02d:%02d:%02d", ShowDate(date), clock>>11, clock>>5&63, int(clock&31)*2+int(tenth)/100)
	if tenth%100 != 0 {
		s += fmt.Sprintf(".%02d", tenth%100)
	}
	return s
}

// The first and the last second that FAT can store.
var (
	minTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	maxTime = time.Date(2107, 12, 31, 23, 59, 59, 990_000_000, time.UTC)
)

// EncodeTime turns a time into FAT's parts, as UTC. What lies outside 1980 to
// 2107 becomes the nearest time inside; what is finer than 10 ms is cut off.
func EncodeTime(sec int64, nsec uint32) (date, clock uint16, tenth uint8) {
	t := minTime
	switch {
	case sec > maxTime.Unix():
		t = maxTime
	case sec >= minTime.Unix():
		t = time.Unix(sec, int64(nsec)).UTC()
	}
	date = uint16(t.Year()-1980)<<9 | uint16(t.Month())<<5 | uint16(t.Day())
	clock = uint16(t.Hour())<<11 | uint16(t.Minute())<<5 | uint16(t.Second()/2)
	tenth = uint8(t.Second()%2*100 + t.Nanosecond()/10_000_000)
	return date, clock, tenth
}

// DecodeTime is the reverse of EncodeTime: seconds and nanoseconds since 1970
// with the stored local time taken as UTC. ok is false where the numbers are
// no time, as in an entry that was never given one.
func DecodeTime(date, clock uint16, tenth uint8) (sec int64, nsec uint32, ok bool) {
	month, day := time.Month(date>>5&15), int(date&31)
	hour, minute, second := int(clock>>11), int(clock>>5&63), int(clock&31)*2
	t := time.Date(1980+int(date>>9), month, day, hour, minute, second, 0, time.UTC)
	if t.Month() != month || t.Day() != day || hour > 23 || minute > 59 || second > 58 || tenth > 199 {
		return 0, 0, false
	}
	return t.Unix() + int64(tenth/100), uint32(tenth%100) * 10_000_000, true
}

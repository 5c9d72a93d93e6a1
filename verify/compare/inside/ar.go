package inside

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// ar, as binutils and deb(5) have it: /usr/include/ar.h.

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
	remedyAr = "ar with D (deterministic): no times, owners and modes"
)

var errAr = errors.New("damaged ar")

var arFields = []tarField{
	{"ar_date", 16, 28},
	{"ar_uid", 28, 34},
	{"ar_gid", 34, 40},
	{"ar_mode", 40, 48},
	{"ar_size", 48, 58},
	{"ar_fmag", 58, 60},
}

func readAr(left *int, s Source) (*entryList, error) {
	l := &entryList{left: left}
	var long string // GNU's table of long names
	for off := int64(len(arMagic)); off < s.Size; {
		h := s.bytes(off, arHeader)
		if h == nil || string(h[58:]) != "`\n" {
			return nil, fmt.Errorf("%w: the header at byte %d", errAr, off)
		}
		size, err := strconv.ParseInt(strings.TrimSpace(string(h[48:58])), 10, 62)
		if err != nil || size < 0 || size > s.Size-off-arHeader {
			return nil, fmt.Errorf("%w: ar_size at byte %d", errAr, off+48)
		}
		data := s.part(off+arHeader, size)
		name := strings.TrimRight(string(h[:16]), " ")
		switch {
		case name == "//":
			long = string(data.head(maxNames))
		case name != "/" && strings.HasPrefix(name, "/"):
			if at, err := strconv.Atoi(name[1:]); err == nil && at >= 0 && at < len(long) {
				name, _, _ = strings.Cut(long[at:], "/\n")
			}
		default:
			if len(name) > 1 {
				name = strings.TrimSuffix(name, "/")
			}
		}
		if err := l.add(entry{name: name, content: data, attrs: func() []attr { return arAttrs(h) }}); err != nil {
			return nil, err
		}
		off += arHeader + (size+1)&^1
	}
	return l, nil
}

func arAttrs(h []byte) []attr {
	var out []attr
	for _, f := range arFields {
		a := attr{name: f.name, value: strings.TrimSpace(string(h[f.off:f.end])), cause: report.Content}
		switch f.name {
		case "ar_date":
			if v, err := strconv.ParseInt(a.value, 10, 62); err == nil {
				a.value = field.ShowTime(v, 0)
			}
			a.cause, a.remedy = report.Time, remedyAr
		case "ar_uid", "ar_gid", "ar_mode":
			a.cause, a.remedy = report.Environment, remedyAr
		case "ar_size":
			a.derived = true
		}
		out = append(out, a)
	}
	return out
}

func compareAr(s *session, p pair, out *result) (string, error) {
	a, err := readAr(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, err := readAr(&s.left, p.b)
	if err != nil {
		return "", err
	}
	return "ar", s.compareEntries(p, a, b, entriesOptions{orderRemedy: "give ar its members in sorted order", listing: true}, out)
}

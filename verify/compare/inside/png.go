package inside

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/report"
)

// PNG: Portable Network Graphics, third edition (W3C), section 5.

const pngMagic = "\x89PNG\r\n\x1a\n"

var errPNG = errors.New("damaged PNG")

func readPNG(left *int, s Source) (*entryList, int64, error) {
	l := &entryList{left: left}
	off := int64(len(pngMagic))
	for off < s.Size {
		h := s.bytes(off, 8)
		if h == nil {
			return nil, 0, errPNG
		}
		n := int64(binary.BigEndian.Uint32(h))
		crc := s.bytes(off+8+n, 4)
		if crc == nil {
			return nil, 0, fmt.Errorf("%w: it ends in the chunk at byte %d", errPNG, off)
		}
		kind := string(h[4:])
		sum := fmt.Sprintf("%x", crc)
		if err := l.add(entry{name: kind, content: s.part(off+8, n), attrs: func() []attr {
			return []attr{{name: "CRC", value: sum, cause: report.Content, derived: true}}
		}}); err != nil {
			return nil, 0, err
		}
		if off += 12 + n; kind == "IEND" {
			break
		}
	}
	return l, off, nil
}

func comparePNG(s *session, p pair, out *result) (string, error) {
	a, endA, err := readPNG(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, endB, err := readPNG(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if a, b, ok := pngTime(a, b); ok {
		// The one chunk that holds a time; in its own words below.
		out.add(Field{Where: p.where, Name: "tIME", A: a, B: b, Cause: report.Time, Remedy: "optipng -strip all, or exiftool -all="})
	}
	return "PNG", errors.Join(
		s.compareEntries(p, a, b, entriesOptions{}, out),
		s.compareTail(p, p.a.from(endA), p.b.from(endB), out),
	)
}

// pngTime takes the times out of both lists where they differ.
func pngTime(a, b *entryList) (ta, tb string, ok bool) {
	take := func(l *entryList) (int, string) {
		for i, e := range l.list {
			if t := e.content.head(7); e.name == "tIME" && len(t) == 7 && e.content.Size == 7 {
				return i, fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", binary.BigEndian.Uint16(t), t[2], t[3], t[4], t[5], t[6])
			}
		}
		return -1, ""
	}
	i, ta := take(a)
	j, tb := take(b)
	if i < 0 || j < 0 || ta == tb {
		return "", "", false
	}
	a.list = append(a.list[:i:i], a.list[i+1:]...)
	b.list = append(b.list[:j:j], b.list[j+1:]...)
	return ta, tb, true
}

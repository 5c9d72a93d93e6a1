package inside

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// tar: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended
// Header"; GNU's own members are described in its manual, "Basic Tar Format".

const (
	tarBlock   = 512
	maxPax     = 64 << 10 // bytes of one extended header
	maxPaxKeys = 50
	maxExt     = 4 // extended headers of one member
)

var errTar = errors.New("damaged tar")

// tarField is one field of the header.
type tarField struct {
	name     string
	off, end int
}

var tarFields = []tarField{
	{"name", 0, 100},
	{"mode", 100, 108},
	{"uid", 108, 116},
	{"gid", 116, 124},
	{"size", 124, 136},
	{"mtime", 136, 148},
	{"chksum", 148, 156},
	{"typeflag", 156, 157},
	{"linkname", 157, 257},
	{"magic", 257, 263},
	{"version", 263, 265},
	{"uname", 265, 297},
	{"gname", 297, 329},
	{"devmajor", 329, 337},
	{"devminor", 337, 345},
	{"prefix", 345, 500},
	{"padding", 500, 512},
}

const remedyTar = "tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"

// tarChecksum tells whether a header's chksum is right.
func tarChecksum(h []byte) bool {
	want, ok := tarNumber(h[148:156])
	sum := int64(8 * ' ')
	for i, c := range h {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return ok && sum == want
}

// tarNumber is an octal number, or GNU's base-256.
func tarNumber(b []byte) (int64, bool) {
	if b[0]&0x80 != 0 {
		v := int64(b[0] & 0x7f)
		for _, c := range b[1:] {
			if v >= 1<<52 {
				return 0, false // a negative one, or more than any file has
			}
			v = v<<8 | int64(c)
		}
		return v, true
	}
	t := strings.Trim(string(b), " \x00")
	if t == "" {
		return 0, true
	}
	v, err := strconv.ParseUint(t, 8, 62)
	return int64(v), err == nil
}

func tarText(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// tarMember is what is known of a member: its header is read again when it is
// compared.
type tarMember struct {
	src      Source
	header   int64 // where its own header stands
	extended int64 // and the first of those before it
}

// readTar reads an archive up to the two blocks of zeros.
func readTar(left *int, s Source) (*entryList, int64, error) {
	l := &entryList{left: left}
	ext := int64(-1) // where the headers that belong to the next member begin
	extended := 0
	var longName string
	var pax map[string]string
	for off := int64(0); ; {
		h := s.bytes(off, tarBlock)
		if h == nil || zeros(Source{bytes.NewReader(h), tarBlock}) == tarBlock {
			if off == 0 {
				return nil, 0, errTar
			}
			return l, off, nil
		}
		size, ok := tarNumber(h[124:136])
		if !tarChecksum(h) || !ok {
			return nil, 0, fmt.Errorf("%w: the header at byte %d", errTar, off)
		}
		typ := h[156]
		if v, ok := pax["size"]; ok && typ != 'x' && typ != 'g' {
			n, err := strconv.ParseInt(v, 10, 62)
			if err != nil || n < 0 {
				return nil, 0, fmt.Errorf("%w: size before byte %d", errTar, off)
			}
			size = n
		}
		if typ >= '1' && typ <= '6' {
			size = 0 // links and devices have no data, whatever size says
		}
		if size > s.Size-off-tarBlock {
			return nil, 0, fmt.Errorf("%w: it ends in the member at byte %d", errTar, off)
		}
		data := s.part(off+tarBlock, size)
		next := off + tarBlock + (size+tarBlock-1)&^(tarBlock-1)
		switch typ {
		case 'x', 'L', 'K':
			if size > maxPax {
				return nil, 0, fmt.Errorf("%w: the extended header at byte %d has %d bytes", errTar, off, size)
			}
			if ext < 0 {
				ext, extended = off, 0
			}
			if extended++; extended > maxExt {
				return nil, 0, fmt.Errorf("%w: more extended headers than are read at byte %d", errTar, off)
			}
			if typ == 'x' {
				pax = paxRecords(data.head(maxPax))
			} else if typ == 'L' {
				longName = tarText(data.head(maxPax))
			}
			off = next
			continue
		}
		name := tarText(h[:100])
		if prefix := tarText(h[345:500]); prefix != "" && string(h[257:263]) == "ustar\x00" {
			name = prefix + "/" + name
		}
		if longName != "" {
			name = longName
		}
		if v, ok := pax["path"]; ok {
			name = v
		}
		m := &tarMember{src: s, header: off, extended: ext}
		if ext < 0 {
			m.extended = off
		}
		e := entry{name: name, attrs: m.attrs}
		if typ == 'g' {
			e.name = "global header"
		}
		if size > 0 || typ == '0' || typ == 0 {
			e.content = data
		}
		if err := l.add(e); err != nil {
			return nil, 0, err
		}
		ext, longName, pax = -1, "", nil
		off = next
	}
}

// paxRecords are the "length key=value" records of an extended header.
func paxRecords(b []byte) map[string]string {
	out := map[string]string{}
	for len(b) > 0 && len(out) < maxPaxKeys {
		digits, _, ok := bytes.Cut(b, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n <= len(digits)+1 || n > len(b) {
			break
		}
		key, value, ok := strings.Cut(strings.TrimSuffix(string(b[len(digits)+1:n]), "\n"), "=")
		if ok {
			out[key] = value
		}
		b = b[n:]
	}
	return out
}

func (m *tarMember) attrs() []attr {
	var out []attr
	for off := m.extended; off < m.header; {
		h := m.src.bytes(off, tarBlock)
		if h == nil {
			break
		}
		size, _ := tarNumber(h[124:136])
		data := m.src.part(off+tarBlock, size)
		kind := string(h[156:157])
		out = append(out, tarAttrs("extended header "+kind+" ", h)...)
		if kind == "x" {
			raw := data.head(maxPax)
			out = append(out, paxAttrs(raw)...)
		} else {
			out = append(out, attr{name: "extended header " + kind, value: tarText(data.head(maxPax)), cause: report.Content})
		}
		off += tarBlock + (size+tarBlock-1)&^(tarBlock-1)
	}
	h := m.src.bytes(m.header, tarBlock)
	if h == nil {
		return out
	}
	return append(out, tarAttrs("", h)...)
}

// paxAttrs are the records in their order, and what follows them.
func paxAttrs(raw []byte) []attr {
	var out []attr
	for len(raw) > 0 && len(out) < maxPaxKeys {
		digits, _, ok := bytes.Cut(raw, []byte(" "))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil || n <= len(digits)+1 || n > len(raw) {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(string(raw[len(digits)+1:n]), "\n"), "=")
		a := attr{name: "pax " + key, value: value, cause: report.Content, remedy: ""}
		switch key {
		case "mtime", "atime", "ctime", "LIBARCHIVE.creationtime":
			a.cause, a.remedy = report.Time, remedyTar
		case "uid", "gid", "uname", "gname":
			a.cause, a.remedy = report.Environment, remedyTar
		}
		out = append(out, a)
		raw = raw[n:]
	}
	if len(raw) > 0 {
		out = append(out, attr{name: "pax rest", value: hexOf(raw), cause: report.Content})
	}
	return out
}

func tarAttrs(prefix string, h []byte) []attr {
	var out []attr
	for _, f := range tarFields {
		raw := h[f.off:f.end]
		a := attr{name: prefix + f.name, value: field.ShowText(raw), cause: report.Content}
		if field.ShowText(raw) == "" && zeros(Source{bytes.NewReader(raw), int64(len(raw))}) < int64(len(raw)) {
			a.value = fmt.Sprintf("%x", raw)
		}
		switch f.name {
		case "mtime":
			if v, ok := tarNumber(raw); ok {
				a.value = field.ShowTime(v, 0)
			}
			a.cause, a.remedy = report.Time, remedyTar
		case "uid", "gid", "uname", "gname":
			if v, ok := tarNumber(raw); ok && f.name[1:] == "id" {
				a.value = fmt.Sprint(v)
			}
			a.cause, a.remedy = report.Environment, remedyTar
		case "mode":
			a.cause, a.remedy = report.Environment, "tar --mode=, or set the umask before packing"
		case "magic", "version":
			a.value, a.cause, a.remedy = fmt.Sprintf("%q", raw), report.Environment, "tar --format="
		case "size", "chksum":
			a.derived = true
		case "name":
			if prefix != "" { // GNU tar puts its process id in: %d/PaxHeaders.%p/%f
				a.cause, a.remedy = report.Environment, remedyTar
			}
		}
		out = append(out, a)
	}
	return out
}

func compareTar(s *session, p pair, out *result) (string, error) {
	a, endA, err := readTar(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, endB, err := readTar(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p, a, b, entriesOptions{orderRemedy: "tar --sort=name", listing: true}, out); err != nil {
		return "", err
	}
	return "tar", s.compareTail(p, p.a.from(endA), p.b.from(endB), out)
}

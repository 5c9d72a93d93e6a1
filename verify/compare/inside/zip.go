package inside

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/report"
)

// zip, and what builds on it (jar, whl, apk, docx): PKWARE's APPNOTE.TXT 6.3.
// zip64 archives are not read.

const (
	zipLocal   = 30
	zipCentral = 46
	zipEnd     = 22
	maxExtra   = 1024 // bytes of an extra field that are told by record
	remedyZip  = "set the times before packing, TZ=UTC zip -X; for a jar, jar --date"
)

var errZip = errors.New("damaged zip")

// zipField is one number of a header.
type zipField struct {
	name     string
	off, len int
}

// The numbers that a local header and an entry of the central directory share;
// the central one has two bytes more in front.
var zipShared = []zipField{
	{"version needed to extract", 4, 2},
	{"general purpose bit flag", 6, 2},
	{"compression method", 8, 2},
	{"last mod file time", 10, 2},
	{"last mod file date", 12, 2},
	{"crc-32", 14, 4},
	{"compressed size", 18, 4},
	{"uncompressed size", 22, 4},
}

var zipOnlyCentral = []zipField{
	{"version made by", 4, 2},
	{"disk number start", 34, 2},
	{"internal file attributes", 36, 2},
	{"external file attributes", 38, 4},
	{"relative offset of local header", 42, 4},
}

type zipMember struct {
	local, central []byte
	localExtra     Source
	centralExtra   []byte
	comment        string
	method         uint16
	packed         Source
}

type zipFile struct {
	entries entryList
	members map[string]*zipMember
	comment []byte
	covered cover
}

func number(b []byte, f zipField) uint64 {
	if f.len == 4 {
		return uint64(binary.LittleEndian.Uint32(b[f.off:]))
	}
	return uint64(binary.LittleEndian.Uint16(b[f.off:]))
}

func readZip(left *int, s Source) (*zipFile, error) {
	le := binary.LittleEndian
	tail := s.part(max(0, s.Size-zipEnd-0xffff), s.Size)
	b := tail.head(zipEnd + 0xffff)
	at := bytes.LastIndex(b, []byte("PK\x05\x06"))
	if at < 0 || len(b)-at < zipEnd {
		return nil, fmt.Errorf("%w: no end of central directory record", errZip)
	}
	end := b[at:]
	z := &zipFile{entries: entryList{left: left}, members: map[string]*zipMember{}, comment: end[zipEnd:]}
	z.covered.add(s.Size-int64(len(end)), int64(len(end)))
	count, size, off := int(le.Uint16(end[10:])), int64(le.Uint32(end[12:])), int64(le.Uint32(end[16:]))
	if off == 0xffffffff || count == 0xffff {
		return nil, errors.New("zip64 is not read")
	}
	if size > 64<<20 {
		return nil, errEntries
	}
	dir := s.bytes(off, int(size))
	if dir == nil {
		return nil, fmt.Errorf("%w: the central directory at byte %d", errZip, off)
	}
	z.covered.add(off, size)
	for range count {
		if len(dir) < zipCentral || string(dir[:4]) != "PK\x01\x02" {
			return nil, fmt.Errorf("%w: the central directory at byte %d", errZip, off)
		}
		n, m, k := int(le.Uint16(dir[28:])), int(le.Uint16(dir[30:])), int(le.Uint16(dir[32:]))
		if len(dir) < zipCentral+n+m+k {
			return nil, fmt.Errorf("%w: the central directory at byte %d", errZip, off)
		}
		rest := dir[zipCentral:]
		e := &zipMember{central: dir[:zipCentral], centralExtra: rest[n : n+m], comment: string(rest[n+m : n+m+k])}
		if err := z.add(s, e, string(rest[:n])); err != nil {
			return nil, err
		}
		dir = rest[n+m+k:]
	}
	return z, nil
}

// add reads a member's local header.
func (z *zipFile) add(s Source, e *zipMember, name string) error {
	le := binary.LittleEndian
	off := int64(le.Uint32(e.central[42:]))
	h := s.bytes(off, zipLocal)
	if h == nil || string(h[:4]) != "PK\x03\x04" {
		return fmt.Errorf("%w: the local header at byte %d", errZip, off)
	}
	n, m := int64(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
	size := int64(le.Uint32(e.central[20:]))
	start := off + zipLocal + n + m
	if start > s.Size-size {
		return fmt.Errorf("%w: the data at byte %d", errZip, start)
	}
	e.local, e.localExtra = h, s.part(off+zipLocal+n, min(m, maxExtra))
	e.method, e.packed = le.Uint16(e.central[10:]), s.part(start, size)
	z.covered.add(off, zipLocal+n+min(m, maxExtra))
	z.covered.add(start, size)
	if h[6]&8 != 0 { // a data descriptor follows: the same numbers again
		length := int64(12)
		if d := s.bytes(start+size, 4); string(d) == "PK\x07\x08" {
			length = 16
		}
		z.covered.add(start+size, length)
	}
	before := len(z.entries.list)
	if err := z.entries.add(entry{name: name, attrs: e.attrs}); err != nil {
		return err
	}
	z.members[z.entries.list[before].name] = e
	return nil
}

func (e *zipMember) attrs() []attr {
	var out []attr
	show := func(prefix string, b []byte, f zipField, shift int) {
		f.off += shift
		a := attr{name: prefix + f.name, value: fmt.Sprint(number(b, f)), cause: report.Content}
		switch f.name {
		case "last mod file time", "last mod file date":
			a.value, a.cause, a.remedy = dosTime(f.name, uint16(number(b, f))), report.Time, remedyZip
		case "version needed to extract", "compression method", "version made by", "general purpose bit flag":
			a.cause, a.remedy = report.Environment, "pack with the same program and options"
		case "external file attributes":
			a.value, a.cause, a.remedy = fmt.Sprintf("%#08x", number(b, f)), report.Environment, "set the mode, or the umask, before packing"
		case "crc-32", "compressed size", "uncompressed size", "relative offset of local header":
			a.derived = true
		}
		out = append(out, a)
	}
	for _, f := range zipShared {
		show("", e.local, f, 0)
	}
	for _, f := range zipShared {
		// What says the same as the local header is told once.
		if number(e.local, f) != number(e.central, zipField{f.name, f.off + 2, f.len}) {
			show("central ", e.central, f, 2)
		}
	}
	for _, f := range zipOnlyCentral {
		show("", e.central, f, 0)
	}
	out = append(out, extraAttrs("extra field ", e.localExtra.head(maxExtra))...)
	out = append(out, extraAttrs("central extra field ", e.centralExtra)...)
	return append(out, attr{name: "file comment", value: e.comment, cause: report.Content})
}

// extraAttrs are the records of an extra field, section 4.5.
func extraAttrs(prefix string, b []byte) []attr {
	var out []attr
	for len(b) >= 4 && len(out) < 20 {
		id, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			break
		}
		a := attr{name: fmt.Sprintf("%s%#04x", prefix, id), value: fmt.Sprintf("%x", b[4:4+n]), cause: report.Content}
		switch id {
		case 0x5455, 0x000a: // extended timestamp; NTFS times
			a.cause, a.remedy = report.Time, remedyZip
		case 0x7875, 0x7855: // Info-ZIP's uid and gid
			a.cause, a.remedy = report.Environment, "zip -X"
		}
		out = append(out, a)
		b = b[4+n:]
	}
	if len(b) > 0 {
		out = append(out, attr{name: prefix + "rest", value: hexOf(b), cause: report.Content})
	}
	return out
}

// dosTime shows a time or a date of MS-DOS.
func dosTime(name string, v uint16) string {
	if name == "last mod file date" {
		return fmt.Sprintf("%04d-%02d-%02d", 1980+int(v>>9), v>>5&15, v&31)
	}
	return fmt.Sprintf("%02d:%02d:%02d", v>>11, v>>5&63, v&31*2)
}

// unzip decompresses a member.
func (s *session) unzip(side int, e *zipMember) (Source, error) {
	switch e.method {
	case 0:
		return e.packed, nil
	case 8:
		return s.unpack(side, flate.NewReader(e.packed.reader()))
	}
	return Source{}, fmt.Errorf("compression method %d is not read", e.method)
}

func compareZip(s *session, p pair, out *result) (string, error) {
	a, err := readZip(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, err := readZip(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if err := s.compareEntries(p, &a.entries, &b.entries, entriesOptions{orderRemedy: "give zip its files in sorted order: find . | LC_ALL=C sort | zip -X@", listing: true}, out); err != nil {
		return "", err
	}
	for _, e := range a.entries.list {
		x, y := a.members[e.name], b.members[e.name]
		if y == nil {
			continue
		}
		if err := s.compareZipMember(p.in(e.name, x.packed, y.packed), x, y, out); err != nil {
			return "", err
		}
	}
	if !bytes.Equal(a.comment, b.comment) {
		out.add(Field{Where: p.where, Name: "zip file comment", A: visible(string(a.comment)), B: visible(string(b.comment)), Cause: report.Content})
	}
	p.a, p.b = a.covered.rest(p.a), b.covered.rest(p.b)
	return "zip", s.compareBytes(p, "bytes between the entries", report.Content, "", out)
}

// compareZipMember compares what two members hold.
func (s *session) compareZipMember(p pair, a, b *zipMember, out *result) error {
	same, err := s.equal(a.packed, b.packed)
	if err != nil || same && a.method == b.method {
		return err
	}
	x, err := s.unzip(0, a)
	if err == nil {
		y, errB := s.unzip(1, b)
		if errB == nil {
			p.a, p.b = x, y
			same, err := s.equal(x, y)
			if err != nil {
				return err
			}
			if !same {
				s.content(p, out)
				return nil
			}
			out.add(s.packedOtherwise(p.where, a.packed, b.packed))
			return nil
		}
		err = errB
	}
	if s.ctx.Err() != nil || errors.Is(err, errTooLarge) || errors.Is(err, io.EOF) {
		return err
	}
	s.opaque(p, out)
	return nil
}

package inside

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// gzip is specified in RFC 1952.

const (
	remedyGzip       = "gzip -n: neither name nor time is stored"
	remedyCompressor = "the data is equal: compress it with the same program, version, level and number of threads"
)

// gzipHeader is a member's header, RFC 1952 section 2.3.
type gzipHeader struct {
	FLG, XFL, OS byte
	MTIME        uint32
	Extra        []byte
	Name         string
	Comment      string
	size         int64
}

// Bits of FLG.
const (
	gzipHCRC = 2 << iota
	gzipExtra
	gzipName
	gzipComment
)

var errGzip = errors.New("damaged gzip header")

func readGzipHeader(s Source, off int64) (h gzipHeader, err error) {
	// The name and the comment have no length: they are looked for in what
	// is read here.
	b := s.part(off, 128<<10).head(128 << 10)
	if len(b) < 10 || b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return h, errGzip
	}
	h.FLG, h.MTIME, h.XFL, h.OS = b[3], binary.LittleEndian.Uint32(b[4:]), b[8], b[9]
	at := 10
	if h.FLG&gzipExtra != 0 {
		if len(b) < at+2 {
			return h, errGzip
		}
		n := int(binary.LittleEndian.Uint16(b[at:]))
		if len(b) < at+2+n {
			return h, errGzip
		}
		h.Extra = b[at+2 : at+2+n]
		at += 2 + n
	}
	text := func(flag byte) (string, error) {
		if h.FLG&flag == 0 {
			return "", nil
		}
		n := bytes.IndexByte(b[at:], 0)
		if n < 0 {
			return "", errGzip
		}
		t := string(b[at : at+n])
		at += n + 1
		return t, nil
	}
	if h.Name, err = text(gzipName); err != nil {
		return h, err
	}
	if h.Comment, err = text(gzipComment); err != nil {
		return h, err
	}
	if h.FLG&gzipHCRC != 0 {
		at += 2
	}
	if at > len(b) {
		return h, errGzip
	}
	h.size = int64(at)
	return h, nil
}

func (h gzipHeader) attrs() []attr {
	mtime := "0 (none)"
	if h.MTIME != 0 {
		mtime = field.ShowTime(int64(h.MTIME), 0)
	}
	return []attr{
		{name: "MTIME", value: mtime, cause: report.Time, remedy: remedyGzip},
		{name: "FNAME", value: h.Name, cause: report.Content, remedy: remedyGzip},
		{name: "FCOMMENT", value: h.Comment, cause: report.Content},
		{name: "FEXTRA", value: hexOf(h.Extra), cause: report.Content},
		{name: "XFL", value: fmt.Sprint(h.XFL), cause: report.Environment, remedy: "compress at the same level"},
		{name: "OS", value: fmt.Sprint(h.OS), cause: report.Environment, remedy: "compress with the same program"},
		{name: "FLG", value: fmt.Sprintf("%#02x", h.FLG), cause: report.Content, derived: true},
	}
}

func hexOf(b []byte) string {
	if len(b) > 32 {
		return fmt.Sprintf("%x… (%d bytes)", b[:32], len(b))
	}
	return fmt.Sprintf("%x", b)
}

// counting counts what is taken from a buffered reader. As it is a
// ByteReader, flate takes no byte too many.
type counting struct {
	r *bufio.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counting) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

const maxMembers = 10_000

// gunzip decompresses all members, and returns their headers and where the
// last of them ends.
func (s *session) gunzip(side int, src Source) (data Source, heads []gzipHeader, end int64, err error) {
	var m memory
	buffered := bufio.NewReaderSize(nil, 64<<10)
	inflate := flate.NewReader(buffered)
	for off := int64(0); ; {
		h, err := readGzipHeader(src, off)
		if err != nil {
			if len(heads) > 0 {
				return m.source(), heads, off, nil // what follows is no member
			}
			return data, nil, 0, err
		}
		if heads = append(heads, h); len(heads) > maxMembers {
			return data, nil, 0, errEntries
		}
		off += h.size
		buffered.Reset(src.from(off).reader())
		c := &counting{r: buffered}
		if err := inflate.(flate.Resetter).Reset(c, nil); err != nil {
			return data, nil, 0, err
		}
		sum := crc32.NewIEEE()
		start := m.size
		if err := s.unpackInto(&m, side, io.TeeReader(inflate, sum)); err != nil {
			return data, nil, 0, err
		}
		tail := src.bytes(off+c.n, 8)
		if tail == nil || binary.LittleEndian.Uint32(tail) != sum.Sum32() || binary.LittleEndian.Uint32(tail[4:]) != uint32(m.size-start) {
			return data, nil, 0, fmt.Errorf("the checksum of the member that ends at byte %d is wrong", off+c.n)
		}
		off += c.n + 8
		if off >= src.Size {
			return m.source(), heads, off, nil
		}
	}
}

func compareGzip(s *session, p pair, out *result) (string, error) {
	ha, err := readGzipHeader(p.a, 0)
	if err != nil {
		return "", err
	}
	hb, err := readGzipHeader(p.b, 0)
	if err != nil {
		return "", err
	}
	// Equal behind the headers: there is no need to look into it.
	if same, err := s.equal(p.a.from(ha.size), p.b.from(hb.size)); err != nil {
		return "", err
	} else if same {
		compareAttrs(p.where, ha.attrs(), hb.attrs(), out)
		return "gzip", nil
	}
	a, headsA, endA, err := s.gunzip(0, p.a)
	if err == nil {
		var b Source
		var headsB []gzipHeader
		var endB int64
		if b, headsB, endB, err = s.gunzip(1, p.b); err == nil {
			compareGzipHeads(p.where, headsA, headsB, out)
			if err := s.compareTail(p, p.a.from(endA), p.b.from(endB), out); err != nil {
				return "", err
			}
			return s.compareUnpacked(p, "gzip", a, b, out)
		}
	}
	compareAttrs(p.where, ha.attrs(), hb.attrs(), out)
	return "", err
}

func compareGzipHeads(where string, a, b []gzipHeader, out *result) {
	for i := range min(len(a), len(b)) {
		at := where
		if len(a) > 1 || len(b) > 1 {
			at = join(where, fmt.Sprintf("member %d", i+1))
		}
		compareAttrs(at, a[i].attrs(), b[i].attrs(), out)
	}
	if len(a) != len(b) {
		out.add(Field{Where: where, Name: "members", A: fmt.Sprint(len(a)), B: fmt.Sprint(len(b)), Cause: report.Environment, Remedy: remedyCompressor})
	}
}

// compareTail compares what follows a format's own end. Zeros are padding.
func (s *session) compareTail(p pair, a, b Source, out *result) error {
	same, err := s.equal(a, b)
	if err != nil || same {
		return err
	}
	za, err := s.allZero(a)
	if err != nil {
		return err
	}
	zb, err := s.allZero(b)
	if err != nil {
		return err
	}
	if za && zb {
		out.add(Field{Where: p.where, Name: "padding", A: fmt.Sprintf("%d bytes", a.Size), B: fmt.Sprintf("%d bytes", b.Size), Cause: report.Placement, Derived: out.found()})
		return nil
	}
	p.a, p.b = a, b
	out.add(s.bytesField(p, "trailing data", report.Content, ""))
	return nil
}

// fewBytes is how many bytes of compressed data may differ in place before it
// was another compressor, or one with other settings, that wrote them.
const fewBytes = 8

// packedOtherwise is that the same data was compressed to other bytes.
func (s *session) packedOtherwise(where string, a, b Source) Field {
	f := s.bytesField(pair{where: where, a: a, b: b}, "compressed data", report.Environment, remedyCompressor)
	if d, err := s.distance(a, b); err == nil && a.Size == b.Size && d.bytes <= fewBytes {
		f.Cause, f.Remedy = report.Content, ""
	}
	return f
}

// compareUnpacked compares what was compressed. Where it is equal, the bytes
// differ because it was compressed in another way.
func (s *session) compareUnpacked(p pair, kind string, a, b Source, out *result) (string, error) {
	same, err := s.equal(a, b)
	if err != nil {
		return "", err
	}
	if same {
		out.note("the uncompressed data is equal")
		if !out.found() {
			out.add(s.packedOtherwise(p.where, p.a, p.b))
		}
		return kind, nil
	}
	if inner := s.content(pair{where: p.where, name: innerName(p.name), a: a, b: b, depth: p.depth + 1}, out); inner != "" {
		return inner + " in " + kind, nil
	}
	return kind, nil
}

package inside

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/report"
)

// format is one format of files.
type format struct {
	name string
	// is tells whether a file begins as the format does.
	is func(name string, head []byte, s Source) bool
	// compare adds what differs, and returns the format's name in full. An
	// error says that a side is damaged or beyond the limits.
	compare func(s *session, p pair, out *result) (string, error)
}

// formats is filled by init, because comparing a format can lead to another.
var formats []*format

func init() {
	formats = []*format{
		{"gzip", magic(0, "\x1f\x8b\x08"), compareGzip},
		{"xz", magic(0, xzMagic), compareXz},
		{"zstd", magic(0, zstdMagic), compareZstd},
		{"cpio", isCpio, compareInitrd},
		{"ar", magic(0, arMagic), compareAr},
		{"PE", isPE, comparePE},
		{"ELF", magic(0, "\x7fELF"), compareELF},
		{"SQLite", magic(0, "SQLite format 3\x00"), compareSQLite},
		{"EFI variable store", magic(40, "_FVH"), compareEFIVars},
		{"PNG", magic(0, pngMagic), comparePNG},
		{"zip", isZip, compareZip},
		{"Python bytecode", isPyc, comparePyc},
		{"tar", isTar, compareTar},
		{"filesystem", isFilesystem, compareFilesystem},
	}
}

const headSize = 1024

// detect tells a file's format; nil where it is none of them.
func detect(name string, s Source) *format {
	head := s.head(headSize)
	if head == nil {
		return nil
	}
	for _, f := range formats {
		if f.is(name, head, s) {
			return f
		}
	}
	return nil
}

func formatName(f *format) string {
	if f == nil {
		return "another format"
	}
	return f.name
}

func magic(off int, text string) func(string, []byte, Source) bool {
	return func(_ string, head []byte, _ Source) bool {
		return len(head) >= off && bytes.HasPrefix(head[off:], []byte(text))
	}
}

func isCpio(_ string, head []byte, _ Source) bool {
	return bytes.HasPrefix(head, []byte(cpioNewc)) || bytes.HasPrefix(head, []byte(cpioCRC))
}

func isPE(_ string, head []byte, s Source) bool {
	if len(head) < 64 || head[0] != 'M' || head[1] != 'Z' {
		return false
	}
	at := s.bytes(int64(binary.LittleEndian.Uint32(head[60:])), 4)
	return string(at) == "PE\x00\x00"
}

func isZip(_ string, head []byte, _ Source) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// isPyc looks at the name as well: the magic is a number that every version
// of Python changes, and "\r\n".
func isPyc(name string, head []byte, _ Source) bool {
	return strings.HasSuffix(name, ".pyc") && len(head) >= 16 && head[2] == '\r' && head[3] == '\n'
}

func isTar(_ string, head []byte, _ Source) bool {
	return len(head) >= tarBlock && string(head[257:262]) == "ustar" && tarChecksum(head[:tarBlock])
}

func isFilesystem(_ string, _ []byte, s Source) bool {
	info, err := probe.Identify(s.R, s.Size)
	return err == nil && info.Type != ""
}

// compareFilesystem only names what it finds: a filesystem in a file is
// compared as an image of its own.
func compareFilesystem(s *session, p pair, out *result) (string, error) {
	a, err := probe.Identify(p.a.R, p.a.Size)
	if err != nil {
		return "", err
	}
	b, err := probe.Identify(p.b.R, p.b.Size)
	if err != nil {
		return "", err
	}
	for _, f := range [][3]string{{"TYPE", a.Type, b.Type}, {"UUID", a.UUID, b.UUID}, {"LABEL", a.Label, b.Label}} {
		if f[1] != f[2] {
			out.add(Field{Where: p.where, Name: f[0], A: f[1], B: f[2], Cause: report.Content})
		}
	}
	out.add(Field{Where: p.where, Name: "content", A: fmt.Sprintf("%d bytes", p.a.Size), B: fmt.Sprintf("%d bytes", p.b.Size), Cause: report.Content})
	kind := a.Type
	if a.Type != b.Type {
		kind += " and " + b.Type
	}
	out.note("this file is a filesystem image: copy both versions out and compare them with reprodisk diff")
	return kind, nil
}

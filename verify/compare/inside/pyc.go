package inside

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
)

// Python's .pyc files since 3.7: PEP 552, "Specification".

const remedyPyc = "compile with SOURCE_DATE_EPOCH set, or --invalidation-mode unchecked-hash: then the source's hash is stored instead of its time"

func pycAttrs(h []byte) []attr {
	le := binary.LittleEndian
	flags := le.Uint32(h[4:])
	out := []attr{
		{name: "magic", value: fmt.Sprint(le.Uint16(h)), cause: report.Environment, remedy: "compile with the same version of Python"},
		{name: "flags", value: fmt.Sprintf("%#x", flags), cause: report.Content},
	}
	if flags&1 != 0 {
		return append(out, attr{name: "source hash", value: fmt.Sprintf("%x", h[8:16]), cause: report.Content})
	}
	return append(out,
		attr{name: "source mtime", value: field.ShowTime(int64(le.Uint32(h[8:])), 0), cause: report.Time, remedy: remedyPyc},
		attr{name: "source size", value: fmt.Sprint(le.Uint32(h[12:])), cause: report.Content})
}

func comparePyc(s *session, p pair, out *result) (string, error) {
	a, b := p.a.bytes(0, 16), p.b.bytes(0, 16)
	if a == nil || b == nil {
		return "", fmt.Errorf("it is shorter than its header")
	}
	compareAttrs(p.where, pycAttrs(a), pycAttrs(b), out)
	p.a, p.b = p.a.from(16), p.b.from(16)
	return "Python bytecode", s.compareBytes(p, "code", report.Content, "", out)
}

package inside

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line of a program's output, in bytes: what is longer comes
// in pieces. With every byte escaped it still fits into an event.
const maxLine = 8 << 10

// lines cuts output into lines. An empty line is none.
type lines struct {
	emit func(string)
	rest []byte
	last string // the last line that says something
	full string // the last one that says that a filesystem is full
}

// noSpace is what programs say of ENOSPC, in the C locale.
const noSpace = "No space left on device"

// lastWords are what a program that failed has said of that: what comes after
// the complaint about a full filesystem is seldom of use.
func (l *lines) lastWords() string {
	if l.full != "" {
		return l.full
	}
	return l.last
}

// Write takes output.
func (l *lines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexAny(p, "\r\n")
		piece := p
		if i >= 0 {
			piece = p[:i]
		}
		if room := maxLine - len(l.rest); len(piece) > room {
			l.rest = append(l.rest, piece[:room]...)
			p = p[room:]
			l.end()
			continue
		}
		l.rest = append(l.rest, piece...)
		p = p[len(piece):]
		if i >= 0 {
			p = p[1:]
			l.end()
		}
	}
	return n, nil
}

// end ends a line.
func (l *lines) end() {
	if s := clean(string(l.rest)); s != "" {
		l.last = s
		if strings.Contains(s, noSpace) {
			l.full = s
		}
		l.emit(s)
	}
	l.rest = l.rest[:0]
}

// clean is a text as one line without what a terminal would obey.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if n := escape(s[i:]); n > 0 {
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\t' || r == '\n':
			b.WriteByte(' ')
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return strings.TrimRight(b.String(), " ")
}

// escape is the length of the control sequence of ECMA-48 that s begins with:
// colours and the like.
func escape(s string) int {
	if len(s) < 2 || s[0] != 0x1b || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
		if s[i] < 0x20 || s[i] > 0x7e {
			return 0
		}
	}
	return 0
}

package machine

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

// escapes are the control sequences of terminals, ECMA-48: a firmware clears
// the screen with them, programs colour what they say.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-9:;<=>?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|[@-Z\\\\^_]|[ -/]+[0-~]|[0-~])?")

// clean makes one line of printable characters of whatever a guest says.
func clean(s string) string {
	s = strings.ToValidUTF8(escapes.ReplaceAllString(s, ""), "\ufffd")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s))
}

const (
	// tailSize is how much of what a program or console said is kept, in bytes.
	tailSize = 16 << 10
	// tailLine bounds one of the lines that are told, in bytes.
	tailLine = 300
)

// tail keeps the last tailSize bytes that were written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > tailSize {
		p = p[len(p)-tailSize:]
	}
	if over := len(t.b) + len(p) - tailSize; over > 0 {
		t.b = t.b[:copy(t.b, t.b[over:])]
	}
	t.b = append(t.b, p...)
	return n, nil
}

// lines are the last lines that say something, cleaned and cut.
func (t *tail) lines(count int) (out []string) {
	all := bytes.FieldsFunc(t.b, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(all) - 1; i >= 0 && len(out) < count; i-- {
		if s := clean(string(all[i])); s != "" {
			out = append([]string{cut(s)}, out...)
		}
	}
	return out
}

// cut is a line of at most tailLine bytes.
func cut(s string) string {
	if len(s) <= tailLine {
		return s
	}
	return strings.ToValidUTF8(s[:tailLine], "") + "…"
}

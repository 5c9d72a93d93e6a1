package textdiff

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// IsText tells whether b can be shown as text: valid UTF-8 without a NUL.
// An empty file is a text.
func IsText(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b)
}

// lineCount is the number of lines of b. A last line without a newline counts.
func lineCount(b []byte) int {
	n := bytes.Count(b, []byte{'\n'})
	if len(b) > 0 && b[len(b)-1] != '\n' {
		n++
	}
	return n
}

// lines cuts b after every newline. Each line keeps its newline, so a last
// line without one differs from the same line with one.
func lines(b []byte) []string {
	out := make([]string, 0, lineCount(b))
	for s := string(b); s != ""; {
		end := len(s)
		if i := strings.IndexByte(s, '\n'); i >= 0 {
			end = i + 1
		}
		out = append(out, s[:end])
		s = s[end:]
	}
	return out
}

// number gives equal lines equal numbers, counting from 0 in order of
// appearance, so that lines compare as integers from here on.
func number(a, b []string) (na, nb []int32) {
	seen := make(map[string]int32, len(a))
	of := func(text []string) []int32 {
		out := make([]int32, len(text))
		for i, line := range text {
			n, ok := seen[line]
			if !ok {
				n = int32(len(seen))
				seen[line] = n
			}
			out[i] = n
		}
		return out
	}
	na = of(a)
	nb = of(b)
	return na, nb
}

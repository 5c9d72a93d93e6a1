package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// maxMarks is how many combining marks in a row are printed: more of them
// paint over the lines above and below.
const maxMarks = 4

// Visible makes a string from an image safe to print on one line: whatever a
// terminal would act on (control characters, escape sequences, changes of the
// writing direction, invisible characters, other blanks than the blank) is
// shown as an escape. So is a blank at the end, which nobody would see.
func Visible(s string) string {
	s = escape(s)
	if strings.HasSuffix(s, " ") {
		return s[:len(s)-1] + `\x20`
	}
	return s
}

func escape(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var out strings.Builder
	marks := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if runeColumns(r) > 0 {
			marks = 0
		} else {
			marks++
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case unicode.IsPrint(r) && marks <= maxMarks:
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case r == '\r':
			out.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
		i += size
	}
	return out.String()
}

// VisibleLine is Visible for a line of a diff: tabs stay, and a blank at its
// end, which nobody would see, is shown.
func VisibleLine(s string) string {
	parts := strings.Split(s, "\t")
	for i := range parts {
		parts[i] = escape(parts[i])
	}
	out := strings.Join(parts, "\t")
	switch {
	case len(out) < 2: // an empty line of context is its mark alone
		return strings.TrimRight(out, " ")
	case strings.HasSuffix(out, " "):
		return out[:len(out)-1] + `\x20`
	case strings.HasSuffix(out, "\t"):
		return out[:len(out)-1] + `\t`
	}
	return out
}

// columns is how wide a string of visible characters is on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens s to at most n columns, ending it in "…" where something is
// gone.
func Cut(s string, n int) string {
	if len(s) <= n { // no character is wider than it has bytes
		return s
	}
	used, keep := 0, 0
	for i, r := range s {
		w := runeColumns(r)
		if used+w > n {
			return s[:keep] + "…"
		}
		used += w
		if used <= n-1 {
			keep = i + utf8.RuneLen(r)
		}
	}
	return s
}

// CutFront shortens s to at most n columns from its front: of a path, the end
// says most.
func CutFront(s string, n int) string {
	if columns(s) <= n {
		return s
	}
	used, keep := 0, len(s)
	for keep > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:keep])
		if used += runeColumns(r); used > n-1 {
			break
		}
		keep -= size
	}
	return "…" + s[keep:]
}

// CutPair shortens two values to at most n columns each so that the place
// where they differ stays in sight.
func CutPair(a, b string, n int) (string, string) {
	if columns(a) <= n && columns(b) <= n {
		return a, b
	}
	const lead = 12 // characters before the difference that are kept
	ra, rb := []rune(a), []rune(b)
	same := 0
	for same < len(ra) && same < len(rb) && ra[same] == rb[same] {
		same++
	}
	if skip := same - lead; skip > 1 && columns(string(ra[:same]))+lead > n {
		a, b = "…"+string(ra[skip:]), "…"+string(rb[skip:])
	}
	return Cut(a, n), Cut(b, n)
}

package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Printable makes valid UTF-8 of the bytes of s, so that JSON can carry them:
// each byte that is part of no UTF-8 becomes \xNN. Valid UTF-8 comes back as
// it is, but for a backslash before what reads as such an escape. Different
// bytes always give different strings, so names stay apart.
//
// Control characters stay: JSON escapes them, and so do the renderers.
func Printable(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, `\x`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\\' {
			run := len(s[i:]) - len(strings.TrimLeft(s[i:], `\`))
			rest := s[i+run:]
			out.WriteString(s[i : i+run])
			if readsAsEscape(rest) || invalidFirst(rest) {
				// An even run is the image's own, an odd one ends in ours.
				out.WriteString(s[i : i+run])
			}
			i += run
			continue
		}
		if invalidFirst(s[i:]) {
			fmt.Fprintf(&out, `\x%02x`, s[i])
			i++
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		out.WriteString(s[i : i+size])
		i += size
	}
	return out.String()
}

func invalidFirst(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return r == utf8.RuneError && size == 1
}

// readsAsEscape tells whether s goes on as an escaped byte does after its
// backslash. Bytes below 0x80 are never escaped, so systemd's "\x2d" in unit
// names stays as it is.
func readsAsEscape(s string) bool {
	return len(s) >= 3 && s[0] == 'x' &&
		strings.IndexByte("89abcdef", s[1]) >= 0 && strings.IndexByte("0123456789abcdef", s[2]) >= 0
}

package forensic

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes a name from an image fit for a line of text and for XML: what
// is not printable (controls, changes of the writing direction, invisible
// characters, bytes that are no UTF-8) and the characters of special become
// \xNN, byte by byte, and a backslash becomes two. So printf '%b' gives the
// name's bytes back, and no two names become one.
func Escape(s, special string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '\\' && strings.IndexByte(special, s[i]) < 0
	}
	if plain {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\\':
			out.WriteString(`\\`)
		case r == utf8.RuneError && size == 1, !unicode.IsPrint(r), size == 1 && strings.IndexByte(special, s[i]) >= 0:
			for _, b := range []byte(s[i : i+size]) {
				fmt.Fprintf(&out, `\x%02x`, b)
			}
		default:
			out.WriteString(s[i : i+size])
		}
		i += size
	}
	return out.String()
}

// prefix begins the names of a volume's files, so that sides and partitions
// can be told apart: "a/p2", or "a/disk.img/p2" where folders were compared.
func prefix(side string, p *Pair, number int) string {
	if p.Name != "" {
		return fmt.Sprintf("%s/%s/p%d", side, p.Name, number)
	}
	return fmt.Sprintf("%s/p%d", side, number)
}

package mkfat

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
)

// shortPunct is the punctuation that a short name may hold (fatgen103, "Short
// Directory Entries").
const shortPunct = "$%'-_@~`!(){}^#&"

// longNever is the punctuation that no name may hold.
const longNever = `\:*?"<>|/`

// checkName says why FAT cannot hold the name.
func checkName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return errors.New("it is not valid UTF-8")
	case strings.HasSuffix(name, "."):
		return errors.New("it ends in a dot")
	case strings.HasSuffix(name, " "):
		return errors.New("it ends in a blank")
	}
	for _, r := range name {
		if r < ' ' {
			return fmt.Errorf("it holds the control character %#x", r)
		}
		if strings.ContainsRune(longNever, r) {
			return fmt.Errorf("it holds %q", r)
		}
	}
	if n := len(utf16.Encode([]rune(name))); n > fat.MaxNameUnits || n == 0 {
		return fmt.Errorf("it has %d UTF-16 units, and must have 1 to %d", n, fat.MaxNameUnits)
	}
	return nil
}

// foldName is equal for two names that FAT takes for one: each character of
// the basic plane in upper case, by itself.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF {
			return r
		}
		return unicode.ToUpper(r)
	}, name)
}

// exactShort is the short name of a name that is 8.3 but for its case. upper
// tells whether it is so in full, and needs no long name.
func exactShort(name string) (short [11]byte, upper, ok bool) {
	base, ext, dot := strings.Cut(name, ".")
	if base == "" || len(base) > 8 || len(ext) > 3 || dot && ext == "" {
		return short, false, false
	}
	upper = true
	for i := range len(base) + len(ext) {
		c, at := byte(0), i
		if i < len(base) {
			c = base[i]
		} else {
			c, at = ext[i-len(base)], 8+i-len(base)
		}
		switch {
		case c >= 'a' && c <= 'z':
			upper = false
			c -= 'a' - 'A'
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(shortPunct, c) >= 0:
		default:
			return short, false, false
		}
		short[at] = c
	}
	pad(&short, len(base), len(ext))
	return short, upper, true
}

func pad(short *[11]byte, base, ext int) {
	for i := base; i < 8; i++ {
		short[i] = ' '
	}
	for i := 8 + ext; i < 11; i++ {
		short[i] = ' '
	}
}

// aliases hands out the short names of one directory.
type aliases struct {
	used map[[11]byte]bool
	next map[string]int // the next number to try, by the alias without it
}

// alias makes the short name of a name that is not 8.3: blanks and dots left
// out, what a short name cannot hold as '_', the last dot before the
// extension, and the first free number from 1 behind a tilde.
func (a *aliases) alias(name string) (short [11]byte, err error) {
	base, ext := strings.TrimLeft(name, "."), ""
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		base, ext = base[:i], base[i+1:]
	}
	base, ext = shortChars(base, 6), shortChars(ext, 3)
	key := base + "." + ext
	for n := max(a.next[key], 1); n <= 999_999; n++ {
		tail := "~" + strconv.Itoa(n)
		stem := base[:min(len(base), 8-len(tail))]
		copy(short[:], stem+tail)
		copy(short[8:], ext)
		pad(&short, len(stem)+len(tail), len(ext))
		if !a.used[short] {
			a.used[short] = true
			a.next[key] = n + 1
			return short, nil
		}
	}
	return short, errors.New("no short name is left for it")
}

// shortChars turns the first characters that a short name can stand for into
// at most limit of them.
func shortChars(s string, limit int) string {
	var b strings.Builder
	for _, r := range s {
		if b.Len() == limit {
			break
		}
		switch {
		case r == ' ' || r == '.':
		case r >= 'a' && r <= 'z':
			b.WriteByte(byte(r) - 'a' + 'A')
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r < utf8.RuneSelf && strings.IndexByte(shortPunct, byte(r)) >= 0:
			b.WriteByte(byte(r))
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

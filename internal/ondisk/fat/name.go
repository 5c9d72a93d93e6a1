package fat

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// ShortName is the entry's 8.3 name as mdir shows it: without the padding,
// with a dot before the extension, in lower case where DIR_NTRes says so.
// Bytes above 7F are read in code page 850, mtools' default, because the
// volume does not say which one was meant.
func ShortName(e *DirEntry) string {
	name := e.Name
	if name[0] == NameKanjiE5 {
		name[0] = NameDeleted
	}
	base := shortPart(name[:8], e.NTRes&NTLowerBase != 0)
	ext := shortPart(name[8:], e.NTRes&NTLowerExt != 0)
	if ext == "" {
		return base
	}
	return base + "." + ext
}

func shortPart(b []byte, lower bool) string {
	var s strings.Builder
	for _, c := range b {
		if c < utf8.RuneSelf {
			s.WriteByte(c)
		} else {
			s.WriteRune(charmap.CodePage850.DecodeByte(c))
		}
	}
	text := strings.TrimRight(s.String(), " ")
	if lower {
		text = strings.ToLower(text)
	}
	return text
}

// longName joins the units of a name's slots, given from the name's first
// part on. exact is false where a unit stands for no character: such a unit
// reads as U+FFFD.
func longName(parts [][UnitsPerSlot]uint16) (name string, exact bool) {
	var units []uint16
	for _, p := range parts {
		units = append(units, p[:]...)
	}
	for i, u := range units {
		if u == 0 {
			units = units[:i]
			break
		}
	}
	runes := utf16.Decode(units)
	exact = true
	for i, r := range runes {
		if r == utf8.RuneError && !(len(runes) == len(units) && units[i] == uint16(utf8.RuneError)) {
			exact = false
		}
	}
	return string(runes), exact
}

// fileName makes a directory entry's name fit to stand in a path: it is never
// empty, "." or "..", and holds no slash and no NUL. changed tells that it
// had to be altered, which only damaged or crafted entries need.
func fileName(name string) (safe string, changed bool) {
	safe = strings.Map(func(r rune) rune {
		if r == '/' || r == 0 {
			return utf8.RuneError
		}
		return r
	}, name)
	if safe == "" || safe == "." || safe == ".." {
		safe = string(utf8.RuneError) + safe
	}
	return safe, safe != name
}

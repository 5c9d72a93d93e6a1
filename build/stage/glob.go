package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/patherr"
)

// glob expands a pattern as a shell does, whatever the locale: *, ? and […] within
// one name, a leading dot only by a dot, \ before a character that stands for
// itself, names without any of these taken as they are. The matches are
// sorted by their bytes, and begin with the pattern's own leading part. dir is
// where a relative pattern starts.
func glob(dir, pattern string) ([]string, error) {
	found := []string{""}
	rest := pattern
	if strings.HasPrefix(pattern, "/") {
		found, rest, dir = []string{"/"}, strings.TrimLeft(pattern, "/"), ""
	}
	for rest != "" {
		part, after, more := strings.Cut(rest, "/")
		rest = strings.TrimLeft(after, "/")
		var next []string
		for _, base := range found {
			names, err := match(join(dir, base), part, more)
			if err != nil {
				return nil, err
			}
			for _, name := range names {
				if more {
					name += "/"
				}
				next = append(next, base+name)
			}
		}
		found = next
	}
	sort.Strings(found)
	return found, nil
}

// match is the names in a folder that one part of a pattern matches; a part
// that a slash follows matches folders alone.
func match(dir, part string, folders bool) ([]string, error) {
	if !strings.ContainsAny(part, "*?[") {
		name := unescape(part)
		if !exists(join(dir, name), folders) {
			return nil, nil
		}
		return []string{name}, nil
	}
	f, err := os.Open(orDot(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	var out []string
	for _, name := range names {
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".") && !strings.HasPrefix(part, `\.`) {
			continue
		}
		if matches(part, name) && (!folders || exists(join(dir, name), true)) {
			out = append(out, name)
		}
	}
	return out, nil
}

func exists(path string, folder bool) bool {
	if folder {
		fi, err := os.Stat(path)
		return err == nil && fi.IsDir()
	}
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func join(dir, name string) string {
	switch {
	case dir == "" || strings.HasPrefix(name, "/"):
		return name
	case name == "":
		return dir
	}
	return strings.TrimRight(dir, "/") + "/" + name
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// matches tells whether a pattern without slashes matches all of a name. It
// takes at most the product of both lengths in steps.
func matches(pattern, name string) bool {
	p, n := 0, 0
	star, from := -1, 0 // the last *, and the end of what it takes so far
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if dp, dn, ok := one(pattern[p:], name[n:]); ok {
				p, n = p+dp, n+dn
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// one matches the pattern's first element, no *, with the name's first
// character; it returns how many bytes both took.
func one(pattern, name string) (dp, dn int, ok bool) {
	r, size := utf8.DecodeRuneInString(name)
	if r == utf8.RuneError && size == 1 {
		r = rune(name[0]) | 1<<22 // a byte that is no character equals only itself
	}
	switch pattern[0] {
	case '?':
		return 1, size, true
	case '[':
		if n, in, ok := bracket(pattern, r); ok {
			return n, size, in
		}
	case '\\':
		if len(pattern) == 1 {
			return 1, 1, false // it escapes nothing, and bash matches nothing with it
		}
		return 2, 1, pattern[1] == name[0]
	}
	return 1, 1, pattern[0] == name[0]
}

// bracket reads […] at the pattern's start: its length, and whether r is in it.
// Without a closing bracket it is none.
func bracket(pattern string, r rune) (length int, in, ok bool) {
	i := 1
	not := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if not {
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, in != not, true
		}
		if strings.HasPrefix(pattern[i:], "[:") {
			if end := strings.Index(pattern[i+2:], ":]"); end >= 0 {
				in = in || inClass(pattern[i+2:i+2+end], r)
				i += 2 + end + 2
				continue
			}
		}
		low, n := element(pattern[i:])
		i += n
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, n = element(pattern[i+1:])
			i += 1 + n
		}
		in = in || low <= r && r <= high
	}
}

func element(s string) (rune, int) {
	if s[0] == '\\' && len(s) > 1 {
		r, n := utf8.DecodeRuneInString(s[1:])
		return r, n + 1
	}
	return utf8.DecodeRuneInString(s)
}

// inClass is POSIX's character classes, in the C locale.
func inClass(class string, r rune) bool {
	lower, upper, digit := r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9'
	graph := r > ' ' && r < 0x7f
	switch class {
	case "alpha":
		return lower || upper
	case "digit":
		return digit
	case "alnum":
		return lower || upper || digit
	case "lower":
		return lower
	case "upper":
		return upper
	case "xdigit":
		return digit || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F'
	case "space":
		return r == ' ' || r >= '\t' && r <= '\r'
	case "blank":
		return r == ' ' || r == '\t'
	case "punct":
		return graph && !lower && !upper && !digit
	case "print":
		return graph || r == ' '
	case "graph":
		return graph
	case "cntrl":
		return r < ' ' || r == 0x7f
	}
	return false
}

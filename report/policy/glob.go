package policy

import "strings"

// Glob matches whole strings: * stands for any number of any characters,
// slashes too, and ? for one. Nothing else is special.
type Glob string

// Match tells whether the glob matches all of s.
func (g Glob) Match(s string) bool {
	p := string(g)
	if strings.IndexByte(p, '?') < 0 {
		return matchStars(p, s)
	}
	// Where the last star was, and how much of s it has taken so far.
	star, taken := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, taken = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			taken++
			i, j = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// matchStars is Match for a glob without ?. What stands between two stars is
// looked for from left to right; the first place is as good as any.
func matchStars(p, s string) bool {
	star := strings.IndexByte(p, '*')
	if star < 0 {
		return p == s
	}
	if !strings.HasPrefix(s, p[:star]) {
		return false
	}
	p, s = p[star+1:], s[star:]
	for {
		star = strings.IndexByte(p, '*')
		if star < 0 {
			return strings.HasSuffix(s, p)
		}
		i := strings.Index(s, p[:star])
		if i < 0 {
			return false
		}
		p, s = p[star+1:], s[i+star:]
	}
}

// matchFile tells whether the glob names a file: by the last element of its
// path where it has no slash, else by the path or that of a folder above it.
func (g Glob) matchFile(file string) bool {
	if strings.IndexByte(string(g), '/') < 0 {
		return g.Match(file[strings.LastIndexByte(file, '/')+1:])
	}
	if g.Match(file) {
		return true
	}
	if g[len(g)-1] == '*' {
		return false // it would have taken what is below
	}
	folder := Glob(strings.TrimSuffix(string(g), "/"))
	for i := len(file) - 1; i >= 0; i-- {
		if file[i] == '/' && folder.Match(file[:i]) {
			return true
		}
	}
	return false
}

func anyOf(globs []Glob, match func(Glob) bool) bool {
	for _, g := range globs {
		if match(g) {
			return true
		}
	}
	return false
}

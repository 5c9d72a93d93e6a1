package policy

import "strings"

// Glob matches whole strings: * stands for any number of any characters,
// slashes too, and ? for one. Nothing else is special.
type Glob string

// Match tells whether the glob matches all of s.
func (g Glob) Match(s string) bool {
	p := string(g)
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

// matchFile tells whether the glob names a file: by the last element of its
// path where it has no slash, else by the path or that of a folder above it.
func (g Glob) matchFile(file string) bool {
	if !strings.Contains(string(g), "/") {
		return g.Match(file[strings.LastIndexByte(file, '/')+1:])
	}
	return g.Match(file) || Glob(strings.TrimSuffix(string(g), "/")+"/*").Match(file)
}

func anyOf(globs []Glob, match func(Glob) bool) bool {
	for _, g := range globs {
		if match(g) {
			return true
		}
	}
	return false
}

package policy

import "testing"

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		glob, s string
		want    bool
	}{
		{"s_uuid", "s_uuid", true},
		{"s_uuid", "s_uuid2", false},
		{"i_?time", "i_mtime", true},
		{"i_?time", "i_crtime", false},
		{"*", "", true},
		{"*", "a/b", true},
		{"/var/*", "/var/log/x", true},
		{"/var/*", "/etc/x", false},
		{"*a*b*c", "xxaxxbxxbxc", true},
		{"*a*b*c", "xxaxxbxxbx", false},
		{"", "", true},
		{"", "x", false},
		{"a?", "a", false},
		{"**x", "x", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"*ab*ab", "ab", false},
		{"*ab*b", "abab", true},
		{"x*", "x", true},
		{"*x*", "axb", true},
		{"*x*", "ab", false},
		{"?*b", "b", false},
		{"?*b", "ab", true},
	} {
		if got := Glob(c.glob).Match(c.s); got != c.want {
			t.Errorf("Glob(%q).Match(%q) = %v", c.glob, c.s, got)
		}
	}
}

func TestFoldersTakeWhatIsBelow(t *testing.T) {
	for _, c := range []struct {
		glob, file string
		want       bool
	}{
		{"/var/log", "/var/log/a/b", true},
		{"/var/log/", "/var/log/a", true},
		{"*.pyc", "/usr/lib/x.pyc", true},
		{"*.pyc", "/usr/lib.pyc/x", false},
		{"/var/log", "/var/logs", false},
		{"/var/l*", "/var/logs/x", true},
		{"/var/*/a", "/var/x/a/b", true},
		{"/var/?og", "/var/log/b", true},
		{"/", "/a", true},
	} {
		if got := Glob(c.glob).matchFile(c.file); got != c.want {
			t.Errorf("%s of %s: %v", c.glob, c.file, got)
		}
	}
}

// FuzzGlob: with and without a question mark, a glob means the same.
func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"*a*b", "xaxb"}, {"", ""}, {"a*", "a"}, {"*ab*ab*", "abab"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, glob, s string) {
		want := Glob(glob).Match(s)
		if got := Glob("?" + glob).Match("x" + s); got != want {
			t.Errorf("%q of %q: %v, and %v after one more character", glob, s, want, got)
		}
	})
}

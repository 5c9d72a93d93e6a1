package stage

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A name matches a pattern where bash's case says so.
func TestPatternsAreTheShells(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is missing: apt-get install bash")
	}
	patterns := []string{
		"*", "a*", "*a", "*a*b*", "a?c", "[abc]*", "[!abc]*", "[^abc]*", "[a-c]x", "[]x]*", "[!]]*", "[a-]", "[-a]", "[[:digit:]]*", "[[:upper:][:punct:]]*",
		`\**`, `a\?c`, "[", "[a", "a[", "*[*", "**", "?", "???", "*.txt", "[x.]*", "[[]*", `[\]]*`, "a]c", "[a-c-e]*", "*.[ch]", "*\\", "[z-a]*", "[[:nosuch:]]*", "[0-9]*[!0-9]",
	}
	names := []string{
		"a", "b", "abc", "a?c", "axc", "ax", "x", "]", "]x", "-", "[", "[a", "a[", "1", "12x", "*", "*x", "A", ".", "x.txt", "a]c", "cab", "d", "e", "main.c", "main.h", "aab", "\\", "a\\",
	}
	var script, want, got strings.Builder
	for _, p := range patterns {
		for _, n := range names {
			script.WriteString("p='" + p + "'; case '" + n + "' in $p) echo '" + p + " " + n + "';; esac\n")
			if matches(p, n) {
				got.WriteString(p + " " + n + "\n")
			}
		}
	}
	cmd := exec.Command(bash, "-c", script.String())
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	must(t, err)
	want.Write(out)
	in := func(text string) map[string]bool {
		m := map[string]bool{}
		for _, l := range strings.Split(text, "\n") {
			m[l] = true
		}
		return m
	}
	bashs, ours := in(want.String()), in(got.String())
	for l := range bashs {
		if !ours[l] {
			t.Errorf("bash alone matches %q", l)
		}
	}
	for l := range ours {
		if !bashs[l] {
			t.Errorf("we alone match %q", l)
		}
	}
}

package ci

import (
	"path"
	"regexp"
	"strings"
)

// Bounds of a word that is taken for a path.
const (
	maxPathBytes  = 4096
	maxPathDepth  = 64
	maxPathsTotal = 100_000
)

// pathsOf finds the paths that stand in a file, as they are in the image:
// "cp motd $root/etc/motd" and "target: /etc/motd" have /etc/motd. Where a path
// begins on the builder's side nobody can tell, so rootfs/etc/motd is
// /rootfs/etc/motd and /etc/motd as well; but one name alone counts only where
// nothing, or a variable, stands before it.
func pathsOf(lines []string) map[string]int {
	out := map[string]int{}
	for i, line := range lines {
		if searchPath.MatchString(line) {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\"'`=:,;()[]<>|&", c) }) {
			word = strings.TrimRight(word, "}")
			if len(word) > maxPathBytes || strings.Count(word, "/") > maxPathDepth {
				continue
			}
			for at, c := range word {
				if c != '/' || len(out) == maxPathsTotal {
					continue
				}
				p := path.Clean(word[at:])
				if strings.Count(p, "/") == 1 && at > 0 && !variable.MatchString(word[:at]) {
					continue
				}
				if _, ok := out[p]; !ok && p != "/" {
					out[p] = i + 1
				}
			}
		}
	}
	return out
}

// variable is what stands for a folder in a script, a Makefile or a workflow.
var variable = regexp.MustCompile(`^\$(\w+|\{\w+\}|)$|[})]$`)

// searchPath is where a script says where its tools are.
var searchPath = regexp.MustCompile(`\bPATH\s*[:?]?=`)

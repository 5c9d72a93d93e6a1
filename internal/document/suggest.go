package document

import (
	"fmt"
	"strings"
)

// DidYouMean is `, did you mean "x"?` for the nearest of names, or nothing.
func DidYouMean(word string, names []string) string {
	if len(word) > 64 {
		return ""
	}
	best, nearest := len(word)/3+2, ""
	for _, name := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < best {
			best, nearest = d, name
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", nearest)
}

// distance is Levenshtein's: insertions, deletions and replacements of bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := left
			if a[i] != b[j] {
				cost++
			}
			left = row[j+1]
			row[j+1] = min(cost, left+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// Shorten cuts a value that is quoted in a message.
func Shorten(t string) string {
	if len(t) > 60 {
		return t[:60] + "…"
	}
	return t
}

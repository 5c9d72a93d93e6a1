package report

import "strings"

// MarkdownCode is a code span of what is visible already. A fence longer than
// any run of backquotes inside keeps it whole (CommonMark 0.31, section 6.1);
// a table takes a bar only behind a backslash, even in code.
func MarkdownCode(s string) string {
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return fence + pad + strings.ReplaceAll(s, "|", `\|`) + pad + fence
}

// longestRun is how many of the character stand side by side at most.
func longestRun(s string, of rune) int {
	longest, run := 0, 0
	for _, c := range s {
		if c == of {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// MarkdownText is text that means itself: every ASCII mark that Markdown could
// read something into stands behind a backslash, and what forges make links
// of by themselves (@name, #12, www., http://) is taken apart.
func MarkdownText(s string) string {
	var out strings.Builder
	for _, c := range Visible(s) {
		switch {
		case c == '<':
			out.WriteString("&lt;")
		case c == '&':
			out.WriteString("&amp;")
		case c == '@':
			out.WriteString("&#64;")
		case c == '#':
			out.WriteString("&#35;")
		case strings.ContainsRune("\\`*_{}[]>|~$", c):
			out.WriteByte('\\')
			out.WriteRune(c)
		default:
			out.WriteRune(c)
		}
	}
	// A reader of this sees no difference; a linker sees no address.
	return unlinked.Replace(out.String())
}

var unlinked = strings.NewReplacer("://", ":&#47;/", "www.", "www&#46;")

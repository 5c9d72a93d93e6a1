package textdiff

import (
	"fmt"
	"strconv"
	"strings"
)

// Options say how to print a diff and what is too much. A zero value of any
// but the names means the default.
type Options struct {
	NameA, NameB string // after --- and +++; quoted as GNU diff quotes them where needed

	Context   int // lines around a change: 3; below zero means none
	MaxBytes  int // of either text: 4 MiB, and never more than 64 MiB
	MaxLines  int // of either text: 200,000, and never more than 1,000,000
	MaxOutput int // bytes of whole hunks that are printed: 256 KiB
}

const (
	defaultContext   = 3
	defaultMaxBytes  = 4 << 20
	defaultMaxLines  = 200_000
	defaultMaxOutput = 256 << 10

	limitBytes = 64 << 20
	limitLines = 1_000_000
)

func (o Options) withDefaults() Options {
	set := func(v *int, def, limit int) {
		if *v <= 0 {
			*v = def
		}
		*v = min(*v, limit)
	}
	if o.Context < 0 {
		o.Context = 0
	} else {
		set(&o.Context, defaultContext, limitLines)
	}
	set(&o.MaxBytes, defaultMaxBytes, limitBytes)
	set(&o.MaxLines, defaultMaxLines, limitLines)
	set(&o.MaxOutput, defaultMaxOutput, 1<<30)
	return o
}

// Unified is the unified diff that makes b of a. It is empty where the two are
// equal. ok is false where there is no diff to be had: a side is no text, or
// is larger than the options allow.
//
// Hunks beyond MaxOutput are left out, and a last line that begins with '#'
// says how many; patch(1) skips it. The lines are as the texts have them:
// whoever prints them on a terminal escapes them.
func Unified(a, b []byte, opt Options) (diff string, ok bool) {
	opt = opt.withDefaults()
	if len(a) > opt.MaxBytes || len(b) > opt.MaxBytes {
		return "", false
	}
	if lineCount(a) > opt.MaxLines || lineCount(b) > opt.MaxLines {
		return "", false
	}
	if !IsText(a) || !IsText(b) {
		return "", false
	}
	linesA, linesB := lines(a), lines(b)
	all := changes(match(number(linesA, linesB)), len(linesA), len(linesB))
	if len(all) == 0 {
		return "", true
	}

	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", quoteName(opt.NameA), quoteName(opt.NameB))
	budget := opt.MaxOutput
	var hunks, removed, added int // of what is left out
	for len(all) > 0 {
		n := hunkLen(all, opt.Context)
		h := printHunk(linesA, linesB, all[:n], opt.Context)
		if hunks > 0 || len(h) > budget {
			// Once one is left out, so are all after it: a diff that ends is
			// clearer than one with gaps.
			hunks++
			for _, c := range all[:n] {
				removed += c.endA - c.a
				added += c.endB - c.b
			}
		} else {
			budget -= len(h)
			out.WriteString(h)
		}
		all = all[n:]
	}
	if hunks > 0 {
		fmt.Fprintf(&out, "# left out: hunks %d, lines removed %d, lines added %d\n", hunks, removed, added)
	}
	return out.String(), true
}

// change is a run of lines of A, from a to endA, that stands where B has those
// from b to endB. One of the two may be empty.
type change struct{ a, endA, b, endB int }

// changes are the gaps between the pairs.
func changes(pairs []pair, lenA, lenB int) []change {
	var out []change
	at := pair{0, 0}
	for _, p := range append(pairs, pair{lenA, lenB}) {
		if p.a > at.a || p.b > at.b {
			out = append(out, change{at.a, p.a, at.b, p.b})
		}
		at = pair{p.a + 1, p.b + 1}
	}
	return out
}

// hunkLen is how many of the changes, from the first, share a hunk: those
// whose lines of context meet.
func hunkLen(all []change, context int) int {
	n := 1
	for n < len(all) && all[n].a-all[n-1].endA <= 2*context {
		n++
	}
	return n
}

// printHunk prints changes that share a hunk.
func printHunk(a, b []string, cs []change, context int) string {
	first, last := cs[0], cs[len(cs)-1]
	before := min(context, first.a)
	after := min(context, len(a)-last.endA)
	startA, startB := first.a-before, first.b-before

	var out strings.Builder
	fmt.Fprintf(&out, "@@ -%s +%s @@\n",
		lineRange(startA, last.endA+after), lineRange(startB, last.endB+after))
	at := startA
	for _, c := range cs {
		printLines(&out, ' ', a[at:c.a])
		printLines(&out, '-', a[c.a:c.endA])
		printLines(&out, '+', b[c.b:c.endB])
		at = c.endA
	}
	printLines(&out, ' ', a[at:at+after])
	return out.String()
}

// lineRange is a range of lines as POSIX has it: lines count from 1, a range
// of one has no length, and an empty range names the line before it.
func lineRange(start, end int) string {
	switch end - start {
	case 0:
		return strconv.Itoa(start) + ",0"
	case 1:
		return strconv.Itoa(start + 1)
	}
	return strconv.Itoa(start+1) + "," + strconv.Itoa(end-start)
}

func printLines(out *strings.Builder, mark byte, text []string) {
	for _, line := range text {
		out.WriteByte(mark)
		out.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// quoteName quotes a name in which a reader of diffs would stumble, as GNU
// diff does: in double quotes, with bytes in octal.
func quoteName(name string) string {
	plain := name != ""
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == 0x7f || c == '"' || c == '\\' {
			plain = false
		}
	}
	if plain {
		return name
	}
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(name) {
		switch c := name[i]; {
		case c == '"' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&out, "\\%03o", c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}

package inside

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/textdiff"
	"github.com/reprodisk/reprodisk/report"
)

// about is a cause with its remedy.
type about struct {
	cause  report.Cause
	remedy string
}

const (
	remedyClock  = "give what writes it the time of SOURCE_DATE_EPOCH, or leave the time out"
	remedyRandom = "derive the identifier from the content or from the spec instead of randomness"
	remedyOrder  = "sort what is written, under LC_ALL=C"
	remedyPath   = "build in a fixed folder, or keep its path out of the output (-ffile-prefix-map, relative paths)"
)

// text compares two texts. Where everything that differs is of a recognisable
// kind, that is the cause; where it is not, the texts are content.
func (s *session) text(p pair, out *result) string {
	if p.a.Size > maxText || p.b.Size > maxText || s.spend(p.a.Size+p.b.Size) != nil {
		return ""
	}
	a, b := p.a.head(maxText), p.b.head(maxText)
	if int64(len(a)) < p.a.Size || int64(len(b)) < p.b.Size || !textdiff.IsText(a) || !textdiff.IsText(b) {
		return ""
	}
	if p.where != "" { // the caller has the diff of the file itself
		s.diffTexts(p, a, b, 3, out)
	}
	if len(a) == 0 || len(b) == 0 {
		return ""
	}
	linesA, linesB := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	if len(linesA) != len(linesB) {
		return ""
	}
	if sameLines(linesA, linesB) {
		f := s.bytesField(p, "lines", report.Order, remedyOrder)
		f.A, f.B = firstDifference(linesA, linesB)
		out.add(f)
		out.note("the same lines in another order")
		return "text"
	}
	sub := newResult()
	for i, x := range linesA {
		y := linesB[i]
		if x == y {
			continue
		}
		why, ok := s.tokensTell(x, y)
		if !ok {
			return ""
		}
		sub.add(Field{Where: p.where, Name: "line " + strconv.Itoa(i+1), A: clip(x), B: clip(y), Cause: why.cause, Remedy: why.remedy})
	}
	out.merge(sub)
	return "text"
}

func sameLines(a, b []string) bool {
	x, y := slices.Clone(a), slices.Clone(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func firstDifference(a, b []string) (string, string) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n := strconv.Itoa(i + 1)
			return "line " + n + ": " + clip(a[i]), "line " + n + ": " + clip(b[i])
		}
	}
	return "", ""
}

// Parts of a text that are known to vary, by the number of their group.
const (
	tokenTime  = 1 + iota // a date with its time of day
	tokenDate             // a date alone
	tokenUUID             // 8-4-4-4-12 hexadecimal digits
	tokenHex              // 16 or 32 hexadecimal digits
	tokenEpoch            // seconds, or thousandths, since 1970
	tokenPath             // below a folder for temporary files
)

const (
	months = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	days   = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)`
	clock  = `\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?`
	zone   = `(?: ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})\b)?`
)

var varying = regexp.MustCompile(
	`(\b\d{4}-\d{2}-\d{2}[T ]` + clock + zone + // ISO 8601
		`|\b(?:` + days + `, )?\d{1,2} ` + months + ` \d{4} ` + clock + zone + // RFC 2822
		`|\b` + days + ` ` + months + ` [ \d]\d ` + clock + `(?: [A-Z]{3,4})? \d{4}\b` + // date(1), ctime(3)
		`|\b\d{8}T\d{6}Z?\b|\b20\d{6}-?\d{6}\b)` + // 20240102T030405Z, 20240102030405
		`|(\b\d{4}-\d{2}-\d{2}\b|\b(?:` + days + `, )?\d{1,2} ` + months + ` \d{4}\b|\b` + months + ` \d{1,2},? \d{4}\b)` +
		`|(\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b)` +
		`|(\b(?:[0-9a-f]{32}|[0-9A-F]{32}|[0-9a-f]{16}|[0-9A-F]{16})\b)` +
		`|(\b\d{9,10}\b|\b\d{13}\b)` +
		`|(/(?:build|tmp|var/tmp)/[^\s:;,"'<>()=|]+)`)

// digestLine is a line of md5sum(1) or of a dpkg md5sums file: 32 hexadecimal
// digits that follow from a file's content.
var digestLine = regexp.MustCompile(`^\\?[0-9a-f]{32} [ *]\S|(?i:md5)`)

// cutTokens cuts a line into what is literal, and the tokens between.
func cutTokens(line string) (literal []string, tokens []string, kinds []int) {
	at := 0
	for _, m := range varying.FindAllStringSubmatchIndex(line, -1) {
		for k := tokenTime; k <= tokenPath; k++ {
			if m[2*k] >= 0 {
				literal = append(literal, line[at:m[0]])
				tokens, kinds = append(tokens, line[m[0]:m[1]]), append(kinds, k)
				at = m[1]
				break
			}
		}
	}
	return append(literal, line[at:]), tokens, kinds
}

// maxTokenLine is the length in bytes of the longest line that is taken apart.
const maxTokenLine = 64 << 10

// tokensTell tells why two lines differ where they are equal but for tokens
// that are known to vary.
func (s *session) tokensTell(x, y string) (about, bool) {
	if s.lines -= int64(len(x) + len(y)); s.lines < 0 || len(x) > maxTokenLine || len(y) > maxTokenLine {
		return about{}, false
	}
	litA, tokA, kindA := cutTokens(x)
	litB, tokB, kindB := cutTokens(y)
	if !slices.Equal(litA, litB) || !slices.Equal(kindA, kindB) {
		return about{}, false
	}
	sub := newResult()
	for i, u := range tokA {
		v := tokB[i]
		if u == v {
			continue
		}
		if kindA[i] == tokenHex && (digestLine.MatchString(x) || digestLine.MatchString(y)) {
			return about{}, false
		}
		why, ok := tokenTells(kindA[i], u, v)
		if !ok {
			return about{}, false
		}
		sub.add(Field{Cause: why.cause, Remedy: why.remedy})
	}
	if !sub.found() {
		return about{}, false
	}
	return about{sub.cause(), strings.Join(sub.remedies, "; ")}, true
}

func tokenTells(kind int, u, v string) (about, bool) {
	switch kind {
	case tokenTime:
		return about{report.Time, remedyClock}, true
	case tokenDate:
		return about{report.Time, remedyClock}, closeDates(u, v)
	case tokenUUID, tokenHex:
		// A number of 16 digits is no identifier.
		return about{report.Random, remedyRandom}, drawnApart(u, v) && strings.ContainsAny(u+v, "abcdefABCDEF")
	case tokenEpoch:
		a, errA := strconv.ParseInt(u, 10, 64)
		b, errB := strconv.ParseInt(v, 10, 64)
		if len(u) == 13 && len(v) == 13 {
			a, b = a/1000, b/1000
		}
		return about{report.Time, remedyClock}, errA == nil && errB == nil && closeEpochs(a, b)
	case tokenPath:
		return about{report.Environment, remedyPath}, sameBelow(u, v)
	}
	return about{}, false
}

// drawnApart tells whether two identifiers of hexadecimal digits can both have
// been drawn: then 15 of 16 digits differ, and less than half never do.
func drawnApart(u, v string) bool {
	if len(u) != len(v) {
		return false
	}
	differ := 0
	for i := range len(u) {
		if u[i] != v[i] {
			differ++
		}
	}
	return 2*differ >= len(u)
}

const twoDays = 2 * 24 * 60 * 60

// closeEpochs tells whether two numbers can be the times of two builds:
// seconds since 1970, between 1986 and 2106, at most two days apart.
func closeEpochs(a, b int64) bool {
	plausible := func(v int64) bool { return v >= 500_000_000 && v < 1<<32 }
	return plausible(a) && plausible(b) && max(a, b)-min(a, b) <= twoDays
}

// closeDates tells whether two dates are at most two days apart.
func closeDates(u, v string) bool {
	for _, form := range []string{"2006-01-02", "2 Jan 2006", "Mon, 2 Jan 2006", "Jan 2 2006", "Jan 2, 2006"} {
		a, errA := time.Parse(form, u)
		b, errB := time.Parse(form, v)
		if errA == nil && errB == nil {
			return a.Sub(b).Abs() <= twoDays*time.Second
		}
	}
	return false
}

// sameBelow tells whether two paths below a folder for temporary files are
// equal but for the name of the one folder that a build makes there.
func sameBelow(u, v string) bool {
	cut := func(s string) (root, rest string, ok bool) {
		for _, root := range []string{"/var/tmp/", "/tmp/", "/build/"} {
			if below, ok := strings.CutPrefix(s, root); ok {
				_, rest, deeper := strings.Cut(below, "/")
				return root, rest, deeper
			}
		}
		return "", "", false
	}
	rootA, restA, okA := cut(u)
	rootB, restB, okB := cut(v)
	return okA && okB && cmp.Compare(rootA, rootB) == 0 && restA == restB
}

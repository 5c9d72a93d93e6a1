package textdiff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func TestDiffsReadAsPeopleExpectThem(t *testing.T) {
	seq := func(from, to int) string {
		var s strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintln(&s, i)
		}
		return s.String()
	}
	for _, c := range []struct{ name, a, b, want string }{
		{"equal", "x\n", "x\n", ""},
		{"both empty", "", "", ""},
		{"one line changed", "a\nb\nc\n", "a\nB\nc\n", "--- A\n+++ B\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"},
		{"one line only", "a\n", "b\n", "--- A\n+++ B\n@@ -1 +1 @@\n-a\n+b\n"},
		{"from nothing", "", "a\n", "--- A\n+++ B\n@@ -0,0 +1 @@\n+a\n"},
		{"to nothing", "a\nb\n", "", "--- A\n+++ B\n@@ -1,2 +0,0 @@\n-a\n-b\n"},
		{
			"no newline at the end of A", "a\nb", "a\nb\n",
			"--- A\n+++ B\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
		},
		{
			"no newline at either end", "a\nx", "b\nx",
			"--- A\n+++ B\n@@ -1,2 +1,2 @@\n-a\n+b\n x\n\\ No newline at end of file\n",
		},
		{
			"two hunks", seq(1, 20), strings.Replace(strings.Replace(seq(1, 20), "2\n", "two\n", 1), "18\n", "", 1),
			"--- A\n+++ B\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -15,6 +15,5 @@\n 15\n 16\n 17\n-18\n 19\n 20\n",
		},
		{
			"changes six lines apart share a hunk", seq(1, 8), "X\n" + seq(2, 7) + "Y\n",
			"--- A\n+++ B\n@@ -1,8 +1,8 @@\n-1\n+X\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+Y\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Unified([]byte(c.a), []byte(c.b), Options{NameA: "A", NameB: "B"})
			if !ok {
				t.Fatal("no diff")
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWhatIsNoTextOrTooLargeHasNoDiff(t *testing.T) {
	text := []byte("a\nb\nc\n")
	for name, c := range map[string]struct {
		b   []byte
		opt Options
	}{
		"NUL":           {[]byte("a\x00b\n"), Options{}},
		"invalid UTF-8": {[]byte("a\xff\n"), Options{}},
		"too long":      {bytes.Repeat([]byte("x"), 101), Options{MaxBytes: 100}},
		"too many":      {bytes.Repeat([]byte("\n"), 11), Options{MaxLines: 10}},
	} {
		if d, ok := Unified(text, c.b, c.opt); ok {
			t.Errorf("%s: %q", name, d)
		}
		if d, ok := Unified(c.b, text, c.opt); ok {
			t.Errorf("%s, other way round: %q", name, d)
		}
	}
}

func TestHunksBeyondTheLimitAreCounted(t *testing.T) {
	var a, b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&a, "line %d\n", i)
		if i%100 == 50 {
			fmt.Fprintf(&b, "other %d\nmore\n", i)
		} else {
			fmt.Fprintf(&b, "line %d\n", i)
		}
	}
	got, ok := Unified([]byte(a.String()), []byte(b.String()), Options{NameA: "A", NameB: "B", MaxOutput: 400})
	if !ok || !strings.HasSuffix(got, "\n# left out: hunks 7, lines removed 7, lines added 14\n") {
		t.Errorf("%v %q", ok, got)
	}
	if n := strings.Count(got, "@@ -"); n != 3 {
		t.Errorf("%d hunks printed, want 3", n)
	}
}

func TestNamesAreQuotedAsDiffQuotesThem(t *testing.T) {
	for name, want := range map[string]string{
		"a/etc/fstab":  "a/etc/fstab",
		"with blank é": "with blank é",
		"new\nline":    `"new\012line"`,
		`back\"quote`:  `"back\\\"quote"`,
		"":             `""`,
		"\x1b[31m":     `"\033[31m"`,
	} {
		if got := quoteName(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// shuffledPair is two random texts of few different lines, which is the worst
// case for matching.
func shuffledPair(seed uint64, most, distinct int) (a, b []byte) {
	r := rand.New(rand.NewPCG(seed, 1))
	var x, y []string
	for range r.IntN(most + 1) {
		x = append(x, fmt.Sprintf("l%d\n", r.IntN(distinct)))
	}
	for _, line := range x {
		switch r.IntN(6) {
		case 0:
		case 1:
			y = append(y, fmt.Sprintf("l%d\n", r.IntN(distinct)))
		case 2:
			y = append(y, line, fmt.Sprintf("l%d\n", r.IntN(distinct)))
		default:
			y = append(y, line)
		}
	}
	a, b = []byte(strings.Join(x, "")), []byte(strings.Join(y, ""))
	if len(a) > 0 && r.IntN(3) == 0 {
		a = a[:len(a)-1]
	}
	if len(b) > 0 && r.IntN(3) == 0 {
		b = b[:len(b)-1]
	}
	return a, b
}

func TestPatchTurnsAIntoB(t *testing.T) {
	dir := t.TempDir()
	file, diff := filepath.Join(dir, "file"), filepath.Join(dir, "diff")
	for seed := range uint64(60) {
		a, b := shuffledPair(seed, 60, []int{3, 20, 1000}[seed%3])
		d, ok := Unified(a, b, Options{NameA: "a/file", NameB: "b/file"})
		if !ok {
			t.Fatal("no diff")
		}
		if d == "" {
			continue
		}
		write(t, file, a)
		write(t, diff, []byte(d))
		judge.Must(t, "patch", "--fuzz=0", "--no-backup-if-mismatch", "-s", file, diff)
		got, err := os.ReadFile(file)
		if err != nil && len(b) > 0 { // patch removes a file that becomes empty
			t.Fatal(err)
		}
		if !bytes.Equal(got, b) {
			t.Fatalf("seed %d: patch made %q of it, want %q\n%s", seed, got, b, d)
		}
	}
}

func TestAppliedDiffsGiveB(t *testing.T) {
	for seed := range uint64(3000) {
		a, b := shuffledPair(seed, 40, []int{1, 2, 5, 30}[seed%4])
		for _, context := range []int{-1, 1, 3} {
			d, ok := Unified(a, b, Options{NameA: "A", NameB: "B", Context: context, MaxOutput: 1 << 20})
			if !ok {
				t.Fatal("no diff")
			}
			got, err := apply(a, d)
			if err != nil || !bytes.Equal(got, b) {
				t.Fatalf("seed %d, context %d: %v\n%q\n%q\n%s", seed, context, err, a, b, d)
			}
		}
	}
}

// A diff as short as diff's own, within a tenth, says that the matching is no
// worse than what people are used to.
func TestDiffsAreAsShortAsDiffs(t *testing.T) {
	dir := t.TempDir()
	fa, fb := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	ours, theirs := 0, 0
	for seed := range uint64(30) {
		a, b := shuffledPair(seed, 300, 40)
		write(t, fa, a)
		write(t, fb, b)
		d, _ := Unified(a, b, Options{Context: -1, MaxOutput: 1 << 20})
		ours += changed(d)
		theirs += changed(judge.Run(t, "diff", "-U0", "--minimal", fa, fb).Stdout)
	}
	t.Logf("lines removed and added: ours %d, diff --minimal %d", ours, theirs)
	if ours*10 > theirs*11 {
		t.Errorf("%d lines, diff --minimal has %d", ours, theirs)
	}
}

// Past the budget the diff is coarse, and still right.
func TestTextsBeyondTheBudgetAreReplacedBlockwise(t *testing.T) {
	a, b := noise(1, 20_000), noise(2, 20_000)
	d, ok := Unified(a, b, Options{MaxOutput: 16 << 20})
	if !ok {
		t.Fatal("no diff")
	}
	got, err := apply(a, d)
	if err != nil || !bytes.Equal(got, b) {
		t.Fatalf("the diff does not make b of a: %v", err)
	}
}

// noise is n lines of 50 different ones.
func noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var s bytes.Buffer
	for range n {
		fmt.Fprintf(&s, "line %d\n", r.IntN(50))
	}
	return s.Bytes()
}

func FuzzUnified(f *testing.F) {
	f.Add([]byte(""), []byte("a"), 3)
	f.Add([]byte("a\nb\nc\n"), []byte("a\nc\nb"), 0)
	f.Add([]byte("\r\n\r\n-x\n+y\n"), []byte("--- a\n+++ b\n@@ -1 +1 @@\n"), 1)
	f.Add([]byte("\\ No newline at end of file\n"), []byte("\\ No newline at end of file"), 3)
	f.Fuzz(func(t *testing.T, a, b []byte, context int) {
		d, ok := Unified(a, b, Options{NameA: "A", NameB: "B", Context: context, MaxOutput: 1 << 29})
		if !ok {
			if IsText(a) && IsText(b) && len(a)+len(b) < 1000 {
				t.Fatal("no diff of two short texts")
			}
			return
		}
		got, err := apply(a, d)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%v\n%q\n%q\n%s", err, a, b, d)
		}
	})
}

func BenchmarkUnified(b *testing.B) {
	b.Run("noise", func(b *testing.B) {
		x, y := noise(1, 20_000), noise(2, 20_000)
		for b.Loop() {
			Unified(x, y, Options{})
		}
	})
	b.Run("blocks of noise", func(b *testing.B) {
		x, y := noise(1, 4_000), noise(2, 4_000)
		for b.Loop() {
			Unified(x, y, Options{})
		}
	})
	b.Run("a third changed", func(b *testing.B) {
		var x, y bytes.Buffer
		for i := range 100_000 {
			fmt.Fprintf(&x, "line %d\n", i)
			if i%3 == 0 {
				fmt.Fprintf(&y, "other %d\n", i)
			} else {
				fmt.Fprintf(&y, "line %d\n", i)
			}
		}
		for b.Loop() {
			Unified(x.Bytes(), y.Bytes(), Options{})
		}
	})
	b.Run("repeated line", func(b *testing.B) {
		x := bytes.Repeat([]byte("x\n"), 100_000)
		y := append(bytes.Repeat([]byte("x\n"), 50_000), "y\n"...)
		for b.Loop() {
			Unified(x, y, Options{})
		}
	})
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// changed counts the removed and added lines of a diff.
func changed(diff string) int {
	n := 0
	for _, line := range strings.Split(diff, "\n") {
		if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
			continue
		}
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			n++
		}
	}
	return n
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n$`)

// apply reads a unified diff to the letter: each context and removed line has
// to be where the hunk says, and the counts have to be right.
func apply(a []byte, diff string) ([]byte, error) {
	if diff == "" {
		return a, nil
	}
	src, in := lines(a), lines([]byte(diff))
	if len(in) < 2 || !strings.HasPrefix(in[0], "--- ") || !strings.HasPrefix(in[1], "+++ ") {
		return nil, fmt.Errorf("no header")
	}
	in = in[2:]
	var out []string
	at := 0
	for len(in) > 0 {
		m := hunkHeader.FindStringSubmatch(in[0])
		if m == nil {
			return nil, fmt.Errorf("%q is no hunk header", in[0])
		}
		in = in[1:]
		startA, lenA := span(m[1], m[2])
		startB, lenB := span(m[3], m[4])
		if startA < at || startA+lenA > len(src) {
			return nil, fmt.Errorf("hunk at %d of %d lines", startA, len(src))
		}
		out = append(out, src[at:startA]...)
		at = startA
		if len(out) != startB {
			return nil, fmt.Errorf("hunk goes to line %d, is at %d", startB, len(out))
		}
		endA, endB := at+lenA, len(out)+lenB
		for at < endA || len(out) < endB {
			if len(in) == 0 {
				return nil, fmt.Errorf("hunk ends early")
			}
			mark, line := in[0][0], in[0][1:]
			in = in[1:]
			if len(in) > 0 && strings.HasPrefix(in[0], "\\") {
				line = strings.TrimSuffix(line, "\n")
				in = in[1:]
			}
			if mark == ' ' || mark == '-' {
				if at >= endA || src[at] != line {
					return nil, fmt.Errorf("line %d is not %q", at+1, line)
				}
				at++
			}
			if mark == ' ' || mark == '+' {
				out = append(out, line)
			}
		}
	}
	return []byte(strings.Join(append(out, src[at:]...), "")), nil
}

// span is a hunk's range as an index from 0 and a length.
func span(start, length string) (int, int) {
	s, _ := strconv.Atoi(start)
	n := 1
	if length != "" {
		n, _ = strconv.Atoi(length)
	}
	if n == 0 {
		return s, 0
	}
	return s - 1, n
}

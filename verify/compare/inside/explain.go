package inside

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/reprodisk/reprodisk/internal/textdiff"
	"github.com/reprodisk/reprodisk/report"
)

// session is one call of Explain.
type session struct {
	ctx    context.Context
	budget [2]int64 // bytes that may still be decompressed of A and B
	work   int64    // bytes that may still be read
	left   int      // entries that may still be read
	lines  int64    // bytes of lines that may still be searched for tokens
	diffs  int      // texts that may still be diffed
}

// pair is two versions of one file, or of a part of one.
type pair struct {
	where string // the way to the part; empty for the file itself
	name  string // path of the file or the part
	a, b  Source
	depth int
	inELF bool // a section of an ELF: no compiler puts another into one, and sections may overlap
}

// in is a part of the pair.
func (p pair) in(where string, a, b Source) pair {
	return pair{where: join(p.where, where), name: where, a: a, b: b, depth: p.depth + 1, inELF: p.inELF}
}

func join(where, part string) string {
	if where == "" || part == "" {
		return where + part
	}
	return where + " > " + part
}

// Explain says what differs inside of the two versions a and b of the file
// with the given absolute path, whose bytes differ. It is false where nothing
// is known beyond that, and where ctx has ended.
//
// A source that cannot be read counts as one of no known format.
func Explain(ctx context.Context, name string, a, b Source) (Explanation, bool) {
	s := &session{ctx: ctx, budget: [2]int64{maxUnpacked, maxUnpacked}, work: baseWork, left: maxAll, lines: maxLines, diffs: maxDiffs}
	s.earn(a.Size)
	s.earn(b.Size)
	out := newResult()
	kind := s.content(pair{name: name, a: a.orEmpty(), b: b.orEmpty()}, out)
	if kind == "" || ctx.Err() != nil {
		return Explanation{}, false
	}
	return out.explanation(kind), true
}

// content adds what differs between the pair's two versions, and returns the
// format that it read; "" where it knew none.
func (s *session) content(p pair, out *result) string {
	if p.a.Size > 0 && p.b.Size > 0 && s.spend(detectCost(p.a)+detectCost(p.b)) == nil {
		if kind := s.format(p, out); kind != "" {
			return kind
		}
	}
	if kind := s.knownFile(p, out); kind != "" {
		return kind
	}
	if kind := s.text(p, out); kind != "" {
		return kind
	}
	if p.depth > 0 { // of the file itself the caller knows it
		s.opaque(p, out)
	}
	return ""
}

// format tries the format that both sides have.
func (s *session) format(p pair, out *result) string {
	fa, fb := detect(p.name, p.a), detect(p.name, p.b)
	if fa == nil && fb == nil {
		return ""
	}
	if fa != fb {
		out.add(Field{Where: p.where, Name: "format", A: formatName(fa), B: formatName(fb), Cause: report.Content})
		return formatName(fa) + " and " + formatName(fb)
	}
	if p.depth >= maxDepth || p.inELF && fa.name == "ELF" {
		return ""
	}
	if err := s.spend(parseCost(p.a) + parseCost(p.b)); err != nil {
		return ""
	}
	sub := newResult()
	kind, err := fa.compare(s, p, sub)
	if err != nil {
		if s.ctx.Err() == nil {
			out.note(strings.TrimPrefix(fmt.Sprintf("%s: %s: %v", p.where, fa.name, err), ": "))
		}
		if errors.Is(err, errWork) || errors.Is(err, errTooLarge) || errors.Is(err, errEntries) {
			sub.add(Field{Where: p.where, Name: "rest", Cause: report.Content})
			out.merge(sub)
			return fa.name
		}
		return ""
	}
	if !sub.found() {
		// The bytes differ, and nothing that was compared does.
		s.opaque(p, sub)
	}
	out.merge(sub)
	return kind
}

// parseCost is what reading a format's headers is charged, besides what is
// compared: a hostile file has more headers than data, and the same ones in
// many places.
func parseCost(s Source) int64 { return max(4<<10, min(s.Size, 8<<20)) }

// detectCost is what telling a format is charged: libblkid's formats have
// their magics in many places.
func detectCost(s Source) int64 { return min(s.Size, 16<<10) }

// opaque adds the difference of bytes whose meaning is not known.
func (s *session) opaque(p pair, out *result) {
	out.add(s.bytesField(p, "content", report.Content, ""))
}

// bytesField is a field that shows where bytes differ.
func (s *session) bytesField(p pair, name string, cause report.Cause, remedy string) Field {
	f := Field{Where: p.where, Name: name, Cause: cause, Remedy: remedy}
	f.A, f.B = showSize(p.a.Size), showSize(p.b.Size)
	if d, err := s.distance(p.a, p.b); err == nil && d.first >= 0 {
		f.A += fmt.Sprintf("; at %d: %x", d.first, d.a)
		f.B += fmt.Sprintf("; at %d: %x", d.first, d.b)
	}
	return f
}

func showSize(n int64) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// compareBytes adds a field where two ranges differ.
func (s *session) compareBytes(p pair, name string, cause report.Cause, remedy string, out *result) error {
	same, err := s.equal(p.a, p.b)
	if err != nil {
		return err
	}
	if !same {
		out.add(s.bytesField(p, name, cause, remedy))
	}
	return nil
}

// diffTexts adds the unified diff of two texts inside of the file.
func (s *session) diffTexts(p pair, a, b []byte, context int, out *result) {
	if s.diffs == 0 {
		return
	}
	s.diffs--
	name := strings.ReplaceAll(p.where, " > ", "/")
	diff, ok := textdiff.Unified(a, b, textdiff.Options{
		NameA: path.Join("a", name), NameB: path.Join("b", name),
		MaxOutput: max(1024, maxDiff-out.diff.Len()-1024), Context: context,
	})
	if ok {
		out.addDiff(diff)
	}
}

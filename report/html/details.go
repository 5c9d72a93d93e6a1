package html

import (
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// details is what is shown of a finding that is opened, in pieces of bounded
// size.
type details struct {
	report  *report.Report
	numbers map[string]int
	starts  []int // the first finding of each piece
}

// A piece is parsed at once when a finding of it is opened.
const (
	pieceFindings = 512
	pieceBytes    = 256 << 10
)

// detail is a finding without what the index has. Ranges are offset and
// length in turn.
type detail struct {
	ID            string   `json:"id"`
	A             string   `json:"a,omitempty"` // where the index has shortened it
	B             string   `json:"b,omitempty"`
	Ranges        []int64  `json:"ranges,omitempty"`
	RangesOmitted int      `json:"rangesOmitted,omitempty"`
	From          []int    `json:"from,omitempty"` // the findings that it follows from
	Note          string   `json:"note,omitempty"`
	Files         []string `json:"files,omitempty"`
	FilesOmitted  int      `json:"filesOmitted,omitempty"`
	Diff          string   `json:"diff,omitempty"` // lines as report.VisibleLine has them
	Kind          string   `json:"kind,omitempty"` // of the file, where Inside is about one
	Inside        [][]any  `json:"inside,omitempty"`
	InsideOmitted int      `json:"insideOmitted,omitempty"`
	Sample        *[3]any  `json:"sample,omitempty"` // offset, and the bytes of A and B in hex
}

func newDetails(r *report.Report) *details {
	d := &details{report: r, numbers: numbersOf(r), starts: []int{}}
	size := pieceBytes
	for i := range r.Findings {
		if size >= pieceBytes || i-d.starts[len(d.starts)-1] >= pieceFindings {
			d.starts = append(d.starts, i)
			size = 0
		}
		f := &r.Findings[i]
		size += 64 + len(f.ID) + len(f.Note) + len(f.Diff) + 16*len(f.Ranges) + 128*len(f.Inside)
		for _, file := range f.Files {
			size += len(file)
		}
	}
	return d
}

// number is the place of a finding in the report, -1 where there is none.
func (d *details) number(id string) int {
	if n, ok := d.numbers[id]; ok {
		return n
	}
	return -1
}

func (d *details) piece(n int) []detail {
	end := len(d.report.Findings)
	if n+1 < len(d.starts) {
		end = d.starts[n+1]
	}
	findings := d.report.Findings[d.starts[n]:end]
	out := make([]detail, len(findings))
	for i := range findings {
		out[i] = d.of(&findings[i])
	}
	return out
}

func (d *details) of(f *report.Finding) detail {
	out := detail{
		ID: report.Visible(f.ID), RangesOmitted: f.RangesOmitted, Note: report.Visible(f.Note),
		FilesOmitted: f.FilesOmitted, Kind: report.Visible(f.InsideKind), InsideOmitted: f.InsideOmitted,
	}
	if a, b := shortened(f.A, f.B); a != full(f.A) || b != full(f.B) {
		out.A, out.B = full(f.A), full(f.B)
	}
	for _, g := range f.Ranges {
		out.Ranges = append(out.Ranges, g.Offset, g.Length)
	}
	for _, id := range f.DerivedFrom {
		if n := d.number(id); n >= 0 {
			out.From = append(out.From, n)
		}
	}
	if len(f.Files) > 1 || len(f.Files) == 1 && f.Files[0] != f.File {
		for _, file := range f.Files {
			out.Files = append(out.Files, report.Visible(file))
		}
	}
	lines := report.DiffLines(f.Diff)
	for i := range lines {
		lines[i] = report.VisibleLine(lines[i])
	}
	out.Diff = strings.Join(lines, "\n")
	for i := range f.Inside {
		x := &f.Inside[i]
		out.Inside = append(out.Inside, []any{
			report.Visible(x.Where), report.Visible(x.Field), full(x.A), full(x.B), report.Visible(string(x.Cause)), x.Derived,
		})
	}
	if s := f.Sample; s != nil {
		if _, _, err := s.Bytes(); err == nil {
			out.Sample = &[3]any{s.Offset, s.A, s.B}
		}
	}
	return out
}

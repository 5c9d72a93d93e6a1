package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
)

// TextOptions say how WriteText prints.
type TextOptions struct {
	Color   bool // with ANSI colours
	Width   int  // columns of the terminal: 80 where it is 0, and never fewer than 40
	Verbose bool // every finding, consequence, file and line of a diff
	Max     int  // root findings that are printed: 50, or all of them with Verbose, where it is 0
}

const (
	defaultWidth    = 80
	minWidth        = 40
	defaultMax      = 50
	maxFiles        = 3  // files that are named of a finding that stands for several
	maxDiffLines    = 24 // lines of a diff
	maxDiffRun      = 8  // lines in a row that a diff removes, or adds
	maxDiffColumns  = 400
	maxWarnings     = 10
	maxVerboseSpans = 8 // ranges that Verbose names
)

// WriteText writes the report for a person at a terminal. The first line is
// the verdict. Strings from an image are escaped, so they cannot act on the
// terminal, and no line ends in a blank.
func WriteText(w io.Writer, r *Report, opt TextOptions) error {
	if opt.Width <= 0 {
		opt.Width = defaultWidth
	}
	opt.Width = max(opt.Width, minWidth)
	if opt.Max <= 0 {
		opt.Max = defaultMax
		if opt.Verbose {
			opt.Max = len(r.Findings)
		}
	}
	t := &text{opt: opt}
	t.report(r)
	_, err := w.Write(t.out.Bytes())
	return err
}

// text collects the lines.
type text struct {
	out bytes.Buffer
	opt TextOptions
}

// Select Graphic Rendition parameters, ECMA-48 section 8.3.117.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (t *text) paint(style, s string) string {
	if !t.opt.Color || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// line prints one line. Its parts are visible already.
func (t *text) line(parts ...string) {
	t.out.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	t.out.WriteByte('\n')
}

func (t *text) blank() { t.out.WriteByte('\n') }

// wrapped prints a sentence over as many lines as it takes, the first after
// lead, the others below its first word.
func (t *text) wrapped(lead, style, s string) {
	indent := strings.Repeat(" ", columns(lead))
	room := max(t.opt.Width-columns(lead), 20)
	var line string
	flush := func() {
		t.line(lead, t.paint(style, line))
		lead, line = indent, ""
	}
	for _, word := range strings.Fields(s) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= room:
			line += " " + word
		default:
			flush()
			line = word
		}
	}
	if line != "" {
		flush()
	}
}

func (t *text) report(r *Report) {
	style := green
	if !r.Passes() {
		style = red
	}
	t.line(t.paint(bold+";"+style, r.Headline())) // one line, however narrow: scripts read the first one
	t.inputs(r)
	if r.Verdict == Reproducible {
		t.verification(r.Verification, true)
	}
	t.partitions(r)

	left, skipped := t.opt.Max, 0
	for _, g := range r.Groups() {
		roots, allowed := g.Roots, []*Finding(nil)
		if !t.opt.Verbose {
			roots, allowed = parted(g.Roots)
		}
		show := roots[:min(left, len(roots))]
		left -= len(show)
		skipped += len(roots) - len(show)
		if len(show) == 0 && len(allowed) == 0 && (len(roots) > 0 || len(g.Derived) == 0) {
			continue
		}
		t.blank()
		t.wrapped("", bold, r.Heading(g))
		for _, f := range show {
			t.blank()
			t.finding(f)
		}
		t.allowed(allowed)
		t.folded(g.Derived)
	}
	if skipped > 0 {
		t.blank()
		t.line("… and ", Commas(int64(skipped)), " more (see --json)")
	}
	t.unexplained(r)
	if r.Verdict != Reproducible {
		t.verification(r.Verification, false)
	}
	t.policy(r.Policy)
	t.warnings(r)
}

// inputs names the two images, one below the other.
func (t *text) inputs(r *Report) {
	const lead = "  a  "
	var paths, details [2]string
	pathWidth := 0
	for i, in := range []Input{r.A, r.B} {
		details[i] = Cut(Visible(in.Format), 20)
		if in.Size > 0 {
			details[i] = strings.TrimPrefix(details[i]+", "+HumanSize(in.Size), ", ")
		}
		room := t.opt.Width - len(lead) - 2 - columns(details[i])
		paths[i] = CutFront(Visible(in.Path), max(room, 20))
		pathWidth = max(pathWidth, columns(paths[i]))
	}
	for i, in := range []Input{r.A, r.B} {
		if in.Path == "" {
			continue
		}
		pad := strings.Repeat(" ", min(pathWidth-columns(paths[i]), max(t.opt.Width-len(lead)-2-columns(paths[i])-columns(details[i]), 0)))
		t.line("  ", []string{"a", "b"}[i], "  ", paths[i], pad, "  ", t.paint(dim, details[i]))
		if in.Digest != "" {
			t.line("     ", t.paint(dim, Cut(Visible(in.Digest), t.opt.Width-len(lead))))
		}
		if in.FileDigest != "" { // of the disk is said above
			t.line("     ", t.paint(dim, Cut("file "+Visible(in.FileDigest), t.opt.Width-len(lead))))
		}
	}
}

// partitions shows the partitions that lie elsewhere, or hold another sort of
// thing, in the two images.
func (t *text) partitions(r *Report) {
	first := true
	for i := range r.Partitions {
		p := &r.Partitions[i]
		if p.alike() {
			continue
		}
		if first {
			t.blank()
			t.line(t.paint(bold, "partitions that differ"))
			first = false
		}
		name := "  " + fmt.Sprint(p.Number)
		if p.Number == 0 {
			name = "  -"
		}
		if p.Image != "" {
			t.line("  ", Cut(Visible(p.Image), t.opt.Width-2))
		}
		t.line(name, "  a  ", Cut(p.A.row(), t.opt.Width-len(name)-5))
		t.line(strings.Repeat(" ", len(name)), "  b  ", Cut(p.B.row(), t.opt.Width-len(name)-5))
	}
}

// alike tells whether the two sides look the same in a list of partitions.
// Names and UUIDs have findings of their own.
func (p *Partition) alike() bool {
	if p.A == nil || p.B == nil {
		return p.A == p.B
	}
	return p.A.row() == p.B.row()
}

// row is the partition as one line of a list.
func (s *PartitionSide) row() string {
	if s == nil {
		return "not there"
	}
	parts := []string{HumanSize(s.Sectors * s.SectorSize)}
	if s.Sectors > 0 {
		parts = []string{s.LBA(), parts[0]}
	}
	for _, v := range []string{cmp.Or(s.TypeName, s.Type), s.Filesystem} {
		if v != "" {
			parts = append(parts, Visible(v))
		}
	}
	if s.Bootable {
		parts = append(parts, "bootable")
	}
	return strings.Join(parts, "  ")
}

// folded sums the consequences up in a sentence, or lists them.
func (t *text) folded(derived []*Finding) {
	if len(derived) == 0 {
		return
	}
	t.blank()
	if !t.opt.Verbose {
		t.wrapped("  ", dim, "and "+Consequences(derived))
		return
	}
	t.line("  ", t.paint(bold, Counted(int64(len(derived)), "consequence")))
	for _, f := range derived {
		t.blank()
		t.finding(f)
	}
}

// unexplained says where bytes lie that no format claims.
func (t *text) unexplained(r *Report) {
	if n := r.DifferingBytes - r.ExplainedBytes; n > 0 {
		t.blank()
		lead := "unexplained: "
		var at []string
		more := 0
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.Structure != UnknownStructure {
				continue
			}
			for _, g := range f.Ranges {
				if len(at) == 4 {
					more++
				} else {
					at = append(at, fmt.Sprintf("%d+%d", g.Offset, g.Length))
				}
			}
			more += f.RangesOmitted
		}
		s := Counted(n, "byte") + " that no format claims"
		if len(at) > 0 {
			s += ", at offset+length " + strings.Join(at, ", ")
		}
		if more > 0 {
			s += fmt.Sprintf(" and %s more", Commas(int64(more)))
		}
		t.wrapped(lead, "", s)
	}
}

// warnings says what could not be read, and what there is to say against the
// policy.
func (t *text) warnings(r *Report) {
	if len(r.Warnings) == 0 {
		return
	}
	t.blank()
	shown := r.Warnings
	if !t.opt.Verbose {
		shown = shown[:min(len(shown), maxWarnings)]
	}
	for _, s := range shown {
		t.wrapped("warning: ", yellow, Visible(s))
	}
	if n := len(r.Warnings) - len(shown); n > 0 {
		t.line("… and ", Counted(int64(n), "more warning"))
	}
}

package report

import (
	"cmp"
	"fmt"
	"strings"
)

const (
	titleIndent  = "  "
	detailIndent = "      "
)

// Text is one finding as WriteText prints it, without what stands around it.
func (f *Finding) Text(opt TextOptions) string {
	opt.Width = max(cmp.Or(opt.Width, defaultWidth), minWidth)
	t := &text{opt: opt}
	t.finding(f)
	return t.out.String()
}

// finding prints one finding: what it is, its two values, what made it differ
// and how much, how to pin it.
func (t *text) finding(f *Finding) {
	what := f.What()
	title := t.paint(cyan, Cut(what, t.opt.Width-len(titleIndent)))
	if f.File == "" {
		t.line(titleIndent, title)
	} else {
		file := Visible(f.File)
		if columns(what)+columns(file)+2+len(titleIndent) <= t.opt.Width {
			t.line(titleIndent, t.paint(bold, file), "  ", title)
		} else {
			t.line(titleIndent, t.paint(bold, CutFront(file, t.opt.Width-len(titleIndent))))
			t.line(titleIndent, "  ", title)
		}
	}
	t.values(f)
	t.wrapped(detailIndent, "", f.Measure())
	if f.Note != "" {
		t.wrapped(detailIndent, "", Visible(f.Note))
	}
	t.inside(f)
	t.files(f)
	if f.Derived {
		t.sources(f)
	}
	if f.Variation != "" {
		t.wrapped(detailIndent+"follows: ", "", Visible(f.Variation))
	}
	if f.Remedy != "" {
		t.wrapped(detailIndent+"remedy: ", green, Visible(f.Remedy))
	}
	if f.Allowed != "" {
		t.wrapped(detailIndent+"allowed: ", "", Visible(f.Allowed))
	}
	if t.opt.Verbose {
		t.line(detailIndent, t.paint(dim, "id: "+Visible(f.ID)))
		t.ranges(f)
	}
	t.diff(f.Diff)
}

// What is the finding's structure and field, safe to print: "superblock
// s_hash_seed".
func (f *Finding) What() string {
	return cmp.Or(Visible(strings.TrimSpace(f.Structure+" "+f.Field)), Visible(f.ID))
}

// values prints the two values side by side, or one below the other where
// they are long.
func (t *text) values(f *Finding) {
	if f.A == "" && f.B == "" {
		return
	}
	a, b := Visible(f.A), Visible(f.B)
	if f.A == f.B {
		if f.Count > 1 {
			return // how many there are is said with the cause
		}
		t.line(detailIndent, a, t.paint(dim, " in both"))
		return
	}
	room := t.opt.Width - len(detailIndent)
	if strings.TrimSpace(f.A) == "" {
		a = blankValue(f.A)
	}
	if strings.TrimSpace(f.B) == "" {
		b = blankValue(f.B)
	}
	if columns(a)+columns(b)+3 <= room {
		t.line(detailIndent, a, t.paint(dim, " → "), b)
		return
	}
	if !t.opt.Verbose {
		a, b = CutPair(a, b, room-3)
	}
	t.line(detailIndent, t.paint(dim, "a  "), a)
	t.line(detailIndent, t.paint(dim, "b  "), b)
}

// blankValue is how a value shows that has nothing to see.
func blankValue(s string) string {
	if s == "" {
		return "(none)"
	}
	return fmt.Sprintf("%q", s)
}

// Measure says what made the finding differ, how many bytes it owns, how many
// values it stands for, and where the first one lies.
func (f *Finding) Measure() string {
	parts := []string{Visible(string(f.Cause))}
	if f.Bytes > 0 {
		parts = append(parts, Counted(f.Bytes, "byte"))
	}
	if f.Count > 1 {
		parts = append(parts, Counted(int64(f.Count), "value"))
	}
	out := strings.Join(parts, ", ")
	if len(f.Ranges) > 0 && f.Bytes > 0 {
		if len(f.Ranges)+f.RangesOmitted > 1 {
			return fmt.Sprintf("%s, from offset %d", out, f.Ranges[0].Offset)
		}
		return fmt.Sprintf("%s at offset %d", out, f.Ranges[0].Offset)
	}
	return out
}

// maxInside is how many of the things that differ inside of a file are shown,
// unless all are asked for.
const maxInside = 8

// inside lists what differs inside of a file whose format is known. What
// follows from the rest is shown only where all is asked for.
func (t *text) inside(f *Finding) {
	shown, left := 0, f.InsideOmitted
	for i := range f.Inside {
		x := &f.Inside[i]
		if x.Where == "" && x.Field == "content" && f.Diff != "" && !t.opt.Verbose {
			continue // the diff shows it
		}
		if !t.opt.Verbose && (x.Derived || shown == maxInside) {
			if !x.Derived {
				left++
			}
			continue
		}
		shown++
		name := x.Field
		if x.Where != "" {
			name = x.Where + ": " + name
		}
		line := Visible(f.InsideKind+" "+name) + ": "
		if x.A == x.B {
			line += Visible(x.A) + " in both"
		} else {
			line += cmp.Or(Visible(x.A), "(none)") + " → " + cmp.Or(Visible(x.B), "(none)")
		}
		t.wrapped(detailIndent+"inside: ", "", line)
	}
	if left > 0 {
		t.line(detailIndent, "  … and ", Commas(int64(left)), " more inside")
	}
}

// files names the files of a finding that stands for several.
func (t *text) files(f *Finding) {
	n := len(f.Files) + f.FilesOmitted
	if n == 0 || len(f.Files) == 1 && f.Files[0] == f.File {
		return
	}
	if t.opt.Verbose {
		for _, name := range f.Files {
			t.line(detailIndent, "  ", Visible(name))
		}
		if f.FilesOmitted > 0 {
			t.line(detailIndent, "  … and ", Commas(int64(f.FilesOmitted)), " more")
		}
		return
	}
	var names []string
	for _, name := range f.Files[:min(len(f.Files), maxFiles)] {
		names = append(names, CutFront(Visible(name), t.opt.Width-len(detailIndent)-len("files: ,")))
	}
	s := strings.Join(names, ", ")
	if more := n - len(names); more > 0 {
		s += fmt.Sprintf(" and %s more", Commas(int64(more)))
	}
	t.wrapped(detailIndent+"files: ", "", strings.TrimSpace(s))
}

// sources names what a derived finding follows from.
func (t *text) sources(f *Finding) {
	names := f.DerivedFrom[:min(len(f.DerivedFrom), maxFiles)]
	s := Visible(strings.Join(names, ", "))
	if more := len(f.DerivedFrom) - len(names); more > 0 {
		s += fmt.Sprintf(" and %s more", Commas(int64(more)))
	}
	t.wrapped(detailIndent+"follows from: ", "", s)
}

// ranges lists where the finding lies.
func (t *text) ranges(f *Finding) {
	if len(f.Ranges) == 0 {
		return
	}
	var spans []string
	for _, g := range f.Ranges[:min(len(f.Ranges), maxVerboseSpans)] {
		spans = append(spans, fmt.Sprintf("%d+%d", g.Offset, g.Length))
	}
	s := strings.Join(spans, ", ")
	if more := len(f.Ranges) - len(spans) + f.RangesOmitted; more > 0 {
		s += fmt.Sprintf(" and %s more", Commas(int64(more)))
	}
	t.wrapped(detailIndent+"at offset+length: ", dim, s)
}

// diff prints a unified diff, without the header: the file is named above.
func (t *text) diff(diff string) {
	lines := DiffLines(diff)
	if len(lines) == 0 {
		return
	}
	t.blank()
	shown, printed := 0, 0
	for shown < len(lines) {
		// One line less is not worth a line that says so.
		if !t.opt.Verbose && printed >= maxDiffLines && len(lines)-shown > 1 {
			break
		}
		run := sameMark(lines[shown:])
		show := run
		if !t.opt.Verbose && run > maxDiffRun+1 {
			show = maxDiffRun
		}
		for _, line := range lines[shown : shown+show] {
			t.diffLine(line)
		}
		if show < run {
			t.line(detailIndent, t.paint(dim, fmt.Sprintf("%c … %s", lines[shown][0], Counted(int64(run-show), "more line"))))
			printed++
		}
		shown += run
		printed += show
	}
	if n := len(lines) - shown; n > 0 {
		t.line(detailIndent, t.paint(dim, fmt.Sprintf("… %s of the diff (-v shows them)", Counted(int64(n), "more line"))))
	}
}

// DiffLines is a unified diff without its header of two lines. The lines are
// as the files have them: see VisibleLine.
func DiffLines(diff string) []string {
	lines := strings.Split(strings.TrimSuffix(diff, "\n"), "\n")
	for i := 0; i < 2 && len(lines) > 0 && (strings.HasPrefix(lines[0], "--- ") || strings.HasPrefix(lines[0], "+++ ")); i++ {
		lines = lines[1:]
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	return lines
}

// sameMark is how many lines from the first are removed, or added, in a row.
func sameMark(lines []string) int {
	if lines[0] == "" || lines[0][0] != '-' && lines[0][0] != '+' {
		return 1
	}
	n := 1
	for n < len(lines) && lines[n] != "" && lines[n][0] == lines[0][0] {
		n++
	}
	return n
}

func (t *text) diffLine(line string) {
	s := VisibleLine(line)
	if !t.opt.Verbose {
		s = Cut(s, maxDiffColumns)
	}
	switch {
	case s == "":
		t.blank()
	case line[0] == '-':
		t.line(detailIndent, t.paint(red, s))
	case line[0] == '+':
		t.line(detailIndent, t.paint(green, s))
	case line[0] == '@':
		t.line(detailIndent, t.paint(cyan, s))
	default:
		t.line(detailIndent, s)
	}
}

package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// Rule names findings that may differ. Of the conditions that are given, all
// must hold.
type Rule struct {
	Where string // the policy's file and line, or the flag

	Field     []Glob         // of the field, of format/structure/field, or of the finding's id
	File      []Glob         // of all files that the finding is about
	Image     []Glob         // of the image's name, where folders were compared
	Partition *Partition     // nil: any
	Range     []report.Range // of the virtual disk; all of the finding lies in them
	Cause     []report.Cause // one of them

	Reason  string
	Expires string // the last day on which it holds, in UTC, as 2027-01-31; empty: none

	// flag is how the reason reads of a rule that was given on the command line.
	flag string
}

// Partition names partitions. Of the conditions that are given, all must hold,
// on both sides where both images have the partition.
type Partition struct {
	Number *int   // 0 is the disk itself, or a bare filesystem
	Name   []Glob // of a GPT partition
	Label  []Glob // of the filesystem
	Type   []Glob // the type's GUID, MBR hex number, or name as fdisk has it; letters' case does not matter
}

// Ignore is the rule of the flag --ignore.
func Ignore(glob string) Rule {
	return Rule{Where: "--ignore " + glob, Field: []Glob{Glob(glob)}, flag: "ignored: --ignore " + glob}
}

// Exclude is the rule of the flags --exclude: files that any of the globs
// names.
func Exclude(globs []string) (Rule, error) {
	r := Rule{Where: "--exclude " + strings.Join(globs, " --exclude ")}
	for _, g := range globs {
		if why := badFile(g); why != "" {
			return r, fmt.Errorf("--exclude %s: %s", g, why)
		}
		r.File = append(r.File, Glob(g))
	}
	r.flag = "excluded: " + r.Where
	return r, nil
}

// badFile says what is wrong with a glob that can name no file.
func badFile(glob string) string {
	if strings.Contains(glob, "/") && !strings.HasPrefix(glob, "/") && !strings.HasPrefix(glob, "*") && !strings.HasPrefix(glob, "?") {
		return "a path begins with a slash; without any slash it is the name alone"
	}
	return ""
}

// matches tells whether the rule names all of a finding, of which path is
// format/structure/field.
func (r *Rule) matches(f *report.Finding, of *report.Partition, path string) bool {
	return (r.Field == nil || anyOf(r.Field, func(g Glob) bool {
		return g.Match(f.Field) || g.Match(path) || g.Match(f.ID)
	})) &&
		(r.Cause == nil || slices.Contains(r.Cause, f.Cause)) &&
		(r.Image == nil || anyOf(r.Image, func(g Glob) bool { return g.Match(f.Image) })) &&
		(r.Partition == nil || r.Partition.matches(f, of)) &&
		(r.File == nil || r.matchesFiles(f)) &&
		(r.Range == nil || r.matchesRanges(f))
}

// matchesFiles wants every file of the finding to be named. One that leaves
// files out may be about anything.
func (r *Rule) matchesFiles(f *report.Finding) bool {
	files := filesOf(f)
	if len(files) == 0 || f.FilesOmitted > 0 {
		return false
	}
	for _, file := range files {
		if !anyOf(r.File, func(g Glob) bool { return g.matchFile(file) }) {
			return false
		}
	}
	return true
}

func filesOf(f *report.Finding) []string {
	if f.File != "" && !slices.Contains(f.Files, f.File) {
		return append([]string{f.File}, f.Files...)
	}
	return f.Files
}

// matchesRanges wants every range of the finding to lie in the rule's. One
// that has none, or leaves some out, may lie anywhere.
func (r *Rule) matchesRanges(f *report.Finding) bool {
	if len(f.Ranges) == 0 || f.RangesOmitted > 0 {
		return false
	}
	for _, g := range f.Ranges {
		if !slices.ContainsFunc(r.Range, func(w report.Range) bool {
			return g.Offset >= w.Offset && g.Offset+g.Length <= w.Offset+w.Length
		}) {
			return false
		}
	}
	return true
}

// matches: of is what the table says of the finding's partition, nil where it
// says nothing.
func (p *Partition) matches(f *report.Finding, of *report.Partition) bool {
	if p.Number != nil && f.Partition != *p.Number {
		return false
	}
	if p.Name == nil && p.Label == nil && p.Type == nil {
		return true
	}
	if of == nil || of.A == nil && of.B == nil {
		return false
	}
	for _, s := range []*report.PartitionSide{of.A, of.B} {
		if s != nil && !p.matchesSide(s) {
			return false
		}
	}
	return true
}

func (p *Partition) matchesSide(s *report.PartitionSide) bool {
	return (p.Name == nil || anyOf(p.Name, func(g Glob) bool { return g.Match(s.Name) })) &&
		(p.Label == nil || anyOf(p.Label, func(g Glob) bool { return g.Match(s.Label) })) &&
		(p.Type == nil || anyOf(p.Type, func(g Glob) bool {
			lower := Glob(strings.ToLower(string(g)))
			return lower.Match(strings.ToLower(s.Type)) || lower.Match(strings.ToLower(s.TypeName))
		}))
}

// String is what the rule names, for a person: "field s_uuid, partition 2".
func (r *Rule) String() string {
	var parts []string
	globs := func(name string, list []Glob) {
		if list == nil {
			return
		}
		var words []string
		for _, g := range list {
			words = append(words, string(g))
		}
		parts = append(parts, name+" "+strings.Join(words, " or "))
	}
	globs("field", r.Field)
	globs("file", r.File)
	globs("image", r.Image)
	if p := r.Partition; p != nil {
		if p.Number != nil {
			parts = append(parts, fmt.Sprintf("partition %d", *p.Number))
		}
		globs("partition name", p.Name)
		globs("partition label", p.Label)
		globs("partition type", p.Type)
	}
	if r.Range != nil {
		var words []string
		for _, g := range r.Range {
			words = append(words, fmt.Sprintf("%d+%d", g.Offset, g.Length))
		}
		parts = append(parts, "range "+strings.Join(words, " or "))
	}
	if r.Cause != nil {
		var words []string
		for _, c := range r.Cause {
			words = append(words, string(c))
		}
		parts = append(parts, "cause "+strings.Join(words, " or "))
	}
	return strings.Join(parts, ", ")
}

// allowed is what a finding that the rule allows says.
func (r *Rule) allowed() string {
	if r.flag != "" {
		return r.flag
	}
	return fmt.Sprintf("%s (%s)", r.Reason, r.Where)
}

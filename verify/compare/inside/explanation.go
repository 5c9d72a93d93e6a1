package inside

import (
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// Explanation is what differs inside of a file.
type Explanation struct {
	Kind    string       // the format: "gzip", "cpio", "tar", "PE", "ELF", "SQLite", …
	Fields  []Field      // what differs, in the order of the file; at most 200
	Omitted int          // how many more fields differ
	Cause   report.Cause // what everything that differs has in common; report.Content where that is not known
	Remedy  string       // how to pin it; empty where that is not known
	Note    string       // a sentence more, for a person
	Diff    string       // a unified diff of listings or of texts inside; never of the file itself
}

// Field is one thing that differs inside of a file.
type Field struct {
	Where   string       // the part of the file, "etc/hostname" or ".initrd > cpio > init"; empty for the file as a whole
	Name    string       // the format's own name of the field
	A, B    string       // values for a person; empty where a side has none
	Cause   report.Cause // of this field alone
	Remedy  string       // how to pin this field
	Derived bool         // follows from other fields: a checksum, a length
}

// rank orders the causes by how much they leave open: a file with fields of
// several causes is told by the first of them.
var rank = []report.Cause{
	report.Unknown, report.Content, report.Environment, report.Random,
	report.Time, report.Order, report.Placement, report.Residue,
}

// result gathers fields. All of them count for the cause, also those that are
// left out of the list.
type result struct {
	fields   []Field
	omitted  int
	causes   map[report.Cause]bool
	remedies []string
	notes    []string
	diff     strings.Builder
	cut      bool // a diff was left out
}

func newResult() *result { return &result{causes: map[report.Cause]bool{}} }

func (r *result) add(f Field) {
	f.A, f.B = clip(f.A), clip(f.B)
	if !f.Derived {
		r.causes[f.Cause] = true
		r.remedies = addOnce(r.remedies, f.Remedy, maxRemedies)
	}
	if len(r.fields) == maxFields {
		r.omitted++
		return
	}
	f.Where = clip(f.Where)
	r.fields = append(r.fields, f)
}

func (r *result) note(text string) { r.notes = addOnce(r.notes, text, maxNotes) }

func (r *result) addDiff(diff string) {
	if r.cut || diff == "" {
		return
	}
	if r.diff.Len()+len(diff) > maxDiff {
		r.cut = true
		r.diff.WriteString("# left out: more diffs\n")
		return
	}
	r.diff.WriteString(diff)
}

// found tells whether any field but a derived one was added.
func (r *result) found() bool { return len(r.causes) > 0 }

func (r *result) cause() report.Cause {
	for _, c := range rank {
		if r.causes[c] {
			return c
		}
	}
	return report.Content
}

// merge adds all that another result holds.
func (r *result) merge(o *result) {
	for _, f := range o.fields {
		r.add(f)
	}
	r.omitted += o.omitted
	for _, c := range rank {
		if o.causes[c] {
			r.causes[c] = true
		}
	}
	for _, text := range o.remedies {
		r.remedies = addOnce(r.remedies, text, maxRemedies)
	}
	for _, text := range o.notes {
		r.note(text)
	}
	r.addDiff(o.diff.String())
}

func (r *result) explanation(kind string) Explanation {
	return Explanation{
		Kind: kind, Fields: r.fields, Omitted: r.omitted, Cause: r.cause(),
		Remedy: strings.Join(r.remedies, "; "), Note: strings.Join(r.notes, "; "), Diff: r.diff.String(),
	}
}

func addOnce(list []string, text string, limit int) []string {
	if text == "" || len(list) == limit {
		return list
	}
	for _, have := range list {
		if have == text {
			return list
		}
	}
	return append(list, text)
}

// clip shortens a value, and never in the middle of a character.
func clip(s string) string {
	if len(s) <= maxValue {
		return s
	}
	return strings.ToValidUTF8(s[:maxValue], "") + "…"
}

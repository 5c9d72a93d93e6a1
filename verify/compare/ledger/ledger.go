package ledger

import (
	"fmt"
	"sort"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

const (
	maxRanges = 256  // of a finding in the report; the rest is counted
	maxFiles  = 1000 // likewise
	maxFrom   = 16   // causes named by a derived finding
)

// Key tells findings apart. Two differences with the same key are one finding.
type Key struct {
	Partition int
	Format    string
	Structure string
	Field     string
	File      string
	Part      string // which of several, where the names above are the same for all: "group 3", "entry 2"
}

// ID is the key as the report's id: p2/ext4/inode/i_mtime:/etc/passwd.
func (k Key) ID() string {
	var b strings.Builder
	fmt.Fprintf(&b, "p%d/%s/%s", k.Partition, k.Format, strings.ReplaceAll(k.Structure, " ", "-"))
	if k.Field != "" {
		b.WriteString("/" + k.Field)
	}
	if k.Part != "" {
		b.WriteString("#" + strings.ReplaceAll(k.Part, " ", "-"))
	}
	if k.File != "" {
		b.WriteString(":" + k.File)
	}
	return b.String()
}

// Finding is one thing that differs, while the comparison is under way. The
// exported fields may be set at any time before Ledger.Findings.
type Finding struct {
	Key
	A, B   string // values for a person
	Cause  report.Cause
	Remedy string
	Note   string
	Diff   string

	// What differs inside of a file whose content the finding is about, ready
	// for the report.
	InsideKind    string
	Inside        []report.Inside
	InsideOmitted int

	// Whole says that the report's ranges show the extent of the owned field
	// rather than the differing bytes in it: right for a field of a structure,
	// wrong for a file's content.
	Whole bool

	count   int
	files   []string
	nfiles  int
	bytes   int64
	ranges  []report.Range
	omitted int
	from    []*Finding
	seen    map[*Finding]bool
	derived bool
}

// Bytes is how many differing bytes the finding owns so far.
func (f *Finding) Bytes() int64 { return f.bytes }

// Member counts one more value that the finding stands for, in the named file.
func (f *Finding) Member(file string) {
	f.count++
	if file == "" {
		return
	}
	f.nfiles++
	if len(f.files) < maxFiles {
		f.files = append(f.files, file)
	}
}

// Follows says that f differs because the causes do. A nil cause, f itself,
// and a cause already named are passed over.
func (f *Finding) Follows(causes ...*Finding) *Finding {
	for _, c := range causes {
		if c == nil || c == f || f.seen[c] {
			continue
		}
		if f.seen == nil {
			f.seen = map[*Finding]bool{}
		}
		f.seen[c] = true
		f.from = append(f.from, c)
	}
	return f
}

// Own adds differing bytes to the finding, in the range of them that starts
// at offset of the virtual disk.
func (f *Finding) Own(offset, length, bytes int64) {
	f.bytes += bytes
	if n := len(f.ranges); n > 0 {
		last := &f.ranges[n-1]
		if offset >= last.Offset && offset <= last.Offset+last.Length {
			last.Length = max(last.Length, offset+length-last.Offset)
			return
		}
	}
	if len(f.ranges) >= maxRanges {
		f.omitted++
		return
	}
	f.ranges = append(f.ranges, report.Range{Offset: offset, Length: length})
}

// At notes where a finding lies that owns no byte, such as a value that is
// stored elsewhere on the two sides. It has no effect on one that owns bytes.
func (f *Finding) At(offset, length int64) {
	if len(f.ranges) == 0 {
		f.ranges = append(f.ranges, report.Range{Offset: offset, Length: length})
	}
}

// Ledger holds the findings of one comparison of two disks.
type Ledger struct {
	byKey map[Key]*Finding
	all   []*Finding
}

// New returns an empty ledger.
func New() *Ledger { return &Ledger{byKey: map[Key]*Finding{}} }

// Of is the finding of that key, entered now where there was none.
func (l *Ledger) Of(k Key) (f *Finding, fresh bool) {
	if f, ok := l.byKey[k]; ok {
		return f, false
	}
	f = &Finding{Key: k, Cause: report.Unknown}
	l.byKey[k] = f
	l.all = append(l.all, f)
	return f, true
}

// Has is the finding of that key, or nil.
func (l *Ledger) Has(k Key) *Finding { return l.byKey[k] }

// Findings gives the report's findings: roots first, then consequences, each
// in order of partition, place and id.
func (l *Ledger) Findings() []report.Finding {
	l.resolve()
	sort.SliceStable(l.all, func(i, j int) bool { return less(l.all[i], l.all[j]) })
	ids := map[string]int{}
	name := make(map[*Finding]string, len(l.all))
	for _, f := range l.all {
		id := f.ID()
		ids[id]++
		if n := ids[id]; n > 1 { // two keys that print the same, by a hostile name
			id = fmt.Sprintf("%s~%d", id, n)
		}
		name[f] = id
	}
	out := make([]report.Finding, 0, len(l.all))
	for _, f := range l.all {
		r := report.Finding{
			ID: report.Printable(name[f]), Partition: f.Partition, Format: f.Format, Structure: f.Structure, Field: report.Printable(f.Field), File: report.Printable(f.File),
			A: report.Printable(f.A), B: report.Printable(f.B), Ranges: f.ranges, RangesOmitted: f.omitted, Bytes: f.bytes,
			Cause: f.Cause, Derived: f.derived, DerivedFrom: []string{}, Remedy: f.Remedy,
			Count: max(f.count, 1), Note: report.Printable(f.Note), Diff: f.Diff,
			InsideKind: f.InsideKind, Inside: f.Inside, InsideOmitted: f.InsideOmitted,
		}
		if r.Ranges == nil {
			r.Ranges = []report.Range{}
		}
		if f.nfiles > 1 {
			for _, file := range f.files {
				r.Files = append(r.Files, report.Printable(file))
			}
			r.FilesOmitted = f.nfiles - len(f.files)
		}
		if f.derived {
			sort.Slice(f.from, func(i, j int) bool { return less(f.from[i], f.from[j]) })
			for _, c := range f.from {
				if len(r.DerivedFrom) == maxFrom {
					break
				}
				r.DerivedFrom = append(r.DerivedFrom, report.Printable(name[c]))
			}
		}
		out = append(out, r)
	}
	return out
}

// resolve decides what is derived. A link that closes a circle (two values
// that each would explain the other) is cut at the finding that was entered
// last, so that one of them stays a root.
func (l *Ledger) resolve() {
	const (
		white = iota
		grey
		black
	)
	colour := make(map[*Finding]int, len(l.all))
	var visit func(f *Finding)
	visit = func(f *Finding) {
		colour[f] = grey
		kept := f.from[:0]
		for _, c := range f.from {
			if colour[c] == grey {
				continue
			}
			if colour[c] == white {
				visit(c)
			}
			kept = append(kept, c)
		}
		f.from = kept
		f.derived = len(kept) > 0
		if f.derived && f.Cause == report.Unknown {
			f.Cause = kept[0].Cause // why it differs is why that does
		}
		colour[f] = black
	}
	for i := len(l.all) - 1; i >= 0; i-- {
		if colour[l.all[i]] == white {
			visit(l.all[i])
		}
	}
}

func less(a, b *Finding) bool {
	switch {
	case a.derived != b.derived:
		return !a.derived
	case a.Partition != b.Partition:
		return a.Partition < b.Partition
	}
	if ao, bo := a.place(), b.place(); ao != bo {
		return ao < bo
	}
	return a.ID() < b.ID()
}

// place orders findings of a partition; those with no place come last.
func (f *Finding) place() int64 {
	if len(f.ranges) == 0 {
		return 1<<63 - 1
	}
	return f.ranges[0].Offset
}

package report

import (
	"fmt"
	"strings"
)

// Glob matches whole strings: * stands for any number of any characters,
// slashes too, and ? for one. Nothing else is special.
type Glob string

// Match tells whether the glob matches all of s.
func (g Glob) Match(s string) bool {
	p := string(g)
	// Where the last star was, and how much of s it has taken so far.
	star, taken := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, taken = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			taken++
			i, j = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(p[i:], "*") == ""
}

// Scope says what of a comparison counts.
type Scope struct {
	// Exclude lists globs of paths inside filesystems. A finding whose files
	// all match is allowed. A glob without a slash is matched against the last
	// element of the path.
	Exclude []string
	// Ignore lists globs of fields: "s_uuid", "i_?time", "ext4/superblock/*",
	// or whole ids. A finding that matches is allowed.
	Ignore []string
	// Partition keeps the findings of one partition only, where it is not
	// negative. What is kept is counted anew.
	Partition int
}

// Apply marks what the scope passes over as allowed, with the reason, drops
// what lies in other partitions, and finishes the report again.
func (r *Report) Apply(s Scope) error {
	if s.Partition >= 0 {
		r.keepPartition(s.Partition)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Allowed != "" {
			continue
		}
		if g := f.ignoredBy(s.Ignore); g != "" {
			f.Allowed = fmt.Sprintf("ignored: --ignore %s", g)
		} else if g := f.excludedBy(s.Exclude); g != "" {
			f.Allowed = fmt.Sprintf("excluded: --exclude %s", g)
		}
	}
	return r.Finish()
}

func (f *Finding) ignoredBy(globs []string) string {
	for _, g := range globs {
		for _, name := range []string{f.Field, f.Format + "/" + f.Structure + "/" + f.Field, f.ID} {
			if Glob(g).Match(name) {
				return g
			}
		}
	}
	return ""
}

func (f *Finding) excludedBy(globs []string) string {
	files := f.Files
	if f.File != "" {
		files = []string{f.File}
	}
	if len(files) == 0 || f.FilesOmitted > 0 {
		return ""
	}
	used := ""
	for _, file := range files {
		g := excluding(globs, file)
		if g == "" {
			return ""
		}
		used = g
	}
	return used
}

func excluding(globs []string, file string) string {
	for _, g := range globs {
		name := file
		if !strings.Contains(g, "/") {
			name = file[strings.LastIndexByte(file, '/')+1:]
		}
		// A folder takes what is below it along.
		if Glob(g).Match(name) || strings.Contains(g, "/") && Glob(strings.TrimSuffix(g, "/")+"/*").Match(file) {
			return g
		}
	}
	return ""
}

// keepPartition drops the findings of other partitions. One that followed only
// from what is dropped stands for itself.
func (r *Report) keepPartition(n int) {
	kept := map[string]bool{}
	var findings []Finding
	dropped := r.DifferingBytes
	r.DifferingBytes = 0
	for _, f := range r.Findings {
		if f.Partition == n {
			kept[f.ID] = true
			findings = append(findings, f)
			r.DifferingBytes += f.Bytes
		}
	}
	for i := range findings {
		f := &findings[i]
		var from []string
		for _, id := range f.DerivedFrom {
			if kept[id] {
				from = append(from, id)
			}
		}
		f.DerivedFrom, f.Derived = from, len(from) > 0
	}
	if dropped -= r.DifferingBytes; dropped > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("only partition %d is reported: outside of it %s differ", n, Counted(dropped, "byte")))
	}
	r.Findings = findings
	var partitions []Partition
	for _, p := range r.Partitions {
		if p.Number == n {
			partitions = append(partitions, p)
		}
	}
	r.Partitions = partitions
}

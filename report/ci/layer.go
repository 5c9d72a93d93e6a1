package ci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// layer is what sort of thing on a disk a finding is about.
type layer string

const (
	table      layer = "partition table"
	gaps       layer = "gaps" // what lies outside of partitions
	container  layer = "container"
	structures layer = "filesystem structures"
	metadata   layer = "metadata" // of files: times, owners, modes, names, order
	contents   layer = "file contents"
	rest       layer = "unused and unknown bytes"
	size       layer = "size"
	rules      layer = "rules" // of the policy
)

// Layers of a disk, and of a partition or a bare filesystem. Each has a test
// case of its own, whether something differs or not: a case that comes and
// goes has no history.
var (
	diskLayers       = []layer{table, gaps}
	filesystemLayers = []layer{structures, metadata, contents, rest}
)

// containers are formats of disk image files, beside raw.
var containers = []string{"qcow2", "vdi", "vpc", "vhd", "vmdk", "vhdx"}

// packings are what an image may be compressed with: "raw.gz", "qcow2.xz".
var packings = []string{"gz", "xz", "zst"}

func isContainer(format string) bool {
	return slices.Contains(containers, format) || slices.Contains(packings, lastName(format, '.'))
}

// lastName is what stands behind the last separator, or all.
func lastName(s string, separator byte) string { return s[strings.LastIndexByte(s, separator)+1:] }

// aboutFiles are the structures that hold what a filesystem says about a file.
var aboutFiles = []string{"inode", "directory", "folder", "symbolic link", "entry"}

// layerOf sorts a finding. filesystem tells that its place (a partition, or a
// bare image) has one.
func layerOf(f *report.Finding, filesystem bool) layer {
	switch {
	case f.Format == "gpt" || f.Format == "mbr":
		return table
	case isContainer(f.Format):
		return container
	case f.Format == "file" || f.Format == "folder":
		return contents
	case !filesystem && f.Partition == 0 && f.Format == "disk" && f.Structure != "data":
		return gaps
	case f.Structure == report.UnknownStructure || f.Cause == report.Residue:
		return rest
	case f.Cause == report.Placement:
		return structures
	case f.Structure == "data" || f.Field == "content" || f.Field == "target":
		return contents
	case f.File != "" || len(f.Files) > 0 || slices.Contains(aboutFiles, f.Structure):
		return metadata
	}
	return structures
}

// place is a partition of an image, or the disk itself.
type place struct {
	image     string
	partition int
}

// check is what a test case judges: one layer of one place.
type check struct {
	place
	layer layer
	name  string
	roots []*report.Finding
	more  []*report.Finding // what follows from others
	why   string            // a failure that no finding shows
	notes []string          // more on it
}

// failed tells whether the check has a finding that is not allowed.
func (c *check) failed() bool {
	return c.why != "" || slices.ContainsFunc(c.roots, func(f *report.Finding) bool { return f.Allowed == "" })
}

// allowed tells whether something differs that is all allowed.
func (c *check) allowed() bool { return len(c.roots) > 0 && !c.failed() }

// checks lists what a report judges, in order of image, partition and layer.
func checks(r *report.Report) []*check {
	b := newBoard(r)
	for i := range r.Findings {
		b.enter(&r.Findings[i])
	}
	b.sizes()
	b.policy()
	slices.SortStableFunc(b.all, func(c, d *check) int {
		if n := strings.Compare(c.image, d.image); n != 0 {
			return n
		}
		return c.partition - d.partition
	})
	return b.all
}

// board finds the check that a finding belongs to.
type board struct {
	r     *report.Report
	index map[place]map[layer]*check
	parts map[place]*report.Partition
	all   []*check
}

func newBoard(r *report.Report) *board {
	b := &board{r: r, index: map[place]map[layer]*check{}, parts: map[place]*report.Partition{}}
	for i := range r.Partitions {
		p := &r.Partitions[i]
		at := place{p.Image, p.Number}
		b.parts[at] = p
		if p.Number > 0 {
			for _, l := range diskLayers {
				b.of(place{p.Image, 0}, l)
			}
		}
		for _, l := range filesystemLayers {
			b.of(at, l)
		}
	}
	return b
}

// of is the check of a place and a layer, entered now where there was none.
func (b *board) of(at place, l layer) *check {
	if c := b.index[at][l]; c != nil {
		return c
	}
	if b.index[at] == nil {
		b.index[at] = map[layer]*check{}
	}
	c := &check{place: at, layer: l, name: b.title(at) + string(l)}
	b.index[at][l] = c
	b.all = append(b.all, c)
	return c
}

// title names a place before the name of its layer.
func (b *board) title(at place) string {
	if at.partition > 0 {
		return fmt.Sprintf("partition %d: ", at.partition)
	}
	if b.parts[at] != nil {
		return "filesystem: "
	}
	return "disk: "
}

func (b *board) enter(f *report.Finding) {
	at := place{f.Image, f.Partition}
	c := b.of(at, layerOf(f, at.partition > 0 || b.parts[at] != nil))
	if f.Derived {
		c.more = append(c.more, f)
	} else {
		c.roots = append(c.roots, f)
	}
}

// sizes judges that the two disks are of one size, which is the only
// difference that may have no finding.
func (b *board) sizes() {
	a, z := &b.r.A, &b.r.B
	if a.Format == "directory" && len(b.all) > 0 && (b.r.Verdict == report.Reproducible || b.r.Unallowed() > 0) {
		return
	}
	c := b.of(place{}, size)
	if b.r.Verdict != report.Reproducible && b.r.Unallowed() == 0 {
		c.why = fmt.Sprintf("a has %s, b has %s", report.Counted(a.Size, "byte"), report.Counted(z.Size, "byte"))
	}
}

// policy judges that no rule closes the gate.
func (b *board) policy() {
	if b.r.Policy == nil || len(b.r.Policy.Rules) == 0 {
		return
	}
	c := b.of(place{}, rules)
	c.name = "policy: rules"
	c.why = b.r.Blocked()
	for _, x := range idle(b.r) {
		c.notes = append(c.notes, x.Warning())
	}
}

package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Group is the findings of one format in one partition of one image: what
// stands under one heading.
type Group struct {
	Image     string // the image's name, where two folders were compared
	Partition int    // as Finding.Partition
	Format    string // as Finding.Format
	Roots     []*Finding
	Derived   []*Finding
}

// Groups sorts the findings under headings, in order of image, partition and
// first appearance.
func (r *Report) Groups() []*Group {
	type key struct {
		image     string
		partition int
		format    string
	}
	index := make(map[key]*Group)
	var out []*Group
	for i := range r.Findings {
		f := &r.Findings[i]
		k := key{f.Image, f.Partition, f.Format}
		g := index[k]
		if g == nil {
			g = &Group{Image: f.Image, Partition: f.Partition, Format: f.Format}
			index[k] = g
			out = append(out, g)
		}
		if f.Derived {
			g.Derived = append(g.Derived, f)
		} else {
			g.Roots = append(g.Roots, f)
		}
	}
	slices.SortStableFunc(out, func(g, h *Group) int {
		return cmp.Or(cmp.Compare(g.Image, h.Image), cmp.Compare(g.Partition, h.Partition))
	})
	return out
}

// Heading names a group: "partition 2 · ext4 · root (LBA 133120–4194270)".
func (r *Report) Heading(g *Group) string {
	var parts []string
	if g.Image != "" {
		parts = append(parts, Visible(g.Image))
	}
	p := r.partition(g.Image, g.Partition)
	switch {
	case g.Partition > 0:
		parts = append(parts, fmt.Sprintf("partition %d", g.Partition))
	case p != nil:
		parts = append(parts, "filesystem")
	case g.Format == "gpt" || g.Format == "mbr":
		parts = append(parts, "partition table")
	}
	switch g.Format {
	case "disk":
		if g.Partition == 0 && p == nil {
			parts = append(parts, "disk")
		}
		parts = append(parts, "outside of any format")
	case "":
	default:
		parts = append(parts, Visible(g.Format))
	}
	side := p.Side()
	if side == nil {
		return strings.Join(parts, " · ")
	}
	if name := cmp.Or(side.Name, side.Label); name != "" {
		parts = append(parts, Visible(name))
	}
	out := strings.Join(parts, " · ")
	if g.Partition > 0 && side.Sectors > 0 {
		out += " (" + side.LBA() + ")"
	}
	return out
}

// partition finds what the table says of a partition, or nil.
func (r *Report) partition(image string, number int) *Partition {
	for i := range r.Partitions {
		if p := &r.Partitions[i]; p.Image == image && p.Number == number {
			return p
		}
	}
	return nil
}

// Side is A's side, or B's where A has no such partition.
func (p *Partition) Side() *PartitionSide {
	switch {
	case p == nil:
		return nil
	case p.A != nil:
		return p.A
	}
	return p.B
}

// LBA is the partition's first and last sector.
func (s *PartitionSide) LBA() string {
	return fmt.Sprintf("LBA %d–%d", s.Start, s.Start+s.Sectors-1)
}

// fold is what the derived findings of one structure and field come to.
type fold struct {
	structure, field string
	values           int64
	bytes            int64
}

func (f fold) String() string {
	name := cmp.Or(f.field, f.structure)
	switch {
	case f.values > 1 && f.field != "" && f.structure != "":
		return name + " of " + Counted(f.values, f.structure)
	case f.field != "" && f.structure != "":
		return name + " of the " + f.structure
	case f.values > 1:
		return Counted(f.values, name)
	}
	return name
}

// folds sums up findings by structure and field, the most bytes first.
func folds(findings []*Finding) []fold {
	index := make(map[[2]string]int)
	var out []fold
	for _, f := range findings {
		k := [2]string{f.Structure, f.Field}
		i, ok := index[k]
		if !ok {
			i = len(out)
			index[k] = i
			out = append(out, fold{structure: Visible(f.Structure), field: Visible(f.Field)})
		}
		out[i].values += int64(max(f.Count, 1))
		out[i].bytes += f.Bytes
	}
	slices.SortStableFunc(out, func(f, g fold) int { return cmp.Compare(g.bytes, f.bytes) })
	return out
}

// maxFolds is how many kinds of consequences one line names.
const maxFolds = 4

// Consequences says in one sentence what derived findings come to.
func Consequences(derived []*Finding) string {
	var bytes int64
	for _, f := range derived {
		bytes += f.Bytes
	}
	var names []string
	all := folds(derived)
	for i, f := range all {
		if i == maxFolds {
			names = append(names, "…")
			break
		}
		names = append(names, f.String())
	}
	return fmt.Sprintf("%s: %s (%s)",
		Counted(int64(len(derived)), "consequence"), Counted(bytes, "byte"), strings.Join(names, ", "))
}

// Headline is the verdict in one line, after what closes the gate in spite of
// it.
func (r *Report) Headline() string {
	if why := r.Blocked(); why != "" && r.Verdict == Reproducible {
		return "gate failed: " + why + "; " + r.headline()
	}
	return r.headline()
}

func (r *Report) headline() string {
	folder := r.A.Format == "directory" && r.B.Format == "directory"
	kind := "images"
	if folder {
		kind = "folders"
	}
	causes := r.Unallowed()
	total := max(r.A.Size, r.B.Size)
	differ := fmt.Sprintf("%s of %s differ", Commas(r.DifferingBytes), Counted(total, "byte"))
	if total == 0 {
		differ = Counted(r.DifferingBytes, "byte") + " differ"
	}
	switch {
	case r.Verdict == Reproducible && len(r.Findings) == 0:
		if total == 0 {
			return fmt.Sprintf("reproducible: the two %s are identical", kind)
		}
		return fmt.Sprintf("reproducible: the two %s are identical, %s", kind, HumanSize(total))
	case r.Verdict == Reproducible:
		return fmt.Sprintf("reproducible: %s, %s", Counted(int64(r.RootFindings), "allowed difference"), differ)
	case causes == 0:
		return fmt.Sprintf("not reproducible: the two %s differ in size", kind)
	}
	also := ""
	if n := r.RootFindings - causes; n > 0 {
		also = fmt.Sprintf(" and %s", Counted(int64(n), "allowed difference"))
	}
	return fmt.Sprintf("not reproducible: %s%s, %s", Counted(int64(causes), "cause"), also, differ)
}

package fatcmp

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// stamp is what an entry stores of one time.
type stamp struct {
	date, clock uint16
	tenth       uint8
}

func (v *timeValue) of(e *fat.DirEntry) stamp {
	switch v {
	case written:
		return stamp{e.WrtDate, e.WrtTime, 0}
	case created:
		return stamp{e.CrtDate, e.CrtTime, e.CrtTimeTenth}
	}
	return stamp{e.LstAccDate, 0, 0}
}

// differing is the first of the time's fields that differs; empty for none.
func (v *timeValue) differing(a, b *fat.DirEntry) string {
	x, y := v.of(a), v.of(b)
	switch {
	case x.clock != y.clock:
		return v.fields[0]
	case x.date != y.date && v == accessed:
		return v.fields[0]
	case x.date != y.date:
		return v.fields[1]
	case x.tenth != y.tenth:
		return v.fields[2]
	}
	return ""
}

// noteTime notes a time that differs between two entries. It returns the name
// under which it is noted.
func (c *comparison) noteTime(v *timeValue, object uint64, file string, a, b *fat.DirEntry, at int64) string {
	name := v.differing(a, b)
	x, y := v.of(a), v.of(b)
	secA, nsecA, okA := fat.DecodeTime(x.date, x.clock, x.tenth)
	secB, nsecB, okB := fat.DecodeTime(y.date, y.clock, y.tenth)
	if okA && okB {
		c.times.Note(name, object, file, tree.Time{Sec: secA, Nsec: nsecA}, tree.Time{Sec: secB, Nsec: nsecB}, c.disk(at))
	} else {
		// No time on one side: "none", or numbers that no clock shows.
		c.values.Note(name, object, file, fat.ShowTime(x.date, x.clock, x.tenth), fat.ShowTime(y.date, y.clock, y.tenth), c.disk(at))
	}
	return name
}

// noted is the finding that a noted value became.
func (c *comparison) noted(name string, object uint64) *ledger.Finding {
	if f := c.times.Of(name, object); f != nil {
		return f
	}
	return c.values.Of(name, object)
}

// compareEntry notes the fields that differ between the two entries of a pair.
func (c *comparison) compareEntry(p *pair) {
	if p.a == 0 || c.a.vol.Files[p.a].Dir != c.b.vol.Files[p.b].Dir {
		return
	}
	fa, fb := &c.a.vol.Files[p.a], &c.b.vol.Files[p.b]
	a, b := &fa.Entry, &fb.Entry
	object, at := uint64(p.a), fa.EntryOffset
	for _, v := range timeValues {
		if v.differing(a, b) != "" {
			p.fields = append(p.fields, c.noteTime(v, object, p.path, a, b, at))
		}
	}
	note := func(name, x, y string) {
		c.values.Note(name, object, p.path, x, y, c.disk(at))
		p.fields = append(p.fields, name)
	}
	if a.Attr != b.Attr {
		note("DIR_Attr", fat.ShowAttr(a.Attr), fat.ShowAttr(b.Attr))
	}
	if a.NTRes != b.NTRes {
		if p.renamed != nil {
			p.own("DIR_NTRes", p.renamed)
		} else {
			note("DIR_NTRes", fmt.Sprintf("%#02x", a.NTRes), fmt.Sprintf("%#02x", b.NTRes))
		}
	}
	if a.Name != b.Name {
		if p.renamed != nil {
			p.own("DIR_Name", p.renamed)
		} else {
			note("DIR_Name", fmt.Sprintf("%q", a.Name[:]), fmt.Sprintf("%q", b.Name[:]))
		}
	}
	if a.FileSize != b.FileSize {
		if p.content != nil {
			p.own("DIR_FileSize", c.follow("DIR_FileSize", p, p.content))
		} else {
			note("DIR_FileSize", fmt.Sprint(a.FileSize), fmt.Sprint(b.FileSize))
		}
	}
	c.compareCluster(p, note)
}

// follow is the finding of a field that follows from others, with p counted.
func (c *comparison) follow(name string, p *pair, causes ...*ledger.Finding) *ledger.Finding {
	f := c.consequence("directory", name, causes...)
	f.Member(p.path)
	f.At(c.disk(max(c.a.vol.Files[p.a].EntryOffset, 0)), fat.SlotSize)
	return f
}

// compareCluster compares the first cluster of the two entries of a pair.
func (c *comparison) compareCluster(p *pair, note func(name, a, b string)) {
	a, b := &c.a.vol.Files[p.a].Entry, &c.b.vol.Files[p.b].Entry
	if a.FstClusHI != b.FstClusHI && c.a.fs.Variant != fat.FAT32 {
		note("DIR_FstClusHI", fmt.Sprint(a.FstClusHI), fmt.Sprint(b.FstClusHI))
	}
	first, second := a.FirstCluster(c.a.fs.Variant), b.FirstCluster(c.b.fs.Variant)
	switch {
	case first == second:
	case p.placed:
		p.own("DIR_FstClusLO", c.placed)
	case p.content != nil:
		p.own("DIR_FstClusLO", c.follow("DIR_FstClusLO", p, p.content))
	case len(p.entries) > 0:
		p.own("DIR_FstClusLO", c.follow("DIR_FstClusLO", p, p.entries...))
	default:
		note("DIR_FstClusLO", fmt.Sprint(first), fmt.Sprint(second))
	}
}

package fatcmp

import (
	"encoding/binary"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// window is a part of a volume that is read through one buffer, because what
// is asked for lies close together.
type window struct {
	s     *side
	start int64
	buf   []byte
}

const windowBytes = 64 << 10

// from returns the bytes from off on, up to the window's end: at least n of
// them, or what the volume has.
func (w *window) from(off int64, n int) ([]byte, error) {
	if off < w.start || off+int64(n) > w.start+int64(len(w.buf)) {
		size := int(min(windowBytes, w.s.Size-off))
		if size <= 0 {
			return nil, nil
		}
		b, err := w.s.readAt(off, size)
		if err != nil {
			return nil, err
		}
		w.start, w.buf = off, b
	}
	return w.buf[off-w.start:], nil
}

// tables are the windows on the FATs: the active one's and a copy's, of both
// sides.
type tables struct {
	a, b         window
	copyA, copyB window
}

// entry decodes FAT entry e of the active FAT with all its bits.
func (w *window) entry(e uint32) uint32 {
	g := &w.s.fs.Geometry
	off, n := g.EntryOffset(e)
	b, err := w.from(g.FATOffset(g.ActiveFAT)+off, n)
	if err != nil || len(b) < n {
		return 0
	}
	switch {
	case g.Variant == fat.FAT32:
		return binary.LittleEndian.Uint32(b)
	case g.Variant == fat.FAT16:
		return uint32(binary.LittleEndian.Uint16(b))
	case e&1 != 0:
		return uint32(binary.LittleEndian.Uint16(b)) >> 4
	}
	return uint32(binary.LittleEndian.Uint16(b)) & 0xFFF
}

// tableOwner answers for a byte of the active FAT. in is its offset there.
func (c *comparison) tableOwner(off, in int64) ledger.Owned {
	g := &c.a.fs.Geometry
	list := g.EntriesAt(in)
	e := list[0]
	if len(list) > 1 && c.fats.a.entry(e) == c.fats.b.entry(e) {
		e = list[1]
	}
	start, n := g.EntryOffset(e)
	x, y := c.fats.a.entry(e), c.fats.b.entry(e)
	own := ledger.Owned{Start: off, End: off + start + int64(n) - in}
	if g.Variant == fat.FAT12 { // the byte that two entries share is asked for again
		own.End = off + 1
	}
	switch {
	case e < 2:
		name := fmt.Sprintf("FAT[%d]", e)
		f, fresh := c.enter(c.key(fat.StructFAT, name, ""), aboutBoot(name))
		if fresh {
			f.A, f.B = fmt.Sprintf("%#x", x), fmt.Sprintf("%#x", y)
			if e == 0 {
				f.Follows(c.bootHas(fat.StructBoot, "BPB_Media"))
			}
		}
		own.Finding = f
		return own
	case g.Variant == fat.FAT32 && (x^y)<<4 == 0:
		f, _ := c.enter(c.key(fat.StructFAT, "reserved bits", ""), about{report.Residue, "use the same tool to write files"})
		f.Note = "the top four bits of an entry have no meaning"
		own.Finding = f
		return own
	}
	ra, rb := c.clusterOf(c.a, e), c.clusterOf(c.b, e)
	causes := c.allocation(ra, rb)
	if len(causes) == 0 {
		own.Finding = c.loneEntry(e, x, y, ra)
		for _, p := range []*pair{c.pairOf(c.a, ra.Object), c.pairOf(c.b, rb.Object)} {
			if p != nil && p.broken {
				p.content.Follows(own.Finding)
			}
		}
		return own
	}
	f := c.consequence(fat.StructFAT, "entries", causes...)
	f.Whole = false
	own.Finding = f
	return own
}

// clusterOf is the region that a cluster lies in; what stands there is unused
// where the side has no such cluster.
func (c *comparison) clusterOf(s *side, e uint32) fat.Region {
	none := fat.Region{Structure: fat.StructFree, Object: fat.NoObject}
	if !s.fs.HasCluster(e) {
		return none
	}
	if r, ok := s.regions.At(s.fs.ClusterOffset(e)); ok {
		return r
	}
	return none
}

// allocation lists the findings that explain why a cluster is used otherwise
// on the second side.
func (c *comparison) allocation(ra, rb fat.Region) []*ledger.Finding {
	var causes []*ledger.Finding
	add := func(f *ledger.Finding) {
		if f != nil {
			causes = append(causes, f)
		}
	}
	for _, s := range []struct {
		side *side
		r    fat.Region
	}{{c.a, ra}, {c.b, rb}} {
		if s.r.Object == fat.NoObject {
			continue
		}
		add(s.side.only[s.r.Object])
		p := c.pairOf(s.side, s.r.Object)
		if p == nil {
			continue
		}
		if !p.broken {
			add(p.content)
		}
		if len(p.entries) > 0 && s.r.Structure == fat.StructDirectory {
			add(c.entriesFollow(p))
		}
		if p.placed {
			add(c.placed)
		}
	}
	if len(causes) == 0 && ra.Object != fat.NoObject && rb.Object != fat.NoObject && !c.isTwin(ra.Object, rb.Object) {
		add(c.displaced(ra, rb))
	}
	if len(causes) == 0 {
		causes = append(causes, c.layout...)
	}
	return causes
}

// pairOf is the pair of a side's object, where something differs in it.
func (c *comparison) pairOf(s *side, object uint32) *pair {
	if object == fat.NoObject {
		return nil
	}
	if s == c.a {
		return c.byA[object]
	}
	if a := c.twinBack[object]; a != fat.NoObject {
		return c.byA[a]
	}
	return nil
}

// loneEntry is the finding of FAT entries that nothing in the trees explains.
func (c *comparison) loneEntry(e, x, y uint32, r fat.Region) *ledger.Finding {
	f, fresh := c.enter(c.key(fat.StructFAT, "entry", ""), about{report.Unknown, runFsck})
	if fresh {
		f.Whole = false
		f.A, f.B = c.showEntry(x), c.showEntry(y)
		f.Note = fmt.Sprintf("the first is that of cluster %d", e)
		if r.Object != fat.NoObject {
			f.Note += " of " + c.a.vol.Path(r.Object)
		}
		if count := c.bootHas(fat.StructFSInfo, "FSI_Free_Count"); count != nil {
			count.Follows(f)
		}
	}
	if e > c.lastEntry {
		f.Member("")
		c.lastEntry = e
	}
	return f
}

func (c *comparison) showEntry(e uint32) string {
	v := c.a.fs.Variant
	if v == fat.FAT32 {
		e &= 0x0FFFFFFF
	}
	switch {
	case e == 0:
		return "free"
	case e == v.Bad():
		return "bad"
	case e >= v.EndMin():
		return fmt.Sprintf("end of chain (%#x)", e)
	}
	return fmt.Sprintf("cluster %d", e)
}

// copyOwner answers for a byte of a FAT copy that does not count: it follows
// the one that does where both changed alike.
func (c *comparison) copyOwner(r fat.Region, off int64) ledger.Owned {
	g := &c.a.fs.Geometry
	in := off - r.Start
	active := g.FATOffset(g.ActiveFAT) + in
	a, errA := c.fats.a.from(active, 1)
	b, errB := c.fats.b.from(c.b.fs.FATOffset(c.b.fs.ActiveFAT)+in, 1)
	x, errX := c.fats.copyA.from(off, 1)
	y, errY := c.fats.copyB.from(off, 1)
	n := min(len(a), len(b), len(x), len(y))
	if errA != nil || errB != nil || errX != nil || errY != nil || n == 0 {
		return ledger.Owned{Start: off, End: off + 1}
	}
	if a[0] != x[0] || b[0] != y[0] {
		f, fresh := c.enter(c.key(fat.StructBackupFAT, "entry", ""), about{report.Unknown, "run fsck.vfat -n: the copies of the FAT do not agree"})
		if fresh {
			f.Whole = false
			f.Note = fmt.Sprintf("the first is that of cluster %d", g.EntriesAt(in)[0])
		}
		return ledger.Owned{Finding: f, Start: off, End: off + 1}
	}
	// The whole of what the active FAT's owner answers for, as far as the
	// copies agree.
	o := c.tableOwner(active, in)
	end := int64(1)
	for end < int64(n) && end < o.End-active && a[end] == x[end] && b[end] == y[end] {
		end++
	}
	f := c.consequence(fat.StructBackupFAT, "entries", o.Finding)
	f.Whole = false
	return ledger.Owned{Finding: f, Start: off, End: off + end}
}

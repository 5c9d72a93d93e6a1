package ext4cmp

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// bitmapKey tells the fields of all groups apart.
type bitmapKey struct {
	group uint32
	name  string // of a descriptor's field; "block bitmap" or "inode bitmap" for those
}

// compareGroups compares bitmaps and group descriptors, whose differences
// mostly follow from what the trees differ in.
func (c *comparison) compareGroups() error {
	groups := min(c.a.fs.Groups(), c.b.fs.Groups())
	for g := range groups {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.compareBitmaps(g); err != nil {
			return err
		}
		c.compareDescriptor(g)
	}
	return nil
}

func (c *comparison) compareBitmaps(g uint32) error {
	da, db := c.a.fs.Group(g), c.b.fs.Group(g)
	bs := c.a.fs.BlockSize()
	for _, kind := range []struct {
		structure    string
		a, b         uint64
		readA, readB func(uint32) ([]byte, bool, error)
		used         func(s *side, bit int) bool
	}{
		{"block bitmap", da.BlockBitmap(), db.BlockBitmap(), c.a.fs.BlockBitmap, c.b.fs.BlockBitmap, func(s *side, bit int) bool { return s.claims(g, bit) }},
		{"inode bitmap", da.InodeBitmap(), db.InodeBitmap(), c.a.fs.InodeBitmap, c.b.fs.InodeBitmap, func(s *side, bit int) bool { return s.holds(g, bit) }},
	} {
		if kind.a == kind.b && kind.a < 1<<48 && c.p.Clean(int64(kind.a)*bs, int64(kind.a+1)*bs) && da.Flags == db.Flags {
			continue
		}
		a, okA, errA := kind.readA(g)
		b, okB, errB := kind.readB(g)
		if errA != nil || errB != nil {
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			continue // said already, by what walks the same structures
		}
		if !okA {
			a = c.a.implied(len(b), kind.used)
		}
		if !okB {
			b = c.b.implied(len(a), kind.used)
		}
		if bytes.Equal(a, b) {
			continue
		}
		c.enterBitmap(kind.structure, g, a, b, int64(kind.a)*bs, kind.used)
	}
	return nil
}

// enterBitmap enters a bitmap's difference: it follows from the trees where
// each bit does, else the group's bitmap stands for itself.
func (c *comparison) enterBitmap(structure string, g uint32, a, b []byte, at int64, used func(*side, int) bool) {
	n, unexplained, first := 0, 0, -1
	for i := range min(len(a), len(b)) {
		for x, bit := a[i]^b[i], i*8; x != 0; x, bit = x>>1, bit+1 {
			if x&1 == 0 {
				continue
			}
			if n++; first < 0 {
				first = bit
			}
			if used(c.a, bit) == used(c.b, bit) {
				if unexplained++; unexplained == 1 {
					first = bit
				}
			}
		}
	}
	causes := slices.Clone(c.changes)
	causes = present(append(causes, c.placed, c.numbered, c.l.Has(c.key("superblock", "s_blocks_count_lo", ""))))
	var f *ledger.Finding
	if unexplained == 0 && len(causes) > 0 {
		f = c.consequence(structure, "bits", causes...)
		f.Member("")
	} else {
		k := c.key(structure, "bits", "")
		k.Part = fmt.Sprintf("group %d", g)
		f, _ = c.enter(k, about{report.Unknown, "run e2fsck -f: the bitmap does not follow from the tree"})
		what := "block"
		number := uint64(first) + c.a.fs.GroupFirstBlock(g)
		if structure == "inode bitmap" {
			what, number = "inode", uint64(g)*uint64(c.a.sb.InodesPerGroup)+uint64(first)+1
		}
		f.Note = fmt.Sprintf("group %d: %d bits differ; %s %d is marked otherwise, but nothing else tells why", g, n, what, number)
		f.A, f.B = marked(a, first), marked(b, first)
	}
	f.Whole = false
	f.At(c.disk(at), int64(len(a)))
	c.bitmaps[bitmapKey{g, structure}] = f
}

// implied is the bitmap that stands for one which is not initialised: what is
// in use says so.
func (s *side) implied(n int, used func(*side, int) bool) []byte {
	b := make([]byte, n)
	for bit := range n * 8 {
		if used(s, bit) {
			b[bit/8] |= 1 << (bit % 8)
		}
	}
	return b
}

func marked(bitmap []byte, bit int) string {
	if bit >= 0 && bitmap[bit/8]>>(bit%8)&1 == 1 {
		return "in use"
	}
	return "free"
}

// claims tells whether a block of group g is claimed by a structure or a file.
func (s *side) claims(g uint32, bit int) bool {
	ratio := uint64(s.sb.ClusterSize() / s.sb.BlockSize())
	off := int64(s.fs.GroupFirstBlock(g)+uint64(bit)*ratio) * s.fs.BlockSize()
	r, ok := s.regions.At(off)
	return ok && r.Structure != ext4.FreeSpace && r.Structure != ext4.LostBlock && r.Structure != ext4.Tail
}

// holds tells whether the tree holds an inode of group g.
func (s *side) holds(g uint32, bit int) bool {
	n := g*s.sb.InodesPerGroup + uint32(bit) + 1
	_, ok := s.paths[n]
	return ok || n < s.sb.FirstInode()
}

// descBase is the name under which a descriptor field's difference is found.
func descBase(name string) string {
	if base, ok := descHalves[name]; ok {
		return base
	}
	return name
}

func (c *comparison) compareDescriptor(g uint32) {
	a, b := c.a.fs.RawGroup(g), c.b.fs.RawGroup(g)
	n := min(len(a), len(b), ext4.GroupDescSize64)
	var all []*ledger.Finding
	sum := false
	for _, f := range ext4.GroupDescLayout.Diff(a[:n], b[:n]) {
		base := descBase(f.Name)
		if base == "bg_checksum" {
			sum = true
			continue
		}
		k := bitmapKey{g, base}
		if c.bitmaps[k] == nil {
			c.bitmaps[k] = c.descField(g, base, f.Show(f.Slice(a)), f.Show(f.Slice(b)), c.descCauses(g, base))
			c.bitmaps[k].At(c.disk(c.a.fs.GroupOffset(g)+int64(f.Offset)), int64(f.Length))
		}
		if !slices.Contains(all, c.bitmaps[k]) {
			all = append(all, c.bitmaps[k])
		}
	}
	if !sum {
		return
	}
	f, _ := ext4.GroupDescLayout.Named("bg_checksum")
	x := c.descField(g, "bg_checksum", f.Show(f.Slice(a)), f.Show(f.Slice(b)), present(append(all, c.seed)))
	x.At(c.disk(c.a.fs.GroupOffset(g)+int64(f.Offset)), int64(f.Length))
	c.bitmaps[bitmapKey{g, "bg_checksum"}] = x
}

// descField is the finding of a field of group g's descriptor: one for all
// groups in which it follows from something, one a group where it does not.
func (c *comparison) descField(g uint32, name, a, b string, causes []*ledger.Finding) *ledger.Finding {
	if len(causes) > 0 {
		f := c.consequence("group descriptor", name, causes...)
		f.Member("")
		return f
	}
	k := c.key("group descriptor", name, "")
	k.Part = fmt.Sprintf("group %d", g)
	cause := about{report.Unknown, "run e2fsck -f: the field does not follow from the rest of the filesystem"}
	switch name {
	case "bg_flags", "bg_itable_unused_lo", "bg_block_bitmap_lo", "bg_inode_bitmap_lo", "bg_inode_table_lo":
		cause = about{report.Environment, sameTool}
	case "bg_reserved":
		cause = about{report.Residue, "zero reserved fields"}
	}
	f, _ := c.enter(k, cause)
	f.A, f.B = a, b
	f.Note = fmt.Sprintf("group %d", g)
	return f
}

func (c *comparison) descCauses(g uint32, name string) []*ledger.Finding {
	blocks, inodes := c.bitmaps[bitmapKey{g, "block bitmap"}], c.bitmaps[bitmapKey{g, "inode bitmap"}]
	size := c.l.Has(c.key("superblock", "s_blocks_count_lo", ""))
	switch name {
	case "bg_free_blocks_count_lo":
		return present([]*ledger.Finding{blocks, size})
	case "bg_block_bitmap_csum_lo":
		return present([]*ledger.Finding{blocks, c.seed})
	case "bg_free_inodes_count_lo", "bg_itable_unused_lo":
		return present([]*ledger.Finding{inodes})
	case "bg_inode_bitmap_csum_lo":
		return present([]*ledger.Finding{inodes, c.seed})
	case "bg_used_dirs_count_lo":
		if inodes != nil {
			return []*ledger.Finding{inodes}
		}
		return present(append(slices.Clone(c.changes), c.numbered))
	case "bg_flags":
		return present(append(slices.Clone(c.changes), c.placed, c.numbered))
	case "bg_block_bitmap_lo", "bg_inode_bitmap_lo", "bg_inode_table_lo":
		return present([]*ledger.Finding{size})
	}
	return nil
}

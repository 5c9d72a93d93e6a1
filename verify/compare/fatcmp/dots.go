package fatcmp

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// slotRoles is what the slots of a directory are for. Slots behind the last
// are unused.
type slotRoles struct {
	kinds   []fat.SlotKind
	objects []uint32
}

func (r *slotRoles) at(i int64) (fat.SlotKind, uint32) {
	if i >= int64(len(r.kinds)) {
		return fat.SlotEnd, fat.NoObject
	}
	return r.kinds[i], r.objects[i]
}

// part tells which part of its name a long-name slot holds, counted from the
// entry that it belongs to.
func (r *slotRoles) part(i int64) (n int) {
	for ; i < int64(len(r.kinds)) && r.kinds[i] == fat.SlotLong; i++ {
		n++
	}
	return n
}

// directory reads a directory's slots, and keeps what they are for.
func (s *side) directory(object uint32) ([]fat.Slot, *slotRoles, error) {
	slots, err := s.vol.Slots(object)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.name, err)
	}
	r := &slotRoles{kinds: make([]fat.SlotKind, len(slots)), objects: make([]uint32, len(slots))}
	for i := range slots {
		r.kinds[i], r.objects[i] = slots[i].Kind, slots[i].Object
	}
	s.roles[object] = r
	return slots, r, nil
}

// dot is a field of a "." or ".." entry that differs.
type dot struct {
	name   string // ".", ".."
	field  string // under which it is found
	value  string // valueName of the field
	object uint64 // under which it is noted
	of     *pair  // whose entry's field it follows; nil where it is noted for itself
}

// Numbers under which values are noted that are no object's own.
const (
	labelObject = 1 << 40
	dotObject   = 1 << 41
)

// compareDots compares what a directory's slots hold beside files: "." and
// "..", and the volume label in the root.
func (c *comparison) compareDots(p *pair) error {
	fa, fb := &c.a.vol.Files[p.a], &c.b.vol.Files[p.b]
	if !fa.Dir || c.samePlace(fa, fb) {
		return nil
	}
	a, _, err := c.a.directory(p.a)
	if err != nil {
		return err
	}
	b, _, err := c.b.directory(p.b)
	if err != nil {
		return err
	}
	if p.a == 0 {
		c.compareLabel(p, a, b)
		return nil
	}
	for k, name := range []string{".", ".."} {
		kind := fat.SlotDot + fat.SlotKind(k)
		if k < len(a) && k < len(b) && a[k].Kind == kind && b[k].Kind == kind && a[k].Raw != b[k].Raw {
			c.compareDot(p, name, dotObject|uint64(p.a)<<1|uint64(k), a[k], b[k])
		}
	}
	return nil
}

func (c *comparison) compareDot(p *pair, name string, object uint64, a, b fat.Slot) {
	ea, eb := fat.DirEntryLayout.Decode(a.Raw[:]), fat.DirEntryLayout.Decode(b.Raw[:])
	path := p.path + "/" + name
	// Whose entry it may repeat: its own directory's, or the one above.
	like := []*pair{p}
	if name == ".." && p.parent != nil && p.parent.a != 0 {
		like = append(like, p.parent)
	}
	add := func(field string, of *pair) {
		p.dots = append(p.dots, dot{name, field, valueName(field, c.a.fs.Variant), object, of})
	}
	for _, v := range timeValues {
		field := v.differing(&ea, &eb)
		if field == "" {
			continue
		}
		var of *pair
		for _, q := range like {
			if of == nil && v.of(&c.a.vol.Files[q.a].Entry) == v.of(&ea) && v.of(&c.b.vol.Files[q.b].Entry) == v.of(&eb) {
				of = q
			}
		}
		if of == nil {
			c.noteTime(v, object, path, &ea, &eb, a.Offset)
		}
		add(field, of)
	}
	if x, y := ea.FirstCluster(c.a.fs.Variant), eb.FirstCluster(c.b.fs.Variant); x != y {
		q := p
		if name == ".." {
			q = p.parent
		}
		if q != nil && q.a != 0 && c.a.vol.Files[q.a].Entry.FirstCluster(c.a.fs.Variant) == x && c.b.vol.Files[q.b].Entry.FirstCluster(c.b.fs.Variant) == y {
			add("DIR_FstClusLO", q)
		} else {
			c.values.Note("DIR_FstClusLO", object, path, fmt.Sprint(x), fmt.Sprint(y), c.disk(a.Offset))
			add("DIR_FstClusLO", nil)
		}
	}
	c.noteRest(&ea, &eb, object, path, a.Offset, func(field string) { add(field, nil) })
}

// noteRest notes the fields of an entry without a file that are neither a
// time nor a cluster.
func (c *comparison) noteRest(a, b *fat.DirEntry, object uint64, path string, at int64, noted func(field string)) {
	for _, f := range []struct{ name, a, b string }{
		{"DIR_Attr", fat.ShowAttr(a.Attr), fat.ShowAttr(b.Attr)},
		{"DIR_NTRes", fmt.Sprintf("%#02x", a.NTRes), fmt.Sprintf("%#02x", b.NTRes)},
		{"DIR_FileSize", fmt.Sprint(a.FileSize), fmt.Sprint(b.FileSize)},
	} {
		if f.a != f.b {
			c.values.Note(f.name, object, path, f.a, f.b, c.disk(at))
			noted(f.name)
		}
	}
}

// label is the volume label's entry on a side.
type label struct {
	fat.DirEntry
	at int64
}

func findLabel(slots []fat.Slot) *label {
	for i := range slots {
		if slots[i].Kind == fat.SlotLabel {
			return &label{fat.DirEntryLayout.Decode(slots[i].Raw[:]), slots[i].Offset}
		}
	}
	return nil
}

func (l *label) text() string {
	if l == nil {
		return ""
	}
	return strings.TrimRight(string(l.Name[:]), " ")
}

// bootLabel is BS_VolLab; empty for what stands there where there is none.
func bootLabel(fs *fat.FS) string {
	text := strings.TrimRight(string(fs.Extended.VolLab[:]), " \x00")
	if text == "NO NAME" {
		return ""
	}
	return text
}

// compareLabel compares the volume labels' entries in the root directory.
func (c *comparison) compareLabel(root *pair, slotsA, slotsB []fat.Slot) {
	a, b := findLabel(slotsA), findLabel(slotsB)
	if a == nil && b == nil {
		return
	}
	if a == nil || b == nil || a.Name != b.Name {
		k := c.key("directory", "DIR_Name", "")
		if a == nil || b == nil {
			k.Field = "entry"
		}
		k.Part = "volume label"
		f, _ := c.enter(k, about{report.Content, "mkfs.vfat -n LABEL, or mlabel"})
		f.A, f.B, f.Note = a.text(), b.text(), "the volume label's entry"
		if a != nil {
			f.At(c.disk(a.at), fat.SlotSize)
		} else {
			f.At(c.p.B.Base+b.at, fat.SlotSize)
		}
		if bootLabel(c.a.fs) == a.text() && bootLabel(c.b.fs) == b.text() {
			f.Follows(c.bootHas(fat.StructBoot, "BS_VolLab"))
		}
		c.label = f
		if a == nil || b == nil {
			root.entries = append(root.entries, f)
			return
		}
	}
	for _, v := range timeValues {
		if v.differing(&a.DirEntry, &b.DirEntry) != "" {
			c.labelFields = append(c.labelFields, c.noteTime(v, labelObject, "", &a.DirEntry, &b.DirEntry, a.at))
		}
	}
	if x, y := a.FirstCluster(fat.FAT32), b.FirstCluster(fat.FAT32); x != y {
		c.values.Note("DIR_FstClusLO", labelObject, "", fmt.Sprint(x), fmt.Sprint(y), c.disk(a.at))
		c.labelFields = append(c.labelFields, "DIR_FstClusLO")
	}
	c.noteRest(&a.DirEntry, &b.DirEntry, labelObject, "", a.at, func(field string) { c.labelFields = append(c.labelFields, field) })
}

// labelOwner is the finding of a field of the label's entry.
func (c *comparison) labelOwner(name string) *ledger.Finding {
	if name == "DIR_Name" && c.label != nil {
		return c.label
	}
	return c.labelOwners[name]
}

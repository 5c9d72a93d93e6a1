package fatcmp

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const sectorBytes = 512 // that structures of the reserved sectors have, whatever the sector size

// readAt reads n bytes of a side's volume; nil where they are not there.
func (s *side) readAt(off int64, n int) ([]byte, error) {
	if off < 0 || off+int64(n) > s.Size {
		return nil, nil
	}
	b := make([]byte, n)
	if m, err := s.R.ReadAt(b, off); m != n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("%s: %d bytes at %d of the volume: %w", s.name, n, off, err)
	}
	return b, nil
}

// sector is a structure of the reserved sectors, as both sides have it.
type sector struct {
	structure string
	fields    []field.Field
	at        int64 // in A's volume
	a, b      []byte
}

// compareBoot compares boot sector and FSInfo, and their copies.
func (c *comparison) compareBoot() error {
	ga, gb := &c.a.fs.Geometry, &c.b.fs.Geometry
	boot := sector{fat.StructBoot, fat.BootFields(ga.Variant), 0, c.a.fs.Boot, c.b.fs.Boot}
	if ga.Variant != gb.Variant {
		c.compareVariants(boot)
		c.linkBoot()
		return nil
	}
	c.compareSector(boot, nil)
	c.linkBoot()
	if ga.Backup != 0 && gb.Backup != 0 {
		if _, err := c.compareCopy(fat.StructBackupBoot, boot.fields, ga.Backup, gb.Backup, &boot); err != nil {
			return err
		}
	}
	if ga.FSInfo == 0 || gb.FSInfo == 0 {
		return nil
	}
	fields := fat.FSInfoLayout.Fields()
	info, err := c.compareCopy(fat.StructFSInfo, fields, ga.FSInfo, gb.FSInfo, nil)
	if err != nil {
		return err
	}
	if ga.Backup != 0 && gb.Backup != 0 {
		_, err = c.compareCopy(fat.StructBackupInfo, fields, ga.Backup+ga.FSInfo, gb.Backup+gb.FSInfo, info)
	}
	return err
}

// compareCopy reads a structure from both sides and compares it.
func (c *comparison) compareCopy(structure string, fields []field.Field, atA, atB int64, primary *sector) (*sector, error) {
	a, err := c.a.readAt(atA, sectorBytes)
	if err != nil {
		return nil, err
	}
	b, err := c.b.readAt(atB, sectorBytes)
	if err != nil || a == nil || b == nil {
		return nil, err
	}
	s := sector{structure, fields, atA, a, b}
	c.compareSector(s, primary)
	return &s, nil
}

// compareSector enters the fields that differ. Those of a copy follow the
// primary's where both changed alike.
func (c *comparison) compareSector(s sector, primary *sector) {
	for _, f := range s.fields {
		x, y := f.Slice(s.a), f.Slice(s.b)
		if bytes.Equal(x, y) {
			continue
		}
		found := c.bootField(s.structure, f.Name)
		found.A, found.B = fat.ShowField(f, x), fat.ShowField(f, y)
		found.At(c.disk(s.at+int64(f.Offset)), int64(f.Length))
		if primary != nil && bytes.Equal(x, f.Slice(primary.a)) && bytes.Equal(y, f.Slice(primary.b)) {
			found.Follows(c.bootHas(primary.structure, f.Name))
		} else if primary != nil {
			found.Follows(c.layout...)
		}
	}
}

// compareVariants compares the boot sectors of filesystems of two variants,
// which have their fields in other places: by name.
func (c *comparison) compareVariants(s sector) {
	other := map[string]field.Field{}
	for _, f := range fat.BootFields(c.b.fs.Variant) {
		other[f.Name] = f
	}
	for _, f := range s.fields {
		g, ok := other[f.Name]
		delete(other, f.Name)
		switch {
		case !ok:
			found := c.bootField(s.structure, f.Name)
			found.A, found.Note = fat.ShowField(f, f.Slice(s.a)), "only in the first image's variant"
			found.At(c.disk(int64(f.Offset)), int64(f.Length))
		case !bytes.Equal(f.Slice(s.a), g.Slice(s.b)):
			found := c.bootField(s.structure, f.Name)
			found.A, found.B = fat.ShowField(f, f.Slice(s.a)), fat.ShowField(g, g.Slice(s.b))
			found.At(c.disk(int64(f.Offset)), int64(f.Length))
		}
	}
	for _, g := range fat.BootFields(c.b.fs.Variant) {
		if _, left := other[g.Name]; left {
			found := c.bootField(s.structure, g.Name)
			found.B, found.Note = fat.ShowField(g, g.Slice(s.b)), "only in the second image's variant"
			found.At(c.p.B.Base+int64(g.Offset), int64(g.Length))
		}
	}
}

func (c *comparison) bootField(structure, name string) *ledger.Finding {
	f, _ := c.enter(c.key(structure, name, ""), aboutBoot(name))
	return f
}

func (c *comparison) bootHas(structure, name string) *ledger.Finding {
	return c.l.Has(c.key(structure, name, ""))
}

// geometryFields are the fields of the parameter block that say where
// anything lies.
var geometryFields = []string{
	"BPB_BytsPerSec", "BPB_SecPerClus", "BPB_RsvdSecCnt", "BPB_NumFATs", "BPB_RootEntCnt", "BPB_TotSec16", "BPB_TotSec32",
	"BPB_FATSz16", "BPB_FATSz32", "BPB_RootClus", "BPB_FSInfo", "BPB_BkBootSec", "BPB_ExtFlags",
}

// linkBoot says what follows from what within the boot sector: a formatting
// tool chooses most of the parameter block by the size and the cluster size.
func (c *comparison) linkBoot() {
	has := func(name string) *ledger.Finding { return c.bootHas(fat.StructBoot, name) }
	follow := func(name string, causes ...string) {
		f := has(name)
		if f == nil {
			return
		}
		for _, cause := range causes {
			f.Follows(has(cause))
		}
	}
	for _, name := range []string{"BPB_TotSec16", "BPB_TotSec32", "BPB_HiddSec"} {
		if f := has(name); f != nil {
			f.Follows(c.p.Cause)
		}
	}
	if c.a.fs.Variant != c.b.fs.Variant {
		for _, f := range append(fat.BootFields(c.a.fs.Variant), fat.BootFields(c.b.fs.Variant)...) {
			if strings.HasPrefix(f.Name, "BPB_") || f.Name == "BS_jmpBoot" || f.Name == "BS_BootCode" {
				follow(f.Name, "BS_FilSysType")
			}
		}
	}
	total := []string{"BPB_TotSec16", "BPB_TotSec32", "BPB_BytsPerSec"}
	follow("BPB_TotSec16", "BPB_BytsPerSec")
	follow("BPB_TotSec32", "BPB_TotSec16", "BPB_BytsPerSec")
	follow("BPB_SecPerClus", total...)
	for _, name := range []string{"BPB_SecPerTrk", "BPB_NumHeads", "BPB_Media"} {
		follow(name, total...)
	}
	shape := append(total, "BPB_SecPerClus")
	follow("BPB_RsvdSecCnt", shape...)
	follow("BPB_RootEntCnt", shape...)
	for _, name := range []string{"BPB_FATSz16", "BPB_FATSz32"} {
		follow(name, append(shape, "BPB_RsvdSecCnt", "BPB_RootEntCnt", "BPB_NumFATs")...)
	}
	if c.sameGeometry() {
		return
	}
	for _, name := range geometryFields {
		if f := has(name); f != nil {
			c.layout = append(c.layout, f)
		}
	}
	if len(c.layout) == 0 {
		// The sizes that the sides have, rather than what they say of them.
		if f := has("BS_FilSysType"); f != nil {
			c.layout = append(c.layout, f)
		}
	}
}

// sameGeometry tells whether everything lies in the same places on both sides.
func (c *comparison) sameGeometry() bool {
	a, b := c.a.fs.Geometry, c.b.fs.Geometry
	a.TotalSectors, b.TotalSectors = 0, 0
	return a == b
}

// linkInfo says what FSInfo's counts follow from, once the trees are known.
func (c *comparison) linkInfo() {
	for _, structure := range []string{fat.StructFSInfo, fat.StructBackupInfo} {
		if f := c.bootHas(structure, "FSI_Free_Count"); f != nil && structure == fat.StructFSInfo {
			f.Follows(c.layout...)
			f.Follows(c.changes...)
		}
		if f := c.bootHas(structure, "FSI_Nxt_Free"); f != nil && structure == fat.StructFSInfo {
			f.Follows(c.layout...)
			f.Follows(c.changes...)
			f.Follows(c.placed, c.reordered)
		}
	}
}

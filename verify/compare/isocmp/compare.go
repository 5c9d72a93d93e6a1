package isocmp

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	formatName = "iso9660"
	record     = "directory record" // where a file's fields stand
)

type comparison struct {
	*treecmp.Comparison
	a, b   *side
	whole  *ledger.Finding // where the trees could not be read
	placed *ledger.Finding
	moved  []string                  // files whose content lies elsewhere
	data   map[int64]*ledger.Finding // content findings, by where A's content begins
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{data: map[int64]*ledger.Finding{}}
	c.Comparison = treecmp.New(ctx, l, p, treecmp.Format{
		Name: formatName, Structure: record, About: aboutField, Damaged: damaged,
		Explains: explains, Again: again, Met: c.notePlace, ContentKey: contentPlaces,
	})
	c.Budget = 64<<20 + 4*max(p.A.Size, p.B.Size)
	fail := func(name string, err error) (ledger.Result, error) {
		return ledger.Result{}, fmt.Errorf("%s: %w", name, err)
	}
	// Without its descriptors there is nothing to compare, and nothing to say
	// but that.
	fsA, errA := iso9660.Open(p.A.R, p.A.Size)
	if errA != nil && !damaged(errA) {
		return fail("first image", errA)
	}
	fsB, errB := iso9660.Open(p.B.R, p.B.Size)
	if errB != nil && !damaged(errB) {
		return fail("second image", errB)
	}
	var err error
	switch {
	case errA != nil:
		err = fmt.Errorf("first image: %w", errA)
	case errB != nil:
		err = fmt.Errorf("second image: %w", errB)
	default:
		c.a, c.b = &side{fs: fsA, size: p.A.Size}, &side{fs: fsB, size: p.B.Size}
		err = c.trees(ctx)
	}
	switch {
	case err == nil:
		c.settle()
		c.compareDescriptors()
		c.compareCatalog()
	case c.Unreadable(err):
		c.whole = c.Failed(err)
		if c.a != nil {
			c.compareDescriptors()
		}
	default:
		return ledger.Result{}, err
	}
	return ledger.Result{Owner: c.owner, Warnings: c.Warnings}, ctx.Err()
}

// trees accounts for both sides and compares their best trees.
func (c *comparison) trees(ctx context.Context) error {
	for _, s := range []struct {
		side *side
		name string
	}{{c.a, "first image"}, {c.b, "second image"}} {
		if err := s.side.account(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	best := [2]*iso9660.Tree{c.a.fs.Best(), c.b.fs.Best()}
	if best[0].Name != best[1].Name || best[0].Rock != best[1].Rock {
		// Names of two sorts would all be different.
		best = [2]*iso9660.Tree{c.a.fs.Trees()[0], c.b.fs.Trees()[0]}
		for _, t := range best {
			t.Rock = false
		}
		c.Warnings = append(c.Warnings, "only one of the images has Rock Ridge or Joliet names: the plain ones are compared")
	}
	return c.Walk(&files{c.a, best[0]}, &files{c.b, best[1]})
}

// bootCatalog is the name of an area.
const bootCatalog = "boot catalog"

// compareCatalog enters what differs between the boot catalogs, wherever they
// lie.
func (c *comparison) compareCatalog() {
	startA, startB := c.a.catalog, c.b.catalog
	if startA == 0 || startB == 0 {
		return // the boot records say so
	}
	a, b := make([]byte, iso9660.SectorSize), make([]byte, iso9660.SectorSize)
	if n, _ := c.Sides.A.R.ReadAt(a, startA); n < len(a) {
		return
	}
	if n, _ := c.Sides.B.R.ReadAt(b, startB); n < len(b) {
		return
	}
	var summed []*ledger.Finding // what the checksum of the first entry covers
	for _, f := range iso9660.CatalogFields() {
		if bytes.Equal(f.Slice(a), f.Slice(b)) {
			continue
		}
		g := c.Enter(bootCatalog, f.Name, "", treecmp.About{Cause: report.Environment, Remedy: sameTool})
		g.Whole = true
		g.A, g.B = f.Show(f.Slice(a)), f.Show(f.Slice(b))
		if f.Length > treecmp.ValueShown {
			g.A, g.B = treecmp.Digest(f.Slice(a)), treecmp.Digest(f.Slice(b))
		}
		g.At(c.Sides.A.Base+startA+int64(f.Offset), int64(f.Length))
		switch {
		case f.Name == "initial.load_rba":
			g.Follows(c.displaced())
		case f.Name == "validation.checksum":
			g.Follows(summed...)
		case strings.HasPrefix(f.Name, "validation."):
			summed = append(summed, g)
		}
	}
}

// notePlace remembers the files whose content lies elsewhere.
func (c *comparison) notePlace(p *treecmp.Pair) {
	a, b := p.A.Ref.(*iso9660.Record), p.B.Ref.(*iso9660.Record)
	if len(a.Extents) > 0 && len(b.Extents) > 0 && a.Extents[0].Start != b.Extents[0].Start {
		c.moved = append(c.moved, p.Path)
	}
}

// contentPlaces tells contents apart by where they lie: the names of a hard
// link, and files that the tool found to be equal, share their content.
func contentPlaces(p *treecmp.Pair) (key [4]int64, ok bool) {
	a, b := p.A.Ref.(*iso9660.Record), p.B.Ref.(*iso9660.Record)
	if len(a.Extents) == 0 || len(b.Extents) == 0 {
		return key, false
	}
	return [4]int64{a.Extents[0].Start, a.Size, b.Extents[0].Start, b.Size}, true
}

// compareDescriptors enters the fields that differ between volume descriptors
// of the same place and type. One of a supplementary descriptor follows the
// primary's of the same name.
func (c *comparison) compareDescriptors() {
	a, b := c.a.fs.Descriptors(), c.b.fs.Descriptors()
	causes := c.shape()
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x.Type != y.Type {
			continue
		}
		for _, f := range x.Fields() {
			if bytes.Equal(f.Slice(x.Raw), f.Slice(y.Raw)) || strings.HasPrefix(f.Name, rootPrefix) {
				continue
			}
			what, own := aboutDescriptor(f.Name)
			g := c.Enter(x.Name(), f.Name, "", what)
			g.Whole = true
			g.A, g.B = showDescriptor(x, f), showDescriptor(y, f)
			g.At(c.Sides.A.Base+x.Offset+int64(f.Offset), int64(f.Length))
			if !own {
				g.Follows(causes...)
			}
			if x.Type != iso9660.PrimaryType {
				g.Follows(c.Has("primary volume descriptor", f.Name, ""))
			}
		}
	}
}

// rootPrefix begins the names of the root's record in a descriptor.
const rootPrefix = "root_directory_record."

func showDescriptor(d iso9660.Descriptor, f field.Field) string {
	raw := f.Slice(d.Raw)
	switch {
	case strings.HasSuffix(f.Name, "_date"):
		return iso9660.ShowTime(raw)
	case f.Kind == field.Text && d.Type == iso9660.SupplementaryType && f.Name != "id":
		return field.ShowText(fromUTF16BE(raw))
	case f.Kind == field.Text:
		return field.ShowText(raw)
	case f.Name == "type_m_path_table", f.Name == "opt_type_m_path_table":
		return fmt.Sprint(uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]))
	case f.Kind == field.Bytes && len(raw) == 8, f.Name == "type_l_path_table", f.Name == "opt_type_l_path_table":
		return fmt.Sprint(uint32(raw[0]) | uint32(raw[1])<<8 | uint32(raw[2])<<16 | uint32(raw[3])<<24)
	case f.Kind == field.Bytes && len(raw) == 4:
		return fmt.Sprint(uint32(raw[0]) | uint32(raw[1])<<8)
	case len(raw) > treecmp.ValueShown:
		return treecmp.Digest(raw)
	}
	return f.Show(raw)
}

// shape lists what decides where things lie: what was added, removed, resized
// or reordered.
func (c *comparison) shape() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	out := c.Changes
	if c.Reordered != nil {
		out = append(out[:len(out):len(out)], c.Reordered)
	}
	return out
}

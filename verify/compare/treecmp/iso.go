package treecmp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const isoFormat = "iso9660"

type isoComparison struct {
	*comparison
	a, b   *isoSide
	whole  *ledger.Finding // where the trees could not be read
	placed *ledger.Finding
	moved  []string                  // files whose content lies elsewhere
	data   map[int64]*ledger.Finding // content findings, by where A's content begins
}

// ISO9660 implements ledger.Comparer.
func ISO9660(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &isoComparison{comparison: newComparison(ctx, l, p, isoFormat, "directory record"), data: map[int64]*ledger.Finding{}}
	c.budget = 64<<20 + 4*max(p.A.Size, p.B.Size)
	c.hook = c.notePlace
	c.contentKey = contentPlaces
	fail := func(name string, err error) (ledger.Result, error) {
		return ledger.Result{}, fmt.Errorf("%s: %w", name, err)
	}
	// Without its descriptors there is nothing to compare, and nothing to say
	// but that.
	fsA, errA := iso9660.Open(p.A.R, p.A.Size)
	if errA != nil && !unreadable(errA) {
		return fail("first image", errA)
	}
	fsB, errB := iso9660.Open(p.B.R, p.B.Size)
	if errB != nil && !unreadable(errB) {
		return fail("second image", errB)
	}
	var err error
	switch {
	case errA != nil:
		err = fmt.Errorf("first image: %w", errA)
	case errB != nil:
		err = fmt.Errorf("second image: %w", errB)
	default:
		c.a, c.b = &isoSide{fs: fsA, size: p.A.Size}, &isoSide{fs: fsB, size: p.B.Size}
		err = c.trees()
	}
	switch {
	case err == nil:
		c.settle()
		c.compareDescriptors()
		c.compareCatalog()
	case unreadable(err):
		c.whole = c.failed(err)
		if c.a != nil {
			c.compareDescriptors()
		}
	default:
		return ledger.Result{}, err
	}
	return ledger.Result{Owner: c.owner, Warnings: c.warnings}, ctx.Err()
}

// trees accounts for both sides and compares their best trees.
func (c *isoComparison) trees() error {
	for _, s := range []struct {
		side *isoSide
		name string
	}{{c.a, "first image"}, {c.b, "second image"}} {
		if err := s.side.account(c.visit); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		c.visited, c.paths = 0, 0
	}
	best := [2]*iso9660.Tree{c.a.fs.Best(), c.b.fs.Best()}
	if best[0].Name != best[1].Name || best[0].Rock != best[1].Rock {
		// Names of two sorts would all be different.
		best = [2]*iso9660.Tree{c.a.fs.Trees()[0], c.b.fs.Trees()[0]}
		for _, t := range best {
			t.Rock = false
		}
		c.warnings = append(c.warnings, "only one of the images has Rock Ridge or Joliet names: the plain ones are compared")
	}
	c.comparison.a, c.comparison.b = &isoTree{c.a, best[0]}, &isoTree{c.b, best[1]}
	return c.walk()
}

// isoTree is one of the trees of an ISO 9660 filesystem.
type isoTree struct {
	*isoSide
	t *iso9660.Tree
}

func (t *isoTree) root() (*node, error) {
	r, err := t.fs.Root(t.t)
	if err != nil {
		return nil, err
	}
	l, err := t.fs.ReadDir(t.t, r)
	if err != nil {
		return nil, err
	}
	if l.Self == nil {
		return t.node(r), nil
	}
	n := t.node(l.Self) // which has Rock Ridge fields as well
	n.ref = r
	return n, nil
}

func (t *isoTree) list(dir *node) ([]*node, error) {
	l, err := t.fs.ReadDir(t.t, dir.ref.(*iso9660.Record))
	if err != nil {
		return nil, err
	}
	out := make([]*node, len(l.Records))
	for i, r := range l.Records {
		out[i] = t.node(r)
	}
	return out, nil
}

func (t *isoTree) node(r *iso9660.Record) *node {
	n := &node{name: r.Name, mode: r.Mode, target: r.Target, size: r.Size, at: r.Offset, ref: r}
	if r.IsDir() {
		n.mode = n.mode&^tree.TypeMask | tree.Directory
		n.dir = uint64(r.Offset)
	}
	part := func(name string) int64 {
		for _, p := range r.Parts {
			if p.Name == name {
				return p.Start
			}
		}
		return r.Offset
	}
	add := func(name, shown string) { n.values = append(n.values, value{name, shown, part(name)}) }
	if r.Rock {
		add("PX.mode", showMode(n.mode))
		add("PX.nlink", fmt.Sprint(r.Links))
		add("PX.uid", fmt.Sprint(r.UID))
		add("PX.gid", fmt.Sprint(r.GID))
		add("PX.serial", fmt.Sprint(r.Serial))
		if kind := r.Mode & tree.TypeMask; kind == tree.Block || kind == tree.Char {
			add("PN", fmt.Sprintf("%d, %d", r.Rdev[0], r.Rdev[1]))
		}
	} else {
		add("flags", fmt.Sprintf("0x%02x", r.Flags))
	}
	seen := map[string]bool{}
	for _, o := range r.Other {
		if !seen[o.Name] { // further ones of the same name are its continuation
			seen[o.Name] = true
			add(field.ShowText([]byte(o.Name)), showOther(r.Other, o.Name))
		}
	}
	n.times = append(n.times, stamp{"date", r.Date, part("date")})
	for _, s := range r.Stamps {
		n.times = append(n.times, stamp{s.Name, s.Time, s.Offset})
	}
	return n
}

func showOther(all []iso9660.Other, name string) string {
	var b []byte
	for _, o := range all {
		if o.Name == name {
			b = append(b, o.Value...)
		}
	}
	return showValue(b)
}

// isoFile is a regular file's content.
type isoFile struct {
	*isoSide
	r *iso9660.Record
}

func (t *isoTree) open(n *node) content { return isoFile{t.isoSide, n.ref.(*iso9660.Record)} }

func (f isoFile) Size() int64 { return f.r.Size }

func (f isoFile) ReadAt(p []byte, off int64) (int, error) {
	if f.r.Unit != 0 {
		return 0, &iso9660.Error{Offset: f.r.Offset, Text: "interleaved files are not read"}
	}
	if off >= f.r.Size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), f.r.Size-off)
	if err := f.fs.ReadContent(f.r, p[:n], off); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// same tells that the other file lies in the same bytes, none of which
// differs.
func (f isoFile) same(c *comparison, other content, off int64) int64 {
	g := other.(isoFile)
	if f.isCatalog() && g.isCatalog() {
		return min(f.r.Size, g.r.Size) - off // compared as the boot catalog that it is
	}
	if len(f.r.Extents) != 1 || len(g.r.Extents) != 1 || f.r.Unit != 0 || g.r.Unit != 0 {
		return 0
	}
	a, b := f.r.Extents[0], g.r.Extents[0]
	n := min(a.Length, b.Length) - off
	if a.Start == b.Start && n > 0 && c.p.Clean(a.Start+off, a.Start+off+n) {
		return n
	}
	return 0
}

// isCatalog tells whether the file is El Torito's boot catalog, which tools also
// show in the tree.
func (f isoFile) isCatalog() bool {
	return len(f.r.Extents) == 1 && f.catalog != 0 && f.catalog == f.r.Extents[0].Start
}

// bootCatalog is the name of an area.
const bootCatalog = "boot catalog"

// compareCatalog enters what differs between the boot catalogs, wherever they
// lie.
func (c *isoComparison) compareCatalog() {
	startA, startB := c.a.catalog, c.b.catalog
	if startA == 0 || startB == 0 {
		return // the boot records say so
	}
	a, b := make([]byte, iso9660.SectorSize), make([]byte, iso9660.SectorSize)
	if n, _ := c.p.A.R.ReadAt(a, startA); n < len(a) {
		return
	}
	if n, _ := c.p.B.R.ReadAt(b, startB); n < len(b) {
		return
	}
	var summed []*ledger.Finding // what the checksum of the first entry covers
	for _, f := range iso9660.CatalogFields() {
		if bytes.Equal(f.Slice(a), f.Slice(b)) {
			continue
		}
		g := c.enter(bootCatalog, f.Name, "", about{report.Environment, sameISO})
		g.Whole = true
		g.A, g.B = f.Show(f.Slice(a)), f.Show(f.Slice(b))
		if f.Length > valueShown {
			g.A, g.B = digest(f.Slice(a)), digest(f.Slice(b))
		}
		g.At(c.p.A.Base+startA+int64(f.Offset), int64(f.Length))
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
func (c *isoComparison) notePlace(p *pair) {
	a, b := p.a.ref.(*iso9660.Record), p.b.ref.(*iso9660.Record)
	if len(a.Extents) > 0 && len(b.Extents) > 0 && a.Extents[0].Start != b.Extents[0].Start {
		c.moved = append(c.moved, p.path)
	}
}

// contentPlaces tells contents apart by where they lie: the names of a hard
// link, and files that the tool found to be equal, share their content.
func contentPlaces(p *pair) (key [4]int64, ok bool) {
	a, b := p.a.ref.(*iso9660.Record), p.b.ref.(*iso9660.Record)
	if len(a.Extents) == 0 || len(b.Extents) == 0 {
		return key, false
	}
	return [4]int64{a.Extents[0].Start, a.Size, b.Extents[0].Start, b.Size}, true
}

// compareDescriptors enters the fields that differ between volume descriptors
// of the same place and type. One of a supplementary descriptor follows the
// primary's of the same name.
func (c *isoComparison) compareDescriptors() {
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
			g := c.enter(x.Name(), f.Name, "", what)
			g.Whole = true
			g.A, g.B = showDescriptor(x, f), showDescriptor(y, f)
			g.At(c.p.A.Base+x.Offset+int64(f.Offset), int64(f.Length))
			if !own {
				g.Follows(causes...)
			}
			if x.Type != iso9660.PrimaryType {
				g.Follows(c.l.Has(c.key("primary volume descriptor", f.Name, "")))
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
	case len(raw) > valueShown:
		return digest(raw)
	}
	return f.Show(raw)
}

// shape lists what decides where things lie: what was added, removed, resized
// or reordered.
func (c *isoComparison) shape() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	out := c.changes
	if c.reordered != nil {
		out = append(out[:len(out):len(out)], c.reordered)
	}
	return out
}

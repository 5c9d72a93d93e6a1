package erofscmp

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	formatName  = "erofs"
	inodeFields = "inode" // where a file's fields stand
	superName   = "superblock"
)

// place is where something lies on both sides, in bytes.
type place struct{ a, b int64 }

// regular is a regular file that both sides have.
type regular struct {
	path string
	a, b uint64 // the numbers of its inodes
}

type comparison struct {
	*treecmp.Comparison
	a, b   *side
	super  map[string]*ledger.Finding // by field
	counts []*ledger.Finding          // of the superblock's, those that are counts and places
	chose  []*ledger.Finding          // options that decide the layout
	whole  *ledger.Finding            // where the trees could not be read

	inodes, data []place  // of what both sides have
	moved        []string // paths of those that lie elsewhere
	shoved       bool     // data of a file lies elsewhere
	regular      []regular
	unread       map[string]bool // paths of those whose content cannot be read
	formed       []*treecmp.Pair // whose inodes have another form
	forms        *ledger.Finding // that they have, for no reason in the trees
	shaped       *[]*ledger.Finding
	follow       map[[2]string]*ledger.Finding
	placed       *ledger.Finding
	packed       *ledger.Finding
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{super: map[string]*ledger.Finding{}, follow: map[[2]string]*ledger.Finding{}, unread: map[string]bool{}}
	c.Comparison = treecmp.New(ctx, l, p, treecmp.Format{
		Name: formatName, Structure: inodeFields, About: aboutField, Damaged: damaged, Explains: c.explains, Met: c.met,
	})
	// As in package squashcmp, but files may share what they unpack.
	c.Budget = 256<<20 + 64*max(p.A.Size, p.B.Size)
	err := c.open(ctx)
	if c.a != nil && c.b != nil {
		c.compareSuper()
	}
	if err == nil {
		err = c.Walk(&files{c.a}, &files{c.b})
	}
	switch {
	case err == nil:
		c.Settle()
	case c.a != nil && c.b != nil && c.Unreadable(err):
		c.whole = c.Failed(err)
	default:
		return ledger.Result{}, err
	}
	if c.whole == nil {
		c.settle()
	}
	c.linkSuper()
	return ledger.Result{Owner: c.owner, Warnings: c.Warnings}, ctx.Err()
}

// open opens both sides and accounts for them. Where one is damaged, both are
// there with the error, as far as they could be read.
func (c *comparison) open(ctx context.Context) error {
	var first error
	for _, s := range []struct {
		to   **side
		from ledger.Side
		name string
	}{{&c.a, c.Sides.A, "first image"}, {&c.b, c.Sides.B, "second image"}} {
		sb, raw, err := erofs.ReadSuperblock(s.from.R)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		x := &side{Side: s.from, sb: sb, raw: raw}
		*s.to = x
		if x.fs, err = erofs.Open(s.from.R, s.from.Size); err != nil {
			x.fs = nil
		}
		if again := x.account(ctx); err == nil {
			err = again
		}
		if err != nil && first == nil {
			first = fmt.Errorf("%s: %w", s.name, err)
		}
		if err != nil && !c.Unreadable(err) {
			return first
		}
	}
	if first == nil {
		c.a.samePacked = c.packedEqual()
	}
	return first
}

// met notes where a pair lies, and in which form. Two compact inodes have no
// time of their own: what differs is the superblock's.
func (c *comparison) met(p *treecmp.Pair) {
	a, b := p.A.Ref.(*erofs.Inode), p.B.Ref.(*erofs.Inode)
	if !a.Large && !b.Large {
		p.A.Times, p.B.Times = nil, nil
	}
	if a.Format != b.Format {
		c.formed = append(c.formed, p)
	}
	c.inodes = append(c.inodes, place{a.Offset, b.Offset})
	if p.A.Mode&tree.TypeMask == tree.Regular && p.B.Mode&tree.TypeMask == tree.Regular {
		c.regular = append(c.regular, regular{p.Path, a.NID, b.NID})
		if a.Format == b.Format && c.a.hasBlocks(a) && c.b.hasBlocks(b) {
			c.data = append(c.data, place{int64(a.Union), int64(b.Union)})
			c.shoved = c.shoved || a.Union != b.Union
		}
	}
	if a.Offset != b.Offset {
		c.moved = append(c.moved, p.Path)
	}
}

// hasBlocks tells whether i_u is where an inode's data begins.
func (s *side) hasBlocks(in *erofs.Inode) bool {
	switch in.Layout() {
	case erofs.FlatPlain:
		return in.Size > 0
	case erofs.FlatInline:
		return in.Size > s.fs.BlockSize()
	}
	return false
}

// names lists the findings that a name of the pair's files is there on one side
// only.
func (c *comparison) names(p *treecmp.Pair) []*ledger.Finding {
	out := slices.Clone(p.Entries)
	for s, n := range map[*side]*treecmp.Node{c.a: p.A, c.b: p.B} {
		for _, path := range s.links[n.Ref.(*erofs.Inode).NID] {
			if f := c.Lone(path); f != nil && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// compareSuper enters what differs in the superblock and the configurations
// behind it. Counts and places follow from what differs in the trees.
func (c *comparison) compareSuper() {
	for _, f := range erofs.SuperblockLayout.Diff(c.a.raw, c.b.raw) {
		what, own := aboutSuper(f.Name)
		x := c.Enter(superName, f.Name, "", what)
		x.Whole = true
		x.A, x.B = showSuper(f, c.a.raw), showSuper(f, c.b.raw)
		x.At(c.Sides.A.Base+erofs.SuperOffset+int64(f.Offset), int64(f.Length))
		c.super[f.Name] = x
		if !own {
			c.counts = append(c.counts, x)
		}
	}
	for _, name := range options {
		if x := c.super[name]; x != nil {
			c.chose = append(c.chose, x)
		}
	}
	c.compareConfigs()
	// These are parts of one value, or of one choice.
	for part, of := range map[string]string{
		"build_time_nsec": "build_time", "available_compr_algs": "feature_incompat", "extra_devices": "feature_incompat", "xattr_prefix_count": "feature_incompat",
	} {
		if x := c.super[part]; x != nil {
			x.Follows(c.super[of])
		}
	}
}

// linkSuper says what the superblock's counts, places and checksum follow from.
func (c *comparison) linkSuper() {
	for _, x := range c.counts {
		if x.Follows(c.shape()...); c.placed != nil {
			x.Follows(c.placed)
		}
	}
	x := c.super["checksum"]
	if x == nil {
		return
	}
	for _, f := range erofs.SuperblockLayout.Fields() {
		x.Follows(c.super[f.Name])
	}
	if !c.Sides.Aligned { // else owner tells what is in the block
		x.Follows(c.Roots...)
	}
}

func showSuper(f field.Field, raw []byte) string {
	sb := erofs.SuperblockLayout.Decode(raw)
	v := f.Show(f.Slice(raw))
	compat, incompat := sb.FeatureNames()
	var names []string
	switch f.Name {
	case "feature_compat":
		names = compat
	case "feature_incompat":
		names = incompat
	case "available_compr_algs":
		if note := sb.CompressionNote(); note != "" {
			names = []string{note}
		}
	}
	if len(names) > 0 {
		v += " (" + strings.Join(names, " ") + ")"
	}
	return v
}

// compareConfigs compares the configurations of the algorithms that both sides
// have.
func (c *comparison) compareConfigs() {
	if c.a.fs == nil || c.b.fs == nil {
		return
	}
	for _, a := range c.a.fs.Configs() {
		for _, b := range c.b.fs.Configs() {
			if a.Algorithm != b.Algorithm || len(a.Fields) != len(b.Fields) || len(a.Fields) == 0 {
				continue
			}
			end := a.Fields[len(a.Fields)-1].End()
			rawA, rawB := make([]byte, end), make([]byte, end)
			if n, _ := c.a.R.ReadAt(rawA, a.Start); n < end {
				continue
			}
			if n, _ := c.b.R.ReadAt(rawB, b.Start); n < end {
				continue
			}
			for _, f := range a.Fields {
				if bytes.Equal(f.Slice(rawA), f.Slice(rawB)) {
					continue
				}
				x := c.Enter(configName(a.Algorithm), f.Name, "", aboutConfig(f.Name))
				x.Whole = true
				x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
				x.At(c.Sides.A.Base+a.Start+int64(f.Offset), int64(f.Length))
				if x.Cause == report.Environment {
					c.chose = append(c.chose, x)
				}
			}
		}
	}
}

func configName(algorithm int) string { return erofs.AlgorithmName(algorithm) + " configuration" }

// settle enters what the trees do not show: inodes of another form, and things
// that lie elsewhere.
func (c *comparison) settle() {
	var alone, laid []*treecmp.Pair
	for _, p := range c.formed {
		a, b := p.A.Ref.(*erofs.Inode), p.B.Ref.(*erofs.Inode)
		switch q := c.At(p.Path); {
		case q != nil && len(q.All()) > 0:
		case a.Large == b.Large:
			laid = append(laid, p)
		default:
			alone = append(alone, p)
		}
	}
	// How data is laid out depends on what else is there, for one because an end
	// that would cross its block is not put behind the inode.
	if len(laid) > 0 && len(c.shape()) == 0 {
		alone = append(alone, laid...)
	}
	c.shaped = nil
	if len(alone) > 0 {
		file := ""
		if len(alone) == 1 {
			file = alone[0].Path
		}
		f := c.Enter(inodeFields, "i_format", file, aboutField("i_format"))
		f.A, f.B = showForm(alone[0].A), showForm(alone[0].B)
		for _, p := range alone {
			f.Member(p.Path)
			f.At(c.Sides.A.Base+p.A.At, 2)
			if showForm(p.A) != f.A || showForm(p.B) != f.B {
				f.A, f.B = "", ""
				f.Note = "inodes of the same files have other forms"
			}
		}
		f.Follows(c.chose...)
		// Whether a file's time is the superblock's decides the form.
		f.Follows(c.super["build_time"], c.super["build_time_nsec"])
		c.forms = f
	}
	c.settleFiles()
	// mkfs.erofs says that ends are packed where a file's is. Another choice
	// would have packed the files otherwise whose contents are equal.
	if x := c.super["feature_incompat"]; x != nil && c.packed == nil && c.a.sb.FeatureIncompat^c.b.sb.FeatureIncompat == erofs.FeatureTailPacking {
		x.Follows(c.Changes...)
	}
	if len(c.moved) > 0 {
		f := c.displaced()
		for _, path := range c.moved {
			f.Member(path)
		}
	}
}

func showForm(n *treecmp.Node) string { return n.Ref.(*erofs.Inode).Form() }

// shape lists what decides where things lie: what was added, removed, resized
// or reordered, and how things are stored.
func (c *comparison) shape() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	if c.shaped != nil {
		return *c.shaped
	}
	var out []*ledger.Finding
	seen := map[*ledger.Finding]bool{nil: true}
	add := func(list ...*ledger.Finding) {
		for _, f := range list {
			if !seen[f] {
				seen[f] = true
				out = append(out, f)
			}
		}
	}
	add(c.Changes...)
	add(c.Reordered)
	for _, f := range c.Roots {
		if f.Field == "target" || strings.HasPrefix(f.Field, "xattr:") {
			add(f)
		}
	}
	for _, p := range c.formed {
		if q := c.At(p.Path); q != nil {
			add(q.All()...)
		}
	}
	add(c.forms, c.packed)
	add(c.chose...)
	c.shaped = &out
	return out
}

// fromShape is the finding of what follows from the shape of the filesystem;
// nil where nothing about that differs.
func (c *comparison) fromShape(structure, field string) *ledger.Finding {
	k := [2]string{structure, field}
	if f, known := c.follow[k]; known {
		return f
	}
	var f *ledger.Finding
	if causes := c.shape(); len(causes) > 0 {
		f = c.Consequence(structure, field, causes...)
	}
	c.follow[k] = f
	return f
}

// still tells that nothing gives cause to lie elsewhere, and that nothing does.
func (c *comparison) still() bool {
	return len(c.shape()) == 0 && len(c.moved) == 0 && !c.shoved
}

// displaced is the finding that things lie at other places.
func (c *comparison) displaced() *ledger.Finding {
	if c.whole != nil {
		return c.whole
	}
	if c.placed != nil {
		return c.placed
	}
	f := c.Enter("data", "placement", "", treecmp.About{Cause: report.Placement, Remedy: sameTool})
	c.placed = f
	f.Note = "inodes or blocks lie at other places"
	f.At(c.Sides.A.Base+erofs.SuperOffset, 1)
	causes := c.shape()
	f.Follows(causes...)
	if len(causes) == 0 && (reordered(c.inodes) || reordered(c.data)) {
		f.Cause = report.Order
		f.Note = "the trees are equal; inodes or blocks lie in another order"
	}
	return f
}

// reordered tells whether things lie in another order.
func reordered(list []place) bool {
	slices.SortFunc(list, func(x, y place) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	for i := 1; i < len(list); i++ {
		if list[i-1].a != list[i].a && list[i-1].b > list[i].b {
			return true
		}
	}
	return false
}

// packing is the finding of bytes that hold the same and are packed otherwise.
func (c *comparison) packing() *ledger.Finding {
	if c.packed != nil {
		return c.packed
	}
	f := c.Enter("data", "packed", "", treecmp.About{Cause: report.Environment, Remedy: sameTool + " and the same versions of the libraries that pack"})
	f.Note = "the same content, packed otherwise: another version of the compressor or of mkfs.erofs, or other options"
	f.At(c.Sides.A.Base+erofs.SuperOffset, 1)
	c.packed = f
	return f
}

// settleFiles tells the files whose contents could not be read, and enters those
// whose equal contents are packed otherwise. Where
// files share what they are packed into, that may be for another file's sake.
func (c *comparison) settleFiles() {
	for _, x := range c.regular {
		switch {
		case c.a.failed[x.a] || c.b.failed[x.b]:
			c.unread[x.path] = true
		case c.a.repacked[x.a]:
			if p := c.At(x.path); p == nil || p.Content == nil {
				c.packing().Member(x.path)
			}
		}
	}
	if c.packed == nil {
		return
	}
	c.packed.Follows(c.chose...)
	if (c.a.sb.FeatureIncompat|c.b.sb.FeatureIncompat)&erofs.FeatureFragments != 0 {
		c.packed.Follows(c.Changes...)
	}
}

package squashcmp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const formatName = "squashfs"

// side is one of two squashfs filesystems.
type side struct {
	ledger.Side
	fs  *squashfs.FS
	sb  squashfs.Superblock
	raw []byte // the superblock

	packed    []byte             // room for one packed block
	fragments map[[2]uint32]bool // whether this side's fragment equals the other's
}

// packedFile is a file's own data blocks, where both sides have them at the
// same place.
type packedFile struct {
	start, end int64
	finding    *ledger.Finding
}

// placed is where a file's content lies on both sides.
type placed struct{ a, b [2]int64 }

type comparison struct {
	*treecmp.Comparison
	a, b    *side
	super   map[string]*ledger.Finding
	options []field.Field
	packed  *ledger.Finding
	whole   *ledger.Finding // where the trees could not be read
	files   []packedFile
	places  []placed
	moved   bool // a file's content lies elsewhere
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{super: map[string]*ledger.Finding{}}
	c.Comparison = treecmp.New(ctx, l, p, treecmp.Format{
		Name: formatName, Structure: "inode", About: aboutField, Damaged: damaged, Explains: explains, Met: c.notePlace,
	})
	// What a sound filesystem unpacks to is bounded by what its packer
	// reaches; only a damaged one lets many files share their blocks.
	c.Budget = 64<<20 + 32*max(p.A.Size, p.B.Size)
	var errs []error
	for _, s := range []struct {
		to   **side
		from ledger.Side
		name string
	}{{&c.a, p.A, "first image"}, {&c.b, p.B, "second image"}} {
		side, err := openSquash(s.from)
		switch {
		case err == nil:
		case side == nil || !damaged(err):
			return ledger.Result{}, fmt.Errorf("%s: %w", s.name, err)
		default:
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
		*s.to = side
	}
	var err error
	if len(errs) > 0 {
		err = errs[0]
	} else {
		err = c.Walk(&files{c.a}, &files{c.b})
	}
	switch {
	case err == nil:
		c.settle()
	case c.Unreadable(err):
		c.whole = c.Failed(err)
	default:
		return ledger.Result{}, err
	}
	c.compareSuper()
	return ledger.Result{Owner: c.owner, Warnings: c.Warnings}, ctx.Err()
}

// openSquash reads a side's superblock, and then its tables. Where only the
// tables are wrong, the side comes with the error.
func openSquash(s ledger.Side) (*side, error) {
	sb, raw, err := squashfs.ReadSuperblock(s.R)
	if err != nil {
		return nil, err
	}
	side := &side{Side: s, sb: sb, raw: raw}
	side.fs, err = squashfs.Open(s.R, s.Size)
	return side, err
}

// notePlace remembers where a file's content lies.
func (c *comparison) notePlace(p *treecmp.Pair) {
	a, okA := p.A.Ref.(*squashfs.Inode)
	b, okB := p.B.Ref.(*squashfs.Inode)
	if !okA || !okB || p.A.Mode&tree.TypeMask != tree.Regular || p.B.Mode&tree.TypeMask != tree.Regular || a.Size == 0 || b.Size == 0 {
		return
	}
	x := placed{c.a.place(a), c.b.place(b)}
	c.moved = c.moved || x.a != x.b
	c.places = append(c.places, x)
}

// place is where a file's content begins: in the filesystem, and in the
// unpacked fragment where it has no block of its own.
func (s *side) place(in *squashfs.Inode) [2]int64 {
	if len(in.Blocks) > 0 || in.Fragment == squashfs.NoFragment {
		return [2]int64{int64(in.Start), 0}
	}
	start, _, _, _ := s.fs.Fragment(in.Fragment)
	return [2]int64{start, int64(in.InFrag)}
}

// reordered tells whether the files' contents stand in another order.
func (c *comparison) reorderedFiles() bool {
	slices.SortFunc(c.places, func(x, y placed) int { return slices.Compare(x.a[:], y.a[:]) })
	for i := 1; i < len(c.places); i++ {
		x, y := c.places[i-1], c.places[i]
		if x.a != y.a && slices.Compare(x.b[:], y.b[:]) > 0 {
			return true
		}
	}
	return false
}

// compareSuper enters what differs in the superblock and the options of the
// compressor. Counts and places follow from what differs in the trees, or
// from how they were packed.
func (c *comparison) compareSuper() {
	var follow []*ledger.Finding
	for _, f := range squashfs.SuperblockLayout.Diff(c.a.raw, c.b.raw) {
		what, own := aboutSuper(f.Name)
		x := c.Enter("superblock", f.Name, "", what)
		x.Whole = true
		x.A, x.B = showSquash(f, c.a.raw), showSquash(f, c.b.raw)
		x.At(c.Sides.A.Base+int64(f.Offset), int64(f.Length))
		c.super[f.Name] = x
		if !own {
			follow = append(follow, x)
		}
	}
	for _, dependent := range [][2]string{{"block_log", "block_size"}} {
		if x := c.super[dependent[0]]; x != nil {
			x.Follows(c.super[dependent[1]])
		}
	}
	c.compareOptions()
	if len(follow) > 0 {
		causes := c.causes()
		if len(causes) == 0 {
			causes = []*ledger.Finding{c.packing()}
		}
		for _, x := range follow {
			x.Follows(causes...)
		}
	}
}

func showSquash(f field.Field, raw []byte) string {
	sb := squashfs.SuperblockLayout.Decode(raw)
	v := f.Show(f.Slice(raw))
	switch f.Name {
	case "compression":
		v += " (" + squashfs.CompressionName(sb.Compression) + ")"
	case "flags":
		if names := squashfs.FlagNames(sb.Flags); len(names) > 0 {
			v += " (" + strings.Join(names, " ") + ")"
		}
	case "id_table_start", "xattr_id_table_start", "fragment_table_start", "lookup_table_start":
		if v == fmt.Sprint(squashfs.None) {
			v = "none"
		}
	}
	return v
}

// compareOptions compares the options of the compressor, where both sides
// have them for the same one. Where not, their block is a consequence.
func (c *comparison) compareOptions() {
	a, b := c.a.sb.OptionFields(), c.b.sb.OptionFields()
	if len(a) == 0 || len(a) != len(b) || c.a.sb.Compression != c.b.sb.Compression {
		return
	}
	c.options = a
	end := a[len(a)-1].End()
	rawA, rawB := make([]byte, end), make([]byte, end)
	if n, _ := c.a.R.ReadAt(rawA, 0); n != end {
		return
	}
	if n, _ := c.b.R.ReadAt(rawB, 0); n != end {
		return
	}
	for _, f := range a {
		if slices.Equal(f.Slice(rawA), f.Slice(rawB)) {
			continue
		}
		x := c.Enter("compressor options", f.Name, "", treecmp.About{Cause: report.Environment, Remedy: "mksquashfs -comp NAME with the same -X options"})
		x.Whole = true
		x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
		x.At(c.Sides.A.Base+int64(f.Offset), int64(f.Length))
		c.super["options."+f.Name] = x
	}
}

// causes are the findings that the packed bytes follow from: what differs in
// the trees, and how they were packed by intent.
func (c *comparison) causes() []*ledger.Finding {
	if c.whole != nil {
		return []*ledger.Finding{c.whole}
	}
	out := slices.Clone(c.Roots)
	for _, name := range []string{"compression", "block_size", "flags"} {
		if x := c.super[name]; x != nil {
			out = append(out, x)
		}
	}
	for _, f := range c.options {
		if x := c.super["options."+f.Name]; x != nil {
			out = append(out, x)
		}
	}
	return out
}

// packing is the finding of all packed bytes.
func (c *comparison) packing() *ledger.Finding {
	if c.whole != nil {
		return c.whole
	}
	if c.packed != nil {
		return c.packed
	}
	f := c.Enter("data", "packed", "", treecmp.About{Cause: report.Unknown, Remedy: ""})
	c.packed = f
	f.At(c.Sides.A.Base+squashfs.SuperblockSize, 1)
	if causes := c.causes(); len(causes) > 0 {
		f.Note = "packed blocks and tables, which hold what differs"
		f.Follows(causes...)
		return f
	}
	f.Remedy = sameTool
	switch {
	case c.Unread > 0:
		f.Note = fmt.Sprintf("%d files could not be compared; all else in the trees is equal", c.Unread)
	case c.reorderedFiles():
		f.Cause = report.Order
		f.Note = "the trees are equal; the files were packed in another order"
		f.Remedy = sameTool + "; mksquashfs -sort FILE; -processors 1 with a version before 4.4"
	case c.moved:
		f.Cause = report.Environment
		f.Note = "the trees are equal; blocks are packed otherwise: another version of the compressor or of mksquashfs, or other options"
	default:
		f.Note = "the trees are equal, and files lie at the same places; blocks or tables are packed otherwise: another version of the compressor or of mksquashfs, inodes in another order, or other options"
	}
	return f
}

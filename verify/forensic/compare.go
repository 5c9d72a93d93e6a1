package forensic

import (
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

const (
	// maxChanges is how many differing files of a pair of images are held, and
	// maxNames how many bytes of their names and targets.
	maxChanges = 1_000_000
	maxNames   = 512 << 20
	// maxRuns is how many runs of a file are listed, maxAllRuns of all files of
	// a volume.
	maxRuns    = 1024
	maxAllRuns = 8 << 20
	// comparedRuns is how many runs two files may have to be compared by where
	// they lie, without being read.
	comparedRuns = 1 << 18
)

// Options of Compare.
type Options struct {
	// Partition is the only one that is looked into, where it is not negative.
	Partition int
	// Progress is told how far a stage is; see compare.Options.
	Progress func(stage string, done, total int64)
	// Log, where not nil, is told what is read.
	Log *Log
}

// Compare finds the files that differ between two images. The images stay
// open for Extract. An error is a failure to read, or the end of ctx; what is
// damaged is said in the pair's warnings and its sides' errors.
func Compare(ctx context.Context, name string, a, b *split.Image, opt Options) (*Pair, error) {
	p := &Pair{Name: name}
	for _, s := range []struct {
		to  *Image
		img *split.Image
	}{{&p.A, a}, {&p.B, b}} {
		t, err := s.img.Table()
		if err != nil {
			return nil, err
		}
		*s.to = Image{Path: s.img.Path(), Format: s.img.Format(), Size: s.img.Size(), Table: t, disk: s.img}
		p.warn(s.img.Path(), s.img.Warnings())
		p.warn(s.img.Path(), t.Warnings)
	}
	var progress scan.Progress
	if opt.Progress != nil {
		progress = func(done, total int64) { opt.Progress("reading for the case file", done, total) }
	}
	found, err := scan.Compare(ctx, a, b, progress)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", a.Path(), b.Path(), err)
	}
	p.Spans, p.Bytes = found.Spans, found.Bytes
	opt.Log.scanned(p, found)
	left := room{maxChanges, maxNames}
	for _, v := range p.pairVolumes(opt.Partition) {
		c := &comparison{ctx: ctx, p: p, v: v, opt: opt, left: &left}
		if err := c.compare(); err != nil {
			return nil, err
		}
		p.Volumes = append(p.Volumes, v)
	}
	return p, nil
}

func (p *Pair) warn(where string, warnings []string) {
	for _, w := range warnings {
		p.Warnings = append(p.Warnings, where+": "+w)
	}
}

// pairVolumes pairs the partitions of both tables by number. Those of which
// neither side differs are among them.
func (p *Pair) pairVolumes(only int) []*Volume {
	byNumber := map[int]*Volume{}
	var list []*Volume
	for _, s := range []struct {
		img  *Image
		side func(*Volume) **Side
	}{{&p.A, func(v *Volume) **Side { return &v.A }}, {&p.B, func(v *Volume) **Side { return &v.B }}} {
		parts := s.img.Table.Partitions
		if s.img.Table.Label == split.LabelNone {
			parts = []split.Partition{{Length: s.img.Size}}
		}
		for _, part := range parts {
			if part.Kind == split.Extended || only >= 0 && part.Number != only {
				continue
			}
			v := byNumber[part.Number]
			if v == nil {
				v = &Volume{Number: part.Number}
				byNumber[part.Number] = v
				list = append(list, v)
			}
			*s.side(v) = &Side{Offset: part.Offset, Length: max(min(part.Length, s.img.Size-part.Offset), 0), SectorSize: s.img.Table.SectorSize}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Number < list[j].Number })
	return list
}

// room is how much may still be held of a pair of images.
type room struct{ changes, names int }

// comparison is the comparison of one volume under way.
type comparison struct {
	ctx  context.Context
	p    *Pair
	v    *Volume
	opt  Options
	left *room

	// aligned says that both sides begin at the same byte of their disks, so
	// that spans tell what differs.
	aligned bool
	spans   []scan.Span // relative to the volume
	budget  int64       // bytes of content that may still be read
	runs    int         // runs held so far
	bytes   int64       // of content that were read
	files   [2]int      // objects that were met
	unread  int         // pairs whose contents could not be compared

	onlyA, onlyB []*File
	digests      [2]map[uint64]*File    // of files with several names, by inode
	same         map[[2]uint64]sameness // likewise: whether contents are the same
}

// open identifies a side and opens its filesystem.
func (c *comparison) open(img *Image, s *Side, name string) {
	if s == nil {
		return
	}
	r := io.NewSectionReader(img.disk, s.Offset, s.Length)
	info, err := probe.Identify(r, s.Length)
	if err == nil {
		s.Type, s.Label, s.UUID = info.Type, info.Label, info.UUID
		s.volume, err = volume.Open(r, s.Length, info)
	}
	if err != nil {
		s.Error = err.Error()
	} else {
		s.Type, s.Kind, s.BlockSize, s.Blocks = s.volume.Type, s.volume.Kind, s.volume.BlockSize, s.volume.Blocks
	}
	c.opt.Log.volume(c.p, name, c.v.Number, s)
}

func (c *comparison) compare() error {
	c.open(&c.p.A, c.v.A, "a")
	c.open(&c.p.B, c.v.B, "b")
	a, b := c.v.A, c.v.B
	if a != nil && b != nil && a.Offset == b.Offset {
		c.aligned = true
		c.spans = scan.Within(c.p.Spans, a.Offset, a.Offset+min(a.Length, b.Length))
		if len(c.spans) == 0 && a.Length == b.Length {
			return nil // not a byte differs
		}
	}
	var err error
	if c.budget, err = c.allowance(); err != nil {
		return err
	}
	if err := c.walk(); err != nil {
		return err
	}
	if err := c.settle(); err != nil {
		return err
	}
	for _, s := range []struct {
		img  *Image
		side *Side
	}{{&c.p.A, a}, {&c.p.B, b}} {
		if s.side != nil && s.side.volume != nil {
			c.p.warn(fmt.Sprintf("%s: partition %d", s.img.Path, c.v.Number), s.side.volume.Problems())
		}
	}
	if c.unread > 1 {
		c.p.warn(c.p.A.Path+", "+c.p.B.Path, []string{fmt.Sprintf("partition %d: the contents of %d files could not be compared", c.v.Number, c.unread)})
	}
	c.opt.Log.compared(c)
	return nil
}

// cursor is a walk that is one object ahead.
type cursor struct {
	next func() (*volume.Object, error, bool)
	stop func()
	now  *volume.Object // nil at the end
	side *Side
}

func (c *comparison) cursor(s *Side) *cursor {
	k := &cursor{side: s}
	if s == nil || s.volume == nil {
		k.next, k.stop = func() (*volume.Object, error, bool) { return nil, nil, false }, func() {}
	} else {
		k.next, k.stop = iter.Pull2(s.volume.Objects(c.ctx))
	}
	return k
}

// advance goes to the next object. A walk that fails ends: the side's error
// says so.
func (k *cursor) advance(ctx context.Context) error {
	o, err, ok := k.next()
	k.now = nil
	switch {
	case !ok:
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		k.side.Error = err.Error()
	default:
		k.now = o
	}
	return nil
}

// walk joins the two trees.
func (c *comparison) walk() error {
	a, b := c.cursor(c.v.A), c.cursor(c.v.B)
	defer a.stop()
	defer b.stop()
	if err := a.advance(c.ctx); err != nil {
		return err
	}
	if err := b.advance(c.ctx); err != nil {
		return err
	}
	for a.now != nil || b.now != nil {
		order := -1
		switch {
		case a.now == nil:
			order = 1
		case b.now != nil:
			order = volume.Order(a.now.Path, b.now.Path)
		}
		var err error
		switch {
		case order < 0:
			c.onlyA = append(c.onlyA, &File{Object: a.now})
			err = c.held(a.now)
		case order > 0:
			c.onlyB = append(c.onlyB, &File{Object: b.now})
			err = c.held(b.now)
		default:
			err = c.pair(a.now, b.now)
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			c.files[0]++
			if err := a.advance(c.ctx); err != nil {
				return err
			}
		}
		if order >= 0 {
			c.files[1]++
			if err := b.advance(c.ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// held counts a change.
func (c *comparison) held(objects ...*volume.Object) error {
	c.left.changes--
	for _, o := range objects {
		c.left.names -= len(o.Path) + len(o.Target)
		for _, x := range o.Xattrs {
			c.left.names -= len(x.Name)
		}
	}
	if c.left.changes < 0 || c.left.names < 0 {
		return fmt.Errorf("%s, %s: more than %d files differ, or their names are too long for one case file: choose a partition with --partition", c.p.A.Path, c.p.B.Path, maxChanges)
	}
	return nil
}

// pair compares what both sides have under a path.
func (c *comparison) pair(a, b *volume.Object) error {
	d := metadata(a, b)
	content, runs, err := c.content(a, b)
	if err != nil {
		return err
	}
	switch {
	case content == differs:
		d |= DiffContent
	case content == unknown && a.Type() == tree.Regular && b.Type() == tree.Regular:
		if c.unread++; c.unread == 1 {
			c.p.warn(c.p.A.Path+", "+c.p.B.Path, []string{fmt.Sprintf("partition %d: the content of %s could not be compared", c.v.Number, a.Path)})
		}
	}
	if runs {
		d |= DiffRuns
	}
	switch {
	case d == 0:
		return nil
	case d&^place == 0:
		c.v.Moved++
		return nil
	}
	change := Change{A: &File{Object: a}, B: &File{Object: b}, Diffs: d}
	if err := c.describe(change.A, 0, nil); err != nil {
		return err
	}
	var same *File
	if content == equal {
		same = change.A
	}
	if err := c.describe(change.B, 1, same); err != nil {
		return err
	}
	c.v.Changes = append(c.v.Changes, change)
	return c.held(a, b)
}

// metadata compares all of two objects but their contents.
func metadata(a, b *volume.Object) Diffs {
	var d Diffs
	add := func(differs bool, p Diffs) {
		if differs {
			d |= p
		}
	}
	both := a.Has & b.Has
	add(a.Type() != b.Type(), DiffType)
	add(a.Size != b.Size, DiffSize)
	add(both&volume.HasInode != 0 && a.Inode != b.Inode, DiffInode)
	add(both&volume.HasInode != 0 && a.Parent != b.Parent, DiffParent)
	add(a.Mode != b.Mode, DiffMode)
	add(a.Has != b.Has || a.Links != b.Links, DiffLinks)
	add(a.Has != b.Has || a.UID != b.UID, DiffUID)
	add(a.Has != b.Has || a.GID != b.GID, DiffGID)
	add(a.Mtime != b.Mtime, DiffMtime)
	add(a.Ctime != b.Ctime, DiffCtime)
	add(a.Atime != b.Atime, DiffAtime)
	add(a.Crtime != b.Crtime, DiffCrtime)
	add(a.Target != b.Target, DiffTarget)
	add(a.Flags != b.Flags, DiffFlags)
	add(a.Major != b.Major || a.Minor != b.Minor, DiffDevice)
	add(!slices.Equal(a.Xattrs, b.Xattrs), DiffXattrs)
	return d
}

// describe fills in where a file lies and the digests of what it holds. same,
// where not nil, is the other side's file, which holds the same.
func (c *comparison) describe(f *File, side int, same *File) error {
	s := c.side(side)
	limit := max(min(maxRuns, maxAllRuns-c.runs), 0)
	runs, ok, err := s.volume.Runs(f.Object, limit)
	if err != nil {
		f.Error = err.Error()
	}
	c.runs += len(runs)
	f.Runs, f.RunsOmitted = runs, !ok
	if f.Type() != tree.Regular {
		return nil
	}
	if same != nil {
		f.Digests = same.Digests
		if f.Error == "" {
			f.Error = same.Error
		}
		return nil
	}
	return c.digest(f, side)
}

func (c *comparison) side(n int) *Side {
	if n == 0 {
		return c.v.A
	}
	return c.v.B
}

// settle describes what only one side has, pairs what was renamed, and puts
// all changes in order.
func (c *comparison) settle() error {
	for i, list := range [][]*File{c.onlyA, c.onlyB} {
		for _, f := range list {
			if err := c.describe(f, i, nil); err != nil {
				return err
			}
		}
	}
	renamed := c.renames()
	for _, f := range c.onlyA {
		if b := renamed[f]; b != nil {
			d := metadata(f.Object, b.Object) | DiffName
			if !slices.Equal(f.Runs, b.Runs) {
				d |= DiffRuns
			}
			c.v.Changes = append(c.v.Changes, Change{A: f, B: b, Diffs: d})
			renamed[b] = f
			continue
		}
		c.v.Changes = append(c.v.Changes, Change{A: f})
	}
	for _, f := range c.onlyB {
		if renamed[f] == nil {
			c.v.Changes = append(c.v.Changes, Change{B: f})
		}
	}
	slices.SortStableFunc(c.v.Changes, func(x, y Change) int { return volume.Order(x.Path(), y.Path()) })
	c.onlyA, c.onlyB = nil, nil
	return nil
}

// renames pairs files that only A has with files that only B has: those that
// hold the same, where just one on each side does. Inode numbers say nothing
// here: two builds give them out anew.
func (c *comparison) renames() map[*File]*File {
	type held struct{ a, b []*File }
	byContent := map[[32]byte]*held{}
	for i, list := range [][]*File{c.onlyA, c.onlyB} {
		for _, f := range list {
			if f.Digests == nil || f.Size == 0 {
				continue
			}
			h := byContent[f.Digests.SHA256]
			if h == nil {
				h = &held{}
				byContent[f.Digests.SHA256] = h
			}
			if i == 0 {
				h.a = append(h.a, f)
			} else {
				h.b = append(h.b, f)
			}
		}
	}
	out := map[*File]*File{}
	for _, h := range byContent {
		if len(h.a) == 1 && len(h.b) == 1 {
			out[h.a[0]] = h.b[0]
		}
	}
	return out
}

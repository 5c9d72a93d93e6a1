package forensic

import (
	"context"
	"fmt"
	"io"
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

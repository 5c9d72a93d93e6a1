package isocmp

import (
	"cmp"
	"context"
	"errors"

	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// purpose is what a region of an ISO 9660 filesystem is for.
type purpose uint8

const (
	unclaimed purpose = iota
	systemArea
	descriptor
	area         // a path table, the boot catalog, mkisofs's version
	directory    // an extent of directory records
	continuation // a record's continuation area
	fileData
)

// region is a run of bytes with one purpose.
type region struct {
	start, end int64
	what       purpose
	name       string // of a descriptor or an area
	index      int    // of a descriptor
	path       string // of a directory or file; of the directory of a continuation's record
	parent     string // of a directory: the path above it
	tree       int    // of a directory or continuation
	record     int64  // of a continuation: where its record stands
	file       string // of a continuation: what the record is about
}

// side is one of two ISO 9660 filesystems.
type side struct {
	fs      *iso9660.FS
	size    int64
	regions *regions.List[region]
	catalog int64 // where El Torito's boot catalog begins; 0 for none
}

// account finds out what each byte is for: where there is an error, as far as
// it got.
func (s *side) account(ctx context.Context) error {
	all := []region{{start: 0, end: iso9660.SystemArea, what: systemArea}}
	for i, d := range s.fs.Descriptors() {
		all = append(all, region{start: d.Offset, end: d.Offset + iso9660.SectorSize, what: descriptor, name: d.Name(), index: i})
	}
	for _, a := range s.fs.Areas() {
		all = append(all, region{start: a.Start, end: a.End, what: area, name: a.Name})
		if a.Name == bootCatalog && s.catalog == 0 {
			s.catalog = a.Start
		}
	}
	inTrees, err := s.accountTrees(ctx)
	all = append(all, inTrees...)
	s.regions = regions.New(regions.Arrange(all, bounds, rank, cut), bounds)
	return err
}

func (s *side) accountTrees(ctx context.Context) ([]region, error) {
	var extent treecmp.Extent
	var all []region
	for i, t := range s.fs.Trees() {
		w := &walk{side: s, tree: t, index: i, ctx: ctx, extent: &extent, dirs: map[int64]bool{}}
		root, err := s.fs.Root(t)
		if err == nil {
			err = w.directory("/", "/", root, 0)
		}
		all = append(all, w.regions...)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// walk goes through one tree.
type walk struct {
	side   *side
	tree   *iso9660.Tree
	index  int
	ctx    context.Context
	extent *treecmp.Extent
	dirs   map[int64]bool

	regions []region // what was found
}

func (w *walk) directory(path, parent string, dir *iso9660.Record, depth int) error {
	if err := w.extent.Visit(w.ctx, path, depth); err != nil {
		return err
	}
	l, err := w.side.fs.ReadDir(w.tree, dir)
	if err != nil {
		return err
	}
	for _, e := range l.Ranges {
		if w.dirs[e.Start] {
			return treecmp.TooMuch("the directory " + path + " has another name, or contains itself")
		}
		w.dirs[e.Start] = true
		w.add(region{start: e.Start, end: e.End(), what: directory, path: path, parent: parent, tree: w.index})
	}
	w.continued(path, path, l.Self)
	w.continued(path, parent, l.Parent)
	for _, r := range l.Records {
		sub := tree.JoinPath(path, r.Name)
		w.continued(path, sub, r)
		if r.IsDir() {
			if err := w.directory(sub, path, r, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := w.extent.Visit(w.ctx, sub, depth); err != nil {
			return err
		}
		for _, e := range r.Extents {
			w.add(region{start: e.Start, end: e.End(), what: fileData, path: sub, tree: w.index})
		}
	}
	return nil
}

func (w *walk) continued(dir, file string, r *iso9660.Record) {
	if r == nil {
		return
	}
	for _, a := range r.Areas {
		w.add(region{start: a.Start, end: a.End(), what: continuation, path: dir, file: file, tree: w.index, record: r.Offset})
	}
}

func (w *walk) add(r region) {
	r.end = min(r.end, w.side.size)
	if r.start >= 0 && r.start < r.end {
		w.regions = append(w.regions, r)
	}
}

// bounds are a region's for package regions.
func bounds(r region) (start, end int64) { return r.start, r.end }

// rank puts regions that begin at the same byte in order: files may share their
// content.
func rank(x, y region) int { return cmp.Or(int(x.what)-int(y.what), x.tree-y.tree) }

// cut refuses what holds records: those are found from where it begins.
func cut(r region, start int64) (region, bool) {
	r.start = start
	return r, r.what != directory && r.what != continuation
}

// at is the region that holds a byte; where none does, the gap between two.
func (s *side) at(off int64) region {
	r, ok := s.regions.At(off)
	if !ok {
		r.start, r.end = s.regions.Gap(off, s.size)
	}
	return r
}

// recordAt is the record that holds a byte of a region, with the path of what
// it is about; nil where there is none, or none that can be read.
func (s *side) recordAt(r region, off int64) (*iso9660.Record, string) {
	t := s.fs.Trees()[r.tree]
	if r.what == continuation {
		rec, err := s.fs.Raw(t, r.record)
		if err != nil {
			return nil, ""
		}
		return rec, r.file
	}
	rec, err := s.fs.Locate(t, off)
	var damaged *iso9660.Error
	if errors.As(err, &damaged) || rec == nil {
		return nil, ""
	}
	switch {
	case rec.Self():
		return rec, r.path
	case rec.Parent():
		return rec, r.parent
	}
	return rec, tree.JoinPath(r.path, rec.Name)
}

package treecmp

import (
	"errors"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
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

// isoSide is one of two ISO 9660 filesystems.
type isoSide struct {
	fs      *iso9660.FS
	size    int64
	regions []region
	catalog int64 // where El Torito's boot catalog begins; 0 for none
}

// account finds out what each byte is for.
func (s *isoSide) account(visit func(path string, depth int) error) error {
	s.regions = append(s.regions, region{start: 0, end: iso9660.SystemArea, what: systemArea})
	for i, d := range s.fs.Descriptors() {
		s.regions = append(s.regions, region{start: d.Offset, end: d.Offset + iso9660.SectorSize, what: descriptor, name: d.Name(), index: i})
	}
	for _, a := range s.fs.Areas() {
		s.regions = append(s.regions, region{start: a.Start, end: a.End, what: area, name: a.Name})
		if a.Name == bootCatalog && s.catalog == 0 {
			s.catalog = a.Start
		}
	}
	for i, t := range s.fs.Trees() {
		root, err := s.fs.Root(t)
		if err != nil {
			return err
		}
		w := &isoWalk{side: s, tree: t, index: i, visit: visit, dirs: map[int64]bool{}}
		if err := w.directory("/", "/", root, 0); err != nil {
			return err
		}
	}
	s.arrange()
	return nil
}

// isoWalk goes through one tree.
type isoWalk struct {
	side  *isoSide
	tree  *iso9660.Tree
	index int
	visit func(path string, depth int) error
	dirs  map[int64]bool
}

func (w *isoWalk) directory(path, parent string, dir *iso9660.Record, depth int) error {
	if err := w.visit(path, depth); err != nil {
		return err
	}
	l, err := w.side.fs.ReadDir(w.tree, dir)
	if err != nil {
		return err
	}
	for _, e := range l.Ranges {
		if w.dirs[e.Start] {
			return tooMuch("the directory " + path + " has another name, or contains itself")
		}
		w.dirs[e.Start] = true
		w.add(region{start: e.Start, end: e.End(), what: directory, path: path, parent: parent, tree: w.index})
	}
	w.continued(path, path, l.Self)
	w.continued(path, parent, l.Parent)
	for _, r := range l.Records {
		sub := joinPath(path, r.Name)
		w.continued(path, sub, r)
		if r.IsDir() {
			if err := w.directory(sub, path, r, depth+1); err != nil {
				return err
			}
			continue
		}
		if err := w.visit(sub, depth); err != nil {
			return err
		}
		for _, e := range r.Extents {
			w.add(region{start: e.Start, end: e.End(), what: fileData, path: sub, tree: w.index})
		}
	}
	return nil
}

func (w *isoWalk) continued(dir, file string, r *iso9660.Record) {
	if r == nil {
		return
	}
	for _, a := range r.Areas {
		w.add(region{start: a.Start, end: a.End(), what: continuation, path: dir, file: file, tree: w.index, record: r.Offset})
	}
}

func (w *isoWalk) add(r region) {
	r.end = min(r.end, w.side.size)
	if r.start >= 0 && r.start < r.end {
		w.side.regions = append(w.side.regions, r)
	}
}

func joinPath(dir, name string) string {
	if dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

// arrange puts the regions in order. Where several claim a byte, that which
// begins first has it, and of those the tree's first: files may share content.
func (s *isoSide) arrange() {
	slices.SortStableFunc(s.regions, func(x, y region) int {
		switch {
		case x.start != y.start:
			return int(min(max(x.start-y.start, -1), 1))
		case x.what != y.what:
			return int(x.what) - int(y.what)
		}
		return x.tree - y.tree
	})
	out := s.regions[:0]
	var end int64
	for _, r := range s.regions {
		if r.end <= end {
			continue
		}
		if r.start < end {
			if r.what == directory || r.what == continuation {
				continue // records are found from where they begin
			}
			r.start = end
		}
		end = r.end
		out = append(out, r)
	}
	s.regions = out
}

// at is the region that holds a byte; where none does, the gap between two.
func (s *isoSide) at(off int64) region {
	i, found := slices.BinarySearchFunc(s.regions, off, func(r region, off int64) int {
		switch {
		case r.end <= off:
			return -1
		case r.start > off:
			return 1
		}
		return 0
	})
	if found {
		return s.regions[i]
	}
	gap := region{end: s.size}
	if i > 0 {
		gap.start = s.regions[i-1].end
	}
	if i < len(s.regions) {
		gap.end = s.regions[i].start
	}
	return gap
}

// recordAt is the record that holds a byte of a region, with the path of what
// it is about; nil where there is none, or none that can be read.
func (s *isoSide) recordAt(r region, off int64) (*iso9660.Record, string) {
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
	return rec, joinPath(r.path, rec.Name)
}

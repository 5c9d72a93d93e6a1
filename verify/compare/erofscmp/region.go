package erofscmp

import (
	"context"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// purpose is what a region of an EROFS is for.
type purpose uint8

const (
	unclaimed  purpose = iota
	bootArea           // in front of the superblock, for boot sectors
	superblock         // with its additional slots
	config             // of an algorithm
	devices            // the table of extra devices
	inode
	xattrHeader // of an inode
	xattrIDs    // the numbers of its shared attributes
	xattrs      // its own attributes
	sharedXattr // an attribute that several inodes refer to
	prefixes    // of attributes' names
	mapHeader   // of a compressed inode
	index       // the map to an inode's data
	directory   // entries with their names
	linkData    // a symbolic link's target
	fileData
	fragments // data of the inode that holds those of others
)

// region is a run of bytes with one purpose.
type region struct {
	start, end int64
	what       purpose
	path       string // of the object that it belongs to
	nid        uint64 // of its inode
	number     int    // of a configuration: the algorithm
	from       int64  // of a directory: where in its data the region begins
	packed     bool   // of data: it is not stored as it is
}

// side is one of two filesystems.
type side struct {
	ledger.Side
	fs      *erofs.FS // nil where it cannot be read
	sb      erofs.Superblock
	raw     []byte // the superblock
	regions *regions.List[region]
	links   map[uint64][]string // the paths of inodes that have several
	shared  map[int64]*sharedBy // by the attribute's place
	packed  []byte

	failed     map[uint64]bool // inodes whose content cannot be read
	repacked   map[uint64]bool // of the first side: inodes that are not packed as on the second
	samePacked bool            // of the first side: the second holds the same fragments

	// Of the inodes that were asked for last, by their number plus one.
	listed     uint64
	listing    []erofs.Entry
	attributed uint64
	attributes []erofs.Xattr
}

// sharedBy is an attribute that several inodes refer to.
type sharedBy struct {
	name  string
	paths []string // of some of them
}

// walk goes through a side and finds out what each byte is for.
type walk struct {
	side   *side
	ctx    context.Context
	extent treecmp.Extent
	seen   map[uint64]bool
	all    []region
}

// account finds out what each byte is for: where there is an error, as far as
// it got.
func (s *side) account(ctx context.Context) error {
	s.failed, s.repacked = map[uint64]bool{}, map[uint64]bool{}
	s.links, s.shared = map[uint64][]string{}, map[int64]*sharedBy{}
	w := &walk{side: s, ctx: ctx, seen: map[uint64]bool{}}
	w.add(region{start: 0, end: erofs.SuperOffset, what: bootArea})
	w.add(region{start: erofs.SuperOffset, end: s.sb.End(), what: superblock})
	var err error
	if s.fs != nil {
		w.tables()
		err = w.objects()
	}
	s.regions = regions.New(regions.Arrange(w.all, bounds, rank, cut), bounds)
	return err
}

func (w *walk) tables() {
	fs := w.side.fs
	for _, c := range fs.Configs() {
		w.add(region{start: c.Start, end: c.End, what: config, number: c.Algorithm})
	}
	if start, n := fs.Devices(); n > 0 {
		w.add(region{start: start, end: start + int64(n)*int64(erofs.DeviceSlotLayout.Size()), what: devices})
	}
	if start, end := fs.Prefixes(); end > start {
		w.add(region{start: start, end: end, what: prefixes})
	}
}

func (w *walk) objects() error {
	root, err := w.side.fs.Root()
	if err != nil {
		return err
	}
	if err := w.object("/", root, 0); err != nil {
		return err
	}
	if p := w.side.fs.Packed(); p != nil && !w.seen[p.NID] {
		return w.inode("", p, fragments)
	}
	return nil
}

func (w *walk) object(path string, in *erofs.Inode, depth int) error {
	if err := w.extent.Visit(w.ctx, path, depth); err != nil {
		return err
	}
	if !in.IsDir() && in.Links > 1 {
		w.side.links[in.NID] = append(w.side.links[in.NID], path)
	}
	if len(w.all) > maxRegions {
		return treecmp.TooMuch(fmt.Sprintf("more than %d pieces are not followed", maxRegions))
	}
	if w.seen[in.NID] {
		if in.IsDir() {
			return treecmp.TooMuch("the directory " + path + " has another name, or contains itself")
		}
		return nil
	}
	w.seen[in.NID] = true
	what := fileData
	switch in.Mode & tree.TypeMask {
	case tree.Directory:
		what = directory
	case tree.Symlink:
		what = linkData
	}
	if err := w.inode(path, in, what); err != nil || what != directory {
		return err
	}
	entries, err := w.side.fs.ReadDir(in)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if dots(e.Name) {
			continue
		}
		child, err := w.side.fs.Inode(e)
		if err != nil {
			return err
		}
		if err := w.object(tree.JoinPath(path, e.Name), child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

var metadata = map[string]purpose{
	"inode": inode, "xattr header": xattrHeader, "shared xattr ids": xattrIDs, "xattrs": xattrs,
	"map header": mapHeader, "index": index, "chunk index": index,
}

// inode enters the regions of an inode, whose data is for that.
func (w *walk) inode(path string, in *erofs.Inode, what purpose) error {
	fs := w.side.fs
	parts, err := fs.Metadata(in)
	if err != nil {
		return err
	}
	for _, p := range parts {
		w.add(region{start: p.Start, end: p.End, what: metadata[p.Name], path: path, nid: in.NID})
	}
	list, err := fs.Xattrs(in)
	if err != nil {
		return err
	}
	for _, x := range list {
		if x.Shared {
			by := w.side.shared[x.Offset]
			if by == nil {
				w.add(region{start: x.Offset, end: (x.End + 3) &^ 3, what: sharedXattr})
				by = &sharedBy{name: x.Name}
				w.side.shared[x.Offset] = by
			}
			if len(by.paths) < fewPaths {
				by.paths = append(by.paths, path)
			}
		}
	}
	f, err := fs.OpenFile(in)
	switch {
	case err == nil:
	case damaged(err) && what == fileData:
		return nil // that its content cannot be read is not the others' concern
	default:
		return err
	}
	for _, p := range f.Maps() {
		w.add(region{start: p.Start, end: p.End, what: metadata[p.Name], path: path, nid: in.NID})
	}
	for _, e := range f.Extents() {
		if e.Form == erofs.Hole || e.Form == erofs.Fragment || e.Form == erofs.Device {
			continue
		}
		packed := e.Form == erofs.Packed || e.Form == erofs.Rotated
		if n := len(w.all); n > 0 && what != directory {
			last := &w.all[n-1]
			if last.what == what && last.nid == in.NID && last.end == e.Start && last.packed == packed {
				last.end += e.Size
				continue
			}
		}
		w.add(region{start: e.Start, end: e.Start + e.Size, what: what, path: path, nid: in.NID, from: e.Offset, packed: packed})
	}
	return nil
}

// fewPaths is of how many inodes that share an attribute the paths are kept: one
// of them names its finding.
const fewPaths = 16

// maxRegions are kept of a side, about a gibibyte of them.
const maxRegions = 8 << 20

func (w *walk) add(r region) {
	r.end = min(r.end, w.side.Size)
	if r.start >= 0 && r.start < r.end {
		w.all = append(w.all, r)
	}
}

// bounds are a region's for package regions.
func bounds(r region) (start, end int64) { return r.start, r.end }

// rank puts regions that begin at the same byte in order: files may share their
// content.
func rank(x, y region) int { return int(x.what) - int(y.what) }

// cut refuses what is decoded from where it begins.
func cut(r region, start int64) (region, bool) {
	r.from += start - r.start
	r.start = start
	return r, r.what >= directory
}

// at is the region that holds a byte; where none does, the gap between two.
func (s *side) at(off int64) region {
	r, ok := s.regions.At(off)
	if !ok {
		r.start, r.end = s.regions.Gap(off, s.Size)
	}
	return r
}

// inode is the one that a region belongs to; nil where it cannot be read.
func (s *side) inode(r region) *erofs.Inode {
	in, err := s.fs.Inode(erofs.Entry{NID: r.nid})
	if err != nil {
		return nil
	}
	return in
}

// entries are a directory's. Those of the one that was asked for last are kept.
func (s *side) entries(r region) []erofs.Entry {
	if s.listed == r.nid+1 {
		return s.listing
	}
	s.listed, s.listing = r.nid+1, nil
	if in := s.inode(r); in != nil {
		if list, err := s.fs.ReadDir(in); err == nil {
			s.listing = list
		}
	}
	return s.listing
}

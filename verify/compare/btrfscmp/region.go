package btrfscmp

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// side is one of the two filesystems, with an account of its bytes.
type side struct {
	ledger.Side
	sb  btrfs.Superblock
	raw []byte    // of the superblock
	fs  *btrfs.FS // nil where it cannot be read

	nodes   *regions.List[nodeRef]
	extents *regions.List[extentRef]
	second  struct { // the copy of a node that was read last
		at  int64
		raw []byte
	}
}

// nodeRef is a node, by its logical address.
type nodeRef struct {
	logical int64
	size    int64
	tree    *btrfs.Tree
}

// extentRef is a data extent, by its logical address, with the first file that
// was found to refer to it.
type extentRef struct {
	logical, size int64
	tree          *btrfs.Tree
	number        uint64 // of the inode
	from          int64  // the file's byte that the extent's first one would be
	used          bool   // something counts: not only preallocated
	packed        bool   // compressed
}

// open reads a side's superblock, and then the rest. Where only that is wrong,
// the side comes with the error.
func open(s ledger.Side) (*side, error) {
	sb, raw, err := btrfs.ReadSuperblock(s.R)
	if err != nil {
		return nil, err
	}
	fs, err := btrfs.Open(s.R, s.Size)
	if err != nil {
		return &side{Side: s, sb: sb, raw: raw}, err
	}
	return &side{Side: s, sb: sb, raw: raw, fs: fs}, nil
}

// account reads all nodes of all trees once.
func (s *side) account(ctx context.Context) error {
	var nodes []nodeRef
	var extents []extentRef
	seen := map[uint64]bool{}
	for _, t := range s.fs.Trees() {
		err := s.fs.Walk(t, seen, func(n *btrfs.Node) error {
			nodes = append(nodes, nodeRef{int64(n.Logical), int64(len(n.Raw)), t})
			for i := range n.Len() {
				if !n.Leaf() {
					break
				}
				if k := n.Key(i); k.Type == btrfs.ExtentDataKey {
					extents = s.addExtent(extents, t, btrfs.Record{Key: k, Data: n.Data(i), Node: n, Index: i})
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	s.nodes = regions.New(regions.Arrange(nodes, nodeRef.bounds, func(a, b nodeRef) int { return 0 }, func(r nodeRef, _ int64) (nodeRef, bool) { return r, false }), nodeRef.bounds)
	s.extents = regions.New(regions.Arrange(extents, extentRef.bounds, func(a, b extentRef) int {
		return cmp.Or(cmp.Compare(b.size, a.size), boolean(b.used)-boolean(a.used))
	}, extentRef.cut), extentRef.bounds)
	return nil
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// addExtent enters what a file's item refers to. One that makes no sense is
// passed over: reading the file will tell.
func (s *side) addExtent(to []extentRef, t *btrfs.Tree, r btrfs.Record) []extentRef {
	e, err := s.fs.DecodeExtent(r)
	if err != nil || e.DiskBytenr == 0 || e.DiskNumBytes == 0 {
		return to
	}
	x := extentRef{
		int64(e.DiskBytenr), int64(e.DiskNumBytes), t, r.Key.ObjectID, e.Start - int64(e.FileExtentItem.Offset),
		e.Head.Type == btrfs.ExtentRegular, e.Head.Compression != 0,
	}
	if n := len(to); n > 0 && to[n-1] == x { // a further piece of the same
		return to
	}
	return append(to, x)
}

func (r nodeRef) bounds() (start, end int64)   { return r.logical, r.logical + r.size }
func (r extentRef) bounds() (start, end int64) { return r.logical, r.logical + r.size }

func (r extentRef) cut(start int64) (extentRef, bool) {
	n := start - r.logical
	r.logical, r.size, r.from = start, r.size-n, r.from+n
	return r, !r.packed
}

// what says what a region is.
type what uint8

const (
	bootArea    what = iota // in front of the superblock
	unallocated             // in no chunk
	free                    // of a chunk
	superblock
	node
	data
)

// region is a part of a side.
type region struct {
	what       what
	start, end int64 // bytes of the volume
	base       int64 // where the node or extent would begin, in bytes of the volume
	index      int   // which superblock
	node       nodeRef
	extent     extentRef
}

// at is the region that holds a byte of the volume.
func (s *side) at(off int64) region {
	r := region{what: unallocated, end: max(s.Size, off+1)}
	for i, at := range btrfs.SuperOffsets {
		switch {
		case off < at:
			r.end = min(r.end, at)
		case off >= at+btrfs.SuperSize:
			r.start = max(r.start, at+btrfs.SuperSize)
		default:
			return region{what: superblock, start: at, end: at + btrfs.SuperSize, base: at, index: i}
		}
	}
	if s.fs == nil {
		return r
	}
	place, ok := s.fs.At(off)
	r.start, r.end = max(r.start, place.Start), min(r.end, place.End)
	if !ok {
		if off < btrfs.SuperOffsets[0] {
			r.what = bootArea
		}
		return r
	}
	logical := int64(place.Logical) + off - place.Start
	within := func(start, end int64) {
		r.base = off - (logical - start)
		r.start = max(r.start, r.base)
		if left := end - logical; left < r.end-off {
			r.end = off + left
		}
	}
	if n, ok := s.nodes.At(logical); ok {
		r.what, r.node = node, n
		within(n.bounds())
		return r
	}
	if e, ok := s.extents.At(logical); ok {
		r.what, r.extent = data, e
		within(e.bounds())
		return r
	}
	r.what = free
	startA, endA := s.nodes.Gap(logical, math.MaxInt64)
	startB, endB := s.extents.Gap(logical, math.MaxInt64)
	within(max(startA, startB), min(endA, endB))
	return r
}

// copyAt reads the copy of a node that lies at a byte of the volume.
func (s *side) copyAt(base, size int64) []byte {
	if s.second.raw == nil || s.second.at != base || int64(len(s.second.raw)) != size {
		s.second.raw, s.second.at = make([]byte, size), base
		if n, _ := s.R.ReadAt(s.second.raw, base); int64(n) < size {
			clear(s.second.raw[n:])
		}
	}
	return s.second.raw
}

// Limits of what is kept of paths.
const (
	maxUp    = 1024     // folders
	maxPaths = 64 << 20 // bytes of all paths of a side
)

// path is how an inode is shown: by the name that it is compared under or its
// first path, and by its number where it has none. Each folder on the way is
// looked up once.
func (c *comparison) path(second bool, t *btrfs.Tree, number uint64) string {
	s, known, i := c.a, c.paths[0], 0
	if second {
		s, known, i = c.b, c.paths[1], 1
	}
	if p, ok := known[object{t.ID, number}]; ok {
		return p
	}
	type step struct {
		object
		t    *btrfs.Tree
		name string
	}
	var way []step
	base := ""
	for len(way) < maxUp {
		o := object{t.ID, number}
		if p, ok := known[o]; ok {
			base = p
			break
		}
		name, parent, dir, ok := s.fs.Up(t, number)
		if ok && parent == nil {
			base, known[o] = "/", "/"
			break
		}
		way = append(way, step{o, t, name})
		if !ok {
			break
		}
		t, number = parent, dir
	}
	for len(way) > 0 {
		x := way[len(way)-1]
		way = way[:len(way)-1]
		if base == "" || c.pathBytes[i] > maxPaths {
			base = numbered(x.t, x.number)
		} else {
			base = tree.JoinPath(base, x.name)
		}
		known[x.object] = base
		c.pathBytes[i] += len(base)
	}
	return base
}

// numbered shows an inode by its number.
func numbered(t *btrfs.Tree, number uint64) string {
	if t.ID == btrfs.FSTree {
		return fmt.Sprintf("<%d>", number)
	}
	return fmt.Sprintf("<%s: %d>", t.Name(), number)
}

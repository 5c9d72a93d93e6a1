package ext4

import (
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Run is a run of blocks of a file that lie side by side.
type Run struct {
	Logical   uint64 // first block within the file
	Physical  uint64 // first block within the volume
	Blocks    uint64
	Unwritten bool // allocated, but reads as zeros
}

// MapNode is a block that a file's mapping takes for itself: a node of its
// extent tree, or an indirect block.
type MapNode struct {
	Physical uint64 // block within the volume
	Logical  uint64 // first block of the file that it maps
	Depth    int    // 0: it points at data
	Indirect bool   // an indirect block, else a node of the extent tree
}

// Mapping is where an inode's content lies.
type Mapping struct {
	Runs     []Run     // ascending by Logical, not overlapping; what is between them are holes
	Nodes    []MapNode // in the order of the tree, a node before those below it
	Problems []*Problem
}

// HasBlocks tells whether the inode's i_block maps blocks. In devices, fifos,
// sockets, short symbolic links and inodes with inline data it does not.
func (d DiskInode) HasBlocks() bool {
	if d.Raw.Flags()&InodeInlineData != 0 {
		return false
	}
	switch d.Raw.Type() {
	case tree.Regular, tree.Directory:
		return true
	case tree.Symlink:
		return !d.fastSymlink()
	case 0:
		return d.Number == BadIno
	}
	return false
}

// fastSymlink tells whether a symbolic link's target is in i_block.
func (d DiskInode) fastSymlink() bool {
	return d.Raw.Flags()&(InodeExtents|InodeInlineData) == 0 && d.Raw.Size() < uint64(blockFieldSz)
}

// Map reads where an inode's content lies. What is damaged is left out, and
// listed in Problems.
func (fs *FS) Map(d DiskInode) Mapping {
	var m Mapping
	var ps problems
	seen := map[uint64]bool{}
	w := mapper{
		fs: fs, ps: &ps,
		run: func(r Run) { m.Runs = append(m.Runs, r) },
		node: func(n MapNode) bool {
			if seen[n.Physical] {
				return false
			}
			seen[n.Physical] = true
			m.Nodes = append(m.Nodes, n)
			return true
		},
	}
	w.walk(d)
	m.Problems = ps.done()
	return m
}

// mapper walks a mapping. It is used again for one inode after the other, so
// that the blocks it reads into are allocated once.
type mapper struct {
	fs   *FS
	ps   *problems
	run  func(Run)
	node func(MapNode) bool // false: met before; what is below is not walked again

	d       DiskInode
	next    uint64 // first logical block that may still be mapped
	total   uint64 // blocks mapped so far
	pending Run
	bufs    [MaxExtentDepth + 1][]byte
}

func (w *mapper) walk(d DiskInode) {
	w.d, w.next, w.total, w.pending = d, 0, 0, Run{}
	if !d.HasBlocks() {
		return
	}
	if d.Raw.Flags()&InodeExtents != 0 {
		w.extents(d.Raw.Block(), d.Offset+int64(offBlock), -1)
		return
	}
	apb := uint64(w.fs.blockSize / 4)
	b := d.Raw.Block()
	logical := uint64(0)
	for i := range 12 {
		w.mapBlock(uint64(le.Uint32(b[4*i:])), logical)
		logical++
	}
	span := uint64(1)
	for depth := range 3 {
		w.indirect(uint64(le.Uint32(b[4*(12+depth):])), logical, depth, span)
		span *= apb
		logical += span
	}
	w.flush()
}

func (w *mapper) mapBlock(b, logical uint64) {
	if b == 0 {
		return
	}
	if !w.fs.validBlock(b, 1) {
		w.ps.add(w.d.Offset, "inode %d: block %d of the file is at block %d of %d", w.d.Number, logical, b, w.fs.blocks)
		return
	}
	p := &w.pending
	if p.Blocks > 0 && p.Logical+p.Blocks == logical && p.Physical+p.Blocks == b {
		p.Blocks++
		return
	}
	w.flush()
	w.pending = Run{Logical: logical, Physical: b, Blocks: 1}
}

func (w *mapper) flush() {
	if w.pending.Blocks > 0 {
		w.emit(w.pending)
		w.pending = Run{}
	}
}

// emit passes a run on, unless the file already has more blocks than the
// volume, which only a crafted mapping reaches.
func (w *mapper) emit(r Run) {
	if w.total > w.fs.blocks {
		return
	}
	w.total += r.Blocks
	if w.total > w.fs.blocks {
		w.ps.add(w.d.Offset, "inode %d maps more blocks than the volume's %d", w.d.Number, w.fs.blocks)
		return
	}
	w.run(r)
}

// indirect walks an indirect block; each of its entries spans span blocks.
func (w *mapper) indirect(b, logical uint64, depth int, span uint64) {
	if b == 0 || w.total > w.fs.blocks {
		return
	}
	if !w.fs.validBlock(b, 1) {
		w.ps.add(w.d.Offset, "inode %d: the indirect block for block %d of the file is at block %d of %d", w.d.Number, logical, b, w.fs.blocks)
		return
	}
	if !w.node(MapNode{Physical: b, Logical: logical, Depth: depth, Indirect: true}) {
		w.ps.add(int64(b)*w.fs.blockSize, "inode %d: indirect block %d is used twice", w.d.Number, b)
		return
	}
	buf, ok := w.read(b, depth)
	if !ok {
		return
	}
	for i := 0; i+4 <= len(buf); i += 4 {
		child := uint64(le.Uint32(buf[i:]))
		if child == 0 {
			logical += span
			continue
		}
		if depth == 0 {
			w.mapBlock(child, logical)
		} else {
			w.indirect(child, logical, depth-1, span/uint64(w.fs.blockSize/4))
		}
		logical += span
	}
}

// read reads a node into the buffer of its depth.
func (w *mapper) read(b uint64, depth int) ([]byte, bool) {
	if w.bufs[depth] == nil {
		w.bufs[depth] = make([]byte, w.fs.blockSize)
	}
	if err := w.fs.readAt(w.bufs[depth], int64(b)*w.fs.blockSize); err != nil {
		w.ps.add(int64(b)*w.fs.blockSize, "inode %d: block %d of the mapping cannot be read: %s", w.d.Number, b, text(err))
		return nil, false
	}
	return w.bufs[depth], true
}

// extents walks a node of an extent tree, at byte off of the volume. depth is
// what the node above makes it, or -1 for the root.
func (w *mapper) extents(b []byte, off int64, depth int) {
	magic, entries, most, d := le.Uint16(b), int(le.Uint16(b[2:])), int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	size := ExtentLayout.Size()
	fit := len(b)/size - 1
	switch {
	case magic != ExtentMagic:
		w.ps.add(off, "inode %d: extent tree: eh_magic is 0x%04x", w.d.Number, magic)
		return
	case entries > most || most > fit:
		w.ps.add(off, "inode %d: extent tree: eh_entries is %d, eh_max %d, room is for %d", w.d.Number, entries, most, fit)
		return
	case d > MaxExtentDepth || depth >= 0 && d != depth:
		w.ps.add(off, "inode %d: extent tree: eh_depth is %d", w.d.Number, d)
		return
	}
	for i := 1; i <= entries; i++ {
		e := b[i*size : (i+1)*size]
		at := off + int64(i*size)
		if d == 0 {
			w.extent(e, at)
			continue
		}
		first := uint64(le.Uint32(e))
		leaf := uint64(le.Uint32(e[4:])) | uint64(le.Uint16(e[8:]))<<32
		if !w.fs.validBlock(leaf, 1) {
			w.ps.add(at, "inode %d: extent tree: ei_leaf is block %d of %d", w.d.Number, leaf, w.fs.blocks)
			continue
		}
		if !w.node(MapNode{Physical: leaf, Logical: first, Depth: d - 1}) {
			w.ps.add(at, "inode %d: extent tree: block %d is used twice", w.d.Number, leaf)
			continue
		}
		if buf, ok := w.read(leaf, d-1); ok {
			w.extents(buf, int64(leaf)*w.fs.blockSize, d-1)
		}
	}
}

func (w *mapper) extent(e []byte, at int64) {
	logical := uint64(le.Uint32(e))
	length := uint64(le.Uint16(e[4:]))
	start := uint64(le.Uint16(e[6:]))<<32 | uint64(le.Uint32(e[8:]))
	unwritten := length > MaxExtentLength
	if unwritten {
		length -= MaxExtentLength
	}
	switch {
	case length == 0 || !w.fs.validBlock(start, length):
		w.ps.add(at, "inode %d: extent of %d blocks at block %d of %d", w.d.Number, length, start, w.fs.blocks)
	case logical < w.next:
		w.ps.add(at, "inode %d: extent at block %d of the file, which is mapped already", w.d.Number, logical)
	default:
		w.next = logical + length
		w.emit(Run{Logical: logical, Physical: start, Blocks: length, Unwritten: unwritten})
	}
}

package xfs

import "slices"

// Extent is where a piece of a fork lies.
type Extent struct {
	Offset    uint64 // in the fork, in blocks
	Start     uint64 // xfs_fsblock_t
	Count     uint64 // blocks
	Unwritten bool   // allocated, and reads as zeros
}

func decodeExtent(b []byte) Extent {
	hi, lo := be.Uint64(b), be.Uint64(b[8:])
	return Extent{Offset: hi << 1 >> 10, Start: hi&0x1FF<<43 | lo>>21, Count: lo & (1<<21 - 1), Unwritten: hi>>63 == 1}
}

// maxForkBlocks is how many blocks of extents and entries an inode may have
// here: enough for some hundred million of them.
const maxForkBlocks = 1 << 21

// Map lists a fork's extents in the order of their offsets, and the blocks of
// the tree that they are in (as xfs_fsblock_t), where they are in one. A fork
// that is all within its inode has none.
func (fs *FS) Map(in *Inode, f Fork) (list []Extent, blocks []uint64, err error) {
	fork := in.fork(f)
	switch in.format(f) {
	case formatLocal, formatDev:
		return nil, nil, nil
	case formatExtents:
		n := in.extentCount(f)
		if n > uint64(len(fork)/16) {
			return nil, nil, wrong(in.Offset, "%d extents are more than fit into an inode", n)
		}
		list = make([]Extent, n)
		for i := range list {
			list[i] = decodeExtent(fork[16*i:])
		}
	case formatBtree:
		if len(fork) < 4 {
			return nil, nil, wrong(in.Offset, "no room for a tree of extents")
		}
		level, n := be.Uint16(fork), int(be.Uint16(fork[2:]))
		most := (len(fork) - 4) / 16
		if n > most || level == 0 || level > maxLevels {
			return nil, nil, wrong(in.Offset, "a tree of extents of %d levels with %d pointers", level, n)
		}
		w := &extentWalk{fs: fs, met: map[uint64]bool{}}
		for i := range n {
			if err := w.block(be.Uint64(fork[4+8*most+8*i:]), level-1); err != nil {
				return nil, nil, err
			}
		}
		list, blocks = w.list, w.blocks
	default:
		return nil, nil, wrong(in.Offset, "a fork of the format %d has no extents", in.format(f))
	}
	var end uint64
	for i, e := range list {
		if fs.run(e.Start, e.Count) < 0 || e.Count == 0 || i > 0 && e.Offset < end {
			return nil, nil, wrong(in.Offset, "extent %d of inode %d leads nowhere", i, in.Ino)
		}
		end = e.Offset + e.Count
	}
	return list, blocks, nil
}

// extentWalk is a walk over an inode's tree of extents.
type extentWalk struct {
	fs     *FS
	met    map[uint64]bool
	list   []Extent
	blocks []uint64
}

func (w *extentWalk) block(n uint64, level uint16) error {
	at := w.fs.block(n)
	if at < 0 || len(w.blocks) >= maxForkBlocks || w.met[n] {
		return wrong(max(at, 0), "a tree of extents leads nowhere")
	}
	w.met[n] = true
	w.blocks = append(w.blocks, n)
	if err := w.fs.spend(1, at); err != nil {
		return err
	}
	b, err := w.fs.read(at, int64(w.fs.SB.BlockSize))
	if err != nil {
		return err
	}
	count, most := int(be.Uint16(b[6:])), (len(b)-bmapHeaderSize)/16
	if be.Uint32(b) != bmapMagic || be.Uint16(b[4:]) != level || count > most {
		return wrong(at, "this is no block of a tree of extents")
	}
	for i := range count {
		if level == 0 {
			w.list = append(w.list, decodeExtent(b[bmapHeaderSize+16*i:]))
			continue
		}
		if err := w.block(be.Uint64(b[bmapHeaderSize+8*most+8*i:]), level-1); err != nil {
			return err
		}
	}
	return nil
}

// forkBlock reads a block of an extent.
func (fs *FS) forkBlock(in *Inode, e Extent, i uint64) ([]byte, error) {
	at := fs.block(e.Start + i)
	if at < 0 {
		return nil, wrong(in.Offset, "a block of inode %d is outside", in.Ino)
	}
	if err := fs.spend(1, at); err != nil {
		return nil, err
	}
	return fs.read(at, int64(fs.SB.BlockSize))
}

// find is the index of the extent that holds a block of a fork, or else of the
// first behind it.
func find(list []Extent, block uint64) (i int, ok bool) {
	return slices.BinarySearchFunc(list, block, func(e Extent, block uint64) int {
		switch {
		case e.Offset+e.Count <= block:
			return -1
		case e.Offset > block:
			return 1
		}
		return 0
	})
}

package mkext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

const (
	maxExtentLen     = ext4.MaxExtentLength
	extentHeaderLen  = 12
	extentLen        = 12
	extentsPerInode  = 4                                         // in i_block
	extentsPerBlock  = (blockSize - extentHeaderLen) / extentLen // 340; four bytes are left for the checksum
	extentTailOffset = extentHeaderLen + extentsPerBlock*extentLen
)

// extent maps count blocks of a file from logical block on.
type extent struct {
	logical uint32
	count   uint32
	start   uint64
}

// extents is a file's map in ascending order, in as few extents as possible.
type extents []extent

// add appends blocks that follow all others of the file.
func (e *extents) add(logical uint32, r run) {
	for r.count > 0 {
		if n := len(*e); n > 0 {
			last := &(*e)[n-1]
			room := uint64(maxExtentLen - last.count)
			if room > 0 && last.logical+last.count == logical && last.start+uint64(last.count) == r.start {
				k := min(room, r.count)
				last.count += uint32(k)
				logical += uint32(k)
				r = run{r.start + k, r.count - k}
				continue
			}
		}
		k := min(maxExtentLen, r.count)
		*e = append(*e, extent{logical, uint32(k), r.start})
		logical += uint32(k)
		r = run{r.start + k, r.count - k}
	}
}

// blocks is the number of blocks mapped.
func (e extents) blocks() uint64 {
	var n uint64
	for _, x := range e {
		n += uint64(x.count)
	}
	return n
}

// extentTreeBlocks is the number of blocks that n extents need outside the
// inode.
func extentTreeBlocks(n uint64) uint64 {
	var sum uint64
	for n > extentsPerInode {
		n = ceilDiv(n, extentsPerBlock)
		sum += n
	}
	return sum
}

// node is a block of an extent tree.
type node struct {
	block uint64
	data  []byte
}

// encode turns the map into the 60 bytes of i_block and the tree's blocks,
// which lie in places, as many as extentTreeBlocks says. Nodes are filled, so
// that no tree is deeper than it must be.
func (e extents) encode(iblock []byte, inodeSeed uint32, places []run) []node {
	var nodes []node
	// entries of the level at hand: extents first, then indexes of their nodes.
	entry := func(i int, to []byte) {
		x := ext4.Extent{
			Block: e[i].logical, Len: uint16(e[i].count),
			StartHi: uint16(e[i].start >> 32), StartLo: uint32(e[i].start),
		}
		ext4.ExtentLayout.Put(to, &x)
	}
	first := func(i int) uint32 { return e[i].logical }
	count, depth := len(e), uint16(0)
	for count > extentsPerInode {
		level := make([]node, 0, ceilDiv(uint64(count), extentsPerBlock))
		firsts := make([]uint32, 0, cap(level))
		for at := 0; at < count; at += extentsPerBlock {
			n := min(extentsPerBlock, count-at)
			b := make([]byte, blockSize)
			putExtentHeader(b, n, extentsPerBlock, depth)
			for i := range n {
				entry(at+i, b[extentHeaderLen+i*extentLen:])
			}
			ext4.ExtentTailLayout.Put(b[extentTailOffset:], &ext4.ExtentTail{
				Checksum: ext4.ExtentBlockChecksum(inodeSeed, b, extentsPerBlock),
			})
			level = append(level, node{nextBlock(&places), b})
			firsts = append(firsts, first(at))
		}
		nodes = append(nodes, level...)
		entry = func(i int, to []byte) {
			x := ext4.ExtentIdx{Block: firsts[i], LeafLo: uint32(level[i].block), LeafHi: uint16(level[i].block >> 32)}
			ext4.ExtentIdxLayout.Put(to, &x)
		}
		first = func(i int) uint32 { return firsts[i] }
		count = len(level)
		depth++
	}
	putExtentHeader(iblock, count, extentsPerInode, depth)
	for i := range count {
		entry(i, iblock[extentHeaderLen+i*extentLen:])
	}
	return nodes
}

// putExtentHeader writes the header of a node. It runs once for every inode,
// so it does not go through the declaration's reflection; a test compares.
func putExtentHeader(b []byte, entries, limit int, depth uint16) {
	le := binary.LittleEndian
	le.PutUint16(b[0:], ext4.ExtentMagic)
	le.PutUint16(b[2:], uint16(entries))
	le.PutUint16(b[4:], uint16(limit))
	le.PutUint16(b[6:], depth)
	le.PutUint32(b[8:], 0)
}

// nextBlock takes the first block of a list of runs.
func nextBlock(runs *[]run) uint64 {
	r := &(*runs)[0]
	b := r.start
	r.start++
	r.count--
	if r.count == 0 {
		*runs = (*runs)[1:]
	}
	return b
}

package mkbtrfs

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
)

const (
	leafRoom = nodeSize - btrfs.HeaderSize
	nodePtrs = leafRoom / btrfs.KeyPtrSize
)

// block is one of a tree: whose, and how far above the leaves.
type block struct {
	owner uint64
	level uint8
}

// blockStore takes the blocks of trees, numbered in the order in which they
// come.
type blockStore interface {
	// next is the address that the next block will have.
	next() uint64
	// put writes it.
	put(b block, raw []byte) error
}

// pointer is a node's pointer to a block.
type pointer struct {
	key btrfs.Key
	at  uint64
}

// builder packs a tree from items that come in the order of their keys.
type builder struct {
	store blockStore
	owner uint64
	fill  func(raw []byte, b block, at uint64, items int) // the header; nil: only room is counted

	raw   []byte
	items int
	free  int // where the leaf's data begins
	first btrfs.Key
	last  btrfs.Key
	level []pointer // to the leaves
	err   error
}

func newBuilder(store blockStore, owner uint64, fill func([]byte, block, uint64, int)) *builder {
	t := &builder{store: store, owner: owner, fill: fill, raw: make([]byte, nodeSize)}
	t.reset()
	return t
}

func (t *builder) reset() {
	clear(t.raw)
	t.items, t.free = 0, nodeSize
}

// add makes an item of size bytes, and returns them to be filled. An error is
// told by finish.
func (t *builder) add(key btrfs.Key, size int) []byte {
	if t.err != nil || size > maxItem || t.items+len(t.level) > 0 && t.last.Compare(key) >= 0 {
		if t.err == nil {
			t.err = fmt.Errorf("btrfs: tree %d: the item %v of %d bytes behind %v", int64(t.owner), key, size, t.last)
		}
		return make([]byte, size)
	}
	if btrfs.HeaderSize+(t.items+1)*btrfs.ItemSize+size > t.free {
		t.leaf()
	}
	if t.items == 0 {
		t.first = key
	}
	t.free -= size
	if t.fill != nil {
		btrfs.ItemLayout.Put(t.raw[btrfs.HeaderSize+t.items*btrfs.ItemSize:], &btrfs.Item{Key: key, Offset: uint32(t.free - btrfs.HeaderSize), Size: uint32(size)})
	}
	t.items++
	t.last = key
	return t.raw[t.free : t.free+size]
}

func (t *builder) leaf() {
	t.level = append(t.level, pointer{t.first, t.store.next()})
	t.emit(0, t.items)
	t.reset()
}

func (t *builder) emit(level uint8, items int) {
	b := block{t.owner, level}
	if t.fill != nil {
		t.fill(t.raw, b, t.store.next(), items)
	}
	if err := t.store.put(b, t.raw); err != nil && t.err == nil {
		t.err = err
	}
}

// root is where a tree begins.
type root struct {
	at     uint64
	level  uint8
	blocks int
}

// finish writes what is left, and the nodes above the leaves.
func (t *builder) finish() (root, error) {
	if t.items > 0 || len(t.level) == 0 {
		t.leaf() // also of a tree that is empty
	}
	r := root{blocks: len(t.level)}
	for len(t.level) > 1 {
		r.level++
		var above []pointer
		for below := t.level; len(below) > 0; {
			n := min(len(below), nodePtrs)
			clear(t.raw)
			if t.fill != nil {
				for i, p := range below[:n] {
					btrfs.KeyPtrLayout.Put(t.raw[btrfs.HeaderSize+i*btrfs.KeyPtrSize:], &btrfs.KeyPtr{Key: p.key, Blockptr: p.at, Generation: generation})
				}
			}
			above = append(above, pointer{below[0].key, t.store.next()})
			t.emit(r.level, n)
			below = below[n:]
			r.blocks++
		}
		t.level = above
	}
	r.at = t.level[0].at
	return r, t.err
}

// counter is a blockStore that only counts.
type counter struct {
	blocks []block
}

func (c *counter) next() uint64 { return uint64(len(c.blocks)) * nodeSize }

func (c *counter) put(b block, _ []byte) error {
	c.blocks = append(c.blocks, b)
	return nil
}

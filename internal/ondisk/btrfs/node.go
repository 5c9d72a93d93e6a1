package btrfs

import (
	"sort"
)

// MaxLevel is BTRFS_MAX_LEVEL - 1: the highest level of a node.
const MaxLevel = 7

// Node is a block of a tree.
type Node struct {
	Header
	Logical uint64
	Offset  int64  // of the copy that is read, in bytes of the volume
	Raw     []byte // must not be changed
	Sealed  bool   // its checksum is right

	fieldsOf int // the item whose fields were asked for last
	fields   []ItemField
}

// Leaf tells whether the node holds items.
func (n *Node) Leaf() bool { return n.Level == 0 }

// Len is how many items or pointers the node has.
func (n *Node) Len() int { return int(n.Items) }

// Key is the key of the item or pointer of that index.
func (n *Node) Key(i int) Key {
	size := ItemSize
	if !n.Leaf() {
		size = KeyPtrSize
	}
	return decodeKey(n.Raw[HeaderSize+i*size:])
}

func decodeKey(b []byte) Key {
	return Key{ObjectID: le.Uint64(b), Type: b[8], Offset: le.Uint64(b[9:])}
}

// Pointer is a node's pointer of that index.
func (n *Node) Pointer(i int) KeyPtr {
	b := n.Raw[HeaderSize+i*KeyPtrSize:]
	return KeyPtr{decodeKey(b), le.Uint64(b[KeySize:]), le.Uint64(b[KeySize+8:])}
}

// Span is where the data of a leaf's item lie, in bytes of the node.
func (n *Node) Span(i int) (start, end int) {
	b := n.Raw[HeaderSize+i*ItemSize+KeySize:]
	start = HeaderSize + int(le.Uint32(b))
	return start, start + int(le.Uint32(b[4:]))
}

// Data is what a leaf's item holds.
func (n *Node) Data(i int) []byte {
	start, end := n.Span(i)
	return n.Raw[start:end:end]
}

// first is the index of the first key that is not before k.
func (n *Node) first(k Key) int {
	return sort.Search(n.Len(), func(i int) bool { return !n.Key(i).Before(k) })
}

// cacheBytes is how many bytes of nodes are kept.
const cacheBytes = 16 << 20

// Node reads the node at a logical address: the copy whose checksum is right,
// or the first where none's is. What points where in it is checked; a wrong
// checksum is not an error, and counted in BadSums.
func (fs *FS) Node(logical uint64) (*Node, error) {
	if n := fs.cache[logical]; n != nil {
		return n, nil
	}
	m := fs.Map(logical)
	size := int64(fs.SB.NodeSize)
	if m == nil || m.End()-logical < uint64(size) {
		return nil, wrong(0, "no chunk holds the node at the logical address %d", logical)
	}
	var best *Node
	var bad error
	for _, s := range m.Stripes {
		off := int64(s + (logical - m.Logical))
		n, err := fs.readNode(logical, off)
		if err != nil {
			if bad == nil {
				bad = err
			}
			continue
		}
		if best == nil || n.Sealed && !best.Sealed {
			best = n
		}
		if best.Sealed {
			break
		}
	}
	if best == nil {
		return nil, bad
	}
	if !best.Sealed {
		fs.badSums[logical] = true
	}
	if int64(len(fs.cached)+1)*size > cacheBytes {
		delete(fs.cache, fs.cached[fs.oldest])
		fs.cached[fs.oldest] = logical
		fs.oldest = (fs.oldest + 1) % len(fs.cached)
	} else {
		fs.cached = append(fs.cached, logical)
	}
	fs.cache[logical] = best
	return best, nil
}

// readNode reads one copy of a node.
func (fs *FS) readNode(logical uint64, off int64) (*Node, error) {
	size := int64(fs.SB.NodeSize)
	if off > fs.size-size {
		return nil, wrong(off, "a node there is outside of the device")
	}
	raw := make([]byte, size)
	if err := readFull(fs.r, raw, off); err != nil {
		return nil, err
	}
	n, err := parseNode(raw, logical, off)
	if err != nil {
		return nil, err
	}
	n.Sealed = Sealed(fs.SB.CsumType, raw)
	return n, nil
}

// parseNode checks what a node's bytes say of its own: afterwards Key, Pointer
// and Data can be asked for any index below Len.
func parseNode(raw []byte, logical uint64, off int64) (*Node, error) {
	n := &Node{Header: HeaderLayout.Decode(raw), Logical: logical, Offset: off, Raw: raw}
	room := len(raw) - HeaderSize
	each := ItemSize
	if n.Level > 0 {
		each = KeyPtrSize
	}
	switch {
	case n.Bytenr != logical:
		return nil, wrong(off, "the node says that it lies at the logical address %d, not %d", n.Bytenr, logical)
	case n.Level > MaxLevel:
		return nil, wrong(off, "a node of level %d", n.Level)
	case int64(n.Items) > int64(room/each):
		return nil, wrong(off, "a node of %d items", n.Items)
	case n.Level > 0 && n.Items == 0:
		return nil, wrong(off, "a node of level %d without pointers", n.Level)
	}
	end := room // of the data of the item before
	for i := range n.Len() {
		if i > 0 && !n.Key(i-1).Before(n.Key(i)) {
			return nil, wrong(off+int64(HeaderSize+i*each), "the keys of the node at %d are not in order", logical)
		}
		if n.Level > 0 {
			continue
		}
		b := raw[HeaderSize+i*ItemSize+KeySize:]
		start, size := int64(le.Uint32(b)), int64(le.Uint32(b[4:]))
		if start+size != int64(end) || start < int64(n.Len()*ItemSize) {
			return nil, wrong(off+int64(HeaderSize+i*ItemSize), "the item %d of the node at %d lies at %d with %d bytes, and should end at %d", i, logical, start, size, end)
		}
		end = int(start)
	}
	return n, nil
}

// Slack is the range of a node that holds nothing, in bytes of the node.
func (n *Node) Slack() (start, end int) {
	if !n.Leaf() {
		return HeaderSize + n.Len()*KeyPtrSize, len(n.Raw)
	}
	end = len(n.Raw)
	if n.Len() > 0 {
		end, _ = n.Span(n.Len() - 1)
	}
	return HeaderSize + n.Len()*ItemSize, end
}

package btrfs

// Record is an item of a tree, with the leaf that holds it.
type Record struct {
	Key   Key
	Data  []byte // must not be changed
	Node  *Node
	Index int // in the leaf
}

// Offset is where the data lie, in bytes of the volume.
func (r Record) Offset() int64 {
	start, _ := r.Node.Span(r.Index)
	return r.Node.Offset + int64(start)
}

// Cursor goes through a tree's items in the order of their keys. As keys only
// rise and each node begins with the key that leads to it, no node is met
// twice, whatever the pointers say.
type Cursor struct {
	fs    *FS
	stack [MaxLevel + 1]step // by depth
	depth int                // of the leaf
	last  Key
	begun bool
}

type step struct {
	n  *Node
	at int
}

// Seek is a cursor before the first item whose key is not before from.
func (fs *FS) Seek(t *Tree, from Key) (*Cursor, error) {
	c := &Cursor{fs: fs}
	n, err := fs.root(t)
	if err != nil {
		return nil, err
	}
	for {
		s := &c.stack[c.depth]
		s.n = n
		s.at = n.first(from)
		if n.Leaf() {
			return c, nil
		}
		// What is not before from may begin in the child that begins before it.
		if s.at > 0 && (s.at == n.Len() || from.Before(n.Key(s.at))) {
			s.at--
		}
		if n, err = fs.child(n, s.at); err != nil {
			return nil, err
		}
		c.depth++
	}
}

// root reads a tree's first node.
func (fs *FS) root(t *Tree) (*Node, error) {
	n, err := fs.Node(t.Root)
	if err != nil {
		return nil, err
	}
	if n.Level != t.Level {
		return nil, wrong(n.Offset, "the first node of the %s has the level %d, not %d", t.Name(), n.Level, t.Level)
	}
	return n, nil
}

// child reads what a node's pointer points at.
func (fs *FS) child(n *Node, i int) (*Node, error) {
	p := n.Pointer(i)
	c, err := fs.Node(p.Blockptr)
	if err != nil {
		return nil, err
	}
	if c.Level != n.Level-1 || c.Len() == 0 || c.Key(0) != p.Key {
		return nil, wrong(n.Offset+int64(HeaderSize+i*KeyPtrSize), "the pointer %d of the node at %d leads to a node of level %d that does not begin with its key", i, n.Logical, c.Level)
	}
	return c, nil
}

// Next is the next item; ok is false behind the last.
func (c *Cursor) Next() (r Record, ok bool, err error) {
	for {
		leaf := &c.stack[c.depth]
		if leaf.at < leaf.n.Len() {
			i := leaf.at
			leaf.at++
			r = Record{leaf.n.Key(i), leaf.n.Data(i), leaf.n, i}
			if c.begun && !c.last.Before(r.Key) {
				return r, false, wrong(leaf.n.Offset, "the keys of the node at %d are not behind those before it", leaf.n.Logical)
			}
			c.begun, c.last = true, r.Key
			return r, true, nil
		}
		d := c.depth - 1
		for ; d >= 0; d-- {
			if c.stack[d].at+1 < c.stack[d].n.Len() {
				break
			}
		}
		if d < 0 {
			return r, false, nil
		}
		c.stack[d].at++
		for ; d < c.depth; d++ {
			n, err := c.fs.child(c.stack[d].n, c.stack[d].at)
			if err != nil {
				return r, false, err
			}
			c.stack[d+1] = step{n, 0}
		}
	}
}

// Range calls visit for the items from one key to another, both included, until
// it says that it needs no more.
func (fs *FS) Range(t *Tree, from, to Key, visit func(r Record) (more bool, err error)) error {
	c, err := fs.Seek(t, from)
	if err != nil {
		return err
	}
	for {
		r, ok, err := c.Next()
		if err != nil || !ok || to.Before(r.Key) {
			return err
		}
		if more, err := visit(r); err != nil || !more {
			return err
		}
	}
}

// Find is the item of that very key; ok is false where there is none.
func (fs *FS) Find(t *Tree, k Key) (r Record, ok bool, err error) {
	err = fs.Range(t, k, k, func(found Record) (bool, error) {
		r, ok = found, true
		return false, nil
	})
	return r, ok, err
}

// Floor is the last item whose key is not behind k; ok is false where there is
// none.
func (fs *FS) Floor(t *Tree, k Key) (r Record, ok bool, err error) {
	n, err := fs.root(t)
	for err == nil {
		i := n.first(k)
		if i == n.Len() || k.Before(n.Key(i)) {
			i--
		}
		if i < 0 {
			return r, false, nil
		}
		if n.Leaf() {
			return Record{n.Key(i), n.Data(i), n, i}, true, nil
		}
		n, err = fs.child(n, i)
	}
	return r, false, err
}

// Walk calls visit for the nodes of a tree, each before those that it leads to,
// and passes over all that is in seen, by logical address; what it visits is
// entered there. So that what snapshots share is visited once, and what leads
// in a circle ends.
func (fs *FS) Walk(t *Tree, seen map[uint64]bool, visit func(n *Node) error) error {
	if seen[t.Root] {
		return nil
	}
	n, err := fs.root(t)
	if err != nil {
		return err
	}
	seen[n.Logical] = true
	if err := visit(n); err != nil {
		return err
	}
	stack := []step{{n, 0}}
	for len(stack) > 0 {
		s := &stack[len(stack)-1]
		if s.n.Leaf() || s.at == s.n.Len() {
			stack = stack[:len(stack)-1]
			continue
		}
		i := s.at
		s.at++
		if seen[s.n.Pointer(i).Blockptr] {
			continue
		}
		child, err := fs.child(s.n, i)
		if err != nil {
			return err
		}
		seen[child.Logical] = true
		if err := visit(child); err != nil {
			return err
		}
		stack = append(stack, step{child, 0})
	}
	return nil
}

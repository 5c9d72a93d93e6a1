package sqlite

import (
	"context"
	"encoding/binary"
)

// Types of b-tree pages, section 1.6.
const (
	indexInterior = 0x02
	tableInterior = 0x05
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

// MaxRecord is the length in bytes of the longest record that is read.
const MaxRecord = 16 << 20

// maxDepth is more than any b-tree has: SQLite's own limit is 20.
const maxDepth = 20

// walk visits the cells of a b-tree in order.
type walk struct {
	d     *DB
	ctx   context.Context
	seen  []uint64 // a bit a page
	left  int64    // bytes that payloads may still have
	index bool     // an index b-tree, which holds payloads in interior pages too
	fn    func(rowid int64, payload []byte) error
}

func (d *DB) walk(ctx context.Context, root uint32, index bool, fn func(int64, []byte) error) error {
	w := &walk{d: d, ctx: ctx, seen: make([]uint64, d.pages/64+1), left: d.size, index: index, fn: fn}
	return w.visit(root, 0)
}

// mark notes that a page is used. A page belongs to one place only.
func (w *walk) mark(no uint32) error {
	if no == 0 || no > w.d.pages {
		return corrupt(no, "the file has pages 1 to %d", w.d.pages)
	}
	if w.seen[no/64]&(1<<(no%64)) != 0 {
		return corrupt(no, "it is used twice")
	}
	w.seen[no/64] |= 1 << (no % 64)
	return nil
}

func (w *walk) visit(no uint32, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > maxDepth {
		return corrupt(no, "the b-tree is too deep")
	}
	if err := w.mark(no); err != nil {
		return err
	}
	p, err := w.d.readPage(no)
	if err != nil {
		return err
	}
	at := 0
	if no == 1 {
		at = Layout.Size()
	}
	kind, cells := p[at], int(binary.BigEndian.Uint16(p[at+3:]))
	first := at + 8
	interior := kind == indexInterior || kind == tableInterior
	if interior {
		first += 4
	}
	switch kind {
	case indexInterior, indexLeaf, tableInterior, tableLeaf:
	default:
		return corrupt(no, "type %#02x is none of a b-tree's", kind)
	}
	if w.index != (kind == indexInterior || kind == indexLeaf) {
		return corrupt(no, "type %#02x does not belong into this b-tree", kind)
	}
	// A cell takes at least two bytes beside its pointer.
	if first+2*cells > w.d.usable || cells > w.d.usable/4 {
		return corrupt(no, "%d cells do not fit", cells)
	}
	for i := range cells {
		off := int(binary.BigEndian.Uint16(p[first+2*i:]))
		if off < first+2*cells || off >= w.d.usable {
			return corrupt(no, "cell %d at byte %d", i, off)
		}
		if err := w.cell(no, p[off:w.d.usable], kind, depth); err != nil {
			return err
		}
	}
	if interior {
		return w.visit(binary.BigEndian.Uint32(p[at+8:]), depth+1)
	}
	return nil
}

func (w *walk) cell(no uint32, b []byte, kind byte, depth int) error {
	if kind == indexInterior || kind == tableInterior {
		if len(b) < 4 {
			return corrupt(no, "a cell ends early")
		}
		if err := w.visit(binary.BigEndian.Uint32(b), depth+1); err != nil {
			return err
		}
		if kind == tableInterior {
			return nil
		}
		b = b[4:]
	}
	size, n := uvarint(b)
	if n == 0 || size > MaxRecord {
		return corrupt(no, "a record of %d bytes is more than is read", size)
	}
	b = b[n:]
	var rowid int64
	if kind == tableLeaf {
		v, n := uvarint(b)
		if n == 0 {
			return corrupt(no, "a cell ends early")
		}
		rowid, b = int64(v), b[n:]
	}
	payload, err := w.payload(no, b, int(size), kind == tableLeaf)
	if err != nil {
		return err
	}
	return w.fn(rowid, payload)
}

// payload gathers a record from its cell and its overflow pages, sections 1.6
// and 1.7.
func (w *walk) payload(no uint32, b []byte, size int, table bool) ([]byte, error) {
	if w.left -= int64(size); w.left < 0 {
		return nil, corrupt(no, "its records are longer than the file")
	}
	u := w.d.usable
	most, least := u-35, (u-12)*32/255-23
	if !table {
		most = (u-12)*64/255 - 23
	}
	local := size
	if size > most {
		local = least + (size-least)%(u-4)
		if local > most {
			local = least
		}
	}
	if local == size {
		if len(b) < size {
			return nil, corrupt(no, "a cell ends early")
		}
		return b[:size:size], nil
	}
	if len(b) < local+4 {
		return nil, corrupt(no, "a cell ends early")
	}
	out := append([]byte(nil), b[:local]...)
	for next := binary.BigEndian.Uint32(b[local:]); len(out) < size; {
		if err := w.mark(next); err != nil {
			return nil, err
		}
		p, err := w.d.readPage(next)
		if err != nil {
			return nil, err
		}
		out = append(out, p[4:4+min(u-4, size-len(out))]...)
		next = binary.BigEndian.Uint32(p)
	}
	return out, nil
}

// uvarint reads a variable-length integer: one to nine bytes, the highest
// first, section 1.6. n is 0 where b ends early.
func uvarint(b []byte) (v uint64, n int) {
	for n = range min(9, len(b)) {
		if n == 8 {
			return v<<8 | uint64(b[8]), 9
		}
		v = v<<7 | uint64(b[n]&0x7f)
		if b[n] < 0x80 {
			return v, n + 1
		}
	}
	return 0, 0
}

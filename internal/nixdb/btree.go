package nixdb

import (
	"encoding/binary"
	"fmt"
)

const (
	pageSize   = 4096
	headerSize = 100 // of the database, on its first page (section 1.3)
)

// Types of b-tree pages, section 1.6.
const (
	indexInterior = 0x02
	tableInterior = 0x05
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

const (
	leafHeader     = 8
	interiorHeader = 12 // with the right-most child
	cellPointer    = 2
	childPointer   = 4
)

// maxCell is the longest cell that both a table's and an index's page hold
// without spilling over (section 1.6: 4061 and 1002 bytes of payload); all
// rows but the schema's stay far below it.
const (
	maxTablePayload = 4061
	maxIndexPayload = 1002
)

// file is the pages of a database, the first of them at index 0.
type file struct{ pages [][]byte }

// allocate gives the number of a new page.
func (f *file) allocate() uint32 {
	f.pages = append(f.pages, make([]byte, pageSize))
	return uint32(len(f.pages))
}

// room is how many bytes a page has for its header and its cells.
func room(page uint32) int {
	if page == schemaRoot {
		return pageSize - headerSize
	}
	return pageSize
}

// fill writes a b-tree page: its cells' contents are packed at its end, the
// first cell last, as SQLite does.
func (f *file) fill(no uint32, kind byte, cells [][]byte, right uint32) {
	page, at := f.pages[no-1], 0
	if no == schemaRoot {
		at = headerSize
	}
	h := page[at:]
	h[0] = kind
	pointers := h[leafHeader:]
	if kind == tableInterior || kind == indexInterior {
		binary.BigEndian.PutUint32(h[8:], right)
		pointers = h[interiorHeader:]
	}
	content := pageSize
	for i, c := range cells {
		content -= len(c)
		copy(page[content:], c)
		binary.BigEndian.PutUint16(pointers[cellPointer*i:], uint16(content))
	}
	binary.BigEndian.PutUint16(h[3:], uint16(len(cells)))
	binary.BigEndian.PutUint16(h[5:], uint16(content))
}

// row is a row of a table.
type row struct {
	id      int64
	payload []byte
}

// child is a subtree of a table's tree, with the highest rowid in it.
type child struct {
	page uint32
	last int64
}

// table writes a table's b-tree whose top is the page root. Rows come with
// rising ids.
func (f *file) table(root uint32, rows []row) error {
	cells := make([][]byte, len(rows))
	for i, r := range rows {
		if len(r.payload) > maxTablePayload {
			return fmt.Errorf("row %d has %d bytes; %d are the most", r.id, len(r.payload), maxTablePayload)
		}
		c := appendVarint(nil, uint64(len(r.payload)))
		c = appendVarint(c, uint64(r.id))
		cells[i] = append(c, r.payload...)
	}
	// Where all rows fit, the root is a leaf.
	if take(cells, room(root)-leafHeader) == len(cells) {
		f.fill(root, tableLeaf, cells, 0)
		return nil
	}
	var level []child
	for at := 0; at < len(cells); {
		n := take(cells[at:], pageSize-leafHeader)
		page := f.allocate()
		f.fill(page, tableLeaf, cells[at:at+n], 0)
		at += n
		level = append(level, child{page, rows[at-1].id})
	}
	for {
		cells := make([][]byte, len(level))
		for i, c := range level {
			cells[i] = appendVarint(binary.BigEndian.AppendUint32(nil, c.page), uint64(c.last))
		}
		// The last child of a page has no cell, but stands in its header.
		if take(cells[:len(cells)-1], room(root)-interiorHeader) == len(cells)-1 {
			f.fill(root, tableInterior, cells[:len(cells)-1], level[len(level)-1].page)
			return nil
		}
		var above []child
		for at := 0; at < len(level); {
			n := take(cells[at:len(cells)-1], pageSize-interiorHeader) + 1
			if len(level)-(at+n) == 1 {
				n-- // a page of one child alone would have no cell
			}
			page := f.allocate()
			right := level[at+n-1]
			f.fill(page, tableInterior, cells[at:at+n-1], right.page)
			at += n
			above = append(above, child{page, right.last})
		}
		level = above
	}
}

// index writes an index's b-tree whose top is the page root. The keys are
// records, in the index's order. A key stands once in the tree: in a leaf, or
// between two subtrees.
func (f *file) index(root uint32, keys [][]byte) error {
	for i, k := range keys {
		if len(k) > maxIndexPayload {
			return fmt.Errorf("key %d has %d bytes; %d are the most", i, len(k), maxIndexPayload)
		}
	}
	// children[i] holds what comes before keys[i]; none on the lowest level.
	var children []uint32
	for {
		cells := make([][]byte, len(keys))
		kind, header := byte(indexLeaf), leafHeader
		if children != nil {
			kind, header = indexInterior, interiorHeader
		}
		for i, k := range keys {
			if children != nil {
				cells[i] = binary.BigEndian.AppendUint32(nil, children[i])
			}
			cells[i] = append(appendVarint(cells[i], uint64(len(k))), k...)
		}
		right := func(i int) uint32 {
			if children == nil {
				return 0
			}
			return children[i]
		}
		if take(cells, room(root)-header) == len(cells) {
			f.fill(root, kind, cells, right(len(cells)))
			return nil
		}
		var above []uint32
		var between [][]byte
		for at := 0; ; {
			n := take(cells[at:], pageSize-header)
			if len(cells)-(at+n) == 1 {
				n-- // or nothing would stand behind the key that goes up
			}
			page := f.allocate()
			f.fill(page, kind, cells[at:at+n], right(at+n))
			above = append(above, page)
			at += n
			if at == len(cells) {
				break
			}
			between = append(between, keys[at])
			at++
		}
		keys, children = between, above
	}
}

// take is how many of the first cells fit into a space of bytes.
func take(cells [][]byte, space int) int {
	for i, c := range cells {
		if space -= len(c) + cellPointer; space < 0 {
			return i
		}
	}
	return len(cells)
}

package squashfs

// blockCache holds the metadata blocks that were unpacked last.
type blockCache struct {
	blocks map[int64]*metaBlock
	order  []int64 // in which they came
}

// cachedBlocks is how many metadata blocks of 8 KiB are kept.
const cachedBlocks = 1024

type metaBlock struct {
	data []byte
	next int64 // where the block behind it begins
}

// metaAt is the metadata block whose header stands at off.
func (fs *FS) metaAt(off int64) (*metaBlock, error) {
	if m := fs.blocks.blocks[off]; m != nil {
		return m, nil
	}
	if fs.budget--; fs.budget < 0 {
		return nil, wrong(off, "the tables point at each other so often that they are damaged")
	}
	head := make([]byte, 2)
	if err := fs.readAt(head, off); err != nil {
		return nil, err
	}
	const plain = 1 << 15 // SQUASHFS_COMPRESSED_BIT
	h := le.Uint16(head)
	n := int(h &^ plain)
	if n == 0 {
		n = plain
	}
	if n > MetadataSize {
		return nil, wrong(off, "a metadata block of %d bytes", n)
	}
	raw := make([]byte, n)
	if err := fs.readAt(raw, off+2); err != nil {
		return nil, err
	}
	m := &metaBlock{data: raw, next: off + 2 + int64(n)}
	if h&plain == 0 {
		m.data = make([]byte, MetadataSize)
		got, err := fs.unpack(m.data, raw, off)
		if err != nil {
			return nil, err
		}
		m.data = m.data[:got]
	}
	if len(m.data) == 0 {
		return nil, wrong(off, "an empty metadata block")
	}
	fs.blocks.put(off, m)
	return m, nil
}

func (c *blockCache) put(off int64, m *metaBlock) {
	if c.blocks == nil {
		c.blocks = map[int64]*metaBlock{}
	}
	if len(c.order) == cachedBlocks {
		delete(c.blocks, c.order[0])
		c.order = c.order[1:]
	}
	c.blocks[off] = m
	c.order = append(c.order, off)
}

// metaReader reads a run of metadata blocks as one stream.
type metaReader struct {
	fs   *FS
	next int64 // the block after the present one
	rest []byte
	at   int64 // the present block, for messages
}

// metaFrom reads from offset in of the block that stands at off.
func (fs *FS) metaFrom(off int64, in int) (*metaReader, error) {
	m, err := fs.metaAt(off)
	if err != nil {
		return nil, err
	}
	if in > len(m.data) {
		return nil, wrong(off, "offset %d in a metadata block of %d bytes", in, len(m.data))
	}
	return &metaReader{fs: fs, next: m.next, rest: m.data[in:], at: off}, nil
}

// take returns the next n bytes. They are allocated as they are read.
func (r *metaReader) take(n int) ([]byte, error) {
	if n <= len(r.rest) {
		b := r.rest[:n]
		r.rest = r.rest[n:]
		return b, nil
	}
	var out []byte
	for len(out) < n {
		if len(r.rest) == 0 {
			m, err := r.fs.metaAt(r.next)
			if err != nil {
				return nil, err
			}
			r.at, r.next, r.rest = r.next, m.next, m.data
		}
		k := min(n-len(out), len(r.rest))
		out = append(out, r.rest[:k]...)
		r.rest = r.rest[k:]
	}
	return out, nil
}

package btrfs

import (
	"cmp"
	"slices"
)

// Mapping is a chunk: a range of logical addresses, and where it lies on the
// device, once or twice.
type Mapping struct {
	Chunk
	Logical uint64
	Stripes []uint64 // bytes of the device; a copy of the whole chunk at each
}

// End is the first logical address behind the chunk.
func (m *Mapping) End() uint64 { return m.Logical + m.Length }

// Place is a range of the device that a chunk takes.
type Place struct {
	Start, End int64
	Copy       int // which of the chunk's stripes it is
	*Mapping
}

// maxLogical is above any logical address that is met: what is added to it does
// not overflow.
const maxLogical = 1 << 62

// decodeChunk reads a chunk's item. It lies at byte off of the volume.
func (fs *FS) decodeChunk(key Key, b []byte, off int64) (*Mapping, error) {
	if len(b) < ChunkLayout.Size() {
		return nil, wrong(off, "a chunk of %d bytes", len(b))
	}
	m := &Mapping{Chunk: ChunkLayout.Decode(b), Logical: key.Offset}
	n := int(m.NumStripes)
	profile := m.Type & GroupProfiles
	switch {
	case n == 0 || len(b) != ChunkLayout.Size()+n*StripeLayout.Size():
		return nil, wrong(off, "a chunk of %d bytes with %d stripes", len(b), n)
	case m.Length == 0 || m.Logical > maxLogical || m.Length > 1<<56:
		return nil, wrong(off, "a chunk of %d bytes at %d", m.Length, m.Logical)
	}
	for i := range n {
		s := StripeLayout.Decode(b[ChunkLayout.Size()+i*StripeLayout.Size():])
		if s.DevID != fs.SB.DevItem.DevID {
			return nil, wrong(off, "a chunk lies on device %d; only filesystems on one device are read", s.DevID)
		}
		if s.Offset > 1<<56 {
			return nil, wrong(off, "a stripe at %d is outside of the device", s.Offset)
		}
		m.Stripes = append(m.Stripes, s.Offset)
	}
	if profile != 0 && profile != GroupDup && (profile != GroupRAID0 || n != 1) || profile == 0 && n != 1 || profile == GroupDup && n != 2 {
		return nil, wrong(off, "the profile 0x%x with %d stripes is not read", profile, n)
	}
	return m, nil
}

// addChunk enters a chunk. The system's are told twice.
func (fs *FS) addChunk(m *Mapping, off int64) error {
	i, _ := slices.BinarySearchFunc(fs.chunks, m.Logical, func(c *Mapping, at uint64) int { return cmp.Compare(c.Logical, at) })
	if i < len(fs.chunks) && fs.chunks[i].Logical == m.Logical && fs.chunks[i].Length == m.Length && slices.Equal(fs.chunks[i].Stripes, m.Stripes) {
		return nil
	}
	if i > 0 && fs.chunks[i-1].End() > m.Logical || i < len(fs.chunks) && m.End() > fs.chunks[i].Logical {
		return wrong(off, "the chunk at %d overlaps another", m.Logical)
	}
	fs.chunks = slices.Insert(fs.chunks, i, m)
	return nil
}

// placeChunks puts the chunks in the device's order.
func (fs *FS) placeChunks() error {
	fs.places = fs.places[:0]
	for _, m := range fs.chunks {
		for i, s := range m.Stripes {
			fs.places = append(fs.places, Place{int64(s), int64(s + m.Length), i, m})
		}
	}
	slices.SortFunc(fs.places, func(x, y Place) int { return cmp.Compare(x.Start, y.Start) })
	for i := 1; i < len(fs.places); i++ {
		if fs.places[i].Start < fs.places[i-1].End {
			return wrong(fs.places[i].Start, "two chunks lie on the same bytes")
		}
	}
	return nil
}

// Chunks lists the chunks in the order of their logical addresses.
func (fs *FS) Chunks() []*Mapping { return fs.chunks }

// At finds what of a chunk lies at byte off of the volume. Where that is in
// none, ok is false and the place goes up to where one begins.
func (fs *FS) At(off int64) (p Place, ok bool) {
	i, found := slices.BinarySearchFunc(fs.places, off, func(p Place, at int64) int { return cmp.Compare(p.Start, at) })
	if !found {
		i--
	}
	if i >= 0 && off < fs.places[i].End {
		return fs.places[i], true
	}
	p = Place{End: max(fs.size, off+1)}
	if i >= 0 {
		p.Start = fs.places[i].End
	}
	if i+1 < len(fs.places) {
		p.End = fs.places[i+1].Start
	}
	return p, false
}

// Map finds the chunk that holds a logical address, or nil.
func (fs *FS) Map(logical uint64) *Mapping {
	i, found := slices.BinarySearchFunc(fs.chunks, logical, func(c *Mapping, at uint64) int { return cmp.Compare(c.Logical, at) })
	if !found {
		i--
	}
	if i >= 0 && logical < fs.chunks[i].End() {
		return fs.chunks[i]
	}
	return nil
}

// Physical is the first place of n bytes from a logical address on, in bytes of
// the volume, and how many of them lie there in one piece; 0 where that is in
// no chunk.
func (fs *FS) Physical(logical uint64, n int64) (off, length int64) {
	m := fs.Map(logical)
	if m == nil {
		return 0, 0
	}
	in := logical - m.Logical
	return int64(m.Stripes[0] + in), int64(min(m.Length-in, uint64(max(n, 0))))
}

// ReadLogical reads len(b) bytes of data, of the first copy.
func (fs *FS) ReadLogical(b []byte, logical uint64) error {
	for len(b) > 0 {
		off, n := fs.Physical(logical, int64(len(b)))
		if n == 0 {
			return wrong(0, "no chunk holds the logical address %d", logical)
		}
		if off+n > fs.size {
			return wrong(off, "%d bytes there are outside of the device", n)
		}
		if err := readFull(fs.r, b[:n], off); err != nil {
			return err
		}
		b, logical = b[n:], logical+uint64(n)
	}
	return nil
}

package erofs

// Form says how an extent's bytes are stored.
type Form uint8

const (
	Hole     Form = iota // zeros that are stored nowhere
	Stored               // as they are, in blocks of their own
	Inline               // as they are, behind the inode
	Packed               // by an algorithm
	Rotated              // as they are, but the block's front holds the end (an interlaced pcluster)
	Fragment             // in the packed inode
	Device               // on an extra device
)

// Extent is a part of an inode's data.
type Extent struct {
	Offset, Length int64 // in the data, in bytes
	Form           Form
	Start, Size    int64 // bytes in the filesystem; for a Fragment, Start is in the packed inode
	Algorithm      int   // of a Packed one
	Tail           bool  // of a Packed, Stored or Rotated one: behind the inode's index
	Partial        bool  // of a Packed one: its bytes hold more than this
}

// Range is a named part of an inode's metadata.
type Range struct {
	Name       string
	Start, End int64 // bytes in the filesystem
}

// maxExtents of one inode are kept in memory, 256 MiB of them.
const maxExtents = 4 << 20

// data is what is known of an inode's data: its extents in order, without gaps,
// and where the map to them lies.
type data struct {
	extents []Extent
	maps    []Range
}

func (d *data) add(inode int64, e Extent) error {
	if e.Length == 0 {
		return nil
	}
	if n := len(d.extents); n > 0 {
		last := &d.extents[n-1]
		if last.Form == e.Form && (e.Form == Hole || e.Form == Stored && last.Length == last.Size && last.Start+last.Size == e.Start && !last.Tail && !e.Tail) {
			last.Length += e.Length
			last.Size += e.Size
			return nil
		}
	}
	if len(d.extents) == maxExtents {
		return wrong(inode, "an inode of more than %d extents", maxExtents)
	}
	d.extents = append(d.extents, e)
	return nil
}

// data finds where an inode's data lies.
func (fs *FS) data(in *Inode) (*data, error) {
	d := &data{}
	if !in.HasData() {
		return d, nil
	}
	var err error
	switch in.Layout() {
	case FlatPlain, FlatInline:
		err = fs.flat(d, in)
	case ChunkBased:
		err = fs.chunks(d, in)
	default:
		err = fs.compressed(d, in)
	}
	return d, err
}

// flat is data that lies in one run of blocks, its end perhaps behind the inode.
func (fs *FS) flat(d *data, in *Inode) error {
	bs := fs.BlockSize()
	whole := in.Size
	if in.Layout() == FlatInline && in.Size > 0 {
		whole = (in.Size - 1) &^ (bs - 1)
	}
	if in.Union == nullBlock && whole == in.Size {
		return d.add(in.Offset, Extent{Length: whole, Form: Hole})
	}
	if whole > 0 {
		start := int64(in.Union) * bs
		if start > fs.size || whole > fs.size-start {
			return wrong(in.Offset, "%d bytes of data at byte %d are outside of the filesystem's %d", whole, start, fs.size)
		}
		if err := d.add(in.Offset, Extent{Length: whole, Form: Stored, Start: start, Size: whole}); err != nil {
			return err
		}
	}
	n := in.Size - whole
	start := in.xattrsEnd()
	if n > 0 && (start&(bs-1)+n > bs || start+n > fs.size) {
		return wrong(in.Offset, "%d bytes of data behind an inode cross the end of the block", n)
	}
	return d.add(in.Offset, Extent{Offset: whole, Length: n, Form: Inline, Start: start, Size: n})
}

// chunks is data in pieces of one size, each with its place behind the inode.
func (fs *FS) chunks(d *data, in *Inode) error {
	bs := fs.BlockSize()
	bits := uint(fs.sb.BlockBits) + uint(in.Union&chunkBitsMask)
	unit := int64(4)
	if in.Union&chunkIndexes != 0 {
		unit = 8
	}
	if unknown := in.Union &^ (chunkBitsMask | chunkIndexes); unknown != 0 {
		return wrong(in.Offset, "i_u 0x%x of a chunk-based inode is not read", in.Union)
	}
	table := (in.xattrsEnd() + unit - 1) &^ (unit - 1)
	count := (in.Size + 1<<bits - 1) >> bits
	if count > (fs.size-table)/unit {
		return wrong(in.Offset, "%d chunks cannot be told where they are", count)
	}
	if fs.entries -= count; fs.entries < 0 {
		return wrong(in.Offset, "inodes share their indexes so often that they are damaged")
	}
	d.maps = append(d.maps, Range{"chunk index", table, table + count*unit})
	r := fs.stream(table)
	for i := range count {
		b, err := r.next(int(unit))
		if err != nil {
			return err
		}
		device, block := uint16(0), le.Uint32(b)
		if unit == 8 {
			c := ChunkIndexLayout.Decode(b)
			device, block = c.Device, c.Block
		}
		off := i << bits
		e := Extent{Offset: off, Length: min(1<<bits, in.Size-off), Form: Stored, Start: int64(block) * bs}
		e.Size = e.Length
		switch {
		case block == nullBlock:
			e.Form, e.Start, e.Size = Hole, 0, 0
		case device != 0 && fs.sb.ExtraDevices > 0:
			e.Form = Device
		case e.Start > fs.size || e.Length > fs.size-e.Start:
			return wrong(table+i*unit, "a chunk at byte %d is outside of the filesystem's %d", e.Start, fs.size)
		}
		if err := d.add(in.Offset, e); err != nil {
			return err
		}
	}
	return nil
}

// stream reads small pieces of a long table in order.
type stream struct {
	fs   *FS
	at   int64 // behind what is in rest
	rest []byte
	buf  []byte
}

const streamBuffer = 4096

func (fs *FS) stream(off int64) *stream { return &stream{fs: fs, at: off} }

// next is the next n bytes, at most 32. They are valid until the next call.
func (s *stream) next(n int) ([]byte, error) {
	if len(s.rest) < n {
		if s.buf == nil {
			s.buf = make([]byte, streamBuffer)
		}
		k := copy(s.buf, s.rest)
		m := int(min(int64(len(s.buf)-k), max(s.fs.size-s.at, 0)))
		m = max(m, n-k) // what is behind the end is an error
		if err := s.fs.readAt(s.buf[k:k+m], s.at); err != nil {
			return nil, err
		}
		s.at += int64(m)
		s.rest = s.buf[:k+m]
	}
	b := s.rest[:n]
	s.rest = s.rest[n:]
	return b, nil
}

// Metadata lists the parts of an inode beside its data and the map to it: its
// structure and its attributes.
func (fs *FS) Metadata(in *Inode) ([]Range, error) {
	start := in.Offset + int64(len(in.Raw))
	out := []Range{{"inode", in.Offset, start}}
	if in.xattrs == 0 {
		return out, nil
	}
	b, err := fs.read(start, XattrHeaderSize)
	if err != nil {
		return nil, err
	}
	entries := min(start+XattrHeaderSize+4*int64(XattrHeaderLayout.Decode(b).SharedCount), in.xattrsEnd())
	for _, r := range []Range{
		{"xattr header", start, start + XattrHeaderSize}, {"shared xattr ids", start + XattrHeaderSize, entries}, {"xattrs", entries, in.xattrsEnd()},
	} {
		if r.Start < r.End {
			out = append(out, r)
		}
	}
	return out, nil
}

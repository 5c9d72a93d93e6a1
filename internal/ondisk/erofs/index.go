package erofs

import "math/bits"

// cluster is a logical cluster as an index describes it.
type cluster struct {
	kind    int    // a type of logical cluster
	offset  int64  // of a head: where the extent begins in the cluster
	block   uint32 // of a head: where its packed bytes are
	blocks  uint32 // of the one behind a head: how many blocks those take; 0 for what it does not say
	partial bool
}

// compressed is data in extents that are packed, each into one or more blocks,
// with an index that has an entry for each logical cluster.
func (fs *FS) compressed(d *data, in *Inode) error {
	if in.Size == 0 {
		return nil
	}
	place := (in.xattrsEnd() + 7) &^ 7
	b, err := fs.read(place, MapHeaderLayout.Size())
	if err != nil {
		return err
	}
	h := MapHeaderLayout.Decode(b)
	d.maps = append(d.maps, Range{"map header", place, place + int64(len(b))})
	if h.ClusterBits&wholeFragment != 0 {
		return d.add(in.Offset, Extent{Length: in.Size, Form: Fragment, Start: int64(le.Uint64(b) &^ (1 << 63)), Size: in.Size})
	}
	x := &index{fs: fs, in: in, h: h, bits: uint(fs.sb.BlockBits) + uint(h.ClusterBits&15)}
	switch {
	case h.Advise&^adviseAll != 0 || in.Layout() == CompressedFull && h.Advise&adviseCompact2B != 0:
		return wrong(place+4, "h_advise 0x%x is not read", h.Advise)
	case h.Advise&adviseInline != 0 && h.Advise&adviseFragment != 0:
		return wrong(place+4, "h_advise 0x%x: the file's end is in two places", h.Advise)
	}
	place += int64(len(b))
	x.count = (in.Size-1)>>x.bits + 1
	if fs.entries -= x.count; fs.entries < 0 || x.count > fs.size {
		return wrong(place, "an index of %d entries cannot be, or is shared so often that it is damaged", x.count)
	}
	begin := place
	if in.Layout() == CompressedFull {
		place += 8
		begin = place
		err = x.full(d, place)
	} else {
		err = x.compact(d, place)
	}
	if err != nil {
		return err
	}
	d.maps = append(d.maps, Range{"index", begin, x.end})
	return x.finish(d)
}

// index is a compressed inode's, while it is read.
type index struct {
	fs    *FS
	in    *Inode
	h     MapHeader
	bits  uint  // of a logical cluster's size
	count int64 // logical clusters
	end   int64 // of the index, in the filesystem

	now  Extent // the one whose end is still sought
	head cluster
	open bool
	last bool // the cluster that was read last is the head's
}

// take reads the cluster of number n.
func (x *index) take(d *data, n int64, c cluster) error {
	if c.kind == clusterNonHead {
		if x.last && c.blocks > 0 {
			x.head.blocks = c.blocks
		}
		x.last = false
		return nil
	}
	at := n<<x.bits + c.offset
	if c.offset >= 1<<x.bits {
		return wrong(x.in.Offset, "an extent begins at byte %d of a logical cluster", c.offset)
	}
	if !x.open && at > 0 {
		return wrong(x.in.Offset, "the first extent begins at byte %d", at)
	}
	if at >= x.in.Size { // an extent that holds nothing of the file
		return nil
	}
	if err := x.close(d, at, false); err != nil {
		return err
	}
	x.now, x.head, x.open, x.last = Extent{Offset: at}, c, true, true
	return nil
}

// close enters the extent that ends where the next one begins, or with the file.
func (x *index) close(d *data, end int64, tail bool) error {
	if !x.open {
		return nil
	}
	e, bs := x.now, x.fs.BlockSize()
	e.Length = end - e.Offset
	blocks := max(int64(x.head.blocks), 1)
	big := x.h.Advise&adviseBig1 != 0
	if x.head.kind != clusterHead1 {
		big = x.h.Advise&adviseBig2 != 0
	}
	if !big {
		blocks = 1
	}
	e.Start, e.Size, e.Partial = int64(x.head.block)*bs, blocks*bs, x.head.partial
	e.Form, e.Algorithm = Packed, int(x.h.Algorithm&15)
	switch x.head.kind {
	case clusterHead2:
		e.Algorithm = int(x.h.Algorithm >> 4)
	case clusterPlain:
		e.Form = Stored
		if x.h.Advise&adviseInterlaced != 0 {
			e.Form = Rotated
		}
	}
	switch {
	case tail && x.h.Advise&adviseFragment != 0:
		e.Form, e.Start, e.Size = Fragment, int64(x.h.Fragment), e.Length
		if x.in.Layout() == CompressedFull {
			e.Start |= int64(x.head.block) << 32
		}
	case tail && x.h.Advise&adviseInline != 0 && x.h.Fragment>>16 != 0:
		e.Start, e.Size, e.Tail = x.end, int64(x.h.Fragment>>16), true
		if e.Start&(bs-1)+e.Size > bs {
			return wrong(x.in.Offset, "%d packed bytes behind an index cross the end of the block", e.Size)
		}
	}
	if e.Form == Rotated && e.Offset&(bs-1) == 0 && !(e.Size > bs && e.Length > bs) {
		e.Form = Stored // nothing is rotated
		if skip := e.Size - bs; !e.Tail && skip > 0 {
			e.Start, e.Size = e.Start+skip, bs
		}
	}
	switch {
	case e.Form == Fragment:
		if e.Start < 0 {
			return wrong(x.in.Offset, "a fragment at byte %d", uint64(e.Start))
		}
	case e.Size > maxPacked || e.Length > maxUnpacked:
		return wrong(x.in.Offset, "an extent of %d bytes, %d packed", e.Length, e.Size)
	case e.Form != Packed && e.Length > e.Size:
		return wrong(x.in.Offset, "an extent of %d bytes is stored in %d", e.Length, e.Size)
	case e.Start > x.fs.size || e.Size > x.fs.size-e.Start:
		return wrong(x.in.Offset, "%d packed bytes at byte %d are outside of the filesystem's %d", e.Size, e.Start, x.fs.size)
	}
	if e.Form == Stored {
		e.Size = e.Length
	}
	return d.add(x.in.Offset, e)
}

// finish enters the last extent.
func (x *index) finish(d *data) error {
	if !x.open {
		return wrong(x.in.Offset, "an index without an extent")
	}
	return x.close(d, x.in.Size, true)
}

// Limits of an extent that the kernel has, in bytes.
const (
	maxPacked   = 1 << 20  // Z_EROFS_PCLUSTER_MAX_SIZE
	maxUnpacked = 12 << 20 // Z_EROFS_PCLUSTER_MAX_DSIZE
)

// full reads an index of eight bytes an entry.
func (x *index) full(d *data, place int64) error {
	x.end = place + 8*x.count
	r := x.fs.stream(place)
	for n := range x.count {
		b, err := r.next(8)
		if err != nil {
			return err
		}
		e := lclusterLayout.Decode(b)
		c := cluster{kind: int(e.Advise & 3), offset: int64(e.ClusterOfs), block: e.Union, partial: e.Advise&partialRef != 0}
		if d0 := e.Union & 0xffff; c.kind == clusterNonHead && d0&blockCount != 0 {
			c.blocks = d0 &^ blockCount
		}
		if err := x.take(d, n, c); err != nil {
			return err
		}
	}
	return nil
}

// compact reads an index of packs: at first, up to a multiple of 32 bytes,
// packs of two entries in eight bytes; where the header says so, packs of 16
// entries in 32 bytes, as many as there are; and two in eight bytes again.
func (x *index) compact(d *data, place int64) error {
	if x.bits > 14 {
		return wrong(place, "a compact index of logical clusters of 2^%d bytes", x.bits)
	}
	first := int64((32-place%32)/4) & 7
	var middle int64
	if x.h.Advise&adviseCompact2B != 0 && first < x.count {
		middle = (x.count - first) &^ 15
		if x.bits > 12 && middle > 0 {
			return wrong(place, "an index of two bytes an entry of logical clusters of 2^%d bytes", x.bits)
		}
	}
	r := x.fs.stream(place)
	for n := int64(0); n < x.count; {
		entries, size := 2, 8
		if n >= first && n < first+middle {
			entries, size = 16, 32
		}
		b, err := r.next(size)
		if err != nil {
			return err
		}
		place += int64(size)
		for _, c := range x.pack(b, entries) {
			if n == x.count {
				break
			}
			if err := x.take(d, n, c); err != nil {
				return err
			}
			n++
		}
	}
	x.end = place
	return nil
}

// pack decodes the entries of a pack: each is the type in two bits above an
// offset or a distance, and the pack's last four bytes are the block from which
// those of its extents are counted.
func (x *index) pack(b []byte, entries int) []cluster {
	var out [16]cluster
	width := (len(b) - 4) * 8 / entries
	low := max(int(x.bits), bits.Len(blockCount))
	block := le.Uint32(b[len(b)-4:])
	big := x.h.Advise&adviseBig1 != 0
	if !big {
		block++
	}
	for i := range entries {
		c := &out[i]
		at := i * width
		v := le.Uint32(b[at/8:]) >> (at % 8)
		value := v & (1<<low - 1)
		c.kind = int(v >> low & 3)
		if c.kind == clusterNonHead {
			if value&blockCount != 0 {
				c.blocks = value &^ blockCount
				if big {
					block += c.blocks
				}
			}
			continue
		}
		c.offset, c.block = int64(value), block
		block++
		if i+1 < entries && big {
			// The next one says how many blocks this one takes.
			next := le.Uint32(b[(at+width)/8:]) >> ((at + width) % 8)
			if int(next>>low&3) == clusterNonHead && next&blockCount != 0 {
				block--
			}
		}
	}
	return out[:entries]
}

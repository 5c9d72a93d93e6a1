package qcow2

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

const (
	pageBytes = 64 << 10 // of a table that are read at once, at the most
	pageLimit = 64       // pages that are kept: 4 MiB, which map 32 GiB in clusters of 64 KiB
)

// kind says how a part of the disk is stored.
type kind uint8

const (
	unallocated kind = iota // by the backing file, or as zeros
	zero                    // as a mark that it is zeros
	stored                  // as it is
	packed                  // compressed
)

// extent is a range of the disk that is stored in one way and in one piece.
type extent struct {
	kind   kind
	guest  int64 // where it begins on the disk, in bytes
	length int64 // bytes
	host   int64 // stored: where it begins in the file; packed: where its cluster's compressed bytes do
	bytes  int64 // packed: the compressed bytes, at the most
}

func (x extent) end() int64 { return x.guest + x.length }

// tables are the L1 table and the L2 tables that it points to.
type tables struct {
	file     container.Disk
	size     int64 // of the disk, in bytes
	bits     uint32
	extended bool
	external bool // the clusters lie in a data file
	version  uint32
	l1Offset int64
	l1Size   int64 // entries
	pages    *cache[pageKey, *page]
}

// pageKey is a part of a table: its offset in the file and its length, both in
// bytes.
type pageKey struct{ offset, length int64 }

type page struct {
	words []uint64
	empty bool // every word is zero
}

// tableCover is how many bytes of the disk one L2 table maps.
func tableCover(clusterBits uint32, extended bool) uint64 {
	n := uint64(1) << (2*clusterBits - 3)
	if extended {
		n /= 2
	}
	return n
}

func newTables(file container.Disk, h *Header) *tables {
	return &tables{
		file: file, size: int64(h.Size), bits: h.ClusterBits, version: h.Version,
		extended: h.IncompatibleFeatures&FeatureExtendedL2 != 0,
		external: h.IncompatibleFeatures&FeatureDataFile != 0,
		l1Offset: int64(h.L1TableOffset), l1Size: int64(h.L1Size),
		pages: newCache[pageKey, *page](pageLimit),
	}
}

func (t *tables) cluster() int64 { return 1 << t.bits }
func (t *tables) cover() int64   { return int64(tableCover(t.bits, t.extended)) }

// used is how many entries of the L1 table map the disk. Those behind are of
// the state of a virtual machine.
func (t *tables) used() int64 {
	return (t.size + t.cover() - 1) / t.cover()
}

// entryBytes is the length of an L2 entry.
func (t *tables) entryBytes() int64 {
	if t.extended {
		return 16
	}
	return 8
}

// unit is the smallest part of the disk that is stored in one way, in bytes.
func (t *tables) unit() int64 {
	if t.extended {
		return t.cluster() / subclusters
	}
	return t.cluster()
}

func (t *tables) page(offset, length int64) (*page, error) {
	return t.pages.get(pageKey{offset, length}, func() (*page, error) {
		// A part that is a hole in the file is not read: a sparse file could
		// hold more of them than anybody can wait for.
		if data, _, err := t.file.NextData(offset); err == nil && data >= offset+length && offset+length <= t.file.Size() {
			return &page{empty: true}, nil
		}
		b := make([]byte, length)
		if err := readAll(t.file, b, offset); err != nil {
			return nil, err
		}
		p := &page{words: make([]uint64, length/8), empty: true}
		for i := range p.words {
			w := binary.BigEndian.Uint64(b[i*8:])
			p.words[i] = w
			p.empty = p.empty && w == 0
		}
		return p, nil
	})
}

// l2 is where the L2 table of an L1 entry lies in the file; 0 where there is
// none.
func (t *tables) l2(index int64) (int64, error) {
	at := index * 8 / pageBytes * pageBytes
	p, err := t.page(t.l1Offset+at, min(pageBytes, t.l1Size*8-at))
	if err != nil {
		return 0, fmt.Errorf("L1 table: %w", err)
	}
	if p.empty {
		return 0, nil
	}
	return t.l2Offset(index, p.words[(index*8-at)/8])
}

func (t *tables) l2Offset(index int64, word uint64) (int64, error) {
	off := int64(word & offsetMask)
	if off%t.cluster() != 0 {
		return 0, fmt.Errorf("L1 entry %d, for byte %d of the disk: its L2 table at byte %d does not begin a cluster", index, index*t.cover(), off)
	}
	if off > 0 && off > t.file.Size()-t.cluster() {
		return 0, fmt.Errorf("L1 entry %d, for byte %d of the disk: its L2 table at byte %d reaches past the end of the file, byte %d", index, index*t.cover(), off, t.file.Size())
	}
	return off, nil
}

// checkShared refuses an L1 table with two entries for one L2 table, which no
// sound image has: a small file of that sort could make a reader walk the same
// table without end.
func (t *tables) checkShared() error {
	var offsets []int64
	limit := t.file.Size() >> t.bits
	for i := range t.used() {
		at := i * 8 / pageBytes * pageBytes
		p, err := t.page(t.l1Offset+at, min(pageBytes, t.l1Size*8-at))
		if err != nil {
			return fmt.Errorf("L1 table: %w", err)
		}
		if p.empty {
			continue
		}
		if off := int64(p.words[(i*8-at)/8] & offsetMask); off != 0 {
			if int64(len(offsets)) >= limit {
				return fmt.Errorf("the L1 table points to more L2 tables than the file has clusters, %d", limit)
			}
			offsets = append(offsets, off)
		}
	}
	slices.Sort(offsets)
	for i := 1; i < len(offsets); i++ {
		if offsets[i] == offsets[i-1] {
			return fmt.Errorf("two L1 entries point to one L2 table, at byte %d", offsets[i])
		}
	}
	return nil
}

// extent is how the disk is stored from off on, up to end at the most. It may
// end earlier than it had to.
func (t *tables) extent(off, end int64) (extent, error) {
	index, within := off/t.cover(), off%t.cover()
	table, err := t.l2(index)
	if err != nil {
		return extent{}, err
	}
	length := min(end-off, t.cover()-within)
	if table == 0 {
		return extent{kind: unallocated, guest: off, length: length}, nil
	}
	// The part of the table that the place is in.
	part := min(pageBytes, t.cluster())
	perPage := part / t.entryBytes() << t.bits // bytes of the disk
	base := within / perPage * perPage
	p, err := t.page(table+base>>t.bits*t.entryBytes(), part)
	if err != nil {
		return extent{}, fmt.Errorf("L2 table for byte %d of the disk: %w", off, err)
	}
	length = min(length, base+perPage-within)
	if p.empty {
		return extent{kind: unallocated, guest: off, length: length}, nil
	}
	return t.run(p, off, off-(within-base), off+length)
}

// run joins what follows off in one page, whose first entry is for byte first
// of the disk, as long as it is stored the same way.
func (t *tables) run(p *page, off, first, end int64) (extent, error) {
	unit := t.unit()
	x, err := t.classify(p, first, off)
	if err != nil {
		return extent{}, err
	}
	if x.kind == packed {
		x.length = min(x.length, end-off)
		return x, nil
	}
	for x.end() < end {
		next, err := t.classify(p, first, x.end())
		if err != nil || next.kind != x.kind || x.kind == stored && next.host != x.host+x.length {
			break // an error is one when it is that place's turn
		}
		x.length += unit
	}
	x.length = min(x.length, end-off)
	return x, nil
}

// classify is how the unit of the disk that holds off is stored, from off on.
func (t *tables) classify(p *page, first, off int64) (extent, error) {
	i := (off - first) >> t.bits
	within := off & (t.cluster() - 1)
	x := extent{guest: off, length: t.unit() - within%t.unit()}
	var word, bitmap uint64
	if t.extended {
		word, bitmap = p.words[2*i], p.words[2*i+1]
	} else {
		word = p.words[i]
	}
	if word&entryPacked != 0 {
		if t.external {
			return x, fmt.Errorf("byte %d of the disk: a compressed cluster in an image with an external data file", off)
		}
		shift := maxPackedField - (t.bits - 8)
		x.kind = packed
		x.host = int64(word & (1<<min(shift, 56) - 1))
		sectors := int64(word<<2>>2>>shift) + 1
		x.bytes = sectors*packedSector - x.host%packedSector
		x.length = t.cluster() - within
		return x, nil
	}
	host := int64(word & offsetMask)
	allocated := host != 0 || t.external && word&entryCopied != 0
	switch {
	case t.extended:
		sub := uint(within / t.unit())
		isAllocated, isZero := bitmap>>sub&1 != 0, bitmap>>(sub+subclusters)&1 != 0
		switch {
		case isAllocated && (isZero || !allocated):
			return x, fmt.Errorf("byte %d of the disk: the subcluster is marked as allocated, but as zeros too or without a place", off)
		case isAllocated:
			x.kind = stored
		case isZero:
			x.kind = zero
		}
	case word&entryZero != 0:
		if t.version < 3 {
			return x, fmt.Errorf("byte %d of the disk: a cluster is marked as zeros, which version 2 does not know", off)
		}
		x.kind = zero
	case allocated:
		x.kind = stored
	}
	if x.kind != stored {
		return x, nil
	}
	if host%t.cluster() != 0 {
		return x, fmt.Errorf("byte %d of the disk: its data at byte %d do not begin a cluster", off, host)
	}
	if t.external && host != off-within {
		return x, fmt.Errorf("byte %d of the disk: the external data file holds it at byte %d, not at the same place", off, host)
	}
	x.host = host + within
	return x, nil
}

package fat

import "encoding/binary"

// The FAT is read through a few pages, so that a FAT of a gigabyte takes no
// more memory than a small one. A page is a multiple of 3 bytes as well as of
// 4: no entry lies across two.
const (
	pageBytes = 3 << 16
	pageCount = 32
)

type fatPages struct {
	data  [pageCount][]byte
	index [pageCount]int64 // page number + 1; 0 is unused
	last  [pageCount]uint64
	clock uint64
}

// page returns the page of the active FAT that holds byte off of it, and
// where in it off lies.
func (fs *FS) page(off int64) ([]byte, int, error) {
	p := &fs.pages
	p.clock++
	want := off/pageBytes + 1
	oldest := 0
	for i, n := range p.index {
		if n == want {
			p.last[i] = p.clock
			return p.data[i], int(off % pageBytes), nil
		}
		if p.last[i] < p.last[oldest] {
			oldest = i
		}
	}
	if p.data[oldest] == nil {
		p.data[oldest] = make([]byte, pageBytes)
	}
	start := (want - 1) * pageBytes
	b := p.data[oldest]
	p.index[oldest] = 0
	n := min(pageBytes, fs.FATSize-start)
	clear(b[n:])
	if err := fs.readAt(b[:n], fs.FATOffset(fs.ActiveFAT)+start); err != nil {
		return nil, 0, err
	}
	p.index[oldest], p.last[oldest] = want, p.clock
	return b, int(off % pageBytes), nil
}

// Entry is FAT entry c of the active FAT, without FAT32's top four bits, which
// have no meaning. c must be 0, 1 or a cluster.
func (fs *FS) Entry(c uint32) (uint32, error) {
	off, _ := fs.EntryOffset(c)
	b, i, err := fs.page(off)
	if err != nil {
		return 0, err
	}
	switch fs.Variant {
	case FAT32:
		return binary.LittleEndian.Uint32(b[i:]) & fs.Variant.mask(), nil
	case FAT16:
		return uint32(binary.LittleEndian.Uint16(b[i:])), nil
	}
	v := uint32(b[i]) | uint32(b[i+1])<<8
	if c&1 != 0 {
		return v >> 4, nil
	}
	return v & 0xFFF, nil
}

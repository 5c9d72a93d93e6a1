package fat

import (
	"bytes"
	"encoding/binary"
)

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
	mru   int // the page that was asked for last
}

// page returns the page of the active FAT that holds byte off of it, and
// where in it off lies.
func (fs *FS) page(off int64) ([]byte, int, error) {
	p := &fs.pages
	if off < 0 || off >= fs.FATSize {
		return nil, 0, formatError(fs.FATOffset(fs.ActiveFAT)+off, "no FAT entry: the FAT has %d bytes", fs.FATSize)
	}
	want := off/pageBytes + 1
	if p.index[p.mru] == want {
		return p.data[p.mru], int(off % pageBytes), nil
	}
	p.clock++
	oldest := 0
	for i, n := range p.index {
		if n == want {
			p.last[i], p.mru = p.clock, i
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
	p.index[oldest], p.last[oldest], p.mru = want, p.clock, oldest
	return b, int(off % pageBytes), nil
}

// Entry is FAT entry c of the active FAT, without FAT32's top four bits, which
// have no meaning. It is an error where the FAT is too short to have it.
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

var zeroEntries [4096]byte

// skipFree returns a cluster from c to until, none of those before which is
// anything but free. It is a matter of speed: a FAT32 of a terabyte that is
// mostly free is passed over in blocks.
func (fs *FS) skipFree(c, until uint32) (uint32, error) {
	for fs.Variant == FAT32 && until-c >= uint32(len(zeroEntries)/4) {
		b, i, err := fs.page(int64(c) * 4)
		if err != nil {
			return c, err
		}
		n := min(len(b)-i, len(zeroEntries))
		if !bytes.Equal(b[i:i+n], zeroEntries[:n]) {
			break
		}
		c += uint32(n / 4)
	}
	return c, nil
}

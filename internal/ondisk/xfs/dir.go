package xfs

import "github.com/reprodisk/reprodisk/internal/tree"

// Entry is a name in a directory.
type Entry struct {
	Name   string
	Ino    uint64
	Offset int64 // of the entry in the filesystem, in bytes
}

// List reads a directory: its entries in the order in which they are stored,
// without "." and "..".
func (fs *FS) List(in *Inode) ([]Entry, error) {
	if in.Type() != tree.Directory {
		return nil, wrong(in.Offset, "inode %d is no directory", in.Ino)
	}
	if in.Format == formatLocal {
		s, err := decodeShortDir(in.fork(DataFork), in.Offset+CoreSize)
		return s.entries, err
	}
	list, _, err := fs.Map(in, DataFork)
	if err != nil {
		return nil, err
	}
	var out []Entry
	size := uint64(1) << fs.SB.DirBlkLog // blocks of a directory block
	budget := uint64(maxForkBlocks)
	for next := uint64(0); ; {
		i, ok := find(list, next)
		if !ok {
			if i == len(list) {
				return out, nil
			}
			next = list[i].Offset
		}
		if next >= leafOffset>>fs.SB.BlockLog {
			return out, nil
		}
		first := next &^ (size - 1)
		if budget -= min(budget, size); budget == 0 {
			return nil, wrong(in.Offset, "the directory of inode %d has too many blocks", in.Ino)
		}
		b, places, err := fs.dirBlock(in, list, first)
		if err != nil {
			return nil, err
		}
		if err := dataEntries(b, places[0], func(e dataEntry) {
			if e.name != "." && e.name != ".." {
				at := places[e.at>>fs.SB.BlockLog] + int64(e.at)&int64(fs.SB.BlockSize-1)
				out = append(out, Entry{e.name, e.ino, at})
			}
		}); err != nil {
			return nil, err
		}
		next = first + size
	}
}

// Dir reads a directory: inode numbers by name, without "." and "..". The
// directory's checksum must be right.
func (fs *FS) Dir(ino uint64) (map[string]uint64, error) {
	raw, c, off, err := fs.Inode(ino)
	if err != nil {
		return nil, err
	}
	list, err := fs.List(&Inode{ino, off, raw, c})
	if err != nil {
		return nil, err
	}
	names := make(map[string]uint64, len(list))
	for _, e := range list {
		names[e.Name] = e.Ino
	}
	return names, nil
}

// dirBlock reads a directory block, which may be several blocks that lie apart:
// also where each of them lies.
func (fs *FS) dirBlock(in *Inode, list []Extent, first uint64) (b []byte, places []int64, err error) {
	for n := first; n < first+1<<fs.SB.DirBlkLog; n++ {
		i, ok := find(list, n)
		if !ok {
			return nil, nil, wrong(in.Offset, "block %d of the directory of inode %d is missing", n, in.Ino)
		}
		e := list[i]
		piece, err := fs.forkBlock(in, e, n-e.Offset)
		if err != nil {
			return nil, nil, err
		}
		b = append(b, piece...)
		places = append(places, fs.block(e.Start+n-e.Offset))
	}
	return b, places, nil
}

// shortDir is a directory that is all within its inode.
type shortDir struct {
	entries []Entry
	width   int // bytes of an inode number
	parent  uint64
	end     int // behind the last entry, in bytes from the fork's start
}

// decodeShortDir reads struct xfs_dir2_sf_hdr and its entries.
func decodeShortDir(b []byte, off int64) (s shortDir, err error) {
	if len(b) < 6 {
		return s, wrong(off, "a directory that ends early")
	}
	count := int(b[0])
	s.width = 4
	if b[1] > 0 {
		s.width = 8
	}
	number := func(at int) uint64 {
		if s.width == 8 {
			return be.Uint64(b[at:])
		}
		return uint64(be.Uint32(b[at:]))
	}
	at := 2 + s.width
	if at > len(b) {
		return s, wrong(off, "a directory that ends early")
	}
	s.parent = number(2)
	for range count {
		if at >= len(b) {
			return s, wrong(off, "a directory that ends early")
		}
		n := int(b[at])
		end := at + 3 + n + 1 + s.width
		if n == 0 || end > len(b) {
			return s, wrong(off+int64(at), "a name of %d bytes", n)
		}
		s.entries = append(s.entries, Entry{string(b[at+3 : at+3+n]), number(end - s.width), off + int64(at)})
		at = end
	}
	s.end = at
	return s, nil
}

// dataEntry is an entry or free space in a directory block. Offsets are bytes
// from the block's first.
type dataEntry struct {
	at, end int
	free    bool
	name    string
	ino     uint64
}

// dataEntries goes through a block of entries; free space has no name. off is
// only for errors.
func dataEntries(b []byte, off int64, visit func(dataEntry)) error {
	return dataParts(b, off, func(e dataEntry) {
		if !e.free {
			visit(e)
		}
	})
}

// dataParts goes through the entries and free space of struct
// xfs_dir3_data_hdr's block, or of one that is all of its directory.
func dataParts(b []byte, off int64, visit func(dataEntry)) error {
	end, err := dataEnd(b, off)
	if err != nil {
		return err
	}
	for at := dataHeaderSize; at < end; {
		if at+12 > end && be.Uint16(b[at:]) != freeTag {
			return wrong(off+int64(at), "an entry that ends early")
		}
		if be.Uint16(b[at:]) == freeTag {
			n := int(be.Uint16(b[at+2:]))
			if n < 8 || n%8 != 0 || n > end-at {
				return wrong(off+int64(at), "free space of %d bytes", n)
			}
			visit(dataEntry{at: at, end: at + n, free: true})
			at += n
			continue
		}
		n := int(b[at+8])
		next := at + (8+1+n+1+2+7)/8*8
		if n == 0 || next > end {
			return wrong(off+int64(at), "a name of %d bytes", n)
		}
		visit(dataEntry{at: at, end: next, name: string(b[at+9 : at+9+n]), ino: be.Uint64(b[at:])})
		at = next
	}
	return nil
}

// dataEnd is where the entries of a block end, in bytes.
func dataEnd(b []byte, off int64) (int, error) {
	switch be.Uint32(b) {
	case dataMagic:
		return len(b), nil
	case blockMagic:
		// The index lies behind the entries, and its length behind that.
		count := int64(be.Uint32(b[len(b)-8:]))
		if count > int64(len(b)-dataHeaderSize-8)/8 {
			return 0, wrong(off, "an index of %d entries", count)
		}
		return len(b) - 8 - int(count)*8, nil
	}
	return 0, wrong(off, "this is no block of a directory")
}

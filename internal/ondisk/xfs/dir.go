package xfs

// Dir reads a directory: inode numbers by name, without "." and "..".
func (fs *FS) Dir(ino uint64) (map[string]uint64, error) {
	raw, c, off, err := fs.Inode(ino)
	if err != nil {
		return nil, err
	}
	if c.Mode&0o170000 != 0o040000 {
		return nil, wrong(off, "inode %d is no directory", ino)
	}
	names := map[string]uint64{}
	if c.Format == formatLocal {
		return names, shortForm(raw[CoreSize:], names, off+CoreSize)
	}
	list, err := fs.extents(raw, c, off)
	if err != nil {
		return nil, err
	}
	budget := uint64(maxDirBlocks)
	for _, e := range list {
		if e.offset >= leafOffset>>fs.SB.BlockLog {
			continue
		}
		if e.count > budget {
			return nil, wrong(off, "the directory of inode %d has too many blocks", ino)
		}
		budget -= e.count
		for i := range e.count {
			at := fs.block(e.start + i)
			if at < 0 {
				return nil, wrong(off, "a block of the directory of inode %d is outside", ino)
			}
			b, err := fs.read(at, int64(fs.SB.BlockSize))
			if err != nil {
				return nil, err
			}
			if err := dataBlock(b, names, at); err != nil {
				return nil, err
			}
		}
	}
	delete(names, ".")
	delete(names, "..")
	return names, nil
}

// shortForm reads struct xfs_dir2_sf_hdr and its entries.
func shortForm(b []byte, names map[string]uint64, off int64) error {
	if len(b) < 6 {
		return wrong(off, "a directory that ends early")
	}
	count, width := int(b[0]), 4
	if b[1] > 0 {
		width = 8
	}
	at := 2 + width
	for range count {
		if at >= len(b) {
			return wrong(off, "a directory that ends early")
		}
		n := int(b[at])
		end := at + 3 + n + 1 + width
		if n == 0 || end > len(b) {
			return wrong(off+int64(at), "a name of %d bytes", n)
		}
		name := string(b[at+3 : at+3+n])
		if width == 8 {
			names[name] = be.Uint64(b[end-8:])
		} else {
			names[name] = uint64(be.Uint32(b[end-4:]))
		}
		at = end
	}
	return nil
}

// dataBlock reads the entries of struct xfs_dir3_data_hdr's block, or of one
// that is all of its directory.
func dataBlock(b []byte, names map[string]uint64, off int64) error {
	end := len(b)
	switch be.Uint32(b) {
	case dataMagic:
	case blockMagic:
		// The index lies behind the entries, and its length behind that.
		count := int64(be.Uint32(b[len(b)-8:]))
		if count > int64(len(b)-dataHeaderSize-8)/8 {
			return wrong(off, "an index of %d entries", count)
		}
		end -= 8 + int(count)*8
	default:
		return wrong(off, "this is no block of a directory")
	}
	for at := dataHeaderSize; at < end; {
		if at+12 > end {
			return wrong(off+int64(at), "an entry that ends early")
		}
		if be.Uint16(b[at:]) == freeTag {
			n := int(be.Uint16(b[at+2:]))
			if n < 8 || n%8 != 0 {
				return wrong(off+int64(at), "free space of %d bytes", n)
			}
			at += n
			continue
		}
		n := int(b[at+8])
		next := at + (8+1+n+1+2+7)/8*8
		if n == 0 || next > end {
			return wrong(off+int64(at), "a name of %d bytes", n)
		}
		names[string(b[at+9:at+9+n])] = be.Uint64(b[at:])
		at = next
	}
	return nil
}

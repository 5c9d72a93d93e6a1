package xfs

// extent is where a piece of a file lies.
type extent struct {
	offset uint64 // in the file, in blocks
	start  uint64 // xfs_fsblock_t
	count  uint64 // blocks
}

func decodeExtent(b []byte) extent {
	hi, lo := be.Uint64(b), be.Uint64(b[8:])
	return extent{offset: hi << 1 >> 10, start: hi&0x1FF<<43 | lo>>21, count: lo & (1<<21 - 1)}
}

// maxDirBlocks is how many blocks of extents and entries a directory may have
// here: enough for some hundred million names.
const maxDirBlocks = 1 << 21

// extents are those of an inode's data fork.
func (fs *FS) extents(raw []byte, c Core, off int64) ([]extent, error) {
	fork := raw[CoreSize:]
	if c.ForkOff != 0 {
		fork = fork[:min(len(fork), int(c.ForkOff)*8)]
	}
	switch c.Format {
	case formatExtents:
		n := uint64(c.NExtents)
		if c.Flags2>>4&1 == 1 { // XFS_DIFLAG2_NREXT64
			n = c.Big
		}
		if n > uint64(len(fork)/16) {
			return nil, wrong(off, "%d extents are more than fit into an inode", n)
		}
		out := make([]extent, n)
		for i := range out {
			out[i] = decodeExtent(fork[16*i:])
		}
		return out, nil
	case formatBtree:
		if len(fork) < 4 {
			return nil, wrong(off, "no room for a tree of extents")
		}
		level, n := be.Uint16(fork), int(be.Uint16(fork[2:]))
		most := (len(fork) - 4) / 16
		if n > most || level == 0 || level > 8 {
			return nil, wrong(off, "a tree of extents of %d levels with %d pointers", level, n)
		}
		budget := maxDirBlocks
		var out []extent
		for i := range n {
			var err error
			if out, err = fs.bmap(out, be.Uint64(fork[4+8*most+8*i:]), level-1, &budget); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, wrong(off, "a fork of the format %d has no extents", c.Format)
}

func (fs *FS) bmap(out []extent, block uint64, level uint16, budget *int) ([]extent, error) {
	at := fs.block(block)
	if *budget--; at < 0 || *budget < 0 {
		return nil, wrong(max(at, 0), "a tree of extents leads nowhere")
	}
	b, err := fs.read(at, int64(fs.SB.BlockSize))
	if err != nil {
		return nil, err
	}
	n, most := int(be.Uint16(b[6:])), (len(b)-bmapHeaderSize)/16
	if be.Uint32(b) != bmapMagic || be.Uint16(b[4:]) != level || n > most {
		return nil, wrong(at, "this is no block of a tree of extents")
	}
	for i := range n {
		if level == 0 {
			out = append(out, decodeExtent(b[bmapHeaderSize+16*i:]))
			continue
		}
		if out, err = fs.bmap(out, be.Uint64(b[bmapHeaderSize+8*most+8*i:]), level-1, budget); err != nil {
			return nil, err
		}
	}
	return out, nil
}

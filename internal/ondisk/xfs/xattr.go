package xfs

// Attribute is an extended attribute under its full name. ACLs are those of
// XFS: trusted.SGI_ACL_FILE and trusted.SGI_ACL_DEFAULT.
type Attribute struct {
	Name   string
	Value  []byte
	Offset int64 // of the attribute in the filesystem, in bytes
	// Where the value lies in blocks of its own: the first of them in the fork,
	// and the one behind them.
	First, Behind uint64
}

const (
	maxValue  = 64 << 10 // bytes of a value: XFS_XATTR_SIZE_MAX
	maxValues = 16 << 20 // bytes of all values of an inode that are read
)

// attrName is the name as it is shown to programs.
func attrName(flags uint8, name []byte) string {
	switch {
	case flags&attrRoot != 0:
		return "trusted." + string(name)
	case flags&attrSecure != 0:
		return "security." + string(name)
	case flags&attrParent != 0:
		return "parent." + string(name)
	}
	return "user." + string(name)
}

// Xattrs reads an inode's attributes, in the order in which they are stored.
func (fs *FS) Xattrs(in *Inode) ([]Attribute, error) {
	if in.ForkOff == 0 {
		return nil, nil
	}
	if in.AFormat == formatLocal {
		s, err := decodeShortAttrs(in.fork(AttrFork), in.Offset+int64(in.forkStart(AttrFork)))
		return s.list, err
	}
	list, _, err := fs.Map(in, AttrFork)
	if err != nil {
		return nil, err
	}
	var out []Attribute
	left, budget := maxValues, maxForkBlocks
	for _, e := range list {
		for i := range e.Count {
			if budget--; budget < 0 {
				return nil, wrong(in.Offset, "the attributes of inode %d have too many blocks", in.Ino)
			}
			b, err := fs.forkBlock(in, e, i)
			if err != nil {
				return nil, err
			}
			if be.Uint16(b[8:]) != attrMagic || be.Uint32(b) == remoteMagic {
				continue // of the index, or a value
			}
			at := fs.block(e.Start + i)
			entries, err := attrEntries(b, at)
			if err != nil {
				return nil, err
			}
			for _, x := range entries {
				if x.flags&attrIncomplete != 0 {
					continue
				}
				a := Attribute{Name: attrName(x.flags, x.name), Value: x.value, Offset: at + int64(x.at)}
				if x.remote {
					if a.Value, err = fs.remoteValue(in, list, x); err != nil {
						return nil, err
					}
					room := int(fs.SB.BlockSize) - remoteHeaderSize
					a.First = uint64(x.block)
					a.Behind = a.First + uint64((len(a.Value)+room-1)/room)
				}
				if left -= len(a.Value); left < 0 {
					return nil, wrong(in.Offset, "the attributes of inode %d are too long", in.Ino)
				}
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// remoteValue reads a value that lies in blocks of its own.
func (fs *FS) remoteValue(in *Inode, list []Extent, x attrEntry) ([]byte, error) {
	if x.length > maxValue {
		return nil, wrong(in.Offset, "an attribute of inode %d has %d bytes", in.Ino, x.length)
	}
	value := make([]byte, 0, x.length)
	for n := uint64(x.block); len(value) < x.length; n++ {
		i, ok := find(list, n)
		if !ok {
			return nil, wrong(in.Offset, "an attribute's value in inode %d ends early", in.Ino)
		}
		b, err := fs.forkBlock(in, list[i], n-list[i].Offset)
		if err != nil {
			return nil, err
		}
		if be.Uint32(b) != remoteMagic {
			return nil, wrong(fs.block(list[i].Start+n-list[i].Offset), "this is no block of an attribute's value")
		}
		b = b[remoteHeaderSize:]
		value = append(value, b[:min(len(b), x.length-len(value))]...)
	}
	return value, nil
}

// shortAttrs are attributes that are all within their inode.
type shortAttrs struct {
	list []Attribute
	ends []int // behind each of them, in bytes from the fork's start
}

// decodeShortAttrs reads struct xfs_attr_sf_hdr and its entries.
func decodeShortAttrs(b []byte, off int64) (s shortAttrs, err error) {
	if len(b) < 4 {
		return s, wrong(off, "attributes that end early")
	}
	at := 4
	for range int(b[2]) {
		if at+3 > len(b) {
			return s, wrong(off, "attributes that end early")
		}
		name := at + 3
		value := name + int(b[at])
		end := value + int(b[at+1])
		if end > len(b) {
			return s, wrong(off+int64(at), "an attribute of %d bytes", end-at)
		}
		s.list = append(s.list, Attribute{Name: attrName(b[at+2], b[name:value]), Value: b[value:end], Offset: off + int64(at)})
		s.ends = append(s.ends, end)
		at = end
	}
	return s, nil
}

// attrEntry is an attribute in a block of them.
type attrEntry struct {
	at, end int // of its name and value, in bytes from the block's first
	flags   uint8
	name    []byte
	value   []byte
	remote  bool
	block   uint32 // of the fork, where the value begins
	length  int    // bytes of the value
}

// attrEntries reads a block of attributes.
func attrEntries(b []byte, off int64) ([]attrEntry, error) {
	count := int(be.Uint16(b[56:]))
	if attrHeaderSize+8*count > len(b) {
		return nil, wrong(off, "a block with %d attributes", count)
	}
	out := make([]attrEntry, 0, count)
	for i := range count {
		e := b[attrHeaderSize+8*i:]
		x := attrEntry{at: int(be.Uint16(e[4:])), flags: e[6]}
		head := 3
		if x.remote = x.flags&attrLocal == 0; x.remote {
			head = 9
		}
		if x.at < attrHeaderSize+8*count || x.at+head > len(b) {
			return nil, wrong(off+int64(attrHeaderSize+8*i), "an attribute at %d", x.at)
		}
		n := b[x.at:]
		if x.remote {
			x.block, x.length = be.Uint32(n), int(be.Uint32(n[4:]))
			x.end = x.at + head + int(n[8])
		} else {
			x.length = int(be.Uint16(n))
			x.end = x.at + head + int(n[2]) + x.length
		}
		if x.end > len(b) {
			return nil, wrong(off+int64(x.at), "an attribute of %d bytes", x.end-x.at)
		}
		if x.remote {
			x.name = b[x.at+head : x.end]
		} else {
			x.name, x.value = b[x.at+head:x.end-x.length], b[x.end-x.length:x.end]
		}
		out = append(out, x)
	}
	return out, nil
}

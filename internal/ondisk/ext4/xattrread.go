package ext4

import (
	"sort"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Attribute is an extended attribute of an inode.
type Attribute struct {
	tree.Xattr        // as listxattr(2) and getxattr(2) give it
	Raw        []byte // the value as stored, where that is another form (ACLs); else nil
	Place      XattrPlace
	Offset     int64  // of its entry, in bytes from the volume's start
	ValueInode uint32 // the inode that holds the value, 0 for none
}

// XattrPlace says where an attribute is stored.
type XattrPlace uint8

// Places.
const (
	InInode XattrPlace = iota // behind the inode's fields
	InBlock                   // in the block i_file_acl
)

// maxXattrValue is the longest value that Linux takes (XATTR_SIZE_MAX).
const maxXattrValue = 64 << 10

// Xattrs reads an inode's extended attributes, sorted by name. The attribute
// that holds inline data is not one of them. What is damaged is left out, and
// listed among the problems.
func (fs *FS) Xattrs(d DiskInode) ([]Attribute, []*Problem) {
	var out []Attribute
	var ps problems
	fs.eachXattr(d, &ps, func(e xattrSlot, place XattrPlace) {
		if e.index == XattrIndexSystem && string(e.name) == "data" {
			return
		}
		prefix, whole := XattrPrefix(e.index)
		if prefix == "" || whole && len(e.name) > 0 {
			ps.add(e.offset, "inode %d: attribute %q: e_name_index is %d", d.Number, e.name, e.index)
			return
		}
		a := Attribute{Place: place, Offset: e.offset, ValueInode: e.inode}
		a.Name = prefix + string(e.name)
		value := e.value
		if e.inode != 0 {
			v, err := fs.xattrInodeValue(e)
			if err != nil {
				ps.add(e.offset, "inode %d: attribute %s: %s", d.Number, a.Name, text(err))
				return
			}
			value = v
		}
		a.Value = append([]byte{}, value...)
		if e.index == XattrIndexPosixACLAccess || e.index == XattrIndexPosixACLDefault {
			conv, ok := ACLFromDisk(value)
			if !ok {
				ps.add(e.offset, "inode %d: attribute %s: not an ACL of version %d", d.Number, a.Name, aclVersionDisk)
				return
			}
			a.Value, a.Raw = conv, a.Value
		}
		out = append(out, a)
	})
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, ps.done()
}

// xattrSlot is an attribute's entry with its value.
type xattrSlot struct {
	index  uint8
	name   []byte
	value  []byte // empty where inode is set
	size   uint32
	inode  uint32
	hash   uint32
	offset int64 // of the entry within the volume
	entry  int   // of the entry within the area
	start  int   // of the value within the area
}

// eachXattr calls visit for the attributes in the inode, then for those in
// its block.
func (fs *FS) eachXattr(d DiskInode, ps *problems, visit func(xattrSlot, XattrPlace)) {
	if area, off := xattrArea(d.Raw); area != nil {
		entries, ok := xattrEntries(area, XattrIbodyHeaderSize, XattrIbodyHeaderSize)
		for _, e := range entries {
			e.offset = d.Offset + int64(off+e.entry)
			visit(e, InInode)
		}
		if !ok {
			ps.add(d.Offset+int64(off), "inode %d: attributes in the inode are damaged", d.Number)
		}
	}
	acl := d.Raw.FileACL()
	if acl == 0 {
		return
	}
	if !fs.validBlock(acl, 1) {
		ps.add(d.Offset, "inode %d: attribute block is block %d of %d", d.Number, acl, fs.blocks)
		return
	}
	block := make([]byte, fs.blockSize)
	at := int64(acl) * fs.blockSize
	if err := fs.readAt(block, at); err != nil {
		ps.add(at, "inode %d: attribute block cannot be read: %s", d.Number, text(err))
		return
	}
	if le.Uint32(block) != XattrMagic {
		ps.add(at, "inode %d: attribute block: h_magic is 0x%08x", d.Number, le.Uint32(block))
		return
	}
	entries, ok := xattrEntries(block, XattrHeaderSize, 0)
	for _, e := range entries {
		e.offset = at + int64(e.entry)
		visit(e, InBlock)
	}
	if !ok {
		ps.add(at, "inode %d: attribute block is damaged", d.Number)
	}
}

// xattrArea is the part of an inode that holds attributes, from their header
// on, and its offset; nil where there are none.
func xattrArea(raw RawInode) ([]byte, int) {
	off := raw.extraEnd()
	if off == GoodOldInodeSize || off+XattrIbodyHeaderSize+4 > len(raw) || le.Uint32(raw[off:]) != XattrMagic {
		return nil, 0
	}
	return raw[off:], off
}

// xattrEntries takes the entries of an area apart. They start at first, and
// e_value_offs counts from base. ok is false where something is damaged; the
// entries before it are returned.
func xattrEntries(area []byte, first, base int) (out []xattrSlot, ok bool) {
	for pos := first; ; {
		if pos+4 > len(area) {
			return out, false
		}
		if le.Uint32(area[pos:]) == 0 {
			return out, true
		}
		if pos+XattrEntrySize > len(area) {
			return out, false
		}
		e := XattrEntry{
			NameLen: area[pos], NameIndex: area[pos+1], ValueOffs: le.Uint16(area[pos+2:]),
			ValueInum: le.Uint32(area[pos+4:]), ValueSize: le.Uint32(area[pos+8:]), Hash: le.Uint32(area[pos+12:]),
		}
		end := pos + XattrEntryLen(int(e.NameLen))
		if end > len(area) {
			return out, false
		}
		s := xattrSlot{
			index: e.NameIndex, name: area[pos+XattrEntrySize : pos+XattrEntrySize+int(e.NameLen)],
			size: e.ValueSize, inode: e.ValueInum, hash: e.Hash, entry: pos, start: base + int(e.ValueOffs),
		}
		if e.ValueInum == 0 && e.ValueSize > 0 {
			if e.ValueSize > uint32(len(area)) || s.start < first || s.start+int(e.ValueSize) > len(area) {
				return out, false
			}
			s.value = area[s.start : s.start+int(e.ValueSize)]
		}
		out = append(out, s)
		pos = end
	}
}

// xattrInodeValue reads a value that is in an inode of its own.
func (fs *FS) xattrInodeValue(e xattrSlot) ([]byte, error) {
	d, err := fs.Inode(e.inode)
	if err != nil {
		return nil, err
	}
	if d.Raw.Flags()&InodeEaInode == 0 || d.Raw.Type() != tree.Regular {
		return nil, problemf(d.Offset, "inode %d is said to hold a value, but is of another kind", e.inode)
	}
	if e.size > maxXattrValue || int64(e.size) > fs.size {
		return nil, problemf(e.offset, "value of %d bytes", e.size)
	}
	if uint64(e.size) != d.Raw.Size() {
		return nil, problemf(d.Offset, "inode %d holds %d bytes, e_value_size is %d", e.inode, d.Raw.Size(), e.size)
	}
	f := fs.OpenFile(d)
	if len(f.problems) > 0 {
		return nil, f.problems[0]
	}
	b := make([]byte, e.size)
	if len(b) > 0 {
		if _, err := f.ReadAt(b, 0); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// inlineData is the content that an inode keeps in itself: i_block, continued
// in the attribute system.data.
func (fs *FS) inlineData(d DiskInode, ps *problems) []byte {
	size := d.Raw.Size()
	out := append([]byte{}, d.Raw.Block()...)
	if size <= uint64(len(out)) {
		return out[:size]
	}
	fs.eachXattr(d, ps, func(e xattrSlot, place XattrPlace) {
		if e.index == XattrIndexSystem && string(e.name) == "data" && len(out) == blockFieldSz {
			out = append(out, e.value...)
		}
	})
	if uint64(len(out)) < size {
		ps.add(d.Offset, "inode %d: %d bytes of inline data, i_size is %d", d.Number, len(out), size)
		return out
	}
	return out[:size]
}

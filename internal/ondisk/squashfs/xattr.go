package squashfs

import (
	"sort"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// xattrTable is struct squashfs_xattr_id_table with its entries.
type xattrTable struct {
	start int64 // of the metadata blocks with names and values
	ids   []xattrID
}

// xattrID is struct squashfs_xattr_id: the attributes of one or more inodes.
type xattrID struct {
	ref   uint64
	count uint32
}

const (
	xattrOOL  = 0x100 // SQUASHFS_XATTR_VALUE_OOL: the value is a reference
	xattrMask = 0xff
	maxValue  = 64 << 10 // XATTR_SIZE_MAX
)

var xattrPrefixes = []string{"user.", "trusted.", "security."}

func (fs *FS) readXattrTable() error {
	if fs.sb.XattrIDTableStart == None {
		return nil
	}
	at := int64(fs.sb.XattrIDTableStart)
	b := make([]byte, 16)
	if err := fs.readAt(b, at); err != nil {
		return err
	}
	fs.xattrs.start = int64(le.Uint64(b))
	count := le.Uint32(b[8:])
	if int64(count) > fs.size {
		return wrong(at, "%d sets of attributes cannot fit", count)
	}
	return fs.readTable(at+16, int(count), 16, func(b []byte) {
		fs.xattrs.ids = append(fs.xattrs.ids, xattrID{le.Uint64(b), le.Uint32(b[8:])})
	})
}

// Xattrs are an inode's extended attributes, sorted by name.
func (fs *FS) Xattrs(in *Inode) ([]tree.Xattr, error) {
	if in.Xattr == NoXattr || fs.sb.XattrIDTableStart == None {
		return nil, nil
	}
	if int(in.Xattr) >= len(fs.xattrs.ids) {
		return nil, wrong(in.Offset, "set %d of attributes, of %d", in.Xattr, len(fs.xattrs.ids))
	}
	id := fs.xattrs.ids[in.Xattr]
	r, err := fs.xattrFrom(id.ref)
	if err != nil {
		return nil, err
	}
	var out []tree.Xattr
	var total int
	for range id.count {
		b, err := r.take(4)
		if err != nil {
			return nil, err
		}
		kind, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if int(kind&xattrMask) >= len(xattrPrefixes) {
			return nil, wrong(r.at, "an attribute of type %d", kind)
		}
		if b, err = r.take(n); err != nil {
			return nil, err
		}
		name := xattrPrefixes[kind&xattrMask] + string(b)
		value, err := fs.xattrValue(r, kind&xattrOOL != 0)
		if err != nil {
			return nil, err
		}
		if total += len(value) + len(name); total > 1<<20 {
			return nil, wrong(r.at, "more than a mebibyte of attributes")
		}
		out = append(out, tree.Xattr{Name: name, Value: value})
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func (fs *FS) xattrFrom(ref uint64) (*metaReader, error) {
	if ref>>48 != 0 {
		return nil, wrong(fs.xattrs.start, "a reference to an attribute outside of the filesystem")
	}
	return fs.metaFrom(fs.xattrs.start+int64(ref>>16), int(ref&0xffff))
}

// xattrValue reads a value that stands here, or elsewhere with a reference to
// it here.
func (fs *FS) xattrValue(r *metaReader, elsewhere bool) ([]byte, error) {
	b, err := r.take(4)
	if err != nil {
		return nil, err
	}
	n := le.Uint32(b)
	if elsewhere {
		if n != 8 {
			return nil, wrong(r.at, "a reference of %d bytes to an attribute's value", n)
		}
		if b, err = r.take(8); err != nil {
			return nil, err
		}
		other, err := fs.xattrFrom(le.Uint64(b))
		if err != nil {
			return nil, err
		}
		return fs.xattrValue(other, false)
	}
	if n > maxValue {
		return nil, wrong(r.at, "an attribute of %d bytes", n)
	}
	return r.take(int(n))
}

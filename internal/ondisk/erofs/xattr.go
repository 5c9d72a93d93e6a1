package erofs

import (
	"io"
	"sort"
)

// Xattr is an extended attribute.
type Xattr struct {
	Name   string // with its prefix
	Value  []byte
	Shared bool  // it lies where several inodes refer to it
	Offset int64 // of its entry in the filesystem, in bytes
	End    int64 // of its value
}

var xattrPrefixes = map[uint8]string{
	XattrUser: "user.", XattrACLAccess: "system.posix_acl_access", XattrACLDefault: "system.posix_acl_default",
	XattrTrusted: "trusted.", XattrLustre: "lustre.", XattrSecurity: "security.",
}

// maxXattrs is how many bytes of shared attributes an inode may have.
const maxXattrs = 1 << 20

// SharedStart is where the area of shared attributes begins.
func (fs *FS) SharedStart() int64 { return int64(fs.sb.XattrBlock) << fs.sb.BlockBits }

// Xattrs are an inode's extended attributes, sorted by name.
func (fs *FS) Xattrs(in *Inode) ([]Xattr, error) {
	if in.xattrs == 0 {
		return nil, nil
	}
	off := in.Offset + int64(len(in.Raw))
	b, err := fs.read(off, int(in.xattrs))
	if err != nil {
		return nil, err
	}
	shared := int(XattrHeaderLayout.Decode(b).SharedCount)
	if XattrHeaderSize+4*shared > len(b) {
		return nil, wrong(off, "%d shared attributes in %d bytes", shared, len(b))
	}
	var out []Xattr
	total := 0
	for i := range shared {
		id := le.Uint32(b[XattrHeaderSize+4*i:])
		x, err := fs.sharedXattr(fs.SharedStart() + 4*int64(id))
		if err != nil {
			return nil, err
		}
		if total += len(x.Value); total > maxXattrs {
			return nil, wrong(off, "more than %d bytes of attributes", maxXattrs)
		}
		out = append(out, x)
	}
	for i := XattrHeaderSize + 4*shared; i < len(b); {
		x, n, err := fs.xattr(b[i:], off+int64(i))
		if err != nil {
			return nil, err
		}
		out = append(out, x)
		i += (n + 3) &^ 3
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func (fs *FS) sharedXattr(off int64) (Xattr, error) {
	b, err := fs.read(off, XattrEntrySize)
	if err != nil {
		return Xattr{}, err
	}
	e := XattrEntryLayout.Decode(b)
	if b, err = fs.read(off, XattrEntrySize+int(e.NameLen)+int(e.ValueSize)); err != nil {
		return Xattr{}, err
	}
	if fs.small -= int64(len(b)); fs.small < 0 {
		return Xattr{}, wrong(off, "inodes share their attributes so often that they are damaged")
	}
	x, _, err := fs.xattr(b, off)
	x.Shared = true
	return x, err
}

// xattr decodes the attribute at the front of b, which lies at off, and tells
// its length.
func (fs *FS) xattr(b []byte, off int64) (Xattr, int, error) {
	e := XattrEntryLayout.Decode(b)
	n := XattrEntrySize + int(e.NameLen) + int(e.ValueSize)
	if n > len(b) {
		return Xattr{}, 0, wrong(off, "an attribute of %d bytes, in %d", n, len(b))
	}
	prefix, ok := xattrPrefixes[e.NameIndex]
	if i := int(e.NameIndex &^ xattrLongPrefix); e.NameIndex&xattrLongPrefix != 0 && i < len(fs.prefixes) {
		prefix, ok = fs.prefixes[i], true
	}
	if !ok {
		return Xattr{}, 0, wrong(off, "an attribute with prefix %d", e.NameIndex)
	}
	name := b[XattrEntrySize:][:e.NameLen]
	return Xattr{Name: prefix + string(name), Value: b[XattrEntrySize+len(name) : n], Offset: off, End: off + int64(n)}, n, nil
}

// readPrefixes reads the long prefixes of attributes' names, each behind its
// length in two bytes: the number of a short prefix, and what follows it.
func (fs *FS) readPrefixes() error {
	if fs.sb.FeatureIncompat&FeatureXattrPrefixes == 0 {
		return nil
	}
	off := int64(fs.sb.XattrPrefixStart) * 4
	for range fs.sb.XattrPrefixCount {
		var head [3]byte
		if err := fs.prefixBytes(head[:], off); err != nil {
			return err
		}
		n := int(le.Uint16(head[:]))
		base, ok := xattrPrefixes[head[2]]
		if n < 1 || n > 1+maxName || !ok {
			return wrong(at("xattr_prefix_start"), "a prefix of attributes' names of %d bytes after prefix %d", n, head[2])
		}
		infix := make([]byte, n-1)
		if err := fs.prefixBytes(infix, off+3); err != nil {
			return err
		}
		fs.prefixes = append(fs.prefixes, base+string(infix))
		fs.prefixEnd = off + 2 + int64(n)
		off = (fs.prefixEnd + 3) &^ 3
	}
	return nil
}

// PrefixesPacked tells whether the long prefixes are in the packed inode.
func (fs *FS) PrefixesPacked() bool {
	return fs.packed != nil && fs.sb.FeatureCompat&FeatureCompatPlainPrefix == 0
}

// Prefixes tells where the long prefixes lie in the filesystem; start == end
// where they are in the packed inode, or there are none.
func (fs *FS) Prefixes() (start, end int64) {
	if len(fs.prefixes) == 0 || fs.PrefixesPacked() {
		return 0, 0
	}
	return int64(fs.sb.XattrPrefixStart) * 4, fs.prefixEnd
}

func (fs *FS) prefixBytes(p []byte, off int64) error {
	if !fs.PrefixesPacked() {
		return fs.readAt(p, off)
	}
	if len(p) == 0 {
		return nil
	}
	if _, err := fs.packed.ReadAt(p, off); err == io.EOF {
		return wrong(at("xattr_prefix_start"), "a prefix of attributes' names at byte %d of the packed inode's %d", off, fs.packed.Size())
	} else if err != nil {
		return err
	}
	return nil
}

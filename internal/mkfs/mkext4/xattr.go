package mkext4

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	extraIsize   = 32                                                  // i_extra_isize, s_want_extra_isize
	ibodyOffset  = ext4.GoodOldInodeSize + extraIsize                  // where an inode's attributes start
	ibodyRoom    = inodeSize - ibodyOffset - ext4.XattrIbodyHeaderSize // entries, their end mark and values
	blockRoom    = blockSize - ext4.XattrHeaderSize
	endMark      = 4    // four bytes of zero end the entries
	maxRefcount  = 1024 // EXT4_XATTR_REFCOUNT_MAX
	aclVersion   = 1    // on disk; getxattr(2) returns version 2
	xaclVersion  = 2
	maxValueSize = 65536 // XATTR_SIZE_MAX
)

// attr is an attribute as it is stored.
type attr struct {
	index uint8
	name  string // without the prefix that index stands for
	value []byte
}

func (a attr) room() int {
	return ext4.XattrEntryLen(len(a.name)) + ext4.XattrValueLen(len(a.value))
}

// storedAttrs turns attributes into their stored form, in the order that the
// kernel keeps in a block: by index, then length of the name, then name.
func storedAttrs(xattrs []tree.Xattr) ([]attr, error) {
	out := make([]attr, 0, len(xattrs))
	for _, x := range xattrs {
		a, err := storedAttr(x)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", x.Name, err)
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b attr) int {
		return cmp.Or(cmp.Compare(a.index, b.index), cmp.Compare(len(a.name), len(b.name)), strings.Compare(a.name, b.name))
	})
	for i := 1; i < len(out); i++ {
		if out[i].index == out[i-1].index && out[i].name == out[i-1].name {
			prefix, _ := ext4.XattrPrefix(out[i].index)
			return nil, fmt.Errorf("attribute %q: is there twice", prefix+out[i].name)
		}
	}
	return out, nil
}

func storedAttr(x tree.Xattr) (attr, error) {
	for _, index := range []uint8{
		ext4.XattrIndexUser, ext4.XattrIndexPosixACLAccess, ext4.XattrIndexPosixACLDefault,
		ext4.XattrIndexTrusted, ext4.XattrIndexSecurity,
	} {
		prefix, whole := ext4.XattrPrefix(index)
		name, ok := strings.CutPrefix(x.Name, prefix)
		switch {
		case !ok || whole && name != "":
			continue
		case !whole && name == "":
			return attr{}, fmt.Errorf("has no name behind its prefix")
		case len(x.Name) > ext4.MaxNameLen:
			return attr{}, fmt.Errorf("the name has %d bytes, at most %d are possible", len(x.Name), ext4.MaxNameLen)
		case strings.IndexByte(name, 0) >= 0:
			return attr{}, fmt.Errorf("the name holds a NUL byte")
		}
		value := x.Value
		if whole {
			var err error
			if value, err = storedACL(x.Value); err != nil {
				return attr{}, err
			}
		}
		return attr{index, name, value}, nil
	}
	return attr{}, fmt.Errorf("ext4 stores only user., trusted., security. and POSIX ACLs")
}

// Tags of an ACL's entries (acl(5)).
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
)

// storedACL converts an ACL from the form that getxattr(2) returns, entries of
// eight bytes, to the form on disk, where only named users and groups have an
// id (fs/ext4/acl.h).
func storedACL(v []byte) ([]byte, error) {
	le := binary.LittleEndian
	if len(v) < 4 || (len(v)-4)%8 != 0 || le.Uint32(v) != xaclVersion {
		return nil, fmt.Errorf("is not an ACL of version %d", xaclVersion)
	}
	out := le.AppendUint32(nil, aclVersion)
	for e := v[4:]; len(e) > 0; e = e[8:] {
		tag := le.Uint16(e)
		out = append(out, e[:4]...)
		switch tag {
		case aclUser, aclGroup:
			out = append(out, e[4:8]...)
		case aclUserObj, aclGroupObj, aclMask, aclOther:
		default:
			return nil, fmt.Errorf("the ACL has an entry with the unknown tag %#x", tag)
		}
	}
	return out, nil
}

// splitAttrs decides what goes into the inode: attributes in the order of
// storage, as long as they fit; the rest goes into a block.
func splitAttrs(attrs []attr) (ibody, block []attr, err error) {
	inInode, inBlock := endMark, endMark
	for _, a := range attrs {
		if inInode+a.room() <= ibodyRoom {
			inInode += a.room()
			ibody = append(ibody, a)
			continue
		}
		if len(a.value) > maxValueSize || inBlock+a.room() > blockRoom {
			total := endMark
			for _, b := range attrs {
				total += b.room()
			}
			return nil, nil, fmt.Errorf("the attributes take %d bytes, %d fit into the inode and %d into a block of their own", total, ibodyRoom, blockRoom)
		}
		inBlock += a.room()
		block = append(block, a)
	}
	return ibody, block, nil
}

// putAttrs writes entries from the front of b and values from its end. Value
// offsets count base bytes more than offsets in b.
func putAttrs(b []byte, attrs []attr, base int, hashes []uint32) {
	at, end := 0, len(b)
	for i, a := range attrs {
		e := ext4.XattrEntry{NameLen: uint8(len(a.name)), NameIndex: a.index, ValueSize: uint32(len(a.value))}
		if hashes != nil {
			e.Hash = hashes[i]
		}
		if len(a.value) > 0 {
			end -= ext4.XattrValueLen(len(a.value))
			copy(b[end:], a.value)
			e.ValueOffs = uint16(base + end)
		}
		ext4.XattrEntryLayout.Put(b[at:], &e)
		copy(b[at+ext4.XattrEntrySize:], a.name)
		at += ext4.XattrEntryLen(len(a.name))
	}
}

// putIbody writes attributes into the tail of an encoded inode. Like the
// kernel, it leaves e_hash at 0 there: only a block's hashes serve sharing.
func putIbody(inode []byte, attrs []attr) {
	if len(attrs) == 0 {
		return
	}
	h := ext4.XattrIbodyHeader{Magic: ext4.XattrMagic}
	ext4.XattrIbodyHeaderLayout.Put(inode[ibodyOffset:], &h)
	putAttrs(inode[ibodyOffset+ext4.XattrIbodyHeaderSize:inodeSize], attrs, 0, nil)
}

// attrBlock is a block of attributes that refs inodes share.
type attrBlock struct {
	attrs []attr
	refs  uint32
	place uint64
}

// attrBlocks are the different blocks of attributes that a tree needs.
type attrBlocks struct {
	blocks    []attrBlock
	byContent map[string]int32 // the last block of that content
}

// add counts an inode's attributes and returns the index of the block that
// holds those which do not fit into the inode, or -1.
func (a *attrBlocks) add(xattrs []tree.Xattr) (int32, error) {
	if len(xattrs) == 0 {
		return -1, nil
	}
	attrs, err := storedAttrs(xattrs)
	if err != nil {
		return 0, err
	}
	_, block, err := splitAttrs(attrs)
	if err != nil || len(block) == 0 {
		return -1, err
	}
	key := attrKey(block)
	i, ok := a.byContent[key]
	if !ok || a.blocks[i].refs == maxRefcount {
		i = int32(len(a.blocks))
		a.blocks = append(a.blocks, attrBlock{attrs: block})
		a.byContent[key] = i
	}
	a.blocks[i].refs++
	return i, nil
}

func attrKey(attrs []attr) string {
	var b bytes.Buffer
	for _, a := range attrs {
		b.WriteByte(a.index)
		b.WriteByte(uint8(len(a.name)))
		b.WriteString(a.name)
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(a.value))))
		b.Write(a.value)
	}
	return b.String()
}

// encode is the block as it is written to its place.
func (a *attrBlock) encode(seed uint32) []byte {
	hashes := make([]uint32, len(a.attrs))
	for i, x := range a.attrs {
		hashes[i] = ext4.XattrEntryHash([]byte(x.name), x.value, true)
	}
	b := make([]byte, blockSize)
	putAttrs(b[ext4.XattrHeaderSize:], a.attrs, ext4.XattrHeaderSize, hashes)
	h := ext4.XattrHeader{Magic: ext4.XattrMagic, Refcount: a.refs, Blocks: 1, Hash: ext4.XattrBlockHash(hashes)}
	ext4.XattrHeaderLayout.Put(b, &h)
	h.Checksum = ext4.XattrBlockChecksum(seed, a.place, b)
	ext4.XattrHeaderLayout.Put(b, &h)
	return b
}

package ext4

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// RawInode is an encoded inode of s_inode_size bytes. Its methods read single
// fields, without decoding the rest.
type RawInode []byte

var (
	offMode      = mustOffset(InodeLayout.Named("i_mode"))
	offUID       = mustOffset(InodeLayout.Named("i_uid"))
	offSizeLo    = mustOffset(InodeLayout.Named("i_size_lo"))
	offAtime     = mustOffset(InodeLayout.Named("i_atime"))
	offCtime     = mustOffset(InodeLayout.Named("i_ctime"))
	offMtime     = mustOffset(InodeLayout.Named("i_mtime"))
	offDtime     = mustOffset(InodeLayout.Named("i_dtime"))
	offGID       = mustOffset(InodeLayout.Named("i_gid"))
	offLinks     = mustOffset(InodeLayout.Named("i_links_count"))
	offBlocksLo  = mustOffset(InodeLayout.Named("i_blocks_lo"))
	offFlags     = mustOffset(InodeLayout.Named("i_flags"))
	offBlock     = mustOffset(InodeLayout.Named("i_block"))
	offGen       = mustOffset(InodeLayout.Named("i_generation"))
	offACLLo     = mustOffset(InodeLayout.Named("i_file_acl_lo"))
	offSizeHigh  = mustOffset(InodeLayout.Named("i_size_high"))
	offBlocksHi  = mustOffset(InodeLayout.Named("i_blocks_high"))
	offACLHi     = mustOffset(InodeLayout.Named("i_file_acl_high"))
	offUIDHigh   = mustOffset(InodeLayout.Named("i_uid_high"))
	offGIDHigh   = mustOffset(InodeLayout.Named("i_gid_high"))
	offCtimeX    = mustOffset(InodeLayout.Named("i_ctime_extra"))
	offMtimeX    = mustOffset(InodeLayout.Named("i_mtime_extra"))
	offAtimeX    = mustOffset(InodeLayout.Named("i_atime_extra"))
	offCrtime    = mustOffset(InodeLayout.Named("i_crtime"))
	offCrtimeX   = mustOffset(InodeLayout.Named("i_crtime_extra"))
	offProjid    = mustOffset(InodeLayout.Named("i_projid"))
	blockFieldSz = len(Inode{}.Block)
)

// Mode is i_mode: type and permissions, as st_mode.
func (r RawInode) Mode() uint32 { return uint32(le.Uint16(r[offMode:])) }

// Type is the file type of i_mode, one of package tree's constants.
func (r RawInode) Type() uint32 { return r.Mode() & tree.TypeMask }

// UID is the owner.
func (r RawInode) UID() uint32 {
	return uint32(le.Uint16(r[offUIDHigh:]))<<16 | uint32(le.Uint16(r[offUID:]))
}

// GID is the group.
func (r RawInode) GID() uint32 {
	return uint32(le.Uint16(r[offGIDHigh:]))<<16 | uint32(le.Uint16(r[offGID:]))
}

// Size is i_size in bytes. A volume in revision 0 has no i_size_high, but
// keeps zeros there, except for directories, whose ACL it once held.
func (r RawInode) Size() uint64 {
	return uint64(le.Uint32(r[offSizeHigh:]))<<32 | uint64(le.Uint32(r[offSizeLo:]))
}

// Links is i_links_count.
func (r RawInode) Links() uint16 { return le.Uint16(r[offLinks:]) }

// Flags is i_flags.
func (r RawInode) Flags() uint32 { return le.Uint32(r[offFlags:]) }

// Dtime is i_dtime.
func (r RawInode) Dtime() uint32 { return le.Uint32(r[offDtime:]) }

// Generation is i_generation.
func (r RawInode) Generation() uint32 { return le.Uint32(r[offGen:]) }

// Block is i_block.
func (r RawInode) Block() []byte { return r[offBlock : offBlock+blockFieldSz] }

// Blocks is i_blocks in the inode's own unit (see Inode.Blocks).
func (r RawInode) Blocks() uint64 {
	return uint64(le.Uint16(r[offBlocksHi:]))<<32 | uint64(le.Uint32(r[offBlocksLo:]))
}

// FileACL is the number of the attribute block, 0 for none.
func (r RawInode) FileACL() uint64 {
	return uint64(le.Uint16(r[offACLHi:]))<<32 | uint64(le.Uint32(r[offACLLo:]))
}

// extraEnd is the offset behind the last valid field: 128 + i_extra_isize,
// within the inode.
func (r RawInode) extraEnd() int {
	if len(r) < GoodOldInodeSize+4 {
		return GoodOldInodeSize
	}
	n := GoodOldInodeSize + int(le.Uint16(r[GoodOldInodeSize:]))
	if n > len(r) || n%4 != 0 {
		return GoodOldInodeSize
	}
	return n
}

// Holds tells whether the inode has a field: i_extra_isize, and the upper half
// of the checksum beside it, are there in each inode that has room for them,
// what lies behind only as far as i_extra_isize says.
func (r RawInode) Holds(f field.Field) bool {
	end := r.extraEnd()
	if len(r) >= GoodOldInodeSize+4 {
		end = max(end, GoodOldInodeSize+4)
	}
	return f.End() <= end
}

func (r RawInode) extra(off int) uint32 {
	if off+4 > r.extraEnd() {
		return 0
	}
	return le.Uint32(r[off:])
}

// Atime is the time of the last access.
func (r RawInode) Atime() tree.Time { return DecodeTime(le.Uint32(r[offAtime:]), r.extra(offAtimeX)) }

// Mtime is the time of the last change of the content.
func (r RawInode) Mtime() tree.Time { return DecodeTime(le.Uint32(r[offMtime:]), r.extra(offMtimeX)) }

// Ctime is the time of the last change of the inode.
func (r RawInode) Ctime() tree.Time { return DecodeTime(le.Uint32(r[offCtime:]), r.extra(offCtimeX)) }

// Crtime is the time of creation; ok is false where the inode has no room for
// it.
func (r RawInode) Crtime() (t tree.Time, ok bool) {
	if offCrtime+4 > r.extraEnd() {
		return t, false
	}
	return DecodeTime(r.extra(offCrtime), r.extra(offCrtimeX)), true
}

// Projid is the project, 0 where the inode has no room for it.
func (r RawInode) Projid() uint32 { return r.extra(offProjid) }

// Device is the device number of a character or block device: the old
// encoding is in i_block's first word, the new one in its second.
func (r RawInode) Device() (major, minor uint32) {
	b := r.Block()
	if old := le.Uint32(b); old != 0 {
		return old >> 8 & 0xff, old & 0xff
	}
	v := le.Uint32(b[4:])
	return v >> 8 & 0xfff, v&0xff | v>>12&0xfff00
}

// HasXattrs tells whether the inode has, or may have, extended attributes:
// some behind its fields, or a block of them.
func (r RawInode) HasXattrs() bool {
	area, _ := xattrArea(r)
	return area != nil || r.FileACL() != 0
}

// Decode decodes all fields. Those beyond i_extra_isize are read as zero.
func (r RawInode) Decode() Inode {
	return InodeLayout.Decode(r[:min(r.extraEnd(), InodeLayout.Size())])
}

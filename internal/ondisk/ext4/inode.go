package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Inode is struct ext4_inode up to i_projid. On disk an inode takes
// s_inode_size bytes: in 128-byte inodes the fields from i_extra_isize on are
// missing, in larger ones those beyond 128 + i_extra_isize are not valid, and
// what follows belongs to extended attributes.
type Inode struct {
	Mode        uint16   `disk:"i_mode,hex"`
	UID         uint16   `disk:"i_uid"` // low 16 bits
	SizeLo      uint32   `disk:"i_size_lo"`
	Atime       uint32   `disk:"i_atime,time"` // in an ea_inode: the value's hash
	Ctime       uint32   `disk:"i_ctime,time"` // in an ea_inode: high half of the reference count
	Mtime       uint32   `disk:"i_mtime,time"`
	Dtime       uint32   `disk:"i_dtime,time"` // of a deletion, or the next orphan's number
	GID         uint16   `disk:"i_gid"`        // low 16 bits
	LinksCount  uint16   `disk:"i_links_count"`
	BlocksLo    uint32   `disk:"i_blocks_lo"` // 512-byte units; blocks with InodeHugeFile
	Flags       uint32   `disk:"i_flags,flags"`
	Version     uint32   `disk:"i_version"` // osd1.linux1.l_i_version
	Block       [60]byte `disk:"i_block"`   // block map, extent root, short symlink or inline data
	Generation  uint32   `disk:"i_generation,hex"`
	FileACLLo   uint32   `disk:"i_file_acl_lo"` // the attribute block's number
	SizeHigh    uint32   `disk:"i_size_high"`
	ObsoFaddr   uint32   `disk:"i_obso_faddr"`
	BlocksHigh  uint16   `disk:"i_blocks_high"` // osd2.linux2.l_i_…, to i_reserved
	FileACLHi   uint16   `disk:"i_file_acl_high"`
	UIDHigh     uint16   `disk:"i_uid_high"`
	GIDHigh     uint16   `disk:"i_gid_high"`
	ChecksumLo  uint16   `disk:"i_checksum_lo,checksum"`
	Reserved    uint16   `disk:"i_reserved,reserved"`
	ExtraIsize  uint16   `disk:"i_extra_isize"` // bytes beyond 128 that are valid
	ChecksumHi  uint16   `disk:"i_checksum_hi,checksum"`
	CtimeExtra  uint32   `disk:"i_ctime_extra,hex"` // nanoseconds << 2 | epoch
	MtimeExtra  uint32   `disk:"i_mtime_extra,hex"`
	AtimeExtra  uint32   `disk:"i_atime_extra,hex"`
	Crtime      uint32   `disk:"i_crtime,time"`
	CrtimeExtra uint32   `disk:"i_crtime_extra,hex"`
	VersionHi   uint32   `disk:"i_version_hi"`
	Projid      uint32   `disk:"i_projid"`
}

// InodeLayout is the layout of Inode.
var InodeLayout = field.MustOf[Inode](binary.LittleEndian)

// Bits of i_flags.
const (
	InodeSecrm       = 0x00000001
	InodeUnrm        = 0x00000002
	InodeCompr       = 0x00000004
	InodeSync        = 0x00000008
	InodeImmutable   = 0x00000010
	InodeAppend      = 0x00000020
	InodeNodump      = 0x00000040
	InodeNoatime     = 0x00000080
	InodeDirty       = 0x00000100
	InodeComprblk    = 0x00000200
	InodeNocompr     = 0x00000400
	InodeEncrypt     = 0x00000800
	InodeIndex       = 0x00001000 // hashed directory
	InodeImagic      = 0x00002000
	InodeJournalData = 0x00004000
	InodeNotail      = 0x00008000
	InodeDirsync     = 0x00010000
	InodeTopdir      = 0x00020000
	InodeHugeFile    = 0x00040000 // i_blocks counts blocks
	InodeExtents     = 0x00080000
	InodeVerity      = 0x00100000
	InodeEaInode     = 0x00200000 // holds an attribute's value
	InodeEofblocks   = 0x00400000
	InodeSnapfile    = 0x01000000
	InodeDax         = 0x02000000
	InodeSnapDeleted = 0x04000000
	InodeSnapShrunk  = 0x08000000
	InodeInlineData  = 0x10000000
	InodeProjinherit = 0x20000000
	InodeCasefold    = 0x40000000
	InodeReserved    = 0x80000000
)

// InodeUserFlags are the bits that a user sets with chattr(1) and that are the
// file's own, not a way of storing it.
const InodeUserFlags = InodeSecrm | InodeUnrm | InodeSync | InodeImmutable | InodeAppend | InodeNodump | InodeNoatime |
	InodeJournalData | InodeNotail | InodeDirsync | InodeTopdir

// inodeFlagNames pairs bits with lsattr's letter and long name, in the order
// in which lsattr prints them.
var inodeFlagNames = []struct {
	bit    uint32
	letter string
	name   string
}{
	{InodeSecrm, "s", "Secure_Deletion"},
	{InodeUnrm, "u", "Undelete"},
	{InodeSync, "S", "Synchronous_Updates"},
	{InodeDirsync, "D", "Synchronous_Directory_Updates"},
	{InodeImmutable, "i", "Immutable"},
	{InodeAppend, "a", "Append_Only"},
	{InodeNodump, "d", "No_Dump"},
	{InodeNoatime, "A", "No_Atime"},
	{InodeCompr, "c", "Compression_Requested"},
	{InodeComprblk, "B", "Compressed_File"},
	{InodeDirty, "Z", "Compressed_Dirty_File"},
	{InodeNocompr, "X", "Compression_Raw_Access"},
	{InodeEncrypt, "E", "Encrypted"},
	{InodeJournalData, "j", "Journaled_Data"},
	{InodeIndex, "I", "Indexed_directory"},
	{InodeNotail, "t", "No_Tailmerging"},
	{InodeTopdir, "T", "Top_of_Directory_Hierarchies"},
	{InodeExtents, "e", "Extents"},
	{InodeCasefold, "F", "Casefold"},
	{InodeInlineData, "N", "Inline_Data"},
	{InodeProjinherit, "P", "Project_Hierarchy"},
	{InodeVerity, "V", "Verity"},
	{InodeDax, "x", "DAX"},
	// lsattr hides these.
	{InodeImagic, "", "AFS_Directory"},
	{InodeHugeFile, "", "Huge_File"},
	{InodeEaInode, "", "EA_Inode"},
	{InodeEofblocks, "", "EOF_Blocks"},
	{InodeSnapfile, "", "Snapshot"},
	{InodeSnapDeleted, "", "Snapshot_Deleted"},
	{InodeSnapShrunk, "", "Snapshot_Shrunk"},
	{InodeReserved, "", "Reserved"},
}

// InodeFlagNames names the set bits of i_flags with lsattr's long names, in
// lsattr's order; bits that lsattr does not show follow, those without any
// name as FLAG_n.
func InodeFlagNames(v uint32) []string {
	var out []string
	for _, f := range inodeFlagNames {
		if v&f.bit != 0 {
			out = append(out, f.name)
			v &^= f.bit
		}
	}
	return append(out, bitNames(v, nil, "FLAG_%d")...)
}

// Values of a directory entry's file_type.
const (
	FtUnknown = 0
	FtRegFile = 1
	FtDir     = 2
	FtChrdev  = 3
	FtBlkdev  = 4
	FtFifo    = 5
	FtSock    = 6
	FtSymlink = 7

	FtDirCsum = 0xDE // file_type of the entry that is a block's checksum tail
)

// FileType is the file_type that a directory entry has for an inode of that
// i_mode.
func FileType(mode uint32) uint8 {
	switch mode & tree.TypeMask {
	case tree.Regular:
		return FtRegFile
	case tree.Directory:
		return FtDir
	case tree.Char:
		return FtChrdev
	case tree.Block:
		return FtBlkdev
	case tree.FIFO:
		return FtFifo
	case tree.Socket:
		return FtSock
	case tree.Symlink:
		return FtSymlink
	}
	return FtUnknown
}

// DecodeTime puts a time together from its seconds and its i_…_extra word,
// whose low two bits extend the seconds beyond 2038 and whose other bits are
// the nanoseconds. Nanoseconds of a second or more, which no kernel writes,
// are kept as they are.
func DecodeTime(sec, extra uint32) tree.Time {
	return tree.Time{Sec: int64(int32(sec)) + int64(extra&3)<<32, Nsec: extra >> 2}
}

// EncodeTime is the reverse of DecodeTime. Times that 34 bits cannot hold
// (before 1901-12-13 20:45:52 or after 2446-05-10 22:38:55 UTC) are moved to
// the nearest that can be stored, as the kernel does.
func EncodeTime(t tree.Time) (sec, extra uint32) {
	const lowest, highest = -1 << 31, 1<<34 - 1<<31 - 1
	switch {
	case t.Sec < lowest:
		t = tree.Time{Sec: lowest}
	case t.Sec > highest:
		t = tree.Time{Sec: highest}
	}
	epoch := uint32((t.Sec-int64(int32(t.Sec)))>>32) & 3
	return uint32(t.Sec), t.Nsec<<2 | epoch
}

// Size is i_size in bytes.
func (i *Inode) Size() uint64 { return uint64(i.SizeHigh)<<32 | uint64(i.SizeLo) }

// Owner and Group put the two halves of the ids together.
func (i *Inode) Owner() uint32 { return uint32(i.UIDHigh)<<16 | uint32(i.UID) }

// Group is described at Owner.
func (i *Inode) Group() uint32 { return uint32(i.GIDHigh)<<16 | uint32(i.GID) }

// FileACL is the number of the block with extended attributes, 0 for none.
func (i *Inode) FileACL() uint64 { return uint64(i.FileACLHi)<<32 | uint64(i.FileACLLo) }

// Blocks is i_blocks, in units of 512 bytes, or of blocks where InodeHugeFile
// is set.
func (i *Inode) Blocks() uint64 { return uint64(i.BlocksHigh)<<32 | uint64(i.BlocksLo) }

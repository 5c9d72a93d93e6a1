package ext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// XattrMagic is the h_magic of attributes, in an inode and in a block.
const XattrMagic = 0xEA020000

// XattrIbodyHeader is struct ext4_xattr_ibody_header, at offset
// 128 + i_extra_isize of an inode with attributes; entries follow, and
// e_value_offs counts from the first of them.
type XattrIbodyHeader struct {
	Magic uint32 `disk:"h_magic,hex"`
}

// XattrHeader is struct ext4_xattr_header, at the front of an attribute block;
// entries follow, and e_value_offs counts from the block's start.
type XattrHeader struct {
	Magic    uint32    `disk:"h_magic,hex"`
	Refcount uint32    `disk:"h_refcount"`
	Blocks   uint32    `disk:"h_blocks"` // 1
	Hash     uint32    `disk:"h_hash,checksum"`
	Checksum uint32    `disk:"h_checksum,checksum"`
	Reserved [3]uint32 `disk:"h_reserved,reserved"`
}

// XattrEntry is struct ext4_xattr_entry without its name, which follows it,
// padded to a multiple of four bytes. Four bytes of zero end the entries.
type XattrEntry struct {
	NameLen   uint8  `disk:"e_name_len"`
	NameIndex uint8  `disk:"e_name_index"`
	ValueOffs uint16 `disk:"e_value_offs"`
	ValueInum uint32 `disk:"e_value_inum"` // the ea_inode with the value, or 0
	ValueSize uint32 `disk:"e_value_size"` // bytes
	Hash      uint32 `disk:"e_hash,checksum"`
}

// Layouts of the structures above.
var (
	XattrIbodyHeaderLayout = field.MustOf[XattrIbodyHeader](binary.LittleEndian)
	XattrHeaderLayout      = field.MustOf[XattrHeader](binary.LittleEndian)
	XattrEntryLayout       = field.MustOf[XattrEntry](binary.LittleEndian)
)

// Sizes in bytes.
const (
	XattrIbodyHeaderSize = 4
	XattrHeaderSize      = 32
	XattrEntrySize       = 16
)

// Values of e_name_index: the part of the name that is not stored.
const (
	XattrIndexUser            = 1  // "user."
	XattrIndexPosixACLAccess  = 2  // "system.posix_acl_access", whole
	XattrIndexPosixACLDefault = 3  // "system.posix_acl_default", whole
	XattrIndexTrusted         = 4  // "trusted."
	XattrIndexLustre          = 5  // "lustre.", never written by Linux
	XattrIndexSecurity        = 6  // "security."
	XattrIndexSystem          = 7  // "system.": inline data
	XattrIndexRichacl         = 8  // "system.richacl", whole
	XattrIndexEncryption      = 9  // the encryption context, not shown to users
	XattrIndexHurd            = 10 // "gnu."
)

// XattrEntryLen is the room that an entry with a name of n bytes takes.
func XattrEntryLen(n int) int { return (XattrEntrySize + n + 3) &^ 3 }

// XattrValueLen is the room that a value of n bytes takes.
func XattrValueLen(n int) int { return (n + 3) &^ 3 }

// XattrPrefix is the part of a name that stands for an e_name_index; whole
// says that nothing follows it. It is empty for an index that is not known.
func XattrPrefix(index uint8) (prefix string, whole bool) {
	switch index {
	case XattrIndexUser:
		return "user.", false
	case XattrIndexPosixACLAccess:
		return "system.posix_acl_access", true
	case XattrIndexPosixACLDefault:
		return "system.posix_acl_default", true
	case XattrIndexTrusted:
		return "trusted.", false
	case XattrIndexLustre:
		return "lustre.", false
	case XattrIndexSecurity:
		return "security.", false
	case XattrIndexSystem:
		return "system.", false
	case XattrIndexRichacl:
		return "system.richacl", true
	case XattrIndexEncryption:
		return "encryption.", false
	case XattrIndexHurd:
		return "gnu.", false
	}
	return "", false
}

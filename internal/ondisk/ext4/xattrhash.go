package ext4

import (
	"encoding/binary"
	"math/bits"
)

// XattrEntryHash is the e_hash of an attribute whose stored name (without the
// prefix) and value are given. Kernels since 6.2 take the name's characters
// as unsigned; older ones, and e2fsprogs before 1.47.1, as the machine's char,
// which is signed on x86: both are found on disk, and differ only for names
// that are not ASCII.
func XattrEntryHash(name, value []byte, signed bool) uint32 {
	h := xattrNameHash(name, signed)
	for ; len(value) >= 4; value = value[4:] {
		h = bits.RotateLeft32(h, 16) ^ binary.LittleEndian.Uint32(value)
	}
	if len(value) > 0 {
		var last [4]byte
		copy(last[:], value)
		h = bits.RotateLeft32(h, 16) ^ binary.LittleEndian.Uint32(last[:])
	}
	return h
}

// XattrEntryHashInode is the e_hash of an attribute whose value is in an
// inode of its own: valueHash is XattrInodeHash of the value, which that
// inode keeps in its i_atime.
func XattrEntryHashInode(name []byte, valueHash uint32, signed bool) uint32 {
	return bits.RotateLeft32(xattrNameHash(name, signed), 16) ^ valueHash
}

func xattrNameHash(name []byte, signed bool) uint32 {
	var h uint32
	for _, c := range name {
		h = bits.RotateLeft32(h, 5) ^ char(c, !signed)
	}
	return h
}

// XattrInodeHash is the hash of a value that is in an inode of its own.
func XattrInodeHash(seed uint32, value []byte) uint32 { return CRC32C(seed, value) }

// XattrBlockHash is the h_hash of a block whose entries have the given e_hash,
// in the order of the entries. It is 0 (the block is never shared) where any
// of them is.
func XattrBlockHash(entries []uint32) uint32 {
	var h uint32
	for _, e := range entries {
		if e == 0 {
			return 0
		}
		h = bits.RotateLeft32(h, 16) ^ e
	}
	return h
}

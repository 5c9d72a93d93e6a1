package probe

import (
	"crypto/md5"
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

const (
	hfsMDB        = 1024 // where the master directory block and HFS+'s volume header stand
	hfsHeader     = 512  // bytes of either
	hfsBlock      = 20   // drAlBlkSiz
	hfsFirst      = 28   // drAlBlSt
	hfsFinderID   = 116  // drFndrInfo[6…7]: what identifies the volume
	hfsLabel      = 36   // drVN
	hfsEmbed      = 124  // drEmbedSigWord
	hfsPlusFinder = 104  // finderInfo[6…7]
	hfsPlusBlock  = 40   // blockSize
	hfsCatalog    = 288  // catalogFile.extents
	hfsExtents    = 8
	hfsLeaf       = 0xff // kBTLeafNode
	hfsRootParent = 1    // kHFSRootParentID: the parent in the root folder's key
	hfsNode       = 14   // bytes of BTNodeDescriptor
)

// hfsNamespace is the name space of Apple's UUIDs made of a volume's 64 bits.
var hfsNamespace = []byte{0xb3, 0xe2, 0x0f, 0x39, 0xf2, 0x92, 0x11, 0xd6, 0x97, 0xa4, 0x00, 0x30, 0x65, 0x43, 0xec, 0xac}

// hfsUUID is the version 3 UUID (RFC 4122, section 4.3) of a volume's identifier.
func hfsUUID(id []byte) string {
	if zero(id) {
		return ""
	}
	sum := md5.Sum(append(append([]byte{}, hfsNamespace...), id...))
	sum[6] = 0x30 | sum[6]&0x0f
	sum[8] = 0x80 | sum[8]&0x3f
	return field.ShowUUID(sum[:])
}

// isHFSPlus tells whether two bytes are the signature of HFS+ or HFSX.
func isHFSPlus(b []byte) bool { return string(b[:2]) == "H+" || string(b[:2]) == "HX" }

func decodeHFS(s *source, _ magic) (Info, bool) {
	b := s.bytes(hfsMDB, hfsHeader)
	if b == nil || isHFSPlus(b[hfsEmbed:]) {
		return Info{}, false
	}
	if size := binary.BigEndian.Uint32(b[hfsBlock:]); size == 0 || size%512 != 0 {
		return Info{}, false // the magic of two bytes alone says too little
	}
	n := min(int(b[hfsLabel]), 27)
	return Info{Label: text(b[hfsLabel+1 : hfsLabel+1+n]), UUID: hfsUUID(b[hfsFinderID : hfsFinderID+8])}, true
}

// decodeHFSPlus reads the volume header, at its own place or inside an HFS
// volume that only wraps it. The label is the name of the root folder.
func decodeHFSPlus(s *source, _ magic) (Info, bool) {
	be := binary.BigEndian
	b := s.bytes(hfsMDB, hfsHeader)
	var off int64
	if b != nil && string(b[:2]) == "BD" {
		if !isHFSPlus(b[hfsEmbed:]) {
			return Info{}, false
		}
		blockSize, first, start := be.Uint32(b[hfsBlock:]), be.Uint16(b[hfsFirst:]), be.Uint16(b[hfsEmbed+2:])
		off = int64(first)*512 + int64(start)*int64(blockSize)
		b = s.bytes(off+hfsMDB, hfsHeader)
	}
	if b == nil || !isHFSPlus(b) {
		return Info{}, false
	}
	block := int64(be.Uint32(b[hfsPlusBlock:]))
	if block < 512 {
		return Info{}, false
	}
	return Info{UUID: hfsUUID(b[hfsPlusFinder : hfsPlusFinder+8]), Label: hfsPlusLabel(s, b[hfsCatalog:hfsCatalog+8*hfsExtents], off, block)}, true
}

// hfsPlusLabel goes from the catalog's header node to its first leaf, whose
// first key is the root folder's.
func hfsPlusLabel(s *source, extents []byte, off, block int64) string {
	be := binary.BigEndian
	start := func(i int) int64 { return int64(be.Uint32(extents[8*i:])) }
	head := s.bytes(off+start(0)*block, hfsNode+20)
	if head == nil {
		return ""
	}
	leaves, leaf, size := be.Uint32(head[hfsNode+6:]), int64(be.Uint32(head[hfsNode+10:])), int64(be.Uint16(head[hfsNode+18:]))
	if leaves == 0 || size < hfsNode {
		return ""
	}
	at := leaf * size
	for i := range hfsExtents {
		n := int64(be.Uint32(extents[8*i+4:])) * block
		if at >= n {
			at -= n
			continue
		}
		where := off + start(i)*block + at
		node := s.bytes(where, hfsNode+8) // with keyLength, parentID and the name's length
		if node == nil || node[8] != hfsLeaf || be.Uint16(node[10:]) == 0 || be.Uint32(node[hfsNode+2:]) != hfsRootParent {
			return ""
		}
		chars := int(be.Uint16(node[hfsNode+6:]))
		if chars > 255 {
			return ""
		}
		return wide(s.bytes(where+hfsNode+8, 2*chars), be)
	}
	return ""
}

// decodeAPFS reads the front of nx_superblock_t. The magic alone could be
// anything's, so the object's type and the block size must be right as well.
func decodeAPFS(s *source, _ magic) (Info, bool) {
	b := s.bytes(0, 4096)
	le := binary.LittleEndian
	if b == nil || le.Uint16(b[24:]) != 1 || le.Uint32(b[28:]) != 0 || le.Uint32(b[36:]) != 4096 {
		return Info{}, false
	}
	return Info{UUID: uuid([16]byte(b[72:88]))}, true
}

package btrfs

import (
	"crypto/sha256"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"
)

// Types of checksums, csum_type.
const (
	CsumCRC32C  = 0
	CsumXXHash  = 1
	CsumSHA256  = 2
	CsumBLAKE2b = 3
)

var csums = []struct {
	name string
	size int // bytes
	sum  func([]byte) []byte
}{
	CsumCRC32C:  {"crc32c", 4, func(b []byte) []byte { return le.AppendUint32(nil, Checksum(b)) }},
	CsumXXHash:  {"xxhash64", 8, func(b []byte) []byte { return le.AppendUint64(nil, xxhash.Sum64(b)) }},
	CsumSHA256:  {"sha256", 32, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	CsumBLAKE2b: {"blake2b", 32, func(b []byte) []byte { s := blake2b.Sum256(b); return s[:] }},
}

// CsumName names a type of checksums.
func CsumName(kind uint16) string {
	if int(kind) < len(csums) {
		return csums[kind].name
	}
	return fmt.Sprintf("checksum %d", kind)
}

// Sum is the checksum of that type, in as many bytes as it has; nil where the
// type is not known.
func Sum(kind uint16, b []byte) []byte {
	if int(kind) >= len(csums) {
		return nil
	}
	return csums[kind].sum(b)
}

// CsumLength is how many bytes a checksum of that type has; 0 where the type is
// not known.
func CsumLength(kind uint16) int {
	if int(kind) >= len(csums) {
		return 0
	}
	return csums[kind].size
}

// Sealed tells whether a structure that begins with its checksum's field has
// the right one.
func Sealed(kind uint16, b []byte) bool {
	return string(Sum(kind, b[CsumSize:])) == string(b[:CsumLength(kind)])
}

// Seal writes the checksum into the front of a node or superblock.
func Seal(kind uint16, b []byte) { copy(b, Sum(kind, b[CsumSize:])) }

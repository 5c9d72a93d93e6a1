package btrfs

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
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
	CsumXXHash:  {"xxhash64", 8, func(b []byte) []byte { return le.AppendUint64(nil, xxhash64(b)) }},
	CsumSHA256:  {"sha256", 32, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	CsumBLAKE2b: {"blake2b", 32, func(b []byte) []byte { s := blake2b256(b); return s[:] }},
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

// sealed tells whether a structure that begins with its checksum's field has
// the right one.
func sealed(kind uint16, b []byte) bool {
	return string(Sum(kind, b[CsumSize:])) == string(b[:CsumLength(kind)])
}

// Seal writes the checksum into the front of a node or superblock.
func Seal(kind uint16, b []byte) { copy(b, Sum(kind, b[CsumSize:])) }

// The primes of XXH64, by "XXH64 Algorithm Description".
const (
	xxPrime1 = 0x9E3779B185EBCA87
	xxPrime2 = 0xC2B2AE3D27D4EB4F
	xxPrime3 = 0x165667B19E3779F9
	xxPrime4 = 0x85EBCA77C2B2AE63
	xxPrime5 = 0x27D4EB2F165667C5
)

func rotl(v uint64, n uint) uint64 { return v<<n | v>>(64-n) }

func xxRound(acc, lane uint64) uint64 { return rotl(acc+lane*xxPrime2, 31) * xxPrime1 }

// xxhash64 is XXH64 with the seed 0.
func xxhash64(b []byte) uint64 {
	total := uint64(len(b))
	var acc uint64
	if len(b) >= 32 {
		one := uint64(xxPrime1)
		v := [4]uint64{one + xxPrime2, xxPrime2, 0, -one}
		for ; len(b) >= 32; b = b[32:] {
			for i := range v {
				v[i] = xxRound(v[i], binary.LittleEndian.Uint64(b[8*i:]))
			}
		}
		acc = rotl(v[0], 1) + rotl(v[1], 7) + rotl(v[2], 12) + rotl(v[3], 18)
		for _, x := range v {
			acc = (acc^xxRound(0, x))*xxPrime1 + xxPrime4
		}
	} else {
		acc = xxPrime5
	}
	acc += total
	for ; len(b) >= 8; b = b[8:] {
		acc = rotl(acc^xxRound(0, binary.LittleEndian.Uint64(b)), 27)*xxPrime1 + xxPrime4
	}
	if len(b) >= 4 {
		acc = rotl(acc^uint64(binary.LittleEndian.Uint32(b))*xxPrime1, 23)*xxPrime2 + xxPrime3
		b = b[4:]
	}
	for _, c := range b {
		acc = rotl(acc^uint64(c)*xxPrime5, 11) * xxPrime1
	}
	acc = (acc ^ acc>>33) * xxPrime2
	acc = (acc ^ acc>>29) * xxPrime3
	return acc ^ acc>>32
}

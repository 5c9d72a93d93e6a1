package ext4

import "math/bits"

// HashVersion is how names of a directory are hashed: dx_root's hash_version
// and s_def_hash_version. On disk the first three are used, and s_flags says
// whether characters are signed; the unsigned ones are how e2fsprogs and the
// kernel call the combination.
type HashVersion uint8

// Hash versions.
const (
	HashLegacy          HashVersion = 0
	HashHalfMD4         HashVersion = 1
	HashTEA             HashVersion = 2
	HashLegacyUnsigned  HashVersion = 3
	HashHalfMD4Unsigned HashVersion = 4
	HashTEAUnsigned     HashVersion = 5
	HashSIPHash         HashVersion = 6 // encrypted and case-folded directories; needs the key
)

// Unsigned is the version with unsigned characters.
func (v HashVersion) Unsigned() HashVersion {
	if v <= HashTEA {
		return v + 3
	}
	return v
}

func (v HashVersion) String() string {
	switch v {
	case HashLegacy:
		return "legacy"
	case HashHalfMD4:
		return "half_md4"
	case HashTEA:
		return "tea"
	case HashLegacyUnsigned:
		return "legacy unsigned"
	case HashHalfMD4Unsigned:
		return "half_md4 unsigned"
	case HashTEAUnsigned:
		return "tea unsigned"
	case HashSIPHash:
		return "siphash"
	}
	return "unknown"
}

// DirHash hashes a name as it is ordered in a hashed directory (fs/ext4/hash.c).
// seed is the superblock's HashSeedWords; all zeros stand for the algorithms'
// own start values. ok is false for a version that cannot be computed. The
// lowest bit of hash is always 0.
func DirHash(v HashVersion, name []byte, seed [4]uint32) (hash, minor uint32, ok bool) {
	buf := seed
	if seed == [4]uint32{} {
		buf = [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	}
	unsigned := v >= HashLegacyUnsigned
	switch v {
	case HashLegacy, HashLegacyUnsigned:
		hash = legacyHash(name, unsigned)
	case HashHalfMD4, HashHalfMD4Unsigned:
		var in [8]uint32
		for rest := name; len(rest) > 0; rest = rest[min(32, len(rest)):] {
			packName(in[:], rest, unsigned)
			halfMD4(&buf, &in)
		}
		hash, minor = buf[1], buf[2]
	case HashTEA, HashTEAUnsigned:
		var in [4]uint32
		for rest := name; len(rest) > 0; rest = rest[min(16, len(rest)):] {
			packName(in[:], rest, unsigned)
			teaTransform(&buf, &in)
		}
		hash, minor = buf[0], buf[1]
	default:
		return 0, 0, false
	}
	hash &^= 1
	const eof = 0x7fffffff << 1 // the kernel's end marker must not be a name's hash
	if hash == eof {
		hash = (0x7fffffff - 1) << 1
	}
	return hash, minor, true
}

// char is a byte as the C type char, signed or unsigned, widened to an int.
func char(c byte, unsigned bool) uint32 {
	if unsigned {
		return uint32(c)
	}
	return uint32(int32(int8(c)))
}

func legacyHash(name []byte, unsigned bool) uint32 {
	h0, h1 := uint32(0x12a3fe2d), uint32(0x37abe8f9)
	for _, c := range name {
		h := h1 + (h0 ^ char(c, unsigned)*7152373)
		if h&0x80000000 != 0 {
			h -= 0x7fffffff
		}
		h1, h0 = h0, h
	}
	return h0 << 1
}

// packName fills buf with the name's next characters, four to a word, padded
// with the length of what is left of the name.
func packName(buf []uint32, name []byte, unsigned bool) {
	pad := uint32(len(name)) | uint32(len(name))<<8
	pad |= pad << 16
	name = name[:min(len(name), 4*len(buf))]
	for i := range buf {
		val := pad
		for j := 4 * i; j < min(4*i+4, len(name)); j++ {
			val = char(name[j], unsigned) + val<<8
		}
		buf[i] = val
	}
}

func teaTransform(buf *[4]uint32, in *[4]uint32) {
	b0, b1, sum := buf[0], buf[1], uint32(0)
	for range 16 {
		sum += 0x9E3779B9
		b0 += (b1<<4 + in[0]) ^ (b1 + sum) ^ (b1>>5 + in[1])
		b1 += (b0<<4 + in[2]) ^ (b0 + sum) ^ (b0>>5 + in[3])
	}
	buf[0] += b0
	buf[1] += b1
}

// The three rounds of the shortened MD4: the order in which words go in, the
// rotations, and the added constant.
var md4Rounds = [3]struct {
	order  [8]int
	rotate [4]int
	add    uint32
}{
	{[8]int{0, 1, 2, 3, 4, 5, 6, 7}, [4]int{3, 7, 11, 19}, 0},
	{[8]int{1, 3, 5, 7, 0, 2, 4, 6}, [4]int{3, 5, 9, 13}, 0x5A827999},
	{[8]int{3, 7, 2, 6, 1, 5, 0, 4}, [4]int{3, 9, 11, 15}, 0x6ED9EBA1},
}

func halfMD4(buf *[4]uint32, in *[8]uint32) {
	a, b, c, d := buf[0], buf[1], buf[2], buf[3]
	for r := range md4Rounds {
		round := &md4Rounds[r]
		for i, word := range round.order {
			var f uint32
			switch r {
			case 0:
				f = d ^ b&(c^d)
			case 1:
				f = b&c + (b^c)&d
			case 2:
				f = b ^ c ^ d
			}
			t := bits.RotateLeft32(a+f+in[word]+round.add, round.rotate[i%4])
			a, b, c, d = d, t, b, c
		}
	}
	buf[0] += a
	buf[1] += b
	buf[2] += c
	buf[3] += d
}

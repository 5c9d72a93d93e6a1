package probe

import (
	"encoding/binary"
	"fmt"
)

// minixBlockBits is how many inodes or zones one block of a bitmap stands for.
const minixBlockBits = 1024 * 8

// decodeMinix reads the superblock of versions 1 and 2 (struct
// minix_super_block) and 3 (struct minix3_super_block) in either byte order.
// Two bytes of magic are little: the bitmaps must be large enough for what
// they describe, and an ext superblock, which may hold the same two bytes at
// that place, is none.
func decodeMinix(s *source, m magic) (Info, bool) {
	b := s.bytes(1024, 64)
	if b == nil || string(b[56:58]) == extMagic[0].text {
		return Info{}, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if m.text[0] == 0x13 || m.text[0] == 0x24 || m.text == "\x4d\x5a" {
		order = binary.BigEndian
	}
	u16 := func(at int) uint32 { return uint32(order.Uint16(b[at:])) }
	version := 1
	inodes, zones, imaps, zmaps, first := u16(0), u16(2), u16(4), u16(6), u16(8)
	switch order.Uint16([]byte(m.text)) {
	case 0x2468, 0x2478:
		version, zones = 2, order.Uint32(b[20:])
	case 0x4d5a:
		version = 3
		inodes, zones, imaps, zmaps, first = order.Uint32(b), order.Uint32(b[20:]), u16(6), u16(8), u16(10)
	}
	ok := imaps != 0 && zmaps != 0
	if version < 3 {
		ok = ok && zones >= first && uint64(imaps)*minixBlockBits > uint64(inodes) &&
			uint64(zmaps)*minixBlockBits > uint64(zones-first)
	}
	return Info{Version: fmt.Sprint(version)}, ok
}

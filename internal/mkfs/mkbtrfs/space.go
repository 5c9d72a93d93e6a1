package mkbtrfs

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
)

const (
	sector   = btrfs.SectorSize
	nodeSize = btrfs.NodeSize
	mebibyte = 1 << 20
	maxChunk = 1 << 30 // bytes, as the kernel makes them
	// systemChunk is the length of the chunk that holds the chunk tree.
	systemChunk = 4 * mebibyte
	// spare is what the metadata's chunks have beyond what is used, in bytes:
	// room to change something before another chunk is needed.
	spare = 8 * mebibyte
)

// chunk is a range of logical addresses, and where it lies on the device.
type chunk struct {
	kind    uint64
	logical uint64 // also the first stripe's place
	length  uint64
	second  uint64 // the second stripe's place; 0: there is none
	used    uint64
}

func (c *chunk) stripes() []uint64 {
	if c.second == 0 {
		return []uint64{c.logical}
	}
	return []uint64{c.logical, c.second}
}

// space hands out the device, front to back.
type space struct {
	next   uint64 // place on the device
	chunks []*chunk
	open   *chunk // the data chunk that is being filled
}

func newSpace() *space {
	s := &space{next: mebibyte} // the first one is reserved (BTRFS_DEVICE_RANGE_RESERVED)
	s.add(btrfs.GroupSystem|btrfs.GroupDup, systemChunk)
	return s
}

// room is the next place outside of the superblock's, and how much follows it
// up to the next of them.
func (s *space) room() (at, length uint64) {
	at = s.next
	for _, super := range btrfs.SuperOffsets[1:] {
		if at+mebibyte > uint64(super) && at < uint64(super)+mebibyte {
			at = uint64(super) + mebibyte
		}
		if uint64(super) >= at {
			return at, uint64(super) - at
		}
	}
	return at, 1 << 62
}

// take is a place for one stripe.
func (s *space) take(length uint64) uint64 {
	for {
		at, have := s.room()
		if have >= length {
			s.next = at + length
			return at
		}
		s.next = at + have
	}
}

func (s *space) add(kind, length uint64) *chunk {
	c := &chunk{kind: kind, length: length, logical: s.take(length)}
	if kind&btrfs.GroupDup != 0 {
		c.second = s.take(length)
	}
	s.chunks = append(s.chunks, c)
	return c
}

// data gives up to n bytes, whole sectors, at one place; less at a chunk's end.
func (s *space) data(n uint64) (at, got uint64) {
	if s.open != nil && s.open.used == s.open.length {
		s.closeData()
	}
	if s.open == nil {
		at, have := s.room()
		s.open = &chunk{kind: btrfs.GroupData, logical: at, length: min(have/mebibyte*mebibyte, maxChunk)}
		s.chunks = append(s.chunks, s.open)
	}
	at = s.open.logical + s.open.used
	got = min(n, s.open.length-s.open.used)
	s.open.used += got
	return at, got
}

// closeData ends the data chunk behind what is used of it.
func (s *space) closeData() {
	if s.open != nil {
		s.open.length = (s.open.used + mebibyte - 1) / mebibyte * mebibyte
		s.next = s.open.logical + s.open.length
		s.open = nil
	}
}

// metadata makes the chunks for so many blocks, behind all others.
func (s *space) metadata(blocks int) {
	left := uint64(blocks)*nodeSize + spare
	for left > 0 {
		_, have := s.room()
		length := min((left+mebibyte-1)/mebibyte*mebibyte, maxChunk)
		if half := have / 2 / mebibyte * mebibyte; half >= mebibyte {
			length = min(length, half) // both stripes before the superblock's copy
		}
		s.add(btrfs.GroupMetadata|btrfs.GroupDup, length)
		left -= min(left, length)
	}
}

// drop takes back what metadata made.
func (s *space) drop() {
	for len(s.chunks) > 0 {
		c := s.chunks[len(s.chunks)-1]
		if c.kind&btrfs.GroupMetadata == 0 {
			return
		}
		s.chunks = s.chunks[:len(s.chunks)-1]
		s.next = c.logical
	}
}

// place is a chunk of a kind and an address in it, for the block of that
// number among the kind's.
func (s *space) place(kind uint64, block int) (*chunk, uint64) {
	at := uint64(block) * nodeSize
	for _, c := range s.chunks {
		if c.kind&kind == 0 {
			continue
		}
		if at < c.length {
			return c, c.logical + at
		}
		at -= c.length
	}
	return nil, 0
}

package format

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/vdi"
)

// writeVDI writes the header, the block map, and the blocks in the order of the
// disk.
func writeVDI(s *stream, ids IDs) error {
	h, err := vdi.NewDynamic(s.disk.Size(), ids.Image, ids.Snapshot)
	if err != nil {
		return err
	}
	blocks := table{s: s, order: binary.LittleEndian, at: []int64{int64(h.OffBlocks)}, free: vdi.BlockFree}
	err = s.run(steps{length: vdi.BlockSize, take: func(p *piece) error {
		p.putData(p.data, int64(h.OffData)+int64(h.BlocksAllocated)*vdi.BlockSize)
		err := blocks.set(p.at/vdi.BlockSize, h.BlocksAllocated)
		h.BlocksAllocated++
		return err
	}})
	if err != nil {
		return err
	}
	if err := blocks.fill(int64(h.Blocks)); err != nil {
		return err
	}
	if err := blocks.flush(); err != nil {
		return err
	}
	if err := s.put(vdi.Layout.Encode(&h), 0); err != nil {
		return err
	}
	return s.file.Truncate(int64(h.OffData) + int64(h.BlocksAllocated)*vdi.BlockSize)
}

package format

import (
	"bytes"
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/vhd"
)

// writeVHD writes the footer's copy, the header, the BAT, the blocks in the
// order of the disk, and the footer. A block's data begin at a page, which is
// how Windows lays them out since it has disks with sectors of that size; its
// bitmap, all ones, stands right before.
func writeVHD(s *stream, ids IDs) error {
	size := s.disk.Size()
	footer, header, err := vhd.EncodeDynamic(size, ids.Time, ids.Image)
	if err != nil {
		return err
	}
	entries := (size + vhd.BlockSize - 1) / vhd.BlockSize
	bitmap := bytes.Repeat([]byte{0xff}, int(vhd.BitmapSize()))
	behind := vhd.TableOffset + up(4*entries, sector)
	data := up(behind+int64(len(bitmap)), page) // of the next block
	end := behind
	bat := table{s: s, order: binary.BigEndian, at: []int64{vhd.TableOffset}, free: vhd.BlockFree}
	err = s.run(steps{length: vhd.BlockSize, take: func(p *piece) error {
		at := data - int64(len(bitmap))
		p.put(bitmap, at)
		p.putData(p.data, data)
		end = data + vhd.BlockSize
		data = up(end+int64(len(bitmap)), page)
		return bat.set(p.at/vhd.BlockSize, uint32(at/sector))
	}})
	if err != nil {
		return err
	}
	if err := bat.fill(up(4*entries, sector) / 4); err != nil {
		return err
	}
	if err := bat.flush(); err != nil {
		return err
	}
	if err := s.put(append(bytes.Clone(footer), header...), 0); err != nil {
		return err
	}
	return s.put(footer, end)
}

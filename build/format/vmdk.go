package format

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

// writeVMDK writes a monolithicSparse image: the header with the descriptor,
// two grain directories with their tables, all of the same content, and the
// grains in the order of the disk.
func writeVMDK(s *stream, ids IDs) error {
	m, err := vmdk.NewMonolithic(s.disk.Size(), FileName(VMDK), ids.CID)
	if err != nil {
		return err
	}
	if err := s.put(m.Head, 0); err != nil {
		return err
	}
	for i, at := range m.Directory {
		directory := table{s: s, order: binary.LittleEndian, at: []int64{at}}
		for n := range m.Tables {
			if err := directory.add(uint32((m.Table[i] + n*vmdk.TableBytes) / sector)); err != nil {
				return err
			}
		}
		if err := directory.flush(); err != nil {
			return err
		}
	}
	grains := table{s: s, order: binary.LittleEndian, at: m.Table[:]}
	next := m.Data
	err = s.run(steps{length: 16 * vmdk.GrainBytes, take: func(p *piece) error {
		for i := int64(0); i < int64(len(p.data)); i += vmdk.GrainBytes {
			b := p.data[i : i+vmdk.GrainBytes]
			if zero(b) {
				continue
			}
			p.put(b, next)
			if err := grains.set((p.at+i)/vmdk.GrainBytes, uint32(next/sector)); err != nil {
				return err
			}
			next += vmdk.GrainBytes
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if err := grains.flush(); err != nil {
		return err
	}
	return s.file.Truncate(next)
}

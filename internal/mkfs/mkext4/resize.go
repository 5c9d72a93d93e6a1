package mkext4

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

// resizeInode is what the resize inode owns: one doubly indirect block, which
// lists the reserved descriptor blocks of group 0, each of which lists its
// copies in the groups with backups. resize2fs and the kernel take the
// descriptors of added groups from there.
type resizeInode struct {
	dind     uint64
	dindData []byte
	lists    []node // the reserved blocks of group 0
	blocks   uint64 // that the inode owns, for i_blocks
}

func (s shape) resizeInode(dind uint64) resizeInode {
	r := resizeInode{dind: dind, dindData: make([]byte, blockSize)}
	copies := s.backups()[1:]
	le := binary.LittleEndian
	for i := range s.reservedDescs {
		block := 1 + s.descBlocks + i
		le.PutUint32(r.dindData[(s.descBlocks+i)%addrsPerBlock*4:], uint32(block))
		if len(copies) == 0 {
			continue // an empty list is a hole
		}
		b := make([]byte, blockSize)
		for j, g := range copies {
			le.PutUint32(b[j*4:], uint32(g*s.blocksPerGroup+block))
		}
		r.lists = append(r.lists, node{block, b})
	}
	r.blocks = 1 + s.reservedDescs*uint64(1+len(copies))
	return r
}

// dindSlot is the doubly indirect block's number in i_block (EXT4_DIND_BLOCK).
const dindSlot = 13

// resizeSize is the resize inode's i_size: what a doubly indirect map reaches.
const resizeSize = (12 + addrsPerBlock + addrsPerBlock*addrsPerBlock) * blockSize

func (r resizeInode) fill(d *ext4.Inode) {
	binary.LittleEndian.PutUint32(d.Block[4*dindSlot:], uint32(r.dind))
	setSize(d, resizeSize)
	setBlocks(d, r.blocks)
}

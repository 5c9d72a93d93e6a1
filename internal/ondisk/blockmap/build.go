package blockmap

import (
	"fmt"
	"math"
)

// MaxRuns is how many runs a map may have: 32 MiB of them. A VMDK of 64 KiB
// grains of which no two are in order reaches it at 128 GiB.
const MaxRuns = 2 << 20

// Builder collects the entries of a table.
type Builder struct {
	// Size is the virtual disk's length in bytes. The last block may reach
	// behind it.
	Size int64
	// BlockSize is a block's length in bytes.
	BlockSize int64
	// FileSize is the file's length in bytes.
	FileSize int64
	// Least is how many bytes of the file a block takes at least; BlockSize
	// where it is 0. Compressed blocks take less than their size.
	Least int64
	// Apart keeps neighbours in runs of their own: a compressed block's place
	// tells nothing of the next one's.
	Apart bool

	runs   []run
	blocks int64
}

// Add says that a block, counted from 0, lies at a byte of the file. Blocks
// come in rising order. One that begins behind the disk's end is counted, but
// is not part of the disk.
func (b *Builder) Add(block, place int64) error {
	least := b.Least
	if least == 0 {
		least = b.BlockSize
	}
	need := least
	if block >= 0 && block < math.MaxInt64/b.BlockSize && block*b.BlockSize < b.Size {
		need = min(least, b.Size-block*b.BlockSize)
	}
	if place < 0 || place > b.FileSize-need {
		return fmt.Errorf("block %d lies at byte %d, behind the end of the file of %d bytes: the file is cut off or damaged, take a whole copy", block, place, b.FileSize)
	}
	b.blocks++
	// The blocks before this one: the last one may be shorter than a block.
	if b.blocks-1 > b.FileSize/least {
		return fmt.Errorf("the table names more blocks of %d bytes than the file of %d bytes can hold: it is damaged, take a whole copy", least, b.FileSize)
	}
	if block < 0 || block > math.MaxUint32 || block >= math.MaxInt64/b.BlockSize || block*b.BlockSize >= b.Size {
		return nil
	}
	if n := len(b.runs); n > 0 && !b.Apart {
		last := &b.runs[n-1]
		if int64(last.block)+int64(last.count) == block && last.place+int64(last.count)*b.BlockSize == place && last.count < math.MaxUint32 {
			last.count++
			return nil
		}
	}
	if len(b.runs) == MaxRuns {
		return fmt.Errorf("the disk lies in more than %d pieces: put it in order with `qemu-img convert`", MaxRuns)
	}
	b.runs = append(b.runs, run{block: uint32(block), count: 1, place: place})
	return nil
}

// Map ends the building. The Builder must not be used again.
func (b *Builder) Map() *Map {
	return &Map{size: b.Size, blockSize: b.BlockSize, runs: b.runs, blocks: b.blocks}
}

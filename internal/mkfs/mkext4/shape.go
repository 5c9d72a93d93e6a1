package mkext4

import "fmt"

// What mke2fs computes with, for blocks of 4096 bytes.
const (
	maxBlocksPerGroup = blockSize * 8
	maxInodesPerGroup = blockSize * 8
	groupsPerFlex     = 16 // mke2fs' default, s_log_groups_per_flex 4
	descsPerBlock     = blockSize / descSize
	addrsPerBlock     = blockSize / 4
	inodesPerBlock    = blockSize / inodeSize
	reservedInodes    = 10 // s_first_ino - 1
	maxBlocks         = 1<<32 - 1
)

// shape is a filesystem's geometry in numbers, without places.
type shape struct {
	blocks         uint64 // that the filesystem uses; may be less than the volume has
	reserved       uint64 // s_r_blocks_count
	groups         uint64
	blocksPerGroup uint64
	inodesPerGroup uint64
	tableBlocks    uint64 // blocks of one group's inode table
	descBlocks     uint64 // blocks of the group descriptors
	reservedDescs  uint64 // blocks reserved for the descriptors to grow
	journal        uint64 // blocks of the journal; 0 for none
}

// shapeOf is what mke2fs would make of a volume of so many bytes that must
// have at least needInodes inodes (ext2fs_initialize and mke2fs' defaults).
func shapeOf(o Options, size int64, needInodes uint64) (shape, error) {
	volume := uint64(size) / blockSize
	if volume == 0 {
		return shape{}, fmt.Errorf("ext4: %d bytes are too small for a filesystem", size)
	}
	if volume > maxBlocks {
		return shape{}, fmt.Errorf("ext4: %d bytes are too large: volumes of 16 TiB and more are not supported", size)
	}
	wanted := uint64(o.Inodes)
	if wanted == 0 {
		wanted = volume * blockSize / inodeRatio(volume)
	}
	wanted = max(wanted, needInodes, reservedInodes+2)

	reserved := uint64(float64(o.reservedPercent()) * float64(volume) / 100)
	reservedRatio := 100 * float64(reserved) / float64(volume)
	s := shape{blocks: volume, reserved: reserved, blocksPerGroup: maxBlocksPerGroup}
	for {
		s.groups = ceilDiv(s.blocks, s.blocksPerGroup)
		if s.groups == 0 {
			return shape{}, fmt.Errorf("ext4: %d bytes are too small for %d inodes", size, wanted)
		}
		s.descBlocks = ceilDiv(s.groups, descsPerBlock)
		perGroup := ceilDiv(wanted, s.groups)
		if perGroup > maxInodesPerGroup {
			if s.blocksPerGroup < 256 {
				return shape{}, fmt.Errorf("ext4: %d bytes are too small for %d inodes", size, wanted)
			}
			s.blocksPerGroup -= 8
			s.blocks = volume
			continue
		}
		s.tableBlocks = ceilDiv(perGroup, inodesPerBlock)
		s.inodesPerGroup = s.tableBlocks * inodesPerBlock
		if s.inodesPerGroup*s.groups > 1<<32-1 {
			return shape{}, fmt.Errorf("ext4: more than 4,294,967,295 inodes")
		}
		s.reservedDescs = s.reservedDescBlocks()
		if 3+s.tableBlocks+s.reservedDescs+s.descBlocks > s.blocksPerGroup {
			return shape{}, fmt.Errorf("ext4: %d bytes are too small for %d inodes", size, wanted)
		}
		// A last group that cannot hold much more than its own tables is left
		// out. Its tables may lie elsewhere, but they must fit in it so that
		// resize2fs can shrink the volume.
		own := 2 + s.tableBlocks
		if hasBackup(s.groups - 1) {
			own += 1 + s.descBlocks + s.reservedDescs
		}
		rest := s.blocks % s.blocksPerGroup
		if rest != 0 && rest < own+50 {
			s.blocks -= rest
			s.reserved = uint64(reservedRatio * float64(s.blocks) / 100)
			continue
		}
		break
	}
	if !o.NoJournal {
		s.journal = journalBlocks(s.blocks)
	}
	return s, nil
}

// inodeRatio is mke2fs.conf's number of bytes for each inode. blocks is the
// volume's.
func inodeRatio(blocks uint64) uint64 {
	const meg = mebibyte / blockSize
	switch {
	case blocks < 3*meg:
		return 8192 // "floppy"
	case blocks < 512*meg:
		return 4096 // "small"
	case blocks < 4*1024*1024*meg:
		return 16384
	default:
		return 32768 // "big"; "huge" begins at 16 TiB
	}
}

// journalBlocks is ext2fs_default_journal_size.
func journalBlocks(blocks uint64) uint64 {
	switch {
	case blocks < 2048:
		return 0
	case blocks < 32768:
		return 1024
	case blocks < 256*1024:
		return 4096
	case blocks < 512*1024:
		return 8192
	case blocks < 4096*1024:
		return 16384
	case blocks < 8192*1024:
		return 32768
	case blocks < 16384*1024:
		return 65536
	case blocks < 32768*1024:
		return 131072
	default:
		return 262144
	}
}

// reservedDescBlocks is how many blocks resize_inode keeps: enough for the
// volume to grow to 1024 times its size or to 2^32 blocks, as far as one
// indirect block can list them.
func (s shape) reservedDescBlocks() uint64 {
	limit := uint64(maxBlocks)
	if s.blocks < limit/1024 {
		limit = s.blocks * 1024
	}
	n := ceilDiv(ceilDiv(limit, s.blocksPerGroup), descsPerBlock)
	return min(n-min(n, s.descBlocks), addrsPerBlock)
}

// hasBackup tells whether a group starts with a copy of the superblock and of
// the descriptors (sparse_super): 0, 1 and the powers of 3, 5 and 7.
func hasBackup(group uint64) bool {
	if group <= 1 {
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		p := base
		for p < group {
			p *= base
		}
		if p == group {
			return true
		}
	}
	return false
}

// backups lists the groups with copies, group 0 included.
func (s shape) backups() []uint64 {
	out := []uint64{0}
	for g := uint64(1); g < s.groups; g++ {
		if hasBackup(g) {
			out = append(out, g)
		}
	}
	return out
}

// head is the number of blocks in front of a group with a backup.
func (s shape) head() uint64 { return 1 + s.descBlocks + s.reservedDescs }

// inodes is s_inodes_count.
func (s shape) inodes() uint64 { return s.inodesPerGroup * s.groups }

// overhead is s_overhead_clusters: the blocks that no file can ever have.
func (s shape) overhead() uint64 {
	return uint64(len(s.backups()))*s.head() + s.groups*(2+s.tableBlocks) + s.journal
}

// journalTreeBlocks bounds the extent blocks of a journal that needs more
// than the four extents an inode holds.
func (s shape) journalTreeBlocks() uint64 {
	if s.journal > 2*maxExtentLen {
		return 1
	}
	return 0
}

// forTree is the number of blocks that a tree may fill: all that neither the
// tables nor the journal nor the resize inode need.
func (s shape) forTree() uint64 {
	used := s.overhead() + 1 + s.journalTreeBlocks()
	if used > s.blocks {
		return 0
	}
	return s.blocks - used
}

// gaps bounds how often the ascending free blocks are interrupted, which is
// how often a file may be cut in two.
func (s shape) gaps() uint64 {
	return uint64(len(s.backups())) + 3*ceilDiv(s.groups, groupsPerFlex)
}

func ceilDiv(a, b uint64) uint64 { return (a + b - 1) / b }

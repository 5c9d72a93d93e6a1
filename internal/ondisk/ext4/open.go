package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
)

// FS is an ext2, ext3 or ext4 filesystem open for reading. Its methods may be
// called at the same time from several goroutines where the reader allows it.
type FS struct {
	r    io.ReaderAt
	size int64 // bytes that r holds

	sb        Superblock
	sbOffset  int64 // of the copy that was read
	seed      uint32
	blockSize int64
	blocks    uint64 // of the volume, as stated
	groups    uint32
	perGroup  uint64 // blocks a group
	inodeSize int
	inodes    uint32 // highest valid inode number
	descSize  int
	gdt       []byte // all group descriptors, descSize each
	warnings  problems

	tagsOnce sync.Once
	tags     JournalTags

	mu    sync.Mutex
	table [tableSlots]tableChunk
}

// ErrNotExt says that there is no superblock where one would be.
var ErrNotExt = errors.New("ext4: byte 1024: no ext2, ext3 or ext4 superblock")

// maxDescriptorBytes is how much memory group descriptors may take: enough for
// a million groups, which are 128 TiB in blocks of 4 KiB.
const maxDescriptorBytes = 64 << 20

// Open reads and checks the superblock and the group descriptors of the
// filesystem that starts at r's first byte; size is the number of bytes there
// are. Where the primary superblock is unusable, the backup in group 1 is
// taken, and Warnings says so.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	fs, err := openAt(r, size, SuperblockOffset)
	if err == nil {
		return fs, nil
	}
	for log := int64(0); log <= 6; log++ {
		bs := int64(1024) << log
		off := 8 * bs * bs // group 1 starts where a bitmap of one block ends
		if log == 0 {
			off += bs
		}
		if off+SuperblockSize > size {
			break
		}
		if fs, err2 := openAt(r, size, off); err2 == nil && fs.blockSize == bs && fs.sb.BlockGroupNr == 1 {
			fs.warnings.add(SuperblockOffset, "primary superblock is unusable (%s); read the backup at byte %d", text(err), off)
			return fs, nil
		}
	}
	return nil, err
}

func text(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Text
	}
	return err.Error()
}

func openAt(r io.ReaderAt, size, off int64) (*FS, error) {
	if size < off+SuperblockSize {
		return nil, fmt.Errorf("ext4: %d bytes are too few for a superblock at byte %d", size, off)
	}
	raw := make([]byte, SuperblockSize)
	if _, err := io.ReadFull(io.NewSectionReader(r, off, SuperblockSize), raw); err != nil {
		return nil, fmt.Errorf("ext4: read superblock at byte %d: %w", off, err)
	}
	fs := &FS{r: r, size: size, sb: SuperblockLayout.Decode(raw), sbOffset: off}
	if err := fs.checkSuperblock(); err != nil {
		return nil, err
	}
	if fs.sb.HasRoCompat(RoCompatMetadataCsum) {
		if got := SuperblockChecksum(raw); got != fs.sb.Checksum {
			fs.warnings.add(off, "superblock: s_checksum is 0x%08x, its content gives 0x%08x", fs.sb.Checksum, got)
		}
	}
	fs.seed = fs.sb.ChecksumSeedValue()
	if end := int64(fs.blocks) * fs.blockSize; end > size {
		fs.warnings.add(size, "the filesystem has %d bytes, but only %d are there", end, size)
	}
	if err := fs.readDescriptors(); err != nil {
		return nil, err
	}
	return fs, nil
}

// checkSuperblock refuses what no reader could make sense of.
func (fs *FS) checkSuperblock() error {
	s, off := &fs.sb, fs.sbOffset
	bad := func(format string, args ...any) error {
		return problemf(off, "superblock: "+format, args...)
	}
	if s.Magic != SuperMagic {
		if off == SuperblockOffset {
			return ErrNotExt
		}
		return bad("s_magic is 0x%04x", s.Magic)
	}
	if s.RevLevel > DynamicRev {
		return bad("s_rev_level is %d, known are 0 and 1", s.RevLevel)
	}
	if s.HasIncompat(IncompatJournalDev) {
		return bad("an external journal, not a filesystem")
	}
	if s.HasIncompat(IncompatCompression) {
		return bad("feature compression is not supported")
	}
	fs.blockSize = s.BlockSize()
	if fs.blockSize == 0 {
		return bad("s_log_block_size is %d, at most 6 is allowed", s.LogBlockSize)
	}
	cluster := s.ClusterSize()
	if cluster < fs.blockSize {
		return bad("s_log_cluster_size is %d with s_log_block_size %d", s.LogClusterSize, s.LogBlockSize)
	}
	fs.inodeSize = s.InodeBytes()
	if fs.inodeSize < GoodOldInodeSize || int64(fs.inodeSize) > fs.blockSize || bits.OnesCount(uint(fs.inodeSize)) != 1 {
		return bad("s_inode_size is %d with blocks of %d bytes", fs.inodeSize, fs.blockSize)
	}
	fs.descSize = s.DescBytes()
	if s.HasIncompat(Incompat64bit) &&
		(fs.descSize < GroupDescSize64 || fs.descSize > MaxGroupDescSize || bits.OnesCount(uint(fs.descSize)) != 1) {
		return bad("s_desc_size is %d", fs.descSize)
	}
	fs.blocks = s.BlocksCount()
	if fs.blocks == 0 || fs.blocks > uint64(1<<62/fs.blockSize) || uint64(s.FirstDataBlock) >= fs.blocks {
		return bad("s_blocks_count is %d, s_first_data_block %d", fs.blocks, s.FirstDataBlock)
	}
	if s.FirstDataBlock > 1 {
		return bad("s_first_data_block is %d", s.FirstDataBlock)
	}
	ratio := uint64(cluster / fs.blockSize)
	fs.perGroup = uint64(s.BlocksPerGroup)
	if fs.perGroup == 0 || fs.perGroup%8 != 0 || fs.perGroup > ratio*uint64(fs.blockSize)*8 {
		return bad("s_blocks_per_group is %d with blocks of %d bytes", fs.perGroup, fs.blockSize)
	}
	if s.HasRoCompat(RoCompatBigalloc) && uint64(s.ClustersPerGroup)*ratio != fs.perGroup {
		return bad("s_clusters_per_group is %d, s_blocks_per_group %d, %d blocks a cluster", s.ClustersPerGroup, fs.perGroup, ratio)
	}
	if s.InodesPerGroup == 0 || int64(s.InodesPerGroup) > fs.blockSize*8 {
		return bad("s_inodes_per_group is %d with blocks of %d bytes", s.InodesPerGroup, fs.blockSize)
	}
	groups := (fs.blocks - uint64(s.FirstDataBlock) + fs.perGroup - 1) / fs.perGroup
	if groups*uint64(fs.descSize) > min(maxDescriptorBytes, uint64(fs.size)) {
		return bad("%d blocks in groups of %d give %d groups, whose descriptors do not fit into %d bytes", fs.blocks, fs.perGroup, groups, fs.size)
	}
	fs.groups = uint32(groups)
	fs.inodes = uint32(min(uint64(s.InodesCount), groups*uint64(s.InodesPerGroup)))
	return nil
}

func (fs *FS) readDescriptors() error {
	fs.gdt = make([]byte, int64(fs.groups)*int64(fs.descSize))
	per := int(fs.blockSize) / fs.descSize // descriptors a block
	for n := range fs.gdtBlocks() {
		first := n * per
		part := fs.gdt[first*fs.descSize : min((first+per)*fs.descSize, len(fs.gdt))]
		off := int64(fs.descBlock(n)) * fs.blockSize
		if fs.sbOffset != SuperblockOffset && !fs.isMetaBg(n) {
			off = fs.sbOffset + int64(n+1)*fs.blockSize
		}
		if err := fs.readAt(part, off); err != nil {
			if n == 0 {
				return err
			}
			fs.warnings.add(off, "group descriptors %d to %d cannot be read: %s", first, first+len(part)/fs.descSize-1, text(err))
		}
	}
	return nil
}

// readAt fills b from the volume's byte off.
func (fs *FS) readAt(b []byte, off int64) error {
	if off < 0 || off > fs.size-int64(len(b)) {
		return problemf(off, "%d bytes reach beyond the end at %d", len(b), fs.size)
	}
	n, err := fs.r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("ext4: read %d bytes at %d: %w", len(b), off, err)
}

// Superblock is the superblock that Open read.
func (fs *FS) Superblock() Superblock { return fs.sb }

// SuperblockOffset is the byte offset of the copy that Open read.
func (fs *FS) SuperblockOffset() int64 { return fs.sbOffset }

// BlockSize is the size of a block in bytes.
func (fs *FS) BlockSize() int64 { return fs.blockSize }

// Blocks is the number of blocks of the volume.
func (fs *FS) Blocks() uint64 { return fs.blocks }

// Groups is the number of block groups.
func (fs *FS) Groups() uint32 { return fs.groups }

// Inodes is the highest inode number.
func (fs *FS) Inodes() uint32 { return fs.inodes }

// InodeSize is the size of an inode in bytes.
func (fs *FS) InodeSize() int { return fs.inodeSize }

// DescSize is the size of a group descriptor in bytes.
func (fs *FS) DescSize() int { return fs.descSize }

// Size is the number of bytes that the volume's image holds.
func (fs *FS) Size() int64 { return fs.size }

// Warnings lists what Open found wrong and could live with.
func (fs *FS) Warnings() []*Problem { return fs.warnings.done() }

// validBlock tells whether n blocks from b on are blocks of the volume that
// could belong to a structure or file.
func (fs *FS) validBlock(b, n uint64) bool {
	return b >= uint64(fs.sb.FirstDataBlock) && b > 0 && b < fs.blocks && n <= fs.blocks-b
}

var le = binary.LittleEndian

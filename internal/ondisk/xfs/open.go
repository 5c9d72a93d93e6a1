package xfs

import (
	"fmt"
	"io"
	"math/bits"
)

// Error says what is wrong, and at which byte.
type Error struct {
	Offset int64
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("xfs: byte %d: %s", e.Offset, e.Text) }

func wrong(off int64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...)}
}

// FS is a filesystem that can be read. It is not safe for use by several
// goroutines at once.
type FS struct {
	r      io.ReaderAt
	size   int64
	SB     Superblock
	budget int64 // blocks of extents, directories and attributes that may still be read
}

// maxGroups is more than anybody has: growing a filesystem keeps the size of
// its groups, of 16 MiB at least.
const maxGroups = 1 << 20

// ReadSuperblock reads the superblock of the filesystem in r, and its bytes.
// Nothing in it is checked: it may be one that Open refuses.
func ReadSuperblock(r io.ReaderAt) (Superblock, []byte, error) {
	b := make([]byte, SuperblockLayout.Size())
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return Superblock{}, nil, fmt.Errorf("xfs: byte 0: %w", err)
	}
	return SuperblockLayout.Decode(b), b, nil
}

// Open reads the superblock of a filesystem of size bytes.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	fs := &FS{r: r, size: size}
	raw, err := fs.read(0, int64(SuperblockLayout.Size()))
	if err != nil {
		return nil, err
	}
	fs.SB = SuperblockLayout.Decode(raw)
	s := &fs.SB
	power := func(n, log, least, most uint32) bool {
		return n >= least && n <= most && bits.OnesCount32(n) == 1 && uint32(bits.TrailingZeros32(n)) == log
	}
	switch {
	case s.Magic != Magic:
		return nil, wrong(0, "no superblock")
	case s.VersionNum&0xF != 5:
		return nil, wrong(100, "version %d is not read, only 5", s.VersionNum&0xF)
	case !power(s.BlockSize, uint32(s.BlockLog), 1024, 65536) || !power(uint32(s.InodeSize), uint32(s.InodeLog), 512, 2048) ||
		uint32(s.InoPBlock) != s.BlockSize/uint32(s.InodeSize) || !power(uint32(s.InoPBlock), uint32(s.InoPBLog), 1, 128):
		return nil, wrong(4, "blocks of %d and inodes of %d bytes do not go together", s.BlockSize, s.InodeSize)
	case !power(uint32(s.SectSize), uint32(s.SectLog), 512, s.BlockSize):
		return nil, wrong(102, "sectors of %d bytes do not go with blocks of %d", s.SectSize, s.BlockSize)
	case s.DirBlkLog > 6 || s.BlockSize<<s.DirBlkLog > 65536:
		return nil, wrong(192, "directory blocks of 2^%d blocks of %d bytes", s.DirBlkLog, s.BlockSize)
	case s.AGBlocks < 64 || s.AGBlkLog > 31 || s.AGBlocks > 1<<s.AGBlkLog || s.DBlocks > uint64(size)>>s.BlockLog ||
		s.AGCount == 0 || s.AGCount > maxGroups || uint64(s.AGCount-1)*uint64(s.AGBlocks) >= s.DBlocks:
		return nil, wrong(84, "%d groups of %d blocks in %d", s.AGCount, s.AGBlocks, s.DBlocks)
	case s.Incompat&incompatZoned != 0:
		return nil, wrong(216, "zoned filesystems are not read")
	}
	// A sound filesystem's blocks are each read a few times. A damaged one may
	// have the same blocks many times over.
	fs.budget = 1<<16 + int64(min(8*s.DBlocks, 1<<24))
	return fs, nil
}

// spend takes blocks off the budget.
func (fs *FS) spend(blocks, off int64) error {
	if fs.budget -= blocks; fs.budget < 0 {
		return wrong(off, "blocks are used so often that they are not read any more")
	}
	return nil
}

func (fs *FS) read(off, n int64) ([]byte, error) {
	if off < 0 || n > fs.size || off > fs.size-n {
		return nil, wrong(off, "%d bytes there are outside of the filesystem", n)
	}
	b := make([]byte, n)
	if got, err := fs.r.ReadAt(b, off); got < len(b) {
		return nil, fmt.Errorf("xfs: byte %d: %w", off, err)
	}
	return b, nil
}

// block is the place of a block that is given by its number within the
// filesystem (xfs_fsblock_t), in bytes; -1 for none.
func (fs *FS) block(n uint64) int64 {
	ag, in := n>>fs.SB.AGBlkLog, n&(1<<fs.SB.AGBlkLog-1)
	if ag >= uint64(fs.SB.AGCount) || in >= uint64(fs.groupBlocks(uint32(ag))) {
		return -1
	}
	return fs.groupBlock(uint32(ag), uint32(in))
}

// run is the place of several blocks in a row; -1 where not all of them are in
// one group.
func (fs *FS) run(start, count uint64) int64 {
	at := fs.block(start)
	if at < 0 || count > uint64(fs.groupBlocks(uint32(start>>fs.SB.AGBlkLog)))-start&(1<<fs.SB.AGBlkLog-1) {
		return -1
	}
	return at
}

// groupBlock is the place of a block of a group, in bytes.
func (fs *FS) groupBlock(ag, block uint32) int64 {
	return int64(uint64(ag)*uint64(fs.SB.AGBlocks)+uint64(block)) << fs.SB.BlockLog
}

// groupBlocks is how many blocks a group has: the last may be shorter.
func (fs *FS) groupBlocks(ag uint32) uint32 {
	return uint32(min(uint64(fs.SB.AGBlocks), fs.SB.DBlocks-uint64(ag)*uint64(fs.SB.AGBlocks)))
}

// End is the byte behind the filesystem's last block.
func (fs *FS) End() int64 { return int64(fs.SB.DBlocks) << fs.SB.BlockLog }

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

// FS is a filesystem that can be read.
type FS struct {
	r    io.ReaderAt
	size int64
	SB   Superblock
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
	case s.DirBlkLog != 0:
		return nil, wrong(192, "directory blocks of several blocks are not read")
	case s.AGBlocks < 64 || s.AGBlkLog > 31 || s.AGBlocks > 1<<s.AGBlkLog || s.DBlocks > uint64(size)>>s.BlockLog ||
		s.AGCount == 0 || uint64(s.AGCount-1)*uint64(s.AGBlocks) >= s.DBlocks:
		return nil, wrong(84, "%d groups of %d blocks in %d", s.AGCount, s.AGBlocks, s.DBlocks)
	}
	return fs, nil
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
// filesystem (xfs_fsblock_t), in bytes.
func (fs *FS) block(n uint64) int64 {
	ag, in := n>>fs.SB.AGBlkLog, n&(1<<fs.SB.AGBlkLog-1)
	if ag >= uint64(fs.SB.AGCount) || in >= uint64(fs.SB.AGBlocks) {
		return -1
	}
	return int64(ag*uint64(fs.SB.AGBlocks)+in) << fs.SB.BlockLog
}

// Inode reads a whole inode, and tells its place in bytes.
func (fs *FS) Inode(ino uint64) (raw []byte, c Core, off int64, err error) {
	at := fs.block(ino >> fs.SB.InoPBLog)
	if at < 0 {
		return nil, c, 0, wrong(0, "there is no inode %d", ino)
	}
	off = at + int64(ino&uint64(fs.SB.InoPBlock-1))<<fs.SB.InodeLog
	if raw, err = fs.read(off, int64(fs.SB.InodeSize)); err != nil {
		return nil, c, 0, err
	}
	c = CoreLayout.Decode(raw)
	switch {
	case c.Magic != InodeMagic || c.Version != 3 || c.Ino != ino:
		return nil, c, 0, wrong(off, "this is not inode %d", ino)
	case !Sealed(raw):
		return nil, c, 0, wrong(off, "the checksum of inode %d is wrong", ino)
	}
	return raw, c, off, nil
}

package squashfs

import (
	"errors"
	"fmt"
	"io"
)

// FS is a squashfs filesystem that is read. It is not safe for use by several
// goroutines at once.
type FS struct {
	r         io.ReaderAt
	size      int64 // bytes that may be read: bytes_used
	sb        Superblock
	unpacker  unpacker
	blocks    blockCache // of metadata
	budget    int64      // metadata blocks that may still be unpacked
	ids       []uint32
	fragments []fragment
	xattrs    xattrTable
	fragment  struct { // the one that was read last
		index uint32
		data  []byte
	}
	raw []byte // for packed data blocks
}

// ReadSuperblock reads the superblock of the filesystem in r, and its bytes.
// Nothing in it is checked: it may be one that Open refuses.
func ReadSuperblock(r io.ReaderAt) (Superblock, []byte, error) {
	b := make([]byte, SuperblockSize)
	if err := readFull(r, b, 0); err != nil {
		return Superblock{}, nil, err
	}
	return SuperblockLayout.Decode(b), b, nil
}

// Open reads the superblock and the tables of the filesystem in the first
// size bytes of r.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	sb, _, err := ReadSuperblock(r)
	if err != nil {
		return nil, err
	}
	if err := sb.check(size); err != nil {
		return nil, err
	}
	fs := &FS{r: r, size: int64(sb.BytesUsed), sb: sb}
	if fs.unpacker, err = unpackerOf(sb.Compression); err != nil {
		return nil, err
	}
	// Each metadata block is unpacked about once where inodes and
	// directories stand in the order of the tree, as they do; the rest is
	// for those that do not.
	fs.budget = 1024 + (fs.size-int64(sb.InodeTableStart))/64
	if err := fs.readIDs(); err != nil {
		return nil, err
	}
	if err := fs.readFragments(); err != nil {
		return nil, err
	}
	return fs, fs.readXattrTable()
}

func (sb Superblock) check(size int64) error {
	switch {
	case sb.Magic != Magic:
		return wrong(0, "s_magic is 0x%08x, not 0x%08x", sb.Magic, Magic)
	case sb.Major != 4 || sb.Minor != 0:
		return wrong(28, "version %d.%d; only 4.0 is read", sb.Major, sb.Minor)
	case sb.BlockLog < MinBlockLog || sb.BlockLog > MaxBlockLog || sb.BlockSize != 1<<sb.BlockLog:
		return wrong(12, "block_size %d with block_log %d", sb.BlockSize, sb.BlockLog)
	case sb.BytesUsed < SuperblockSize || sb.BytesUsed > uint64(max(size, 0)):
		return wrong(40, "bytes_used is %d, but there are %d bytes", sb.BytesUsed, size)
	case sb.NoIDs == 0:
		return wrong(26, "no_ids is 0")
	case sb.Inodes == 0 || sb.Inodes > sb.maxInodes():
		return wrong(4, "%d inodes cannot fit", sb.Inodes)
	}
	inside := func(at uint64) bool { return at >= SuperblockSize && at < sb.BytesUsed }
	for _, t := range []struct {
		name     string
		at       uint64
		optional bool
	}{
		{"id_table_start", sb.IDTableStart, false},
		{"inode_table_start", sb.InodeTableStart, false},
		{"directory_table_start", sb.DirectoryTableStart, false},
		{"fragment_table_start", sb.FragmentTableStart, sb.Fragments == 0},
		{"lookup_table_start", sb.LookupTableStart, true},
		{"xattr_id_table_start", sb.XattrIDTableStart, true},
	} {
		if !inside(t.at) && !(t.optional && t.at == None) {
			f, _ := SuperblockLayout.Named(t.name)
			return wrong(int64(f.Offset), "%s is %d, outside of the filesystem's %d bytes", t.name, t.at, sb.BytesUsed)
		}
	}
	if sb.DirectoryTableStart < sb.InodeTableStart {
		return wrong(72, "the directory table is before the inode table")
	}
	return nil
}

// maxInodes is more than the inode table can hold: an inode has at least 20
// bytes, and no compressor of squashfs packs below a thousandth.
func (sb Superblock) maxInodes() uint32 {
	return uint32(min(sb.BytesUsed*64, 1<<31))
}

// Superblock is the filesystem's superblock.
func (fs *FS) Superblock() Superblock { return fs.sb }

// readAt reads bytes of the filesystem.
func (fs *FS) readAt(b []byte, off int64) error {
	if off < 0 || int64(len(b)) > fs.size || off > fs.size-int64(len(b)) {
		return wrong(off, "%d bytes here would be outside of the filesystem's %d", len(b), fs.size)
	}
	return readFull(fs.r, b, off)
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return wrong(off, "the image ends before %d bytes", len(b))
	}
	return fmt.Errorf("squashfs: byte %d: %w", off, err)
}

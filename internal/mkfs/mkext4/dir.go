package mkext4

import (
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	dirRoom     = blockSize - ext4.DirTailSize          // bytes of a directory block that entries may fill
	dotsRecLen  = 12                                    // of "." and of ".."
	noEntry     = 0                                     // inode number of a free record
	dirTailType = ext4.FtDirCsum                        // marks the record that holds the checksum
	dotsLen     = dotsRecLen + dotsRecLen               // where the first block's own entries start
	fillLimit   = dirRoom * 4 / 5                       // how full hashed directories' blocks are made, as e2fsck -D does
	maxDirLevel = 1                                     // indirect_levels without large_dir
	rootLimit   = (blockSize - ext4.DxRootSize - 8) / 8 // index entries of the first block; 8 bytes are the tail
	nodeLimit   = (blockSize - ext4.DxNodeSize - 8) / 8 // of an inner block
)

// oneBlock tells whether a directory's entries fit into a single block.
func oneBlock(kids []*tree.Node) bool {
	n := dotsLen
	for _, k := range kids {
		if n += ext4.DirRecLen(len(k.Name)); n > dirRoom {
			return false
		}
	}
	return true
}

// dirBlocks is the number of blocks of a directory.
func (c *census) dirBlocks(ob *object, ino uint32) (uint64, error) {
	if oneBlock(ob.children) {
		if ino == lostFoundIno {
			return lostFoundBlocks, nil
		}
		return 1, nil
	}
	h, err := c.hashDir(ob)
	if err != nil {
		return 0, err
	}
	return h.blocks(), nil
}

// dirWriter fills directory blocks.
type dirWriter struct {
	seed  uint32 // of the directory's inode
	block []byte // in work
	at    int    // offset of the next record
	last  int    // offset of the last record
}

func (d *dirWriter) start() {
	clear(d.block)
	d.at, d.last = 0, 0
}

// add appends a record that is as short as it can be.
func (d *dirWriter) add(name string, ino uint32, fileType uint8) {
	n := ext4.DirRecLen(len(name))
	d.record(name, ino, fileType, n)
}

func (d *dirWriter) record(name string, ino uint32, fileType uint8, recLen int) {
	e := ext4.DirEntry{Inode: ino, RecLen: uint16(recLen), NameLen: uint8(len(name)), FileType: fileType}
	ext4.DirEntryLayout.Put(d.block[d.at:], &e)
	copy(d.block[d.at+ext4.DirEntryHeaderSize:], name)
	d.last = d.at
	d.at += recLen
}

// finish gives the room that is left to the last record, and adds the
// checksum.
func (d *dirWriter) finish() []byte {
	if d.at == 0 {
		d.record("", noEntry, ext4.FtUnknown, dirRoom)
	} else if d.at < dirRoom {
		e := ext4.DirEntryLayout.Decode(d.block[d.last:])
		e.RecLen = uint16(dirRoom - d.last)
		ext4.DirEntryLayout.Put(d.block[d.last:], &e)
	}
	tail := ext4.DirEntryTail{RecLen: ext4.DirTailSize, ReservedFt: dirTailType}
	ext4.DirEntryTailLayout.Put(d.block[dirRoom:], &tail)
	tail.Checksum = ext4.DirBlockChecksum(d.seed, d.block)
	ext4.DirEntryTailLayout.Put(d.block[dirRoom:], &tail)
	return d.block
}

// writeDir hands the directory's blocks to put, in their order. put must not
// keep the slice.
func (c *census) writeDir(ob *object, ino, seed uint32, put func([]byte) error) error {
	d := &dirWriter{seed: seed, block: make([]byte, blockSize)}
	if !oneBlock(ob.children) {
		return c.writeHashedDir(d, ob, ino, put)
	}
	d.start()
	d.add(".", ino, ext4.FtDir)
	d.add("..", ob.parent, ext4.FtDir)
	for _, k := range ob.children {
		d.add(k.Name, c.index[k.Inode], ext4.FileType(k.Mode))
	}
	if err := put(d.finish()); err != nil {
		return err
	}
	if ino != lostFoundIno {
		return nil
	}
	for range lostFoundBlocks - 1 {
		d.start()
		if err := put(d.finish()); err != nil {
			return err
		}
	}
	return nil
}

// tooManyEntries is the error of a directory whose index would need a third
// level.
func (c *census) tooManyEntries(ob *object) error {
	return fmt.Errorf("ext4: %s: %d entries need a directory index of more than two levels (large_dir), which is not supported", c.name(ob.Inode), len(ob.children))
}

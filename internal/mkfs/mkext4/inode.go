package mkext4

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const sectorsPerBlock = blockSize / 512 // i_blocks counts sectors

// encoder turns objects into on-disk inodes.
type encoder struct {
	seed uint32 // of the filesystem's checksums
}

// inodeSeed is where the checksums of an inode and of its blocks start.
// i_generation is 0 throughout: it serves NFS handles to deleted files, of
// which there are none.
func (e encoder) inodeSeed(ino uint32) uint32 { return ext4.InodeSeed(e.seed, ino, 0) }

// base is an inode with all that does not depend on its blocks.
func (e encoder) base(i *tree.Inode, links uint32) ext4.Inode {
	// A directory that counts more subdirectories than fit counts none
	// (dir_nlink).
	if i.IsDir() && links > maxLinks {
		links = 1
	}
	d := ext4.Inode{
		Mode: uint16(i.Mode), LinksCount: uint16(links),
		UID: uint16(i.UID), UIDHigh: uint16(i.UID >> 16),
		GID: uint16(i.GID), GIDHigh: uint16(i.GID >> 16),
		ExtraIsize: extraIsize,
		Flags:      i.Flags & ext4.InodeUserFlags,
	}
	d.Atime, d.AtimeExtra = ext4.EncodeTime(i.Atime)
	d.Mtime, d.MtimeExtra = ext4.EncodeTime(i.Mtime)
	d.Ctime, d.CtimeExtra = ext4.EncodeTime(i.Ctime)
	d.Crtime, d.CrtimeExtra = ext4.EncodeTime(i.Btime)
	return d
}

func setSize(d *ext4.Inode, size uint64) {
	d.SizeLo, d.SizeHigh = uint32(size), uint32(size>>32)
}

// setBlocks stores i_blocks. 48 bits of sectors hold more than a file of
// 2^32 blocks of 4096 bytes can have, so InodeHugeFile is never needed.
func setBlocks(d *ext4.Inode, blocks uint64) {
	sectors := blocks * sectorsPerBlock
	d.BlocksLo, d.BlocksHigh = uint32(sectors), uint16(sectors>>32)
}

// putDevice stores a device number as the kernel does: 16 bits in the first
// word where they suffice, else 32 bits in the second.
func putDevice(d *ext4.Inode, major, minor uint32) {
	v, at := major<<8|minor, 0
	if major > 255 || minor > 255 {
		v, at = minor&0xff|major<<8|(minor&^0xff)<<12, 4
	}
	for i := range 4 {
		d.Block[at+i] = byte(v >> (8 * i))
	}
}

// finish encodes the inode with its attributes and its checksum into b.
func (e encoder) finish(b []byte, ino uint32, d *ext4.Inode, ibody []attr) {
	clear(b[:inodeSize])
	ext4.InodeLayout.Put(b, d)
	putIbody(b[:inodeSize], ibody)
	ext4.PutInodeChecksum(e.inodeSeed(ino), b[:inodeSize])
}

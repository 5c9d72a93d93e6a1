package squashfs

import "github.com/reprodisk/reprodisk/internal/tree"

// Types of inodes: the basic ones; an extended one's is greater by 7.
const (
	dirType     = 1
	regType     = 2
	symlinkType = 3
	blkdevType  = 4
	chrdevType  = 5
	fifoType    = 6
	socketType  = 7
	extended    = 7
)

var modes = []uint32{
	dirType: tree.Directory, regType: tree.Regular, symlinkType: tree.Symlink, blkdevType: tree.Block,
	chrdevType: tree.Char, fifoType: tree.FIFO, socketType: tree.Socket,
}

// Inode is one of the filesystem's objects.
type Inode struct {
	Number   uint32
	Mode     uint32 // type and permissions, as st_mode
	UID, GID uint32
	Mtime    uint32 // seconds since 1970
	Links    uint32
	Size     uint64 // bytes of a regular file
	Target   string // of a symbolic link
	Rdev     uint32 // of a device, as the kernel's new_encode_dev makes it
	Xattr    uint32 // index of the attributes, or NoXattr
	Offset   int64  // in the filesystem: the metadata block that holds the inode

	// Where a regular file's content lies.
	Start    uint64   // byte offset of the first data block
	Blocks   []uint32 // packed sizes, as stored
	Fragment uint32   // index of the fragment with the file's end, or NoFragment
	InFrag   uint32   // where it begins in the unpacked fragment

	dirBlock  uint32 // of a directory: where its listing begins, in the table
	dirOffset uint16
	dirSize   uint32
}

// IsDir tells whether the inode is a directory.
func (i *Inode) IsDir() bool { return i.Mode&tree.TypeMask == tree.Directory }

// Root is the root directory.
func (fs *FS) Root() (*Inode, error) {
	in, err := fs.inode(fs.sb.RootInode)
	if err == nil && !in.IsDir() {
		return nil, wrong(32, "root_inode is no directory")
	}
	return in, err
}

const (
	maxTarget = 65535   // bytes of a symbolic link's target
	maxBlocks = 4 << 20 // of one file's list: 512 GiB in blocks of 128 KiB
)

// inode reads the inode that a reference names: the place of its metadata
// block in the table, and its offset in it.
func (fs *FS) inode(ref uint64) (*Inode, error) {
	at := int64(fs.sb.InodeTableStart) + int64(ref>>16&0xffffffff)
	if at >= int64(fs.sb.DirectoryTableStart) {
		return nil, wrong(at, "a reference to an inode outside of the inode table")
	}
	r, err := fs.metaFrom(at, int(ref&0xffff))
	if err != nil {
		return nil, err
	}
	b, err := r.take(16)
	if err != nil {
		return nil, err
	}
	kind := le.Uint16(b)
	in := &Inode{Mode: uint32(le.Uint16(b[2:])) & tree.PermMask, Mtime: le.Uint32(b[8:]), Number: le.Uint32(b[12:]), Offset: at, Xattr: NoXattr, Fragment: NoFragment}
	if in.UID, err = fs.id(le.Uint16(b[4:]), at); err != nil {
		return nil, err
	}
	if in.GID, err = fs.id(le.Uint16(b[6:]), at); err != nil {
		return nil, err
	}
	base := kind
	if kind > extended {
		base -= extended
	}
	if base == 0 || base > socketType {
		return nil, wrong(at, "an inode of type %d", kind)
	}
	in.Mode |= modes[base]
	switch kind {
	case dirType:
		return in, fs.basicDir(in, r)
	case dirType + extended:
		return in, fs.extendedDir(in, r)
	case regType, regType + extended:
		return in, fs.regular(in, r, kind > extended)
	}
	if b, err = r.take(4); err != nil {
		return nil, err
	}
	in.Links = le.Uint32(b)
	switch base {
	case symlinkType:
		if b, err = r.take(4); err != nil {
			return nil, err
		}
		n := le.Uint32(b)
		if n > maxTarget {
			return nil, wrong(at, "a symbolic link of %d bytes", n)
		}
		if b, err = r.take(int(n)); err != nil {
			return nil, err
		}
		in.Target = string(b)
	case blkdevType, chrdevType:
		if b, err = r.take(4); err != nil {
			return nil, err
		}
		in.Rdev = le.Uint32(b)
	}
	if kind > extended {
		if b, err = r.take(4); err != nil {
			return nil, err
		}
		in.Xattr = le.Uint32(b)
	}
	return in, nil
}

// basicDir reads the rest of struct squashfs_dir_inode.
func (fs *FS) basicDir(in *Inode, r *metaReader) error {
	b, err := r.take(16)
	if err != nil {
		return err
	}
	in.dirBlock, in.Links = le.Uint32(b), le.Uint32(b[4:])
	in.dirSize, in.dirOffset = uint32(le.Uint16(b[8:])), le.Uint16(b[10:])
	return nil
}

// extendedDir reads the rest of struct squashfs_ldir_inode. The index that
// may follow serves only to find names faster.
func (fs *FS) extendedDir(in *Inode, r *metaReader) error {
	b, err := r.take(24)
	if err != nil {
		return err
	}
	in.Links, in.dirSize, in.dirBlock = le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
	in.dirOffset, in.Xattr = le.Uint16(b[18:]), le.Uint32(b[20:])
	return nil
}

// regular reads the rest of struct squashfs_reg_inode or squashfs_lreg_inode.
func (fs *FS) regular(in *Inode, r *metaReader, long bool) error {
	if long {
		b, err := r.take(40)
		if err != nil {
			return err
		}
		in.Start, in.Size, in.Links = le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[24:])
		in.Fragment, in.InFrag, in.Xattr = le.Uint32(b[28:]), le.Uint32(b[32:]), le.Uint32(b[36:])
	} else {
		b, err := r.take(16)
		if err != nil {
			return err
		}
		in.Links = 1
		in.Start, in.Fragment, in.InFrag, in.Size = uint64(le.Uint32(b)), le.Uint32(b[4:]), le.Uint32(b[8:]), uint64(le.Uint32(b[12:]))
	}
	n := in.Size >> fs.sb.BlockLog
	if in.Fragment == NoFragment && in.Size&uint64(fs.sb.BlockSize-1) != 0 {
		n++
	}
	if n > maxBlocks || in.Size > 1<<62 {
		return wrong(in.Offset, "a file of %d bytes", in.Size)
	}
	b, err := r.take(4 * int(n))
	if err != nil {
		return err
	}
	in.Blocks = make([]uint32, n)
	for i := range in.Blocks {
		in.Blocks[i] = le.Uint32(b[4*i:])
	}
	return nil
}

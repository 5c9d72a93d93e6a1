package xfs

import "github.com/reprodisk/reprodisk/internal/tree"

// Fork is one of the two parts of an inode that say what it holds.
type Fork uint8

const (
	DataFork Fork = iota
	AttrFork
)

// Inode is an inode.
type Inode struct {
	Ino    uint64
	Offset int64  // of its first byte
	Raw    []byte // sb_inodesize bytes
	Core
}

// place is where an inode lies; -1 where there is no room for one.
func (fs *FS) place(ino uint64) int64 {
	at := fs.block(ino >> fs.SB.InoPBLog)
	if at < 0 {
		return -1
	}
	return at + int64(ino&uint64(fs.SB.InoPBlock-1))<<fs.SB.InodeLog
}

// ReadInode reads an inode, whatever its checksum says.
func (fs *FS) ReadInode(ino uint64) (*Inode, error) {
	off := fs.place(ino)
	if off < 0 {
		return nil, wrong(0, "there is no inode %d", ino)
	}
	raw, err := fs.read(off, int64(fs.SB.InodeSize))
	if err != nil {
		return nil, err
	}
	in := decodeInode(ino, off, raw)
	if !in.sound() {
		return nil, wrong(off, "this is not inode %d", ino)
	}
	return in, nil
}

func decodeInode(ino uint64, off int64, raw []byte) *Inode {
	return &Inode{Ino: ino, Offset: off, Raw: raw, Core: CoreLayout.Decode(raw)}
}

func (in *Inode) sound() bool {
	return in.Core.Magic == InodeMagic && in.Core.Version == 3 && in.Core.Ino == in.Ino
}

// Inode reads a whole inode whose checksum is right, and tells its place in
// bytes.
func (fs *FS) Inode(ino uint64) (raw []byte, c Core, off int64, err error) {
	in, err := fs.ReadInode(ino)
	if err != nil {
		return nil, c, 0, err
	}
	if !Sealed(in.Raw) {
		return nil, c, 0, wrong(in.Offset, "the checksum of inode %d is wrong", ino)
	}
	return in.Raw, in.Core, in.Offset, nil
}

// Type is the file type, one of package tree's constants; 0 for a free inode.
func (in *Inode) Type() uint32 { return uint32(in.Mode) & tree.TypeMask }

// forkStart is where a fork begins, in bytes from the inode's first; for the
// attributes' where there is none, the inode's end.
func (in *Inode) forkStart(f Fork) int {
	if f == DataFork {
		return CoreSize
	}
	if in.ForkOff == 0 {
		return len(in.Raw)
	}
	return min(CoreSize+int(in.ForkOff)*8, len(in.Raw))
}

// fork is a fork's bytes.
func (in *Inode) fork(f Fork) []byte {
	if f == DataFork {
		return in.Raw[CoreSize:in.forkStart(AttrFork)]
	}
	return in.Raw[in.forkStart(AttrFork):]
}

// format is XFS_DINODE_FMT_… of a fork.
func (in *Inode) format(f Fork) uint8 {
	if f == DataFork {
		return in.Format
	}
	return in.AFormat
}

// extentCount is how many extents a fork says that it has.
func (in *Inode) extentCount(f Fork) uint64 {
	large := in.Flags2&flags2NRExt64 != 0
	switch {
	case f == DataFork && large:
		return in.Big
	case f == DataFork:
		return uint64(in.NExtents)
	case large:
		return uint64(in.NExtents) // then di_big_anextents
	}
	return uint64(in.ANExtents)
}

// Device is the number of a device, which is stored as System V did: 14 bits
// and 18.
func (in *Inode) Device() (major, minor uint32) {
	v := be.Uint32(in.Raw[CoreSize:])
	return v >> 18, v & (1<<18 - 1)
}

// maxTarget is in bytes: XFS_SYMLINK_MAXLEN.
const maxTarget = 1024

// Target is what a symbolic link points at.
func (fs *FS) Target(in *Inode) (string, error) {
	if in.Core.Size > maxTarget {
		return "", wrong(in.Offset, "a target of %d bytes", in.Core.Size)
	}
	n := int(in.Core.Size)
	if in.Format == formatLocal {
		if b := in.fork(DataFork); n <= len(b) {
			return string(b[:n]), nil
		}
		return "", wrong(in.Offset, "a target of %d bytes does not fit into its inode", n)
	}
	list, _, err := fs.Map(in, DataFork)
	if err != nil {
		return "", err
	}
	out := make([]byte, 0, n)
	for _, e := range list {
		for i := uint64(0); i < e.Count && len(out) < n; i++ {
			b, err := fs.forkBlock(in, e, i)
			if err != nil {
				return "", err
			}
			// mkfs.xfs 6.1 writes them without a header.
			if be.Uint32(b) == symlinkMagic {
				stored := be.Uint32(b[8:])
				if b = b[symlinkHeaderSize:]; int64(stored) < int64(len(b)) {
					b = b[:stored]
				}
			}
			out = append(out, b[:min(len(b), n-len(out))]...)
		}
	}
	if len(out) < n {
		return "", wrong(in.Offset, "a target of %d bytes has only %d", n, len(out))
	}
	return string(out), nil
}

// Places is what an inode says about where its content lies, in a form that is
// only good for comparing it with another's.
func (in *Inode) Places() string {
	if in.Format != formatExtents && in.Format != formatBtree {
		return ""
	}
	b := in.fork(DataFork)
	if in.Format == formatExtents {
		b = b[:min(uint64(len(b)), 16*min(in.extentCount(DataFork), uint64(len(b))))]
	}
	return string(b)
}

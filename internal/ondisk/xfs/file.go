package xfs

import (
	"errors"
	"io"
)

// File is what a regular file holds.
type File struct {
	fs   *FS
	in   *Inode
	list []Extent
}

// File opens a regular file.
func (fs *FS) File(in *Inode) (*File, error) {
	if int64(in.Core.Size) < 0 {
		return nil, wrong(in.Offset, "a file of %d bytes", in.Core.Size)
	}
	if in.Flags&flagRealtime != 0 {
		return nil, wrong(in.Offset, "files on the realtime device are not read")
	}
	list, _, err := fs.Map(in, DataFork)
	return &File{fs, in, list}, err
}

const flagRealtime = 1 << 0 // XFS_DIFLAG_REALTIME

// Size is in bytes.
func (f *File) Size() int64 { return int64(f.in.Core.Size) }

// Extents are where the file lies, in the order of their offsets.
func (f *File) Extents() []Extent { return f.list }

// Piece tells what lies at an offset: where in the filesystem, in bytes, or -1
// where it reads as zeros without being stored; and how many bytes follow that
// lie so, at least one where off is within the file.
func (f *File) Piece(off int64) (at, follow int64) {
	log := f.fs.SB.BlockLog
	i, ok := find(f.list, uint64(off)>>log)
	if !ok {
		if i == len(f.list) {
			return -1, f.Size() - off
		}
		return -1, min(int64(f.list[i].Offset)<<log, f.Size()) - off
	}
	e := f.list[i]
	start := int64(e.Offset) << log
	follow = min(start+int64(e.Count)<<log, f.Size()) - off
	if e.Unwritten {
		return -1, follow
	}
	return f.fs.block(e.Start) + off - start, follow
}

func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("xfs: a negative offset")
	}
	for n < len(p) {
		if off >= f.Size() {
			return n, io.EOF
		}
		at, follow := f.Piece(off)
		part := p[n:min(int64(len(p)), int64(n)+follow)]
		if at < 0 {
			clear(part)
		} else if got, err := f.fs.r.ReadAt(part, at); got < len(part) {
			return n + got, err
		}
		n += len(part)
		off += int64(len(part))
	}
	return n, nil
}

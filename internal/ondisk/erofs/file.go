package erofs

import (
	"io"
	"sort"
)

// File reads an inode's data. It holds one unpacked extent.
type File struct {
	fs   *FS
	in   *Inode
	data *data
	now  int // number of the extent in hold; -1 for none
	hold []byte
	raw  []byte
}

// OpenFile opens the data of a regular file, a directory or a symbolic link.
func (fs *FS) OpenFile(in *Inode) (*File, error) {
	d, err := fs.data(in)
	if err != nil {
		return nil, err
	}
	return &File{fs: fs, in: in, data: d, now: -1}, nil
}

// Size is the data's size in bytes.
func (f *File) Size() int64 { return f.in.Size }

// Extents lists where the data lies, in order and without gaps. The caller must
// not change the list.
func (f *File) Extents() []Extent { return f.data.extents }

// Maps lists where the map to the data lies, behind the inode.
func (f *File) Maps() []Range { return f.data.maps }

// Extent is the one that holds byte off of the data.
func (f *File) Extent(off int64) (Extent, bool) {
	i := f.find(off)
	if i == len(f.data.extents) {
		return Extent{}, false
	}
	return f.data.extents[i], true
}

func (f *File) find(off int64) int {
	e := f.data.extents
	return sort.Search(len(e), func(i int) bool { return e[i].Offset+e[i].Length > off })
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for i := f.find(max(off, 0)); n < len(p) && off >= 0 && i < len(f.data.extents); i++ {
		e := f.data.extents[i]
		in := off - e.Offset
		part := p[n:][:min(int64(len(p)-n), e.Length-in)]
		if err := f.readExtent(part, i, in); err != nil {
			return n, err
		}
		n += len(part)
		off += int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readExtent fills p with the extent's bytes from in.
func (f *File) readExtent(p []byte, i int, in int64) error {
	e := f.data.extents[i]
	switch e.Form {
	case Hole:
		clear(p)
		return nil
	case Stored, Inline:
		return f.fs.readAt(p, e.Start+in)
	case Device:
		return wrong(f.in.Offset, "the content lies on an extra device, which is not read")
	case Fragment:
		return f.fragment(p, e.Start+in)
	}
	if i != f.now {
		if err := f.load(i); err != nil {
			return err
		}
	}
	copy(p, f.hold[in:])
	return nil
}

func (f *File) fragment(p []byte, off int64) error {
	packed := f.fs.packed
	if packed == nil || packed.in.NID == f.in.NID {
		return wrong(f.in.Offset, "a fragment without a packed inode")
	}
	_, err := packed.ReadAt(p, off)
	if err == io.EOF {
		return wrong(f.in.Offset, "a fragment at byte %d of the packed inode's %d", off, packed.Size())
	}
	return err
}

// load unpacks extent i.
func (f *File) load(i int) error {
	e := f.data.extents[i]
	f.now = -1
	if f.fs.work -= e.Length + e.Size; f.fs.work < 0 {
		return wrong(f.in.Offset, "inodes share what they are packed into so often that not all is unpacked")
	}
	f.hold, f.raw = room(f.hold, e.Length), room(f.raw, e.Size)
	if err := f.fs.readAt(f.raw, e.Start); err != nil {
		return err
	}
	if e.Form == Rotated {
		rotate(f.hold, f.raw, int(e.Offset&(f.fs.BlockSize()-1)), int(f.fs.BlockSize()))
	} else {
		n, err := f.fs.unpacker.unpack(f.hold, f.raw, e.Algorithm, e.Partial)
		f.fs.work -= int64(n)
		if err != nil {
			return wrong(e.Start, "%d packed bytes of %s: %v", e.Size, AlgorithmName(e.Algorithm), err)
		}
	}
	f.now = i
	return nil
}

// rotate fills dst from an interlaced pcluster: its bytes stand in their block
// where they stand in the file's, and those of the next block at the front.
func rotate(dst, src []byte, in, block int) {
	n := 0
	if from := len(src) - (block - in); from >= 0 {
		n = copy(dst, src[from:])
	}
	copy(dst[n:], src)
}

func room(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n)
	}
	return b[:n]
}

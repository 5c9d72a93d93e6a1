package squashfs

import "io"

const unpacked = 1 << 24 // SQUASHFS_COMPRESSED_BIT_BLOCK: the block is stored as it is

// File reads a regular file's content. It holds one unpacked block.
type File struct {
	fs     *FS
	in     *Inode
	starts []int64 // of the blocks, computed as far as they were asked for
	now    int64   // number of the block in data; -1 for none
	data   []byte
}

// OpenFile opens a regular file.
func (fs *FS) OpenFile(in *Inode) *File {
	return &File{fs: fs, in: in, now: -1, starts: []int64{int64(in.Start)}}
}

// Size is the file's size in bytes.
func (f *File) Size() int64 { return int64(f.in.Size) }

// Block tells where the data block around byte off of the file lies: its
// packed bytes in the filesystem, and how many bytes of the file follow from
// off to its end. length is 0 for a hole. ok is false where the file's end
// is in a fragment.
func (f *File) Block(off int64) (start, length, follow int64, ok bool) {
	i := off >> f.fs.sb.BlockLog
	follow = min((i+1)<<f.fs.sb.BlockLog, f.Size()) - off
	if i >= int64(len(f.in.Blocks)) {
		return 0, 0, follow, false
	}
	for k := int64(len(f.starts)); k <= i; k++ {
		f.starts = append(f.starts, f.starts[k-1]+int64(f.in.Blocks[k-1]&^unpacked))
	}
	return f.starts[i], int64(f.in.Blocks[i] &^ unpacked), follow, true
}

// Stored tells whether the data block around byte off is stored as it is,
// without being packed.
func (f *File) Stored(off int64) bool {
	i := off >> f.fs.sb.BlockLog
	return i < int64(len(f.in.Blocks)) && f.in.Blocks[i]&unpacked != 0
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= f.Size() {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) && off < f.Size() {
		data, err := f.block(off)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], data)
		n += m
		off += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// block is the unpacked data from byte off of the file to its block's end.
func (f *File) block(off int64) ([]byte, error) {
	i := off >> f.fs.sb.BlockLog
	in := off & int64(f.fs.sb.BlockSize-1)
	if i != f.now {
		if err := f.load(i); err != nil {
			return nil, err
		}
	}
	return f.data[in:], nil
}

// load unpacks block i of the file.
func (f *File) load(i int64) error {
	f.now = -1
	bs := int64(f.fs.sb.BlockSize)
	want := min(bs, f.Size()-i*bs)
	start, length, _, ok := f.Block(i * bs)
	if !ok {
		data, err := f.fs.fragmentData(f.in.Fragment, f.in.Offset)
		if err != nil {
			return err
		}
		if int64(f.in.InFrag)+want > int64(len(data)) {
			return wrong(f.in.Offset, "a file's end at %d of a fragment of %d bytes", f.in.InFrag, len(data))
		}
		f.data = append(f.data[:0], data[f.in.InFrag:][:want]...)
	} else {
		if int64(cap(f.data)) < bs {
			f.data = make([]byte, bs)
		}
		f.data = f.data[:bs]
		n := int(want)
		if length == 0 {
			clear(f.data)
		} else {
			var err error
			if n, err = f.fs.dataBlock(f.data, start, f.in.Blocks[i]); err != nil {
				return err
			}
		}
		if int64(n) != want {
			return wrong(start, "a data block of %d bytes, not %d", n, want)
		}
		f.data = f.data[:n]
	}
	f.now = i
	return nil
}

// dataBlock unpacks a data block or fragment into dst.
func (fs *FS) dataBlock(dst []byte, start int64, size uint32) (int, error) {
	n := size &^ unpacked
	if n > fs.sb.BlockSize {
		return 0, wrong(start, "a packed block of %d bytes", n)
	}
	if size&unpacked != 0 {
		return int(n), fs.readAt(dst[:n], start)
	}
	if fs.raw == nil {
		fs.raw = make([]byte, fs.sb.BlockSize)
	}
	if err := fs.readAt(fs.raw[:n], start); err != nil {
		return 0, err
	}
	return fs.unpack(dst, fs.raw[:n], start)
}

// Fragment tells where a fragment's packed bytes lie, and whether they are
// stored as they are; ok is false where there is no such fragment.
func (fs *FS) Fragment(index uint32) (start, length int64, stored, ok bool) {
	if int64(index) >= int64(len(fs.fragments)) {
		return 0, 0, false, false
	}
	f := fs.fragments[index]
	return f.start, int64(f.size &^ unpacked), f.size&unpacked != 0, true
}

func (fs *FS) fragmentData(index uint32, at int64) ([]byte, error) {
	if fs.fragment.data != nil && fs.fragment.index == index {
		return fs.fragment.data, nil
	}
	if int64(index) >= int64(len(fs.fragments)) {
		return nil, wrong(at, "fragment %d of %d", index, len(fs.fragments))
	}
	f := fs.fragments[index]
	data := make([]byte, fs.sb.BlockSize)
	n, err := fs.dataBlock(data, f.start, f.size)
	if err != nil {
		return nil, err
	}
	fs.fragment.index, fs.fragment.data = index, data[:n]
	return data[:n], nil
}

// DataEnd is where the file's own data blocks end in the filesystem.
func (f *File) DataEnd() int64 {
	if len(f.in.Blocks) == 0 {
		return int64(f.in.Start)
	}
	last := int64(len(f.in.Blocks)-1) << f.fs.sb.BlockLog
	start, length, _, _ := f.Block(last)
	return start + length
}

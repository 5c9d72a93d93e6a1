package btrfs

import (
	"io"
)

// Extent is a piece of a file's content.
type Extent struct {
	FileExtentItem
	Start, End int64 // bytes of the file; beyond the file's size in its last sector
	Hole       bool  // it reads as zeros: nothing is stored, or nothing that counts
	Inline     []byte
	Offset     int64 // of the item, in bytes of the volume
}

// Plain tells whether the extent's bytes are stored as they are, in data of
// their own.
func (e *Extent) Plain() bool { return !e.Hole && e.Inline == nil && e.Head.Compression == 0 }

// Logical is the logical address of a plain extent's first byte.
func (e *Extent) Logical() uint64 { return e.DiskBytenr + e.FileExtentItem.Offset }

// DecodeExtent reads a file_extent_item. The sector size in bytes bounds an
// inline extent.
func (fs *FS) DecodeExtent(r Record) (*Extent, error) {
	off := r.Offset()
	if len(r.Data) < InlineHead {
		return nil, wrong(off, "a file_extent_item of %d bytes", len(r.Data))
	}
	e := &Extent{FileExtentItem: FileExtentItemLayout.Decode(r.Data), Start: int64(r.Key.Offset), Offset: off}
	h := e.Head
	switch {
	case r.Key.Offset > 1<<62:
		return nil, wrong(off, "an extent at %d of the file", r.Key.Offset)
	case h.Encryption != 0 || h.OtherEncoding != 0:
		return nil, wrong(off, "an encrypted or otherwise encoded extent is not read")
	case h.Type == ExtentInline:
		if h.RAMBytes > maxInlineExtent {
			return nil, wrong(off, "an inline extent of %d bytes", h.RAMBytes)
		}
		e.Inline = r.Data[InlineHead:]
		e.End = e.Start + int64(h.RAMBytes)
		e.DiskBytenr, e.DiskNumBytes, e.FileExtentItem.Offset, e.NumBytes = 0, 0, 0, h.RAMBytes
		return e, nil
	case h.Type != ExtentRegular && h.Type != ExtentPrealloc:
		return nil, wrong(off, "an extent of type %d", h.Type)
	case len(r.Data) != FileExtentItemLayout.Size():
		return nil, wrong(off, "a file_extent_item of %d bytes", len(r.Data))
	case e.NumBytes == 0 || e.NumBytes > 1<<62:
		return nil, wrong(off, "an extent of %d bytes", e.NumBytes)
	}
	e.End = e.Start + int64(e.NumBytes)
	e.Hole = e.DiskBytenr == 0 || h.Type == ExtentPrealloc
	if e.DiskBytenr != 0 {
		if e.FileExtentItem.Offset > h.RAMBytes || e.NumBytes > h.RAMBytes-e.FileExtentItem.Offset ||
			e.DiskNumBytes > 1<<56 || e.DiskBytenr > maxLogical || h.Compression == 0 && h.RAMBytes > e.DiskNumBytes {
			return nil, wrong(off, "an extent takes %d bytes at %d of one of %d, which is stored in %d", e.NumBytes, e.FileExtentItem.Offset, h.RAMBytes, e.DiskNumBytes)
		}
	}
	return e, nil
}

// maxInlineExtent is the most an inline extent may unpack to, in bytes: a
// sector of the largest size.
const maxInlineExtent = 65536

// File is a regular file's or symbolic link's content.
type File struct {
	fs   *FS
	in   *Inode
	last *Extent // the one that was read last, or a hole
}

// File opens an inode's content.
func (fs *FS) File(in *Inode) *File { return &File{fs: fs, in: in} }

// Size is the content's length in bytes.
func (f *File) Size() int64 { return int64(min(f.in.InodeItem.Size, 1<<62)) }

// Extent is the extent that holds byte off of the file; what no item tells of
// is a hole up to the next one or the file's end.
func (f *File) Extent(off int64) (*Extent, error) {
	if e := f.last; e != nil && off >= e.Start && off < e.End {
		return e, nil
	}
	t, number := f.in.Tree, f.in.Number
	r, ok, err := f.fs.Floor(t, Key{number, ExtentDataKey, uint64(off)})
	if err != nil {
		return nil, err
	}
	if ok && r.Key.ObjectID == number && r.Key.Type == ExtentDataKey {
		e, err := f.fs.DecodeExtent(r)
		if err != nil {
			return nil, err
		}
		if off < e.End {
			f.last = e
			return e, nil
		}
	}
	hole := &Extent{Start: off, End: max(f.Size(), off+1), Hole: true, Offset: f.in.Offset}
	err = f.fs.Range(t, Key{number, ExtentDataKey, uint64(off) + 1}, Key{number, ExtentDataKey, 1 << 62}, func(r Record) (bool, error) {
		hole.End = min(hole.End, int64(r.Key.Offset))
		return false, nil
	})
	f.last = hole
	return hole, err
}

// ReadAt reads the content.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	size := f.Size()
	if off < 0 || off >= size {
		return 0, io.EOF
	}
	want := int(min(int64(len(p)), size-off))
	for n < want {
		e, err := f.Extent(off + int64(n))
		if err != nil {
			return n, err
		}
		in := off + int64(n) - e.Start
		part := p[n : n+int(min(int64(want-n), e.End-e.Start-in))]
		if err := f.fs.readExtent(e, part, in); err != nil {
			return n, err
		}
		n += len(part)
	}
	if want < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readExtent reads from byte in of an extent.
func (fs *FS) readExtent(e *Extent, b []byte, in int64) error {
	switch {
	case e.Hole:
		clear(b)
		return nil
	case e.Plain():
		return fs.ReadLogical(b, e.Logical()+uint64(in))
	case e.Inline != nil && e.Head.Compression == 0:
		clear(b)
		if in < int64(len(e.Inline)) {
			copy(b, e.Inline[in:])
		}
		return nil
	}
	whole, err := fs.unpack(e)
	if err != nil {
		return err
	}
	clear(b)
	if from := in + int64(e.FileExtentItem.Offset); from < int64(len(whole)) {
		copy(b, whole[from:])
	}
	return nil
}

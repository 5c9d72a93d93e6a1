package ext4

import (
	"io"
	"math"
	"sort"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// File is an inode's content, open for reading. Holes and unwritten extents
// read as zeros, and so does what Problems says cannot be found.
type File struct {
	fs       *FS
	size     int64
	runs     []Run
	inline   []byte // instead of runs
	problems []*Problem
}

// OpenFile opens the content of a regular file, a long symbolic link, a
// directory (its blocks as they are) or another inode that maps blocks.
func (fs *FS) OpenFile(d DiskInode) *File {
	f := &File{fs: fs, size: clampSize(d.Raw.Size())}
	if d.Raw.Flags()&InodeInlineData != 0 {
		var ps problems
		f.inline = fs.inlineData(d, &ps)
		f.problems = ps.done()
		return f
	}
	m := fs.Map(d)
	f.runs, f.problems = m.Runs, m.Problems
	return f
}

func clampSize(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// Size is the content's length in bytes.
func (f *File) Size() int64 { return f.size }

// Problems lists what is wrong with the file's mapping.
func (f *File) Problems() []*Problem { return f.problems }

// Runs are the blocks that hold the content.
func (f *File) Runs() []Run { return f.runs }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, problemf(0, "read at byte %d of a file", off)
	}
	if off >= f.size {
		return 0, io.EOF
	}
	var eof error
	if int64(len(p)) > f.size-off {
		p, eof = p[:f.size-off], io.EOF
	}
	n := 0
	for n < len(p) {
		m, err := f.readSome(p[n:], off+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, eof
}

// readSome fills the front of p, at least one byte of it.
func (f *File) readSome(p []byte, off int64) (int, error) {
	if f.inline != nil || len(f.runs) == 0 {
		n := 0
		if off < int64(len(f.inline)) {
			n = copy(p, f.inline[off:])
		}
		clear(p[n:])
		return len(p), nil
	}
	start, end, run := f.at(off)
	p = p[:min(int64(len(p)), end-off)]
	if run == nil || run.Unwritten {
		clear(p)
		return len(p), nil
	}
	if err := f.fs.readAt(p, int64(run.Physical)*f.fs.blockSize+off-start); err != nil {
		return 0, err
	}
	return len(p), nil
}

// at is the run, or the hole (nil), around byte off, as byte offsets.
func (f *File) at(off int64) (start, end int64, run *Run) {
	bs := f.fs.blockSize
	i := sort.Search(len(f.runs), func(i int) bool {
		return int64(f.runs[i].Logical+f.runs[i].Blocks) > off/bs
	})
	if i == len(f.runs) {
		return off, math.MaxInt64, nil
	}
	r := &f.runs[i]
	if int64(r.Logical) > off/bs {
		return off, int64(r.Logical) * bs, nil
	}
	return int64(r.Logical) * bs, int64(r.Logical+r.Blocks) * bs, r
}

// NextData implements tree.Sparse: the first range at or after off that may
// hold anything but zeros.
func (f *File) NextData(off int64) (start, end int64, err error) {
	if f.inline != nil {
		if off < f.size {
			return off, f.size, nil
		}
		return f.size, f.size, nil
	}
	for off < f.size {
		_, e, run := f.at(off)
		if run != nil && !run.Unwritten {
			return off, min(e, f.size), nil
		}
		off = e
	}
	return f.size, f.size, nil
}

// Close implements io.Closer. There is nothing to close.
func (f *File) Close() error { return nil }

var _ tree.Sparse = (*File)(nil)

// maxTarget is the longest target of a symbolic link that is read. Linux
// allows one block less a byte, and no more than PATH_MAX.
const maxTarget = 64 << 10

// Target reads the target of a symbolic link. That of an encrypted link is
// returned as stored.
func (fs *FS) Target(d DiskInode) (string, error) {
	size := d.Raw.Size()
	if d.Raw.Type() != tree.Symlink {
		return "", problemf(d.Offset, "inode %d is no symbolic link", d.Number)
	}
	if d.fastSymlink() {
		return string(d.Raw.Block()[:size]), nil
	}
	if size > maxTarget {
		return "", problemf(d.Offset, "inode %d: symbolic link of %d bytes", d.Number, size)
	}
	f := fs.OpenFile(d)
	if len(f.problems) > 0 {
		return "", f.problems[0]
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return "", err
	}
	return string(b), nil
}

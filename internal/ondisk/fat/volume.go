package fat

import (
	"fmt"
	"io"
	"sort"
)

// NoObject stands where a region or slot belongs to no file or directory.
const NoObject = ^uint32(0)

// Extent is a run of a file's clusters.
type Extent struct {
	Logical  int64 // bytes from the file's start
	Physical int64 // bytes from the filesystem's start
	Length   int64 // bytes, a multiple of the cluster size but in the fixed root directory
}

// File is a file or a directory.
type File struct {
	Name        string // long name, or short name where there is none; never holds a slash
	Parent      uint32 // index of its directory; the root is its own
	Dir         bool
	Size        int64    // bytes: DIR_FileSize, or the length of a directory's chain
	Entry       DirEntry // zero for the root
	EntryOffset int64    // of its short entry, in bytes from the filesystem's start; -1 for the root
	LongOffsets []int64  // of its long-name slots, in on-disk order (the name's last part first)
	Extents     []Extent // the whole chain, in order; may go past Size, or not reach it where damaged
	Children    []uint32 // of a directory, sorted by name
}

// Volume is what a filesystem holds.
type Volume struct {
	FS       *FS
	Files    []File // index 0 is the root directory; every directory stands before what it holds
	Label    string // of the volume label entry in the root directory; empty where there is none
	LabelAt  int64  // offset of that entry, -1 where there is none
	problems problems
}

// Problems lists what is damaged or odd, in the order in which it was met.
func (v *Volume) Problems() []Problem { return v.problems.all() }

// Path is the absolute path of object i.
func (v *Volume) Path(i uint32) string {
	if i == 0 {
		return "/"
	}
	var chain []string
	n := 0
	for ; i != 0; i = v.Files[i].Parent {
		chain = append(chain, v.Files[i].Name)
		n += len(v.Files[i].Name) + 1
	}
	b := make([]byte, 0, n)
	for k := len(chain) - 1; k >= 0; k-- {
		b = append(append(b, '/'), chain[k]...)
	}
	return string(b)
}

// Child is the entry of directory i with exactly that name.
func (v *Volume) Child(i uint32, name string) (uint32, bool) {
	c := v.Files[i].Children
	k := sort.Search(len(c), func(k int) bool { return v.Files[c[k]].Name >= name })
	if k < len(c) && v.Files[c[k]].Name == name {
		return c[k], true
	}
	return 0, false
}

// Walk calls visit for every object, a directory before its children, children
// sorted by name. An error ends the walk and is returned.
func (v *Volume) Walk(visit func(path string, i uint32) error) error {
	return v.walk("/", 0, visit)
}

// walk goes no deeper than maxDepth, where Scan stops.
func (v *Volume) walk(path string, i uint32, visit func(string, uint32) error) error {
	if err := visit(path, i); err != nil {
		return err
	}
	if path == "/" {
		path = ""
	}
	for _, c := range v.Files[i].Children {
		if err := v.walk(path+"/"+v.Files[c].Name, c, visit); err != nil {
			return err
		}
	}
	return nil
}

// Open returns a reader over the content of file i.
func (v *Volume) Open(i uint32) *Reader {
	return &Reader{fs: v.FS, extents: v.Files[i].Extents, size: v.Files[i].Size}
}

// Slots reads the raw slots of directory i, up to and with the one that marks
// the end. All slots behind the last one returned are unused.
func (v *Volume) Slots(i uint32) ([]Slot, error) {
	f := &v.Files[i]
	if !f.Dir {
		return nil, fmt.Errorf("fat: %s is no directory", v.Path(i))
	}
	b, err := v.FS.readDir(f)
	if err != nil {
		return nil, err
	}
	slots, entries := parseSlots(b, i == 0)
	for k := range slots {
		slots[k].Offset = f.offsetOf(int64(k) * SlotSize)
	}
	at := make(map[int64]uint32, len(f.Children))
	for _, c := range f.Children {
		at[v.Files[c].EntryOffset] = c
	}
	for _, e := range entries {
		if c, ok := at[slots[e.slot].Offset]; ok {
			for k := e.slot - e.longs; k <= e.slot; k++ {
				slots[k].Object = c
			}
		}
	}
	return slots, nil
}

// offsetOf maps an offset in the file to one in the filesystem; -1 where the
// file has no cluster there.
func (f *File) offsetOf(logical int64) int64 {
	k := sort.Search(len(f.Extents), func(k int) bool { return f.Extents[k].Logical+f.Extents[k].Length > logical })
	if k == len(f.Extents) {
		return -1
	}
	return f.Extents[k].Physical + logical - f.Extents[k].Logical
}

// readDir reads a directory's slots, no more than a directory may have. What
// lies behind the image's end reads as zeros, so as the directory's end.
func (fs *FS) readDir(f *File) ([]byte, error) {
	b := make([]byte, min(f.Size, maxDirBytes))
	for _, e := range f.Extents {
		if e.Logical >= int64(len(b)) {
			break
		}
		part := b[e.Logical:min(int64(len(b)), e.Logical+e.Length)]
		if err := fs.readAt(part, e.Physical); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Reader reads a file's content through its chain.
type Reader struct {
	fs      *FS
	extents []Extent
	size    int64
}

// Size is the file's size in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt implements io.ReaderAt. Where the chain or the image ends before the
// file does, it returns an error that wraps io.ErrUnexpectedEOF.
func (r *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("fat: negative offset %d", off)
	}
	if off >= r.size {
		return 0, io.EOF
	}
	var end error
	if int64(len(b)) > r.size-off {
		b, end = b[:r.size-off], io.EOF
	}
	k := sort.Search(len(r.extents), func(k int) bool { return r.extents[k].Logical+r.extents[k].Length > off })
	n := 0
	for n < len(b) {
		if k == len(r.extents) {
			return n, fmt.Errorf("fat: the chain ends at byte %d of %d: %w", off+int64(n), r.size, io.ErrUnexpectedEOF)
		}
		e := r.extents[k]
		in := off + int64(n) - e.Logical
		part := b[n:min(int64(len(b)), int64(n)+e.Length-in)]
		if e.Physical+in+int64(len(part)) > r.fs.Size {
			return n, fmt.Errorf("fat: the image ends at byte %d, within a file: %w", r.fs.Size, io.ErrUnexpectedEOF)
		}
		if err := r.fs.readAt(part, e.Physical+in); err != nil {
			return n, err
		}
		n += len(part)
		k++
	}
	return n, end
}

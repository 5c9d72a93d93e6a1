package btrfs

import (
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Inode is an object of a tree that has files.
type Inode struct {
	InodeItem
	Tree   *Tree
	Number uint64
	Offset int64 // of its item, in bytes of the volume; 0 for a Stub
	Stub   bool  // the empty folder where a snapshot had a subvolume
}

// IsDir tells whether the inode is a directory.
func (in *Inode) IsDir() bool { return in.Mode&tree.TypeMask == tree.Directory }

// Root is the root directory of a subvolume.
func (fs *FS) Root(t *Tree) (*Inode, error) {
	id := t.Item.RootDirID
	if id == 0 {
		id = FirstFree
	}
	return fs.Inode(t, id)
}

// Inode reads an inode.
func (fs *FS) Inode(t *Tree, number uint64) (*Inode, error) {
	r, ok, err := fs.Find(t, Key{ObjectID: number, Type: InodeItemKey})
	if err != nil {
		return nil, err
	}
	if !ok {
		off, _ := fs.Physical(t.Root, 1)
		return nil, wrong(off, "the %s has no inode %d", t.Name(), number)
	}
	if len(r.Data) != InodeItemLayout.Size() {
		return nil, wrong(r.Offset(), "an inode_item of %d bytes", len(r.Data))
	}
	return &Inode{InodeItem: InodeItemLayout.Decode(r.Data), Tree: t, Number: number, Offset: r.Offset()}, nil
}

// Entry is a name in a directory.
type Entry struct {
	DirItem
	Name   string
	Data   []byte // of an extended attribute, its value; must not be changed
	Offset int64  // of the item's data, in bytes of the volume
	Index  uint64 // that it is listed by
}

// decodeEntries reads the entries of one item, which follow each other.
func decodeEntries(r Record) ([]Entry, error) {
	var out []Entry
	off := r.Offset()
	for b := r.Data; len(b) > 0; {
		if len(b) < DirItemLayout.Size() {
			return nil, wrong(off, "an entry of %d bytes", len(b))
		}
		e := Entry{DirItem: DirItemLayout.Decode(b), Offset: off, Index: r.Key.Offset}
		end := DirItemLayout.Size() + int(e.NameLen) + int(e.DataLen)
		if end > len(b) {
			return nil, wrong(off, "an entry of %d bytes in an item of %d", end, len(b))
		}
		e.Name = string(b[DirItemLayout.Size():][:e.NameLen])
		e.Data = b[DirItemLayout.Size()+int(e.NameLen) : end]
		out = append(out, e)
		b, off = b[end:], off+int64(end)
	}
	return out, nil
}

// List lists a directory in the order in which readdir(3) does.
func (fs *FS) List(dir *Inode) ([]Entry, error) {
	if dir.Stub {
		return nil, nil
	}
	var out []Entry
	err := fs.Range(dir.Tree, Key{dir.Number, DirIndexKey, 0}, Key{dir.Number, DirIndexKey, ^uint64(0)}, func(r Record) (bool, error) {
		list, err := decodeEntries(r)
		for _, e := range list {
			if e.Name == "" || e.Name == "." || e.Name == ".." || strings.ContainsAny(e.Name, "/\x00") {
				return false, wrong(e.Offset, "the name %q", e.Name)
			}
		}
		out = append(out, list...)
		return true, err
	})
	return out, err
}

// Open reads the inode that an entry of a directory names. Where that is a
// subvolume, it is its root directory; where a snapshot has the name of one
// that it does not have, it is an empty folder, as it is for the kernel.
func (fs *FS) Open(dir *Inode, e Entry) (*Inode, error) {
	switch e.Location.Type {
	case InodeItemKey:
		return fs.Inode(dir.Tree, e.Location.ObjectID)
	case RootItemKey:
		t := fs.Tree(e.Location.ObjectID)
		if t == nil || t.Parent != dir.Tree.ID || t.Dir != dir.Number || t.Label != e.Name {
			return &Inode{InodeItem: InodeItem{Mode: tree.Directory | 0o755, Links: 1}, Tree: dir.Tree, Offset: e.Offset, Stub: true}, nil
		}
		return fs.Root(t)
	}
	return nil, wrong(e.Offset, "the entry %q leads to an item of type %d", e.Name, e.Location.Type)
}

// Xattrs lists the extended attributes of an inode in the order of their
// hashes.
func (fs *FS) Xattrs(in *Inode) ([]Entry, error) {
	if in.Stub {
		return nil, nil
	}
	var out []Entry
	err := fs.Range(in.Tree, Key{in.Number, XattrItemKey, 0}, Key{in.Number, XattrItemKey, ^uint64(0)}, func(r Record) (bool, error) {
		list, err := decodeEntries(r)
		out = append(out, list...)
		return true, err
	})
	return out, err
}

// maxTarget is the longest target of a symbolic link in bytes, PATH_MAX - 1.
const maxTarget = 4095

// Target is where a symbolic link points at.
func (fs *FS) Target(in *Inode) (string, error) {
	if in.Size > maxTarget {
		return "", wrong(in.Offset, "a target of %d bytes", in.Size)
	}
	b := make([]byte, in.Size)
	f := fs.File(in)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return "", err
	}
	return string(b), nil
}

// maxUp is how many folders a path may have.
const maxUp = 1024

// Path is the first path of an inode, from the root of the filesystem; ok is
// false where no name leads there.
func (fs *FS) Path(t *Tree, number uint64) (path string, ok bool) {
	for range maxUp {
		name, parent, dir, ok := fs.Up(t, number)
		switch {
		case !ok:
			return "", false
		case parent == nil:
			return "/" + path, true
		case path != "":
			name += "/"
		}
		path = name + path
		t, number = parent, dir
	}
	return "", false
}

// Up is one step of the way from an inode to the root of the filesystem: its
// first name, and the folder that has it, which is in another tree for a
// subvolume's root directory. At the root of all there is no parent.
func (fs *FS) Up(t *Tree, number uint64) (name string, parent *Tree, dir uint64, ok bool) {
	root := t.Item.RootDirID
	if root == 0 {
		root = FirstFree
	}
	switch {
	case number != root:
		name, dir, ok = fs.nameOf(t, number)
		return name, t, dir, ok
	case t.ID == FSTree:
		return "", nil, 0, true
	}
	parent = fs.Tree(t.Parent)
	return t.Label, parent, t.Dir, t.Parent != 0 && parent != nil
}

// nameOf is the first name of an inode, and the folder that has it.
func (fs *FS) nameOf(t *Tree, number uint64) (name string, parent uint64, ok bool) {
	_ = fs.Range(t, Key{number, InodeRefKey, 0}, Key{number, InodeExtrefKey, ^uint64(0)}, func(r Record) (bool, error) {
		var n int
		b := r.Data
		if r.Key.Type == InodeRefKey && len(b) >= InodeRefLayout.Size() {
			parent, n = r.Key.Offset, int(InodeRefLayout.Decode(b).NameLen)
			b = b[InodeRefLayout.Size():]
		} else if r.Key.Type == InodeExtrefKey && len(b) >= InodeExtrefLayout.Size() {
			ref := InodeExtrefLayout.Decode(b)
			parent, n = ref.Parent, int(ref.NameLen)
			b = b[InodeExtrefLayout.Size():]
		}
		if ok = n > 0 && n <= len(b); ok {
			name = string(b[:n])
		}
		return false, nil
	})
	return name, parent, ok
}

// Device is the number of a device file: 20 bits of minor below the major, as
// the kernel holds it in memory.
func (in *Inode) Device() (major, minor uint32) {
	return uint32(in.Rdev >> 20), uint32(in.Rdev & 0xfffff)
}

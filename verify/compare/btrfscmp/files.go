package btrfscmp

import (
	"fmt"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// files is a btrfs as one tree of paths, with its subvolumes in it.
type files struct {
	*side
	ids map[object]uint64
}

func newFiles(s *side) *files { return &files{s, map[object]uint64{}} }

// id numbers inodes, which are counted anew in each subvolume.
func (t *files) id(o object) uint64 {
	if t.ids[o] == 0 {
		t.ids[o] = uint64(len(t.ids)) + 1
	}
	return t.ids[o]
}

func (t *files) Root() (*treecmp.Node, error) {
	top := t.fs.Tree(btrfs.FSTree)
	if top == nil {
		return nil, &btrfs.Error{Offset: btrfs.SuperOffsets[0], Text: "the root tree has no fs tree"}
	}
	in, err := t.fs.Root(top)
	if err != nil {
		return nil, err
	}
	return t.node("", in)
}

func (t *files) List(dir *treecmp.Node) ([]*treecmp.Node, error) {
	in := dir.Ref.(*btrfs.Inode)
	entries, err := t.fs.List(in)
	if err != nil {
		return nil, err
	}
	out := make([]*treecmp.Node, 0, len(entries))
	for _, e := range entries {
		child, err := t.fs.Open(in, e)
		if err != nil {
			return nil, err
		}
		n, err := t.node(e.Name, child)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (t *files) node(name string, in *btrfs.Inode) (*treecmp.Node, error) {
	n := &treecmp.Node{Name: name, Mode: in.Mode, Size: int64(min(in.Size, 1<<62)), At: in.Offset, Ref: in}
	if in.Stub {
		n.Dir = t.id(object{^uint64(0), uint64(in.Offset)})
		return n, nil
	}
	if in.IsDir() {
		n.Dir = t.id(object{in.Tree.ID, in.Number})
	} else if in.Links > 1 {
		n.Inode = t.id(object{in.Tree.ID, in.Number})
	}
	place := func(name string) int64 {
		f, _ := btrfs.InodeItemLayout.Named(name)
		return in.Offset + int64(f.Offset)
	}
	add := func(name, shown string) {
		n.Values = append(n.Values, treecmp.Value{Field: name, Shown: shown, At: place(name)})
	}
	number := func(name string, v uint64) { add(name, strconv.FormatUint(v, 10)) }
	// What is mostly zero is left out then: a tree may have many inodes.
	some := func(name string, v uint64) {
		if v != 0 {
			number(name, v)
		}
	}
	add("mode", treecmp.ShowMode(in.Mode))
	number("uid", uint64(in.UID))
	number("gid", uint64(in.GID))
	number("nlink", uint64(in.Links))
	number("generation", in.Generation)
	number("transid", in.Transid)
	number("nbytes", in.Nbytes)
	some("block_group", in.BlockGroup)
	some("sequence", in.Sequence)
	if in.Flags != 0 {
		add("flags", fmt.Sprintf("0x%x", in.Flags))
	}
	if in.Reserved != [4]uint64{} {
		add("reserved", fmt.Sprintf("%x", in.Reserved))
	}
	kind := in.Mode & tree.TypeMask
	if kind == tree.Block || kind == tree.Char {
		major, minor := in.Device()
		add("rdev", fmt.Sprintf("%d, %d", major, minor))
	} else {
		some("rdev", in.Rdev)
	}
	if kind != tree.Regular && kind != tree.Symlink {
		number("size", in.InodeItem.Size)
	}
	if kind == tree.Symlink {
		var err error
		if n.Target, err = t.fs.Target(in); err != nil {
			return nil, err
		}
	}
	xattrs, err := t.fs.Xattrs(in)
	if err != nil {
		return nil, err
	}
	for _, x := range xattrs {
		n.Values = append(n.Values, treecmp.Value{Field: "xattr:" + x.Name, Shown: treecmp.ShowValue(x.Data), At: x.Offset})
	}
	for _, s := range []struct {
		name string
		time btrfs.Timespec
	}{{"atime", in.Atime}, {"ctime", in.Ctime}, {"mtime", in.Mtime}, {"otime", in.Otime}} {
		n.Times = append(n.Times, treecmp.Stamp{Field: s.name, Time: tree.Time{Sec: s.time.Sec, Nsec: s.time.Nsec}, At: place(s.name + ".sec")})
	}
	return n, nil
}

// file is a regular file's content.
type file struct {
	*btrfs.File
	side *side
}

func (t *files) Open(n *treecmp.Node) treecmp.Content {
	return file{t.fs.File(n.Ref.(*btrfs.Inode)), t.side}
}

// Same tells that both files have a hole here, or lie in the same bytes, none of
// which differs.
func (f file) Same(c *treecmp.Comparison, other treecmp.Content, off int64) int64 {
	g := other.(file)
	a, errA := f.Extent(off)
	b, errB := g.Extent(off)
	if errA != nil || errB != nil {
		return 0
	}
	n := min(a.End, b.End, f.Size(), g.Size()) - off
	switch {
	case n <= 0:
	case a.Hole && b.Hole:
		return n
	case a.Plain() && b.Plain():
		return f.side.clean(c, g.side, a.Logical()+uint64(off-a.Start), b.Logical()+uint64(off-b.Start), n)
	case a.Hole || b.Hole || a.Inline != nil || b.Inline != nil:
	case a.Head.Compression == b.Head.Compression && a.DiskNumBytes == b.DiskNumBytes && a.Head.RAMBytes == b.Head.RAMBytes &&
		a.FileExtentItem.Offset-uint64(a.Start) == b.FileExtentItem.Offset-uint64(b.Start):
		if size := int64(a.DiskNumBytes); f.side.clean(c, g.side, a.DiskBytenr, b.DiskBytenr, size) == size {
			return n
		}
	}
	return 0
}

// clean tells how many of n bytes from a logical address of each side on lie at
// the same place, without a difference.
func (s *side) clean(c *treecmp.Comparison, t *side, a, b uint64, n int64) int64 {
	offA, lenA := s.fs.Physical(a, n)
	offB, lenB := t.fs.Physical(b, n)
	if n = min(lenA, lenB); n > 0 && offA == offB && c.Sides.Clean(offA, offA+n) {
		return n
	}
	return 0
}

// contentPlaces tells contents apart by where their inodes lie, which snapshots
// share.
func (c *comparison) contentPlaces(p *treecmp.Pair) (key [4]int64, ok bool) {
	if !c.shared {
		return key, false
	}
	return [4]int64{p.A.Ref.(*btrfs.Inode).Offset, p.B.Ref.(*btrfs.Inode).Offset}, true
}

// snapshots tells whether one of the sides has a subvolume that was made from
// another.
func (s *side) snapshots() bool {
	for _, t := range s.fs.Trees() {
		if t.Item.ParentUUID != [16]byte{} || t.Item.LastSnapshot != 0 {
			return true
		}
	}
	return false
}

// met remembers by which of its names a file is compared.
func (c *comparison) met(p *treecmp.Pair) {
	for i, n := range []*treecmp.Node{p.A, p.B} {
		if in := n.Ref.(*btrfs.Inode); n.Inode != 0 {
			if o := (object{in.Tree.ID, in.Number}); c.paths[i][o] == "" {
				c.paths[i][o] = p.Path
			}
		}
	}
}

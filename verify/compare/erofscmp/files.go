package erofscmp

import (
	"bytes"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// files is an EROFS as a tree.
type files struct{ *side }

func (t *files) Root() (*treecmp.Node, error) {
	in, err := t.fs.Root()
	if err != nil {
		return nil, err
	}
	return t.node("", in)
}

func (t *files) List(dir *treecmp.Node) ([]*treecmp.Node, error) {
	entries, err := t.fs.ReadDir(dir.Ref.(*erofs.Inode))
	if err != nil {
		return nil, err
	}
	out := make([]*treecmp.Node, 0, len(entries))
	for _, e := range entries {
		if dots(e.Name) {
			continue
		}
		in, err := t.fs.Inode(e)
		if err != nil {
			return nil, err
		}
		n, err := t.node(e.Name, in)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// dots tells the names that every directory has.
func dots(name string) bool { return name == "." || name == ".." }

func (t *files) node(name string, in *erofs.Inode) (*treecmp.Node, error) {
	n := &treecmp.Node{Name: name, Mode: in.Mode, Size: in.Size, At: in.Offset, Ref: in}
	if in.IsDir() {
		n.Dir = in.NID
	} else if in.Links > 1 {
		n.Inode = in.NID + 1
	}
	add := func(name, shown string) {
		n.Values = append(n.Values, treecmp.Value{Field: name, Shown: shown, At: in.Offset})
	}
	add("i_mode", treecmp.ShowMode(in.Mode))
	add("i_nlink", fmt.Sprint(in.Links))
	add("i_uid", fmt.Sprint(in.UID))
	add("i_gid", fmt.Sprint(in.GID))
	switch in.Mode & tree.TypeMask {
	case tree.Block, tree.Char:
		major, minor := in.Device()
		add("rdev", fmt.Sprintf("%d, %d", major, minor))
	case tree.Symlink:
		var err error
		if n.Target, err = t.fs.Readlink(in); err != nil {
			return nil, err
		}
	}
	xattrs, err := t.fs.Xattrs(in)
	if err != nil {
		return nil, err
	}
	for _, x := range xattrs {
		add("xattr:"+x.Name, treecmp.ShowValue(x.Value))
	}
	n.Times = []treecmp.Stamp{{Field: "i_mtime", Time: in.Mtime, At: in.Offset}}
	return n, nil
}

// file is a regular file's content.
type file struct {
	*erofs.File
	nid  uint64
	side *side
}

func (t *files) Open(n *treecmp.Node) treecmp.Content {
	in := n.Ref.(*erofs.Inode)
	f, err := t.fs.OpenFile(in)
	if err != nil {
		t.failed[in.NID] = true
		return treecmp.Unread(n.Size, err)
	}
	return file{f, in.NID, t.side}
}

func (f file) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if damaged(err) {
		f.side.failed[f.nid] = true
	}
	return n, err
}

// Same tells that both files have a hole here, or the same stored or packed
// bytes: what is packed the same is the same, and need not be unpacked.
func (f file) Same(c *treecmp.Comparison, other treecmp.Content, off int64) int64 {
	g, ok := other.(file)
	if !ok {
		return 0
	}
	a, okA := f.Extent(off)
	b, okB := g.Extent(off)
	if !okA || !okB {
		return 0
	}
	packed := func(e erofs.Extent) bool { return e.Form == erofs.Packed || e.Form == erofs.Rotated }
	if a.Form != b.Form {
		f.side.repacked[f.nid] = f.side.repacked[f.nid] || packed(a) || packed(b)
		return 0
	}
	left := min(a.Offset+a.Length, b.Offset+b.Length) - off
	switch a.Form {
	case erofs.Hole:
		return left
	case erofs.Stored, erofs.Inline:
		at := a.Start + off - a.Offset
		if at == b.Start+off-b.Offset && c.Sides.Clean(at, at+left) {
			return left
		}
	case erofs.Fragment:
		if f.side.samePacked && a.Start-a.Offset == b.Start-b.Offset {
			return left
		}
	case erofs.Packed, erofs.Rotated:
		if a.Offset == b.Offset && a.Length == b.Length && a.Size == b.Size && a.Algorithm == b.Algorithm && a.Partial == b.Partial &&
			f.side.fs.Superblock().FeatureIncompat == g.side.fs.Superblock().FeatureIncompat && f.sameBytes(c, g, a, b) {
			return left
		}
		f.side.repacked[f.nid] = true
	}
	return 0
}

// sameBytes tells whether two extents have the same packed bytes.
func (f file) sameBytes(c *treecmp.Comparison, g file, a, b erofs.Extent) bool {
	if a.Start == b.Start && c.Sides.Clean(a.Start, a.Start+a.Size) {
		return true
	}
	if c.Budget -= a.Size; c.Budget < 0 {
		return false
	}
	x, y := f.side.room(a.Size), g.side.room(b.Size)
	if n, _ := f.side.R.ReadAt(x, a.Start); n < len(x) {
		return false
	}
	if n, _ := g.side.R.ReadAt(y, b.Start); n < len(y) {
		return false
	}
	return bytes.Equal(x, y)
}

// room is memory for the packed bytes of one extent.
func (s *side) room(n int64) []byte {
	if int64(cap(s.packed)) < n {
		s.packed = make([]byte, n)
	}
	return s.packed[:n]
}

// packedEqual tells whether the inodes that hold fragments are known to hold
// the same.
func (c *comparison) packedEqual() bool {
	a, b := c.a.fs.Packed(), c.b.fs.Packed()
	if a == nil || b == nil || a.Offset != b.Offset || a.Size != b.Size {
		return false
	}
	for _, s := range []*side{c.a, c.b} {
		in := s.fs.Packed()
		parts, err := s.fs.Metadata(in)
		if err != nil {
			return false
		}
		f, err := s.fs.OpenFile(in)
		if err != nil {
			return false
		}
		parts = append(parts, f.Maps()...)
		for _, e := range f.Extents() {
			parts = append(parts, erofs.Range{Start: e.Start, End: e.Start + e.Size})
		}
		for _, p := range parts {
			if !c.Sides.Clean(p.Start, p.End) {
				return false
			}
		}
	}
	return true
}

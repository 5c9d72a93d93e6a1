package squashcmp

import (
	"bytes"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// files is a squashfs as a tree.
type files struct{ *side }

func (t *files) Root() (*treecmp.Node, error) {
	in, err := t.fs.Root()
	if err != nil {
		return nil, err
	}
	return t.node("", in)
}

func (t *files) List(dir *treecmp.Node) ([]*treecmp.Node, error) {
	entries, err := t.fs.ReadDir(dir.Ref.(*squashfs.Inode))
	if err != nil {
		return nil, err
	}
	out := make([]*treecmp.Node, 0, len(entries))
	for _, e := range entries {
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

func (t *files) node(name string, in *squashfs.Inode) (*treecmp.Node, error) {
	n := &treecmp.Node{Name: name, Mode: in.Mode, Target: in.Target, Size: int64(in.Size), At: in.Offset, Ref: in}
	if in.IsDir() {
		n.Dir = uint64(in.Number)
	} else if in.Links > 1 {
		n.Inode = uint64(in.Number) + 1
	}
	add := func(name, shown string) {
		n.Values = append(n.Values, treecmp.Value{Field: name, Shown: shown, At: in.Offset})
	}
	add("mode", treecmp.ShowMode(in.Mode))
	add("uid", fmt.Sprint(in.UID))
	add("guid", fmt.Sprint(in.GID))
	if kind := in.Mode & tree.TypeMask; kind == tree.Block || kind == tree.Char {
		// The kernel's new_encode_dev: 12 bits of major between the minor's.
		major, minor := in.Rdev>>8&0xfff, in.Rdev&0xff|in.Rdev>>12&0xfff00
		add("rdev", fmt.Sprintf("%d, %d", major, minor))
	}
	xattrs, err := t.fs.Xattrs(in)
	if err != nil {
		return nil, err
	}
	for _, x := range xattrs {
		add("xattr:"+x.Name, treecmp.ShowValue(x.Value))
	}
	n.Times = []treecmp.Stamp{{Field: "mtime", Time: tree.Time{Sec: int64(in.Mtime)}, At: in.Offset}}
	return n, nil
}

// file is a regular file's content.
type file struct {
	*squashfs.File
	in   *squashfs.Inode
	side *side
}

func (t *files) Open(n *treecmp.Node) treecmp.Content {
	in := n.Ref.(*squashfs.Inode)
	return file{t.fs.OpenFile(in), in, t.side}
}

// Same tells that both files have a hole here, or the same packed block: what
// is packed the same is the same, and need not be unpacked.
func (f file) Same(c *treecmp.Comparison, other treecmp.Content, off int64) int64 {
	g := other.(file)
	if f.side.sb.BlockLog != g.side.sb.BlockLog {
		return 0
	}
	startA, lengthA, follow, okA := f.Block(off)
	startB, lengthB, followB, okB := g.Block(off)
	switch {
	case okA != okB || follow != followB:
		return 0
	case !okA:
		if f.in.InFrag == g.in.InFrag && f.side.sameFragment(c, g.side, f.in.Fragment, g.in.Fragment) {
			return follow
		}
		return 0
	case lengthA == 0 && lengthB == 0, f.side.samePacked(c, g.side, f.Stored(off), g.Stored(off), startA, startB, lengthA, lengthB):
		return follow
	}
	return 0
}

// samePacked tells whether a block has the same packed bytes on both sides.
func (s *side) samePacked(c *treecmp.Comparison, t *side, storedA, storedB bool, startA, startB, lengthA, lengthB int64) bool {
	if lengthA != lengthB || lengthA == 0 || storedA != storedB || s.sb.Compression != t.sb.Compression || lengthA > int64(s.sb.BlockSize) {
		return false
	}
	if startA == startB && c.Sides.Clean(startA, startA+lengthA) {
		return true
	}
	if c.Budget -= lengthA; c.Budget < 0 {
		return false
	}
	for _, x := range []*side{s, t} {
		if x.packed == nil {
			x.packed = make([]byte, x.sb.BlockSize)
		}
	}
	a, b := s.packed[:lengthA], t.packed[:lengthB]
	if n, _ := s.R.ReadAt(a, startA); n < len(a) {
		return false
	}
	if n, _ := t.R.ReadAt(b, startB); n < len(b) {
		return false
	}
	return bytes.Equal(a, b)
}

// sameFragment tells whether a fragment of each side has the same packed
// bytes. Many files have their ends in one, so the answer is kept.
func (s *side) sameFragment(c *treecmp.Comparison, t *side, indexA, indexB uint32) bool {
	key := [2]uint32{indexA, indexB}
	if same, known := s.fragments[key]; known {
		return same
	}
	startA, lengthA, storedA, okA := s.fs.Fragment(indexA)
	startB, lengthB, storedB, okB := t.fs.Fragment(indexB)
	same := okA && okB && s.samePacked(c, t, storedA, storedB, startA, startB, lengthA, lengthB)
	if s.fragments == nil {
		s.fragments = map[[2]uint32]bool{}
	}
	s.fragments[key] = same
	return same
}

package xfscmp

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// files is a filesystem as a tree.
type files struct{ *side }

func (t *files) Root() (*treecmp.Node, error) {
	in, err := t.fs.ReadInode(t.fs.SB.RootIno)
	if err != nil {
		return nil, err
	}
	return t.node("", in)
}

func (t *files) List(dir *treecmp.Node) ([]*treecmp.Node, error) {
	in := dir.Ref.(*xfs.Inode)
	entries, err := t.fs.List(in)
	if err != nil {
		return nil, err
	}
	out := make([]*treecmp.Node, 0, len(entries))
	for _, e := range entries {
		if _, met := t.parents[e.Ino]; !met {
			t.parents[e.Ino] = link{in.Ino, e.Name}
		}
		child, err := t.fs.ReadInode(e.Ino)
		switch {
		case damaged(err):
			// The others are compared all the same.
			out = append(out, &treecmp.Node{Name: e.Name, At: e.Offset, Ref: &xfs.Inode{Ino: e.Ino}, Values: []treecmp.Value{{Field: "damage", Shown: err.Error(), At: e.Offset}}})
			continue
		case err != nil:
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

func (t *files) node(name string, in *xfs.Inode) (*treecmp.Node, error) {
	n := &treecmp.Node{Name: name, Mode: uint32(in.Mode), Size: int64(in.Core.Size), At: in.Offset, Ref: in}
	if in.Type() == tree.Directory {
		n.Dir = in.Ino
	} else if in.Links > 1 {
		n.Inode = in.Ino
	}
	add := func(name, at, shown string) {
		f, _ := xfs.CoreLayout.Named(at)
		n.Values = append(n.Values, treecmp.Value{Field: name, Shown: shown, At: in.Offset + int64(f.Offset)})
	}
	add("di_mode", "di_mode", treecmp.ShowMode(uint32(in.Mode)))
	add("di_uid", "di_uid", fmt.Sprint(in.UID))
	add("di_gid", "di_gid", fmt.Sprint(in.GID))
	add("di_projid", "di_projid_lo", fmt.Sprint(uint32(in.ProjIDHi)<<16|uint32(in.ProjIDLo)))
	add("di_nlink", "di_nlink", fmt.Sprint(in.Links))
	add("di_extsize", "di_extsize", fmt.Sprint(in.ExtSize))
	add("di_cowextsize", "di_cowextsize", fmt.Sprint(in.CowExtSize))
	add("di_flags", "di_flags", fmt.Sprintf("0x%04x", in.Flags))
	add("di_flags2", "di_flags2", fmt.Sprintf("0x%x", in.Flags2))
	add("di_gen", "di_gen", fmt.Sprintf("0x%08x", in.Gen))
	damage := func(err error) error {
		if err == nil || damaged(err) {
			if err != nil {
				n.Values = append(n.Values, treecmp.Value{Field: "damage", Shown: err.Error(), At: in.Offset})
			}
			return nil
		}
		return err
	}
	switch in.Type() {
	case tree.Char, tree.Block:
		major, minor := in.Device()
		n.Values = append(n.Values, treecmp.Value{Field: "rdev", Shown: fmt.Sprintf("%d, %d", major, minor), At: in.Offset + xfs.CoreSize})
	case tree.Symlink:
		target, err := t.fs.Target(in)
		if err := damage(err); err != nil {
			return nil, err
		}
		n.Target = target
	}
	xattrs, err := t.fs.Xattrs(in)
	if err := damage(err); err != nil {
		return nil, err
	}
	for _, x := range xattrs {
		n.Values = append(n.Values, treecmp.Value{Field: "xattr:" + x.Name, Shown: treecmp.ShowValue(x.Value), At: x.Offset})
	}
	for _, s := range []struct {
		name string
		time uint64
	}{{"di_mtime", in.Mtime}, {"di_ctime", in.Ctime}, {"di_atime", in.Atime}, {"di_crtime", in.Crtime}} {
		f, _ := xfs.CoreLayout.Named(s.name)
		n.Times = append(n.Times, treecmp.Stamp{Field: s.name, Time: xfs.TimeOf(s.time, in.Flags2), At: in.Offset + int64(f.Offset)})
	}
	return n, nil
}

// Open implements treecmp.Reader.
func (t *files) Open(n *treecmp.Node) treecmp.Content {
	f, err := t.fs.File(n.Ref.(*xfs.Inode))
	if err != nil {
		return treecmp.Unread(n.Size, err)
	}
	return file{f}
}

// file is a regular file's content.
type file struct{ *xfs.File }

// Same tells that both files have a hole here, or lie in the same bytes, none
// of which differs.
func (f file) Same(c *treecmp.Comparison, other treecmp.Content, off int64) int64 {
	g, ok := other.(file)
	if !ok {
		return 0
	}
	a, followA := f.Piece(off)
	b, followB := g.Piece(off)
	n := min(followA, followB)
	if a == b && (a < 0 || c.Sides.Clean(a, a+n)) {
		return n
	}
	return 0
}

// met notes where a pair lies.
func (c *comparison) met(p *treecmp.Pair) {
	a, b := p.A.Ref.(*xfs.Inode), p.B.Ref.(*xfs.Inode)
	for _, s := range []struct {
		*side
		ino uint64
	}{{c.a, a.Ino}, {c.b, b.Ino}} {
		if _, met := s.paths[s.ino]; !met {
			s.paths[s.ino] = p.Path
		}
	}
	if a.Ino != b.Ino {
		c.renamed = append(c.renamed, p.Path)
	}
	if a.Raw != nil && b.Raw != nil && a.Places() != b.Places() {
		c.moved = append(c.moved, p.Path)
	}
}

// path is a path that leads to an inode. One that none leads to has a number
// for a name.
func (s *side) path(ino uint64) string {
	if path, ok := s.paths[ino]; ok {
		return path
	}
	var names []string
	for at := ino; len(names) < 1024; {
		up, ok := s.parents[at]
		if !ok {
			break
		}
		names = append(names, up.name)
		if base, ok := s.paths[up.dir]; ok {
			path := strings.TrimSuffix(base, "/")
			for i := len(names) - 1; i >= 0; i-- {
				path += "/" + names[i]
			}
			return path
		}
		at = up.dir
	}
	return numbered(ino)
}

func numbered(ino uint64) string { return fmt.Sprintf("<%d>", ino) }

// internal compares the inodes that no directory leads to.
func (c *comparison) internal() error {
	a, b := c.a.fs.SB, c.b.fs.SB
	for _, ino := range [][2]uint64{
		{a.RBmIno, b.RBmIno}, {a.RSumIno, b.RSumIno}, {a.UQuotIno, b.UQuotIno}, {a.GQuotIno, b.GQuotIno}, {a.PQuotIno, b.PQuotIno},
	} {
		if ino[0] == 0 || ino[1] == 0 || ino[0] == noInode || ino[1] == noInode {
			continue // the superblock says so
		}
		x, err := c.a.fs.ReadInode(ino[0])
		if err == nil {
			var y *xfs.Inode
			if y, err = c.b.fs.ReadInode(ino[1]); err == nil {
				err = c.alsoInodes(x, y)
			}
		}
		switch {
		case damaged(err):
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s is not compared: %v", report.Printable(numbered(ino[0])), err))
		case err != nil:
			return err
		}
	}
	return nil
}

const noInode = 1<<64 - 1 // NULLFSINO

func (c *comparison) alsoInodes(x, y *xfs.Inode) error {
	if x.Type() != tree.Regular || y.Type() != tree.Regular {
		return nil // damaged, and seen by its bytes
	}
	n, err := (&files{c.a}).node("", x)
	if err != nil {
		return err
	}
	m, err := (&files{c.b}).node("", y)
	if err != nil {
		return err
	}
	return c.Also(numbered(x.Ino), n, m)
}

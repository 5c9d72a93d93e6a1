package isocmp

import (
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// files is one of the trees of an ISO 9660 filesystem.
type files struct {
	*side
	t *iso9660.Tree
}

func (t *files) Root() (*treecmp.Node, error) {
	r, err := t.fs.Root(t.t)
	if err != nil {
		return nil, err
	}
	l, err := t.fs.ReadDir(t.t, r)
	if err != nil {
		return nil, err
	}
	if l.Self == nil {
		return t.node(r), nil
	}
	n := t.node(l.Self) // which has Rock Ridge fields as well
	n.Ref = r
	return n, nil
}

func (t *files) List(dir *treecmp.Node) ([]*treecmp.Node, error) {
	l, err := t.fs.ReadDir(t.t, dir.Ref.(*iso9660.Record))
	if err != nil {
		return nil, err
	}
	out := make([]*treecmp.Node, len(l.Records))
	for i, r := range l.Records {
		out[i] = t.node(r)
	}
	return out, nil
}

func (t *files) node(r *iso9660.Record) *treecmp.Node {
	n := &treecmp.Node{Name: r.Name, Mode: r.Mode, Target: r.Target, Size: r.Size, At: r.Offset, Ref: r}
	if r.IsDir() {
		n.Mode = n.Mode&^tree.TypeMask | tree.Directory
		n.Dir = uint64(r.Offset)
	}
	part := func(name string) int64 {
		for _, p := range r.Parts {
			if p.Name == name {
				return p.Start
			}
		}
		return r.Offset
	}
	add := func(name, shown string) {
		n.Values = append(n.Values, treecmp.Value{Field: name, Shown: shown, At: part(name)})
	}
	if r.Rock {
		add("PX.mode", treecmp.ShowMode(n.Mode))
		add("PX.nlink", fmt.Sprint(r.Links))
		add("PX.uid", fmt.Sprint(r.UID))
		add("PX.gid", fmt.Sprint(r.GID))
		add("PX.serial", fmt.Sprint(r.Serial))
		if kind := r.Mode & tree.TypeMask; kind == tree.Block || kind == tree.Char {
			add("PN", fmt.Sprintf("%d, %d", r.Rdev[0], r.Rdev[1]))
		}
	} else {
		add("flags", fmt.Sprintf("0x%02x", r.Flags))
	}
	seen := map[string]bool{}
	for _, o := range r.Other {
		if !seen[o.Name] { // further ones of the same name are its continuation
			seen[o.Name] = true
			add(field.ShowText([]byte(o.Name)), showOther(r.Other, o.Name))
		}
	}
	n.Times = append(n.Times, treecmp.Stamp{Field: "date", Time: r.Date, At: part("date")})
	for _, s := range r.Stamps {
		n.Times = append(n.Times, treecmp.Stamp{Field: s.Name, Time: s.Time, At: s.Offset})
	}
	return n
}

func showOther(all []iso9660.Other, name string) string {
	var b []byte
	for _, o := range all {
		if o.Name == name {
			b = append(b, o.Value...)
		}
	}
	return treecmp.ShowValue(b)
}

// file is a regular file's content.
type file struct {
	*side
	r *iso9660.Record
}

func (t *files) Open(n *treecmp.Node) treecmp.Content { return file{t.side, n.Ref.(*iso9660.Record)} }

func (f file) Size() int64 { return f.r.Size }

func (f file) ReadAt(p []byte, off int64) (int, error) {
	if f.r.Unit != 0 {
		return 0, &iso9660.Error{Offset: f.r.Offset, Text: "interleaved files are not read"}
	}
	if off >= f.r.Size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), f.r.Size-off)
	if err := f.fs.ReadContent(f.r, p[:n], off); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

// Same tells that the other file lies in the same bytes, none of which
// differs.
func (f file) Same(c *treecmp.Comparison, other treecmp.Content, off int64) int64 {
	g := other.(file)
	if f.isCatalog() && g.isCatalog() {
		return min(f.r.Size, g.r.Size) - off // compared as the boot catalog that it is
	}
	if len(f.r.Extents) != 1 || len(g.r.Extents) != 1 || f.r.Unit != 0 || g.r.Unit != 0 {
		return 0
	}
	a, b := f.r.Extents[0], g.r.Extents[0]
	n := min(a.Length, b.Length) - off
	if a.Start == b.Start && n > 0 && c.Sides.Clean(a.Start+off, a.Start+off+n) {
		return n
	}
	return 0
}

// isCatalog tells whether the file is El Torito's boot catalog, which tools also
// show in the tree.
func (f file) isCatalog() bool {
	return len(f.r.Extents) == 1 && f.catalog != 0 && f.catalog == f.r.Extents[0].Start
}

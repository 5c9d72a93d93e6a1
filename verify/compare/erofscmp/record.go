package erofscmp

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// inodeOwner answers for a byte of an inode that is at the same place on both
// sides.
func (c *comparison) inodeOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: a.start, End: min(a.end, b.end)}
	x, y := c.a.inode(a), c.b.inode(b)
	if x == nil || y == nil { // it was read before: the file is changing
		o.Finding = c.displaced()
		return o
	}
	name := "i_format"
	if x.Large == y.Large {
		for _, f := range x.Fields() {
			if n := int(off - a.start); n >= f.Offset && n < f.End() {
				name = f.Name
				o.Start, o.End = a.start+int64(f.Offset), a.start+int64(f.End())
			}
		}
	}
	if a.path == "" {
		o.Finding = c.packedField(name)
		return o
	}
	o.Finding = c.fieldOwner(a.path, name, x)
	return o
}

// packedField is the finding of a field of the packed inode, which no path
// leads to.
func (c *comparison) packedField(name string) *ledger.Finding {
	if name == "i_mtime" || name == "i_mtime_nsec" {
		if f := c.super["build_time"]; f != nil {
			return c.Consequence("packed inode", "i_mtime", f)
		}
		return c.Enter("packed inode", "i_mtime", "", treecmp.About{Cause: report.Time, Remedy: pinTime + ", without --mkfs-time"})
	}
	if f := c.fromShape("packed inode", name); f != nil {
		return f
	}
	return c.Enter("packed inode", name, "", aboutField(name))
}

// fieldOwner is the finding of a field of the inode of a path. in is the inode,
// where that matters.
func (c *comparison) fieldOwner(path, name string, in *erofs.Inode) *ledger.Finding {
	switch {
	case name == "i_mtime_nsec":
		name = "i_mtime"
	case name == "i_u" && in != nil && (in.Mode&tree.TypeMask == tree.Char || in.Mode&tree.TypeMask == tree.Block):
		name = "rdev"
	}
	p := c.At(path)
	if p != nil {
		if f := p.Owner(name); f != nil {
			return f
		}
	}
	if f := c.Lone(path); f != nil {
		return f
	}
	var causes []*ledger.Finding
	switch name {
	case "i_u", "target":
		if name == "i_u" && c.still() { // of an inode that has no blocks
			return c.Enter(inodeFields, name, path, treecmp.About{Cause: report.Unknown, Remedy: sameTool})
		}
		return c.displaced()
	case "i_ino":
		if f := c.fromShape(inodeFields, name); f != nil {
			return f
		}
		return c.Enter(inodeFields, name, "", aboutField(name))
	case "i_size":
		if p != nil {
			causes = p.Changes()
			if f := p.Owner("target"); f != nil {
				causes = append(causes, f)
			}
			if len(causes) == 0 {
				causes = p.All() // it is of another kind
			}
		}
	case "i_xattr_icount":
		causes = attributes(p)
	case "i_format":
		if p != nil && len(p.All()) > 0 {
			causes = p.All()
			break
		}
		if c.forms != nil {
			return c.forms
		}
		if f := c.fromShape(inodeFields, name); f != nil {
			return f
		}
	default:
		if !strings.Contains(name, "reserved") && p != nil {
			causes = p.All()
		}
	}
	if len(causes) > 0 {
		return c.Consequence(inodeFields, name, causes...)
	}
	return c.Enter(inodeFields, name, path, aboutField(name))
}

// attributes lists the findings of a pair's extended attributes.
func attributes(p *treecmp.Pair) (out []*ledger.Finding) {
	if p == nil {
		return nil
	}
	for _, f := range p.All() {
		if strings.HasPrefix(f.Field, "xattr:") {
			out = append(out, f)
		}
	}
	return out
}

// xattrHeaderOwner answers for a byte of the header of an inode's attributes.
func (c *comparison) xattrHeaderOwner(a region, off int64) ledger.Owned {
	f := erofs.XattrHeaderLayout.At(int(off - a.start))
	o := ledger.Owned{Start: a.start + int64(f.Offset), End: a.start + int64(f.End())}
	if f.Name == "h_reserved2" {
		o.Finding = c.Enter(inodeFields, f.Name, a.path, treecmp.About{Cause: report.Residue, Remedy: zeroed})
		return o
	}
	if causes := attributes(c.At(a.path)); len(causes) > 0 {
		o.Finding = c.Consequence(inodeFields, f.Name, causes...)
	} else if o.Finding = c.fromShape(inodeFields, f.Name); o.Finding == nil {
		// Whether an attribute is shared depends on how many files have it, and
		// whether names are filtered is an option.
		o.Finding = c.Enter(inodeFields, f.Name, a.path, treecmp.About{Cause: report.Environment, Remedy: sameTool})
	}
	return o
}

// xattrOwner answers for a byte of the numbers of an inode's shared attributes,
// or of its own attributes.
func (c *comparison) xattrOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: off, End: off + 1}
	p := c.At(a.path)
	if a.what == xattrs {
		x, okA := c.a.xattrAt(a, off)
		y, okB := c.b.xattrAt(b, off)
		if okA && okB && x.Name == y.Name && p != nil {
			if f := p.Owner("xattr:" + x.Name); f != nil {
				o.Finding, o.End = f, min(x.End, y.End)
				return o
			}
		}
		if !okA && !okB {
			o.Finding = c.padding()
			return o
		}
	}
	switch causes := attributes(p); {
	case len(causes) > 0:
		o.Finding = c.Consequence(inodeFields, "xattrs", causes...)
	default:
		o.Finding = c.displaced()
	}
	return o
}

// xattrAt is the attribute of a region's inode that holds a byte. Those of the
// inode that was asked for last are kept, in the order of their places.
func (s *side) xattrAt(r region, off int64) (erofs.Xattr, bool) {
	if s.attributed != r.nid+1 {
		s.attributed, s.attributes = r.nid+1, nil
		in := s.inode(r)
		if in == nil {
			return erofs.Xattr{}, false
		}
		list, err := s.fs.Xattrs(in)
		if err != nil {
			return erofs.Xattr{}, false
		}
		list = slices.DeleteFunc(list, func(x erofs.Xattr) bool { return x.Shared })
		slices.SortFunc(list, func(x, y erofs.Xattr) int { return cmp.Compare(x.Offset, y.Offset) })
		s.attributes = list
	}
	i := sort.Search(len(s.attributes), func(i int) bool { return s.attributes[i].End > off })
	if i == len(s.attributes) || off < s.attributes[i].Offset {
		return erofs.Xattr{}, false
	}
	return s.attributes[i], true
}

// sharedOwner owns bytes of an attribute that several inodes refer to.
func (c *comparison) sharedOwner(a region) *ledger.Finding {
	x, y := c.a.shared[a.start], c.b.shared[a.start]
	if x != nil && y != nil && x.name == y.name {
		for _, path := range x.paths {
			if p := c.At(path); p != nil {
				if f := p.Owner("xattr:" + x.name); f != nil {
					return f
				}
			}
		}
	}
	return c.displaced()
}

// entryOwner answers for a byte of a directory that lies at the same place on
// both sides.
func (c *comparison) entryOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: off, End: off + 1}
	at := off - a.start + a.from
	x, inNameA, okA := c.a.entryAt(a, at)
	y, inNameB, okB := c.b.entryAt(b, at)
	switch {
	case !okA && !okB:
		o.Finding = c.padding()
		return o
	case !okA || !okB || x.Name != y.Name || x.Offset != y.Offset || inNameA || inNameB:
		o.Finding = c.shifted(a.path)
		return o
	}
	f := erofs.DirentLayout.At(int(at - x.Offset))
	o.Start = off - (at - x.Offset) + int64(f.Offset)
	o.End = o.Start + int64(f.Length)
	path := tree.JoinPath(a.path, x.Name)
	if dots(x.Name) {
		path = a.path
	}
	switch f.Name {
	case "nid":
		if c.still() {
			o.Finding = c.Enter("directory", f.Name, path, treecmp.About{Cause: report.Unknown, Remedy: sameTool})
			break
		}
		o.Finding = c.displaced()
	case "file_type":
		if p := c.At(path); p != nil && p.Owner("i_mode") != nil {
			o.Finding = p.Owner("i_mode")
			break
		}
		o.Finding = c.Enter("directory", f.Name, path, treecmp.About{Cause: report.Unknown, Remedy: sameTool})
	case "reserved":
		o.Finding = c.Enter("directory", f.Name, path, treecmp.About{Cause: report.Residue, Remedy: zeroed})
	default:
		o.Finding = c.shifted(a.path)
	}
	return o
}

// entryAt is the entry that holds a byte of a directory's data, in its structure
// or in its name.
func (s *side) entryAt(r region, at int64) (e erofs.Entry, inName, ok bool) {
	list := s.entries(r)
	block := at &^ (s.fs.BlockSize() - 1)
	for _, e := range list[sort.Search(len(list), func(i int) bool { return list[i].Offset >= block }):] {
		switch {
		case e.Offset >= block+s.fs.BlockSize():
			return e, false, false
		case at >= e.Offset && at < e.Offset+erofs.DirentSize:
			return e, false, true
		case at >= e.NameAt && at < e.NameAt+int64(len(e.Name)):
			return e, true, true
		}
	}
	return e, false, false
}

// shifted owns bytes of a directory that hold one entry on one side and another
// on the other.
func (c *comparison) shifted(path string) *ledger.Finding {
	if causes := c.Listing(path); len(causes) > 0 {
		return c.Consequence("directory", "entries", causes...)
	}
	if f := c.fromShape("directory", "entries"); f != nil {
		return f
	}
	return c.Enter("directory", "entries", path, treecmp.About{Cause: report.Unknown, Remedy: sameTool})
}

package btrfscmp

import (
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// partOwner answers for a part of the same node on both sides, p of the tree t
// and q of u.
func (c *comparison) partOwner(t, u *btrfs.Tree, p, q btrfs.Part) *ledger.Finding {
	aligned := p.Kind == q.Kind && p.Key == q.Key && p.Name == q.Name && p.Sub == q.Sub && p.Start == q.Start && p.End == q.End
	switch {
	case p.Kind == btrfs.HeaderPart && q.Kind == btrfs.HeaderPart:
		return c.headerField(p.Name)
	case p.Kind == btrfs.PointerPart && aligned:
		return c.pointerField(t, p.Name)
	case p.Kind == btrfs.DataPart && aligned && !btrfs.IsSubvolume(t.ID):
		return c.treeField(t, p.Key, p.Name)
	case p.Kind == btrfs.DataPart && aligned:
		return c.fileItem(t, u, p)
	}
	return c.shifted(t, u, p, q)
}

// pointerField is the finding of a field of a tree's pointers.
func (c *comparison) pointerField(t *btrfs.Tree, name string) *ledger.Finding {
	name = "key_ptr." + name
	if f := c.Has(structure(t), name, ""); f != nil {
		return f
	}
	f := c.Enter(structure(t), name, "", aboutRest(name))
	f.Whole = true
	return f.Follows(c.causes(f)...)
}

// shifted owns bytes that are another item, or another part of one, on the
// other side.
func (c *comparison) shifted(t, u *btrfs.Tree, p, q btrfs.Part) *ledger.Finding {
	if btrfs.IsSubvolume(t.ID) {
		for i, x := range []btrfs.Part{p, q} {
			if x.Kind != btrfs.DataPart {
				continue
			}
			tree := []*btrfs.Tree{t, u}[i]
			path := c.path(i == 1, tree, x.Key.ObjectID)
			if f := c.Lone(path); f != nil {
				return f
			}
			if pair := c.At(path); pair != nil && x.Key.Type == btrfs.ExtentDataKey && pair.Content != nil {
				return pair.Content
			}
		}
	}
	return c.treeItems(t)
}

// fileItem answers for a field of an item of a subvolume, which both sides have
// at the same place.
func (c *comparison) fileItem(t, u *btrfs.Tree, p btrfs.Part) *ledger.Finding {
	path := c.path(false, t, p.Key.ObjectID)
	if other := c.path(true, u, p.Key.ObjectID); other != path {
		// Another file has this inode number.
		return c.shifted(t, u, p, p)
	}
	var f *ledger.Finding
	name := strings.TrimSuffix(strings.TrimSuffix(p.Name, ".nsec"), ".sec")
	pair := c.At(path)
	if pair == nil {
		pair = &treecmp.Pair{}
	}
	content := pair.Content
	if content == nil {
		content = pair.Owner("target")
	}
	switch p.Key.Type {
	case btrfs.InodeItemKey:
		if f = pair.Owner(name); f == nil && name == "size" {
			f = content
		}
	case btrfs.XattrItemKey:
		f = pair.Owner("xattr:" + p.Sub)
	case btrfs.ExtentDataKey:
		if name == "inline" || name == "ram_bytes" || name == "num_bytes" {
			f = content
		}
	case btrfs.DirItemKey, btrfs.DirIndexKey:
		f = c.Lone(tree.JoinPath(path, p.Sub))
	}
	if f != nil {
		return f
	}
	return c.fileField(p, name, path)
}

// fileField is the finding of what differs in a file's items and is no part of
// what the file means.
func (c *comparison) fileField(p btrfs.Part, name, path string) *ledger.Finding {
	where := inode
	switch p.Key.Type {
	case btrfs.InodeItemKey:
	case btrfs.DirItemKey, btrfs.DirIndexKey:
		where = "directory"
		path = tree.JoinPath(path, p.Sub)
		fallthrough
	default:
		name = fieldName(p.Key, name)
	}
	if f := c.Has(where, name, ""); f != nil {
		return f
	}
	what := aboutField(name)
	probe := &ledger.Finding{Key: ledger.Key{Field: name}}
	causes := c.causes(probe)
	if len(causes) == 0 {
		return c.single(where, name, path, what)
	}
	f := c.Enter(where, name, "", what)
	f.Whole = true
	return f.Follows(causes...)
}

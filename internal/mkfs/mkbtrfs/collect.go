package mkbtrfs

import (
	"fmt"
	"math"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxInline is the longest file whose content lies in the tree, in bytes: the
// kernel's max_inline where nothing else is said.
const maxInline = 2048

// maxItem is BTRFS_MAX_ITEM_SIZE, in bytes.
const maxItem = nodeSize - btrfs.HeaderSize - btrfs.ItemSize

// object is an inode with its number.
type object struct {
	*tree.Inode
	node    *tree.Node
	path    string // the first one, for messages
	ino     uint64
	refs    []ref
	extents []extent
}

// ref is a name of an inode.
type ref struct {
	parent, index uint64
	name          string
}

// extent is a piece of a file's content on the device.
type extent struct {
	offset uint64 // in the file
	at     uint64 // logical address
	length uint64
}

func (o *object) inline() bool { return o.Type() == tree.Regular && o.Size <= maxInline }

// census numbers the inodes of a tree, from 256 on, in its order.
type census struct {
	objects []*object
	by      map[*tree.Inode]*object
	bytes   int64 // of files' content
}

func collect(root *tree.Node) (*census, error) {
	c := &census{by: map[*tree.Inode]*object{}}
	return c, c.add("", root, ref{parent: btrfs.FirstFree, name: ".."})
}

func (c *census) add(path string, n *tree.Node, r ref) error {
	if o := c.by[n.Inode]; o != nil {
		o.refs = append(o.refs, r)
		return nil
	}
	o := &object{Inode: n.Inode, node: n, path: path, ino: btrfs.FirstFree + uint64(len(c.objects)), refs: []ref{r}}
	if path == "" {
		o.path = "/"
	}
	for _, x := range n.Xattrs {
		if err := checkXattr(x); err != nil {
			return fmt.Errorf("btrfs: %s: %w", o.path, err)
		}
	}
	switch n.Type() {
	case tree.Regular:
		c.bytes += n.Size
	case tree.Symlink:
		if len(n.Target) >= sector {
			return fmt.Errorf("btrfs: %s: its target has %d bytes, at most %d are possible", o.path, len(n.Target), sector-1)
		}
	}
	c.by[n.Inode] = o
	c.objects = append(c.objects, o)
	for i, child := range n.Children {
		if err := c.add(path+"/"+child.Name, child, ref{o.ino, btrfs.FirstDirIndex + uint64(i), child.Name}); err != nil {
			return err
		}
	}
	return nil
}

func checkXattr(x tree.Xattr) error {
	name := x.Name
	switch {
	case name == "system.posix_acl_access" || name == "system.posix_acl_default":
	case strings.HasPrefix(name, "user.") || strings.HasPrefix(name, "trusted.") || strings.HasPrefix(name, "security."):
	default:
		return fmt.Errorf("the attribute %q: btrfs stores only user., trusted., security. and POSIX ACLs", name)
	}
	switch {
	case strings.HasSuffix(name, "."):
		return fmt.Errorf("the attribute %q has no name behind its prefix", name)
	case len(name) > math.MaxUint8 || strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("the attribute %q: a name has at most 255 bytes, and no NUL", name)
	case btrfs.DirEntrySize+len(name)+len(x.Value) > maxItem:
		return fmt.Errorf("the attribute %q has %d bytes, at most %d fit", name, len(x.Value), maxItem-btrfs.DirEntrySize-len(name))
	}
	return nil
}

// nbytes is what an inode's content takes, as its inode has it.
func (o *object) nbytes() (n uint64) {
	switch {
	case o.inline():
		return uint64(o.Size)
	case o.Type() == tree.Symlink:
		return uint64(len(o.Target))
	}
	for _, e := range o.extents {
		n += e.length
	}
	return n
}

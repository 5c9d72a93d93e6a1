package mkext4

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Limits of the format.
const (
	maxLinks        = 65000 // EXT4_LINK_MAX
	maxFileBlocks   = 1<<32 - 1
	maxSymlink      = blockSize - 1
	fastSymlink     = 59 // bytes of a target that i_block holds, with its NUL
	lostFoundName   = "lost+found"
	lostFoundBlocks = 4 // what mke2fs preallocates
	lostFoundIno    = ext4.GoodOldFirstIno
	maxMajor        = 1<<12 - 1
	maxMinor        = 1<<20 - 1
)

// object is what becomes an inode.
type object struct {
	*tree.Inode
	children []*tree.Node // of a directory, sorted
	parent   uint32       // inode number of a directory's parent
	links    uint32       // i_links_count, counted without a limit
	blocks   uint32       // of a directory
	xattrs   int32        // index of the census' attribute blocks, -1 for none
	runs     []run        // of a directory, once it is placed
}

// census is all that must be known of a tree before its first byte is
// written: which inodes there are, and how many blocks they need.
type census struct {
	opt     Options
	root    *tree.Node
	objects []object               // in the order of inode numbers: root, lost+found, then as the tree is walked
	index   map[*tree.Inode]uint32 // inode number
	attrs   attrBlocks

	fixed     uint64 // blocks of directories, attributes and long targets: exact
	content   uint64 // blocks of regular files without holes, with their extent blocks: an upper bound
	fileBytes int64  // sizes of regular files
}

// inoOf is the inode number of objects[i].
func inoOf(i int) uint32 {
	if i == 0 {
		return ext4.RootIno
	}
	return uint32(reservedInodes + i)
}

// at is the object with that inode number.
func (c *census) at(ino uint32) *object {
	if ino == ext4.RootIno {
		return &c.objects[0]
	}
	return &c.objects[ino-reservedInodes]
}

// lastIno is the highest inode number in use; all below it are in use too.
func (c *census) lastIno() uint32 { return inoOf(len(c.objects) - 1) }

// trail is the way to a node. Messages need it as a path; a walk does not.
type trail struct {
	up   *trail
	name string
}

func (t *trail) String() string {
	if t.up == nil {
		return "/"
	}
	var names []string
	for ; t.up != nil; t = t.up {
		names = append(names, t.name)
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// takeCensus walks the tree and checks everything that can be checked without
// reading a file.
func takeCensus(root *tree.Node, o Options) (*census, error) {
	if root == nil || root.Inode == nil || !root.IsDir() {
		return nil, errors.New("ext4: the tree's root is not a directory")
	}
	c := &census{opt: o, root: root, index: map[*tree.Inode]uint32{}, attrs: attrBlocks{byContent: map[string]int32{}}}
	lf := &tree.Inode{
		Mode: tree.Directory | 0o700, Origin: "/" + lostFoundName,
		Atime: o.Epoch, Mtime: o.Epoch, Ctime: o.Epoch, Btime: o.Epoch,
	}
	top := &trail{}
	rootChildren, err := sortedChildren(top, root)
	if err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(rootChildren, lostFoundName, func(n *tree.Node, s string) int { return strings.Compare(n.Name, s) })
	if found {
		lf = rootChildren[i].Inode
		if !lf.IsDir() {
			return nil, fmt.Errorf("ext4: %s: must be a directory, e2fsck puts what it rescues into it", "/"+lostFoundName)
		}
	} else {
		rootChildren = slices.Insert(slices.Clone(rootChildren), i, &tree.Node{Name: lostFoundName, Inode: lf})
	}
	c.objects = []object{
		{Inode: root.Inode, children: rootChildren, parent: ext4.RootIno, links: 2},
		{Inode: lf, parent: ext4.RootIno, links: 1},
	}
	c.index[root.Inode] = ext4.RootIno
	if err := c.note(top, 0); err != nil {
		return nil, err
	}
	if err := c.walk(top, rootChildren, ext4.RootIno, lf); err != nil {
		return nil, err
	}
	for i := range c.objects {
		ob := &c.objects[i]
		if ob.IsDir() {
			n, err := c.dirBlocks(ob, inoOf(i))
			if err != nil {
				return nil, err
			}
			ob.blocks = uint32(n)
			c.fixed += n + contentTreeBlocks(n)
		} else if ob.links > maxLinks {
			return nil, fmt.Errorf("ext4: %s: has %d hard links, at most %d are possible", c.name(ob.Inode), ob.links, maxLinks)
		}
	}
	c.fixed += uint64(len(c.attrs.blocks))
	return c, nil
}

func (c *census) walk(dir *trail, children []*tree.Node, parent uint32, lostFound *tree.Inode) error {
	for _, n := range children {
		where := &trail{dir, n.Name}
		if ino, ok := c.index[n.Inode]; ok {
			if n.IsDir() {
				return fmt.Errorf("ext4: %s: a directory cannot have a second name", where)
			}
			c.at(ino).links++
			continue
		}
		var i int
		if n.Inode == lostFound {
			i = 1
		} else {
			i = len(c.objects)
			c.objects = append(c.objects, object{Inode: n.Inode, links: 1})
		}
		ino := inoOf(i)
		c.index[n.Inode] = ino
		if err := c.note(where, i); err != nil {
			return err
		}
		if !n.IsDir() {
			if len(n.Children) > 0 {
				return fmt.Errorf("ext4: %s: has entries but is not a directory", where)
			}
			continue
		}
		kids, err := sortedChildren(where, n)
		if err != nil {
			return err
		}
		ob := &c.objects[i]
		ob.children, ob.parent, ob.links = kids, parent, 2
		c.at(parent).links++
		if err := c.walk(where, kids, ino, nil); err != nil {
			return err
		}
	}
	return nil
}

// note checks one object and adds up the blocks it needs.
func (c *census) note(where *trail, i int) error {
	ob := &c.objects[i]
	fail := func(format string, args ...any) error {
		return fmt.Errorf("ext4: %s: %s", where, fmt.Sprintf(format, args...))
	}
	attrs, err := c.attrs.add(ob.Xattrs)
	if err != nil {
		return fmt.Errorf("ext4: %s: %w", where, err)
	}
	ob.xattrs = attrs
	switch ob.Type() {
	case tree.Regular:
		switch {
		case ob.Size < 0:
			return fail("a size of %d bytes is negative", ob.Size)
		case ob.Size > 0 && ob.Content == nil:
			return fail("has %d bytes but no content", ob.Size)
		}
		n := ceilDiv(uint64(ob.Size), blockSize)
		if n > maxFileBlocks {
			return fail("%d bytes are more than the 16 TiB that a file can have", ob.Size)
		}
		c.content += n + contentTreeBlocks(n)
		c.fileBytes += ob.Size
	case tree.Symlink:
		switch {
		case ob.Target == "":
			return fail("a symbolic link must have a target")
		case strings.IndexByte(ob.Target, 0) >= 0:
			return fail("the link's target holds a NUL byte")
		case len(ob.Target) > maxSymlink:
			return fail("the link's target has %d bytes, at most %d fit", len(ob.Target), maxSymlink)
		case len(ob.Target) > fastSymlink:
			c.fixed++
		}
	case tree.Char, tree.Block:
		if ob.Major > maxMajor || ob.Minor > maxMinor {
			return fail("the device number %d:%d cannot be stored, at most %d:%d", ob.Major, ob.Minor, maxMajor, maxMinor)
		}
	case tree.Directory, tree.FIFO, tree.Socket:
	default:
		return fail("the file type %#o is unknown", ob.Type())
	}
	return nil
}

// contentTreeBlocks bounds the extent blocks of a file of n blocks whose
// blocks lie together as far as extents reach. What holes add to it, they
// save in blocks; the block more for very large files covers the one case
// where a level is added.
func contentTreeBlocks(n uint64) uint64 {
	if n <= 4*maxExtentLen {
		return 0
	}
	return extentTreeBlocks(ceilDiv(n, maxExtentLen)) + 1
}

// name is what messages call an inode.
func (c *census) name(i *tree.Inode) string {
	if i.Origin != "" {
		return i.Origin
	}
	found := ""
	_ = c.root.Walk(func(p string, n *tree.Node) error {
		if n.Inode == i && found == "" {
			found = p
		}
		return nil
	})
	return found
}

// sortedChildren checks the names in a directory and returns its entries in
// the order of their bytes, without changing the tree.
func sortedChildren(where *trail, n *tree.Node) ([]*tree.Node, error) {
	kids := n.Children
	for _, k := range kids {
		if k == nil || k.Inode == nil {
			return nil, fmt.Errorf("ext4: %s: an entry names nothing", where)
		}
		if err := checkName(k.Name); err != nil {
			return nil, fmt.Errorf("ext4: %s: the name %q %w", where, k.Name, err)
		}
	}
	less := func(a, b *tree.Node) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(kids, less) {
		kids = slices.Clone(kids)
		sort.SliceStable(kids, func(i, j int) bool { return kids[i].Name < kids[j].Name })
	}
	for i := 1; i < len(kids); i++ {
		if kids[i].Name == kids[i-1].Name {
			return nil, fmt.Errorf("ext4: %s: the name %q is there twice", where, kids[i].Name)
		}
	}
	return kids, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty")
	case name == "." || name == "..":
		return errors.New("is reserved")
	case len(name) > ext4.MaxNameLen:
		return fmt.Errorf("has %d bytes, at most %d are possible", len(name), ext4.MaxNameLen)
	case strings.IndexByte(name, '/') >= 0:
		return errors.New("holds a slash")
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("holds a NUL byte")
	}
	return nil
}

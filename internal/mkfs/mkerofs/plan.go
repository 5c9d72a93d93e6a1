package mkerofs

import (
	"fmt"
	"math"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	blockBits = 12
	blockSize = 1 << blockBits
)

// object is an inode with its place.
type object struct {
	*tree.Inode
	path   string // the first one, for messages
	node   *tree.Node
	parent *object // of a directory; the root's is itself
	ino    uint32
	links  uint32
	size   int64 // of its data, in bytes
	large  bool
	xattrs []byte

	off   int64 // of the inode, in bytes
	tail  int   // bytes of data behind the inode
	block int64 // of the first whole block of data
}

func (o *object) nid() uint64 { return uint64(o.off / erofs.SlotSize) }

func (o *object) head() int {
	if o.large {
		return erofs.LargeInodeSize + len(o.xattrs)
	}
	return erofs.CompactInodeSize + len(o.xattrs)
}

// blocks are those of its data beside the tail.
func (o *object) blocks() int64 { return (o.size - int64(o.tail) + blockSize - 1) / blockSize }

// plan is where everything lies.
type plan struct {
	objects []*object // in the order of the tree
	by      map[*tree.Inode]*object
	total   int64 // blocks
	bytes   int64 // of files' content
}

func newPlan(root *tree.Node, opt *Options) (*plan, error) {
	p := &plan{by: map[*tree.Inode]*object{}}
	if err := p.collect("", root, nil, opt); err != nil {
		return nil, err
	}
	place := placer{next: 0}
	place.begin(erofs.SuperOffset + erofs.SuperblockLayout.Size())
	for _, o := range p.objects {
		place.object(o)
	}
	next := place.next
	for _, o := range p.objects {
		o.block = next
		next += o.blocks()
	}
	if p.total = next; next > math.MaxUint32 {
		return nil, fmt.Errorf("erofs: the tree takes %d blocks of %d bytes, at most %d are possible", next, blockSize, uint32(math.MaxUint32))
	}
	return p, nil
}

func (p *plan) collect(path string, n *tree.Node, parent *object, opt *Options) error {
	if o := p.by[n.Inode]; o != nil {
		o.links++
		return nil
	}
	o := &object{Inode: n.Inode, node: n, path: path, parent: parent, ino: uint32(len(p.objects) + 1), links: 1}
	if path == "" {
		o.path = "/"
	}
	if uint64(len(p.objects)) >= math.MaxUint32 {
		return fmt.Errorf("erofs: there are more than %d inodes", uint32(math.MaxUint32))
	}
	var err error
	if o.xattrs, err = encodeXattrs(n.Xattrs); err != nil {
		return fmt.Errorf("erofs: %s: %w", o.path, err)
	}
	switch n.Type() {
	case tree.Regular:
		o.size = n.Size
		p.bytes += n.Size
	case tree.Symlink:
		o.size = int64(len(n.Target))
	case tree.Directory:
		if parent == nil {
			o.parent = o
		}
		o.links = 2
		for _, c := range n.Children {
			if c.IsDir() {
				o.links++
			}
		}
		o.size = directorySize(n)
	case tree.Char, tree.Block:
		if n.Major >= 1<<12 || n.Minor >= 1<<20 {
			return fmt.Errorf("erofs: %s: there is no device %d:%d", o.path, n.Major, n.Minor)
		}
	}
	o.large = o.Mtime != opt.Epoch || o.UID > math.MaxUint16 || o.GID > math.MaxUint16 || o.size > math.MaxUint32 || o.links > math.MaxUint16
	p.by[n.Inode] = o
	p.objects = append(p.objects, o)
	for _, c := range n.Children {
		if err := p.collect(path+"/"+c.Name, c, o, opt); err != nil {
			return err
		}
	}
	// A file with several names may be large by their number; it has its place
	// only later.
	return nil
}

// entries are a directory's names in the order of the format: by bytes, with
// "." and ".." among them.
func entries(n *tree.Node) []string {
	names := make([]string, 0, len(n.Children)+2)
	names = append(names, ".", "..")
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// split is how many of the names go into one block, and the bytes they take.
func split(names []string) (n, size int) {
	for _, name := range names {
		if size+erofs.DirentSize+len(name) > blockSize {
			break
		}
		size += erofs.DirentSize + len(name)
		n++
	}
	return n, size
}

func directorySize(d *tree.Node) int64 {
	blocks, last := int64(-1), 0
	for names := entries(d); len(names) > 0; blocks++ {
		var n int
		n, last = split(names)
		names = names[n:]
	}
	return blocks*blockSize + int64(last)
}

// placer gives inodes their places.
type placer struct {
	next int64 // block
	open []gap
}

// gap is what is left at the end of a block.
type gap struct {
	block int64
	used  int // bytes, a multiple of a slot
}

// tries is in how many blocks begun last a place is sought.
const tries = 16

// begin opens the next block, of which some bytes are taken.
func (p *placer) begin(used int) {
	p.open = append(p.open, gap{p.next, slots(used)})
	if p.next++; len(p.open) > tries {
		p.open = p.open[1:]
	}
}

func slots(n int) int { return (n + erofs.SlotSize - 1) / erofs.SlotSize * erofs.SlotSize }

func (p *placer) object(o *object) {
	o.large = o.large || o.links > math.MaxUint16
	rest := int(o.size % blockSize)
	if o.Type() == tree.Char || o.Type() == tree.Block || o.head()+rest > blockSize {
		rest = 0 // the end of its data takes a block like the others
	}
	o.tail = rest
	size := o.head() + rest
	if size > blockSize {
		// The attributes alone are longer than a block: they run on into
		// the next ones.
		o.off = p.next * blockSize
		p.next += int64(size / blockSize)
		p.begin(size % blockSize)
		return
	}
	for i := range p.open {
		if g := &p.open[i]; g.used+size <= blockSize {
			o.off = g.block*blockSize + int64(g.used)
			g.used = slots(g.used + size)
			return
		}
	}
	o.off = p.next * blockSize
	p.begin(size)
}

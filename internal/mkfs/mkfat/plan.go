package mkfat

import (
	"fmt"
	"math"
	"sort"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxSlots is the greatest number of slots of a directory (fatgen103: 2 MiB).
const maxSlots = 65536

// entry is a file or directory of the plan.
type entry struct {
	node     *tree.Node
	parent   *entry // nil for the root
	children []*entry
	short    [11]byte
	long     []uint16 // units of the long name, nil where the short one says it all
	slots    int64    // of a directory: with dots or label, without the end marker
	first    uint32   // first cluster, 0 where there is none
	count    uint32   // clusters, contiguous
}

// path is for messages.
func (e *entry) path() string {
	if e.parent == nil {
		return "/"
	}
	if p := e.parent.path(); p != "/" {
		return p + "/" + e.node.Name
	}
	return "/" + e.node.Name
}

// plan is the tree with its names settled, and then with its clusters.
type plan struct {
	root    *entry
	files   []*entry // regular files with content, in the order of their clusters
	dirs    []*entry // likewise; the root first
	regular int
	bytes   int64 // of content
}

// newPlan checks the tree and settles all names.
func newPlan(root *tree.Node, opt *Options) (*plan, error) {
	if root == nil || root.Inode == nil || !root.IsDir() {
		return nil, fmt.Errorf("fat: the root is no directory")
	}
	p := &plan{root: &entry{node: root}}
	if opt.Label != "" {
		p.root.slots++
	}
	return p, p.directory(p.root)
}

// directory plans one directory: its files in the order of their names, then
// its directories, each with all that is below it.
func (p *plan) directory(d *entry) error {
	p.dirs = append(p.dirs, d)
	if d.parent != nil {
		d.slots += 2 // "." and ".."
	}
	nodes := append([]*tree.Node(nil), d.node.Children...)
	sort.Slice(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	a := aliases{used: map[[11]byte]bool{}, next: map[string]int{}}
	folded := make(map[string]*entry, len(nodes))
	d.children = make([]*entry, 0, len(nodes))
	for _, n := range nodes {
		e := &entry{node: n, parent: d}
		if err := e.check(); err != nil {
			return err
		}
		fold := foldName(n.Name)
		if other, ok := folded[fold]; ok {
			return fmt.Errorf("fat: %q and %q differ only in case, which FAT cannot tell apart", other.path(), e.path())
		}
		folded[fold] = e
		short, upper, ok := exactShort(n.Name)
		if ok {
			e.short = short
			a.used[short] = true
		}
		if !ok || !upper {
			e.long = utf16.Encode([]rune(n.Name))
		}
		d.slots += 1 + ceil(int64(len(e.long)), fat.UnitsPerSlot)
		d.children = append(d.children, e)
	}
	// Aliases come after all names that are 8.3 by themselves.
	for _, e := range d.children {
		if e.short[0] != 0 {
			continue
		}
		var err error
		if e.short, err = a.alias(e.node.Name); err != nil {
			return fmt.Errorf("fat: %q: %w", e.path(), err)
		}
	}
	if d.slots > maxSlots {
		return fmt.Errorf("fat: directory %q needs %d slots of 32 bytes, FAT allows %d", d.path(), d.slots, maxSlots)
	}
	for _, e := range d.children {
		if e.node.IsDir() {
			continue
		}
		p.regular++
		if e.node.Size > 0 {
			p.bytes += e.node.Size
			p.files = append(p.files, e)
		}
	}
	for _, e := range d.children {
		if e.node.IsDir() {
			if err := p.directory(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// check says what keeps a node from being stored.
func (e *entry) check() error {
	n := e.node
	if n.Inode == nil {
		return fmt.Errorf("fat: %q has no inode", e.path())
	}
	if err := checkName(n.Name); err != nil {
		return fmt.Errorf("fat: name %q cannot be stored: %w", e.path(), err)
	}
	kind := ""
	switch n.Type() {
	case tree.Directory:
		return nil
	case tree.Regular:
		if n.Size < 0 || n.Size > math.MaxUint32 {
			return fmt.Errorf("fat: %q has %d bytes, FAT holds files up to %d", e.path(), n.Size, math.MaxUint32)
		}
		if n.Size > 0 && n.Content == nil {
			return fmt.Errorf("fat: %q has %d bytes but no content", e.path(), n.Size)
		}
		return nil
	case tree.Symlink:
		kind = "a symbolic link"
	case tree.Block, tree.Char:
		kind = "a device"
	case tree.FIFO:
		kind = "a FIFO"
	case tree.Socket:
		kind = "a socket"
	default:
		return fmt.Errorf("fat: %q has mode %#o, which is no file type", e.path(), n.Mode)
	}
	return fmt.Errorf("fat: %q is %s, which FAT cannot store", e.path(), kind)
}

// need is the number of clusters that the tree takes in that layout.
func (p *plan) need(l *layout) int64 {
	size, n := l.clusterSize(), int64(0)
	for _, d := range p.dirs {
		n += p.dirClusters(d, l, size)
	}
	for _, f := range p.files {
		n += ceil(f.node.Size, size)
	}
	return n
}

func (p *plan) dirClusters(d *entry, l *layout, size int64) int64 {
	if d == p.root && l.variant != fat.FAT32 {
		return 0
	}
	return max(ceil(d.slots*fat.SlotSize, size), 1)
}

// fits says why the tree does not fit, if it does not.
func (p *plan) fits(l *layout) error {
	if l.variant != fat.FAT32 && p.root.slots > l.rootSlots {
		return fmt.Errorf("fat: the root directory needs %d slots, this %v has %d: choose FAT32 or a subdirectory", p.root.slots, l.variant, l.rootSlots)
	}
	if need := p.need(l); need > l.clusters {
		return &SpaceError{
			Missing: (need - l.clusters) * l.clusterSize(),
			Text:    fmt.Sprintf("the files need %d clusters of %d bytes, there are %d", need, l.clusterSize(), l.clusters),
		}
	}
	return nil
}

// allocate hands out the clusters, directories first, each in one run, and
// returns the first one that is free. It must fit.
//
// Directories before files keeps what a reader needs first together.
func (p *plan) allocate(l *layout) (next uint32) {
	next = 2
	take := func(e *entry, n int64) {
		if n > 0 {
			e.first, e.count = next, uint32(n)
			next += e.count
		}
	}
	for _, d := range p.dirs {
		take(d, p.dirClusters(d, l, l.clusterSize()))
	}
	for _, f := range p.files {
		take(f, ceil(f.node.Size, l.clusterSize()))
	}
	return next
}

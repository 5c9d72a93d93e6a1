package treecmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/iso9660"
	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Limits above what anybody makes, so that a damaged tree cannot hold up the
// walk or fill the memory.
const (
	maxDepth   = 1024
	maxEntries = 2_000_000
	maxPaths   = 192 << 20 // bytes of all paths together
)

// node is an object of a tree.
type node struct {
	name   string
	mode   uint32 // type and permissions
	target string
	size   int64
	at     int64  // where the volume says so, in bytes
	inode  uint64 // the same for the names of one file; 0 for a file with one name
	dir    uint64 // of a directory: the same only for the same directory
	values []value
	times  []stamp
	ref    any // the reader's own
}

type value struct {
	field, shown string
	at           int64
}

type stamp struct {
	field string
	time  tree.Time
	at    int64
}

// reader is one of the two filesystems.
type reader interface {
	root() (*node, error)
	// list returns what a directory holds, in its order, and the objects that
	// only serve the reader's account.
	list(dir *node) ([]*node, error)
	open(file *node) content
}

// pair is what both sides have under a path, in which something differs.
type pair struct {
	path    string
	a, b    *node
	object  uint64
	fields  []string // noted in times or values
	alias   map[string]string
	content *ledger.Finding
	entries []*ledger.Finding
	owners  map[string]*ledger.Finding
}

// comparison is a comparison of two trees under way. Nothing is entered into
// the ledger before both trees are read to their ends.
type comparison struct {
	ctx       context.Context
	l         *ledger.Ledger
	p         ledger.Pair
	format    string
	structure string // where a file's fields stand: "inode", "directory record"
	a, b      reader
	describe  contents.Describer

	pairs   []*pair
	byPath  map[string]*pair
	lones   []*lone
	lone    map[string]*ledger.Finding // by path, with all below it
	diffs   []*contentDiff
	ordered []*pair       // directories with the same names in another order
	hook    func(p *pair) // called for every pair

	// contentKey is the same for pairs of files whose contents lie at the
	// same places; nil where the inode tells that already.
	contentKey func(p *pair) (key [4]int64, ok bool)
	compared   map[[4]int64]*contentDiff

	seen       map[[2]uint64]bool
	dirsA      map[uint64]bool
	dirsB      map[uint64]bool
	times      ledger.Times
	values     ledger.Values
	visited    int
	paths      int
	budget     int64 // bytes of content that may still be compared
	unread     int   // files whose content could not be compared
	warnings   []string
	changes    []*ledger.Finding // of entries and contents
	roots      []*ledger.Finding // everything that was found in the trees
	reordered  *ledger.Finding
	nextObject uint64
}

type lone struct {
	path, name string
	parent     *pair
	n          *node
	inA        bool
	below      int // how many objects are below it
}

func newComparison(ctx context.Context, l *ledger.Ledger, p ledger.Pair, format, structure string) *comparison {
	return &comparison{
		ctx: ctx, l: l, p: p, format: format, structure: structure, describe: contents.Describer{Ask: p.Ask},
		byPath: map[string]*pair{}, lone: map[string]*ledger.Finding{}, seen: map[[2]uint64]bool{},
		dirsA: map[uint64]bool{}, dirsB: map[uint64]bool{}, compared: map[[4]int64]*contentDiff{},
	}
}

// tooMuch says that a tree is larger than is followed.
type tooMuch string

func (e tooMuch) Error() string { return string(e) }

// unreadable tells whether an error is about a filesystem's bytes, and not
// about reading them.
func unreadable(err error) bool {
	var s *squashfs.Error
	var i *iso9660.Error
	var m tooMuch
	return errors.As(err, &s) || errors.As(err, &i) || errors.As(err, &m)
}

// walk compares the trees.
func (c *comparison) walk() error {
	a, err := c.a.root()
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	b, err := c.b.root()
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	return c.compare("/", a, b, 0)
}

func (c *comparison) visit(path string, depth int) error {
	c.visited++
	c.paths += len(path)
	switch {
	case c.visited > maxEntries:
		return tooMuch(fmt.Sprintf("more than %d files are not compared", maxEntries))
	case c.paths > maxPaths || depth > maxDepth:
		return tooMuch(fmt.Sprintf("directories are nested too deeply, %d levels", depth))
	case c.visited%1024 == 0:
		return c.ctx.Err()
	}
	return nil
}

// compare compares what both sides have at path.
func (c *comparison) compare(path string, a, b *node, depth int) error {
	if err := c.visit(path, depth); err != nil {
		return err
	}
	if a.inode != 0 && b.inode != 0 {
		if c.seen[[2]uint64{a.inode, b.inode}] {
			return nil // another name of the same two files
		}
		c.seen[[2]uint64{a.inode, b.inode}] = true
	}
	c.nextObject++
	p := &pair{path: path, a: a, b: b, object: c.nextObject}
	if c.hook != nil {
		c.hook(p)
	}
	c.compareFields(p)
	same := a.mode&tree.TypeMask == b.mode&tree.TypeMask
	switch {
	case same && a.mode&tree.TypeMask == tree.Directory:
		return c.directory(p, depth)
	case same && a.mode&tree.TypeMask == tree.Regular:
		return c.compareContent(p)
	case !same:
		for _, s := range []struct {
			r    reader
			n    *node
			name string
			dirs map[uint64]bool
		}{{c.a, a, "first image", c.dirsA}, {c.b, b, "second image", c.dirsB}} {
			if _, err := c.count(s.r, s.n, s.dirs, path, depth); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// keep remembers a pair in which something differs.
func (c *comparison) keep(p *pair) {
	if c.byPath[p.path] == nil {
		c.byPath[p.path] = p
		c.pairs = append(c.pairs, p)
	}
}

func (c *comparison) note(p *pair, field string) {
	p.fields = append(p.fields, field)
	c.keep(p)
}

// compareFields compares everything of a pair but content and entries.
func (c *comparison) compareFields(p *pair) {
	a, b := p.a, p.b
	if a.mode&tree.TypeMask == tree.Symlink && a.target != b.target && b.mode&tree.TypeMask == tree.Symlink {
		c.note(p, "target")
		c.values.Note("target", p.object, p.path, a.target, b.target, c.p.A.Base+a.at)
	}
	inB := map[string]value{}
	for _, v := range b.values {
		inB[v.field] = v
	}
	for _, v := range a.values {
		w, ok := inB[v.field]
		delete(inB, v.field)
		if ok && v.shown == w.shown {
			continue
		}
		c.note(p, v.field)
		c.values.Note(v.field, p.object, p.path, v.shown, w.shown, c.p.A.Base+v.at)
	}
	for _, w := range b.values {
		if _, left := inB[w.field]; left {
			c.note(p, w.field)
			c.values.Note(w.field, p.object, p.path, "", w.shown, c.p.B.Base+w.at)
		}
	}
	var first *stamp
	var delta int64
	for i, t := range a.times {
		for _, u := range b.times {
			if u.field != t.field || u.time == t.time {
				continue
			}
			// The time of modification is stored once more for readers that
			// know Rock Ridge: the same thing under the first of its names.
			if first != nil && sameMeaning(first.field, t.field) && u.time.Sec-t.time.Sec == delta {
				if p.alias == nil {
					p.alias = map[string]string{}
				}
				p.alias[t.field] = first.field
				continue
			}
			if first == nil {
				first, delta = &a.times[i], u.time.Sec-t.time.Sec
			}
			c.note(p, t.field)
			c.times.Note(t.field, p.object, p.path, t.time, u.time, c.p.A.Base+t.at)
		}
	}
}

func sameMeaning(a, b string) bool { return a == "date" && b == "TF.modify" }

// enterDir refuses a directory that was met before: a tree has no circles.
func enterDir(dirs map[uint64]bool, n *node, path string) error {
	if dirs[n.dir] {
		return tooMuch(fmt.Sprintf("the directory %s has another name, or contains itself", report.Printable(path)))
	}
	dirs[n.dir] = true
	return nil
}

func (c *comparison) list(r reader, dirs map[uint64]bool, n *node, path string) ([]*node, error) {
	if err := enterDir(dirs, n, path); err != nil {
		return nil, err
	}
	return r.list(n)
}

// directory compares the entries of two directories, and goes on below.
func (c *comparison) directory(p *pair, depth int) error {
	a, err := c.list(c.a, c.dirsA, p.a, p.path)
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	b, err := c.list(c.b, c.dirsB, p.b, p.path)
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	if !sameOrder(a, b) {
		c.ordered = append(c.ordered, p)
		c.keep(p)
	}
	byName := func(x, y *node) int { return strings.Compare(x.name, y.name) }
	slices.SortFunc(a, byName)
	slices.SortFunc(b, byName)
	base := p.path
	if base == "/" {
		base = ""
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			if err := c.addLone(p, base, a[0], true, depth); err != nil {
				return fmt.Errorf("first image: %w", err)
			}
			a = a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			if err := c.addLone(p, base, b[0], false, depth); err != nil {
				return fmt.Errorf("second image: %w", err)
			}
			b = b[1:]
		default:
			if err := c.compare(base+"/"+a[0].name, a[0], b[0], depth+1); err != nil {
				return err
			}
			a, b = a[1:], b[1:]
		}
	}
	return nil
}

// sameOrder tells whether the names that both lists have stand in the same
// order.
func sameOrder(a, b []*node) bool {
	at := make(map[string]int, len(b))
	for i, n := range b {
		at[n.name] = i
	}
	last := -1
	for _, n := range a {
		i, ok := at[n.name]
		if !ok {
			continue
		}
		if i < last {
			return false
		}
		last = i
	}
	return true
}

func (c *comparison) addLone(parent *pair, base string, n *node, inA bool, depth int) error {
	r, dirs := c.b, c.dirsB
	if inA {
		r, dirs = c.a, c.dirsA
	}
	x := &lone{path: base + "/" + n.name, name: n.name, parent: parent, n: n, inA: inA}
	if err := c.visit(x.path, depth); err != nil {
		return err
	}
	var err error
	x.below, err = c.count(r, n, dirs, x.path, depth+1)
	c.lones = append(c.lones, x)
	return err
}

// count counts what is below a directory that only one side has.
func (c *comparison) count(r reader, n *node, dirs map[uint64]bool, path string, depth int) (int, error) {
	if n.mode&tree.TypeMask != tree.Directory {
		return 0, nil
	}
	list, err := c.list(r, dirs, n, path)
	if err != nil {
		return 0, err
	}
	total := len(list)
	for _, child := range list {
		sub := path + "/" + child.name
		if err := c.visit(sub, depth); err != nil {
			return 0, err
		}
		below, err := c.count(r, child, dirs, sub, depth+1)
		if err != nil {
			return 0, err
		}
		total += below
	}
	return total, nil
}

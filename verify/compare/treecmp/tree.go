package treecmp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// Node is an object of a tree.
type Node struct {
	Name   string
	Mode   uint32 // type and permissions, as st_mode has them
	Target string // of a symbolic link
	Size   int64  // bytes of a regular file's content
	At     int64  // where the volume says so, in bytes
	Inode  uint64 // the same for the names of one file; 0 for a file with one name
	Dir    uint64 // of a directory: the same only for the same directory
	Values []Value
	Times  []Stamp
	Ref    any // the reader's own
}

// Value is a field of a node that is no time, as it is shown.
type Value struct {
	Field, Shown string
	At           int64 // where it stands in the volume, in bytes
}

// Stamp is a time of a node.
type Stamp struct {
	Field string
	Time  tree.Time
	At    int64 // where it stands in the volume, in bytes
}

// Reader is one of the two filesystems.
type Reader interface {
	Root() (*Node, error)
	// List returns what a directory holds, in its order.
	List(dir *Node) ([]*Node, error)
	Open(file *Node) Content
}

// Pair is what both sides have under a path.
type Pair struct {
	Path string
	A, B *Node

	// Settle fills these: the finding that its contents differ, and those of
	// the entries that only one side has.
	Content *ledger.Finding
	Entries []*ledger.Finding

	object uint64
	fields []string // noted in times or values
	alias  map[string]string
	owners map[string]*ledger.Finding
}

// Changes lists the findings of the pair's entries and content.
func (p *Pair) Changes() []*ledger.Finding {
	out := slices.Clone(p.Entries)
	if p.Content != nil {
		out = append(out, p.Content)
	}
	return out
}

// All lists the findings that concern the pair, once Settle has run.
func (p *Pair) All() []*ledger.Finding {
	out := slices.Clone(p.Entries)
	for _, field := range p.fields {
		out = append(out, p.owners[field])
	}
	if p.Content != nil {
		out = append(out, p.Content)
	}
	return out
}

// Owner is the finding of a field that differs, once Settle has run; nil for
// one that does not.
func (p *Pair) Owner(field string) *ledger.Finding { return p.owners[field] }

// Format is what the comparison has to know of a filesystem's format.
type Format struct {
	Name      string // in findings: "squashfs"
	Structure string // where a file's fields stand: "inode", "directory record"

	// About is what is known of a file's field that differs.
	About func(field string) About
	// Damaged tells whether an error is about a filesystem's bytes, and not
	// about reading them.
	Damaged func(error) bool

	// The others may be nil.

	// Explains lists the findings that a field of the pair follows from, if
	// that is all there is to it.
	Explains func(p *Pair, field string) []*ledger.Finding
	// Again tells that the second of two times of a file is the first, stored
	// once more.
	Again func(first, second string) bool
	// Met is called for every pair, before its contents are compared.
	Met func(p *Pair)
	// ContentKey is the same for pairs of files whose contents lie at the same
	// places. Nil where Node.Inode tells that already.
	ContentKey func(p *Pair) (key [4]int64, ok bool)
}

// Comparison is a comparison of two trees under way. Nothing is entered into
// the ledger before both trees are read to their ends.
type Comparison struct {
	Sides    ledger.Pair
	Budget   int64 // bytes of content that may still be compared; for the format to set
	Warnings []string
	Unread   int // files whose content could not be compared

	// Settle fills these. Changes are the findings of entries and contents,
	// Reordered that of directories in another order or nil, and Roots all
	// that was found in the trees.
	Changes, Roots []*ledger.Finding
	Reordered      *ledger.Finding

	ctx      context.Context
	l        *ledger.Ledger
	format   Format
	a, b     Reader
	describe contents.Describer
	extent   Extent

	pairs   []*Pair
	byPath  map[string]*Pair
	lones   []*lone
	lone    map[string]*ledger.Finding // by path, with all below it
	diffs   []*contentDiff
	ordered []*Pair // directories with the same names in another order

	compared map[[4]int64]*contentDiff // by Format.ContentKey

	seen       map[[2]uint64]bool
	dirsA      map[uint64]bool
	dirsB      map[uint64]bool
	times      ledger.Times
	values     ledger.Values
	nextObject uint64
}

type lone struct {
	path, name string
	parent     *Pair
	n          *Node
	inA        bool
	below      int // how many objects are below it
}

// New begins a comparison.
func New(ctx context.Context, l *ledger.Ledger, p ledger.Pair, format Format) *Comparison {
	return &Comparison{
		Sides: p, ctx: ctx, l: l, format: format, describe: contents.Describer{Ask: p.Ask},
		byPath: map[string]*Pair{}, lone: map[string]*ledger.Finding{}, seen: map[[2]uint64]bool{},
		dirsA: map[uint64]bool{}, dirsB: map[uint64]bool{}, compared: map[[4]int64]*contentDiff{},
	}
}

// TooMuch says that a tree is larger than is followed.
type TooMuch string

func (e TooMuch) Error() string { return string(e) }

// Unreadable tells whether an error is about a filesystem's bytes, and not
// about reading them.
func (c *Comparison) Unreadable(err error) bool {
	var m TooMuch
	return errors.As(err, &m) || c.format.Damaged(err)
}

// Extent counts how much of a tree was walked, against limits.
type Extent struct{ files, paths int }

// Visit counts one object more, with its path, at a depth.
func (e *Extent) Visit(ctx context.Context, path string, depth int) error {
	e.files++
	e.paths += len(path)
	switch {
	case e.files > maxEntries:
		return TooMuch(fmt.Sprintf("more than %d files are not compared", maxEntries))
	case e.paths > maxPaths || depth > maxDepth:
		return TooMuch(fmt.Sprintf("directories are nested too deeply, %d levels", depth))
	case e.files%1024 == 0:
		return ctx.Err()
	}
	return nil
}

// Walk compares the trees.
func (c *Comparison) Walk(a, b Reader) error {
	c.a, c.b = a, b
	rootA, err := a.Root()
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	rootB, err := b.Root()
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	return c.compare("/", rootA, rootB, 0)
}

// Also compares two objects that no directory leads to, such as a filesystem's
// own files, after Walk. The name stands for a path in what is found.
func (c *Comparison) Also(name string, a, b *Node) error { return c.compare(name, a, b, 0) }

// At is the pair of a path in which something differs; nil where nothing does.
func (c *Comparison) At(path string) *Pair { return c.byPath[path] }

// Lone is the finding that a path, or a directory above it, is there on one
// side only; nil where it is on both.
func (c *Comparison) Lone(path string) *ledger.Finding {
	for path != "" {
		if f := c.lone[path]; f != nil {
			return f
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	return nil
}

// Contents lists the pairs of regular files whose contents differ; of those that
// share their content, one.
func (c *Comparison) Contents() []*Pair {
	out := make([]*Pair, len(c.diffs))
	for i, d := range c.diffs {
		out[i] = d.pair
	}
	return out
}

// InAnotherOrder tells whether a directory holds the same names on both sides
// in another order.
func (c *Comparison) InAnotherOrder(path string) bool {
	return slices.ContainsFunc(c.ordered, func(p *Pair) bool { return p.Path == path })
}

// Data is the finding that what a file holds differs, or that the file is there
// on one side only; nil where neither is so.
func (c *Comparison) Data(path string) *ledger.Finding {
	if p := c.byPath[path]; p != nil && p.Content != nil {
		return p.Content
	}
	return c.Lone(path)
}

// Listing lists the findings that a directory's entries stand elsewhere for:
// those of entries that only one side has, that the directory itself is on one
// side only, and that it has another order.
func (c *Comparison) Listing(path string) []*ledger.Finding {
	var out []*ledger.Finding
	if p := c.byPath[path]; p != nil {
		out = append(out, p.Entries...)
	}
	if f := c.Lone(path); f != nil {
		out = append(out, f)
	}
	if c.InAnotherOrder(path) {
		out = append(out, c.Reordered)
	}
	return out
}

// compare compares what both sides have at path.
func (c *Comparison) compare(path string, a, b *Node, depth int) error {
	if err := c.extent.Visit(c.ctx, path, depth); err != nil {
		return err
	}
	if a.Inode != 0 && b.Inode != 0 {
		if c.seen[[2]uint64{a.Inode, b.Inode}] {
			return nil // another name of the same two files
		}
		c.seen[[2]uint64{a.Inode, b.Inode}] = true
	}
	c.nextObject++
	p := &Pair{Path: path, A: a, B: b, object: c.nextObject}
	if c.format.Met != nil {
		c.format.Met(p)
	}
	c.compareFields(p)
	same := a.Mode&tree.TypeMask == b.Mode&tree.TypeMask
	switch {
	case same && a.Mode&tree.TypeMask == tree.Directory:
		return c.directory(p, depth)
	case same && a.Mode&tree.TypeMask == tree.Regular:
		return c.compareContent(p)
	case !same:
		for _, s := range []struct {
			r    Reader
			n    *Node
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
func (c *Comparison) keep(p *Pair) {
	if c.byPath[p.Path] == nil {
		c.byPath[p.Path] = p
		c.pairs = append(c.pairs, p)
	}
}

func (c *Comparison) note(p *Pair, field string) {
	p.fields = append(p.fields, field)
	c.keep(p)
}

// compareFields compares everything of a pair but content and entries.
func (c *Comparison) compareFields(p *Pair) {
	a, b := p.A, p.B
	if a.Mode&tree.TypeMask == tree.Symlink && a.Target != b.Target && b.Mode&tree.TypeMask == tree.Symlink {
		c.note(p, "target")
		c.values.Note("target", p.object, p.Path, a.Target, b.Target, c.Sides.A.Base+a.At)
	}
	inB := map[string]Value{}
	for _, v := range b.Values {
		inB[v.Field] = v
	}
	for _, v := range a.Values {
		w, ok := inB[v.Field]
		delete(inB, v.Field)
		if ok && v.Shown == w.Shown {
			continue
		}
		c.note(p, v.Field)
		c.values.Note(v.Field, p.object, p.Path, v.Shown, w.Shown, c.Sides.A.Base+v.At)
	}
	for _, w := range b.Values {
		if _, left := inB[w.Field]; left {
			c.note(p, w.Field)
			c.values.Note(w.Field, p.object, p.Path, "", w.Shown, c.Sides.B.Base+w.At)
		}
	}
	var first *Stamp
	var delta int64
	for i, t := range a.Times {
		for _, u := range b.Times {
			if u.Field != t.Field || u.Time == t.Time {
				continue
			}
			if first != nil && c.format.Again != nil && c.format.Again(first.Field, t.Field) && u.Time.Sec-t.Time.Sec == delta {
				if p.alias == nil {
					p.alias = map[string]string{}
				}
				p.alias[t.Field] = first.Field
				continue
			}
			if first == nil {
				first, delta = &a.Times[i], u.Time.Sec-t.Time.Sec
			}
			c.note(p, t.Field)
			c.times.Note(t.Field, p.object, p.Path, t.Time, u.Time, c.Sides.A.Base+t.At)
		}
	}
}

// enterDir refuses a directory that was met before: a tree has no circles.
func enterDir(dirs map[uint64]bool, n *Node, path string) error {
	if dirs[n.Dir] {
		return TooMuch(fmt.Sprintf("the directory %s has another name, or contains itself", report.Printable(path)))
	}
	dirs[n.Dir] = true
	return nil
}

func (c *Comparison) list(r Reader, dirs map[uint64]bool, n *Node, path string) ([]*Node, error) {
	if err := enterDir(dirs, n, path); err != nil {
		return nil, err
	}
	return r.List(n)
}

// directory compares the entries of two directories, and goes on below.
func (c *Comparison) directory(p *Pair, depth int) error {
	a, err := c.list(c.a, c.dirsA, p.A, p.Path)
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	b, err := c.list(c.b, c.dirsB, p.B, p.Path)
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	if !sameOrder(a, b) {
		c.ordered = append(c.ordered, p)
		c.keep(p)
	}
	byName := func(x, y *Node) int { return strings.Compare(x.Name, y.Name) }
	slices.SortFunc(a, byName)
	slices.SortFunc(b, byName)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			if err := c.addLone(p, a[0], true, depth); err != nil {
				return fmt.Errorf("first image: %w", err)
			}
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			if err := c.addLone(p, b[0], false, depth); err != nil {
				return fmt.Errorf("second image: %w", err)
			}
			b = b[1:]
		default:
			if err := c.compare(tree.JoinPath(p.Path, a[0].Name), a[0], b[0], depth+1); err != nil {
				return err
			}
			a, b = a[1:], b[1:]
		}
	}
	return nil
}

// sameOrder tells whether the names that both lists have stand in the same
// order.
func sameOrder(a, b []*Node) bool {
	at := make(map[string]int, len(b))
	for i, n := range b {
		at[n.Name] = i
	}
	last := -1
	for _, n := range a {
		i, ok := at[n.Name]
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

func (c *Comparison) addLone(parent *Pair, n *Node, inA bool, depth int) error {
	r, dirs := c.b, c.dirsB
	if inA {
		r, dirs = c.a, c.dirsA
	}
	x := &lone{path: tree.JoinPath(parent.Path, n.Name), name: n.Name, parent: parent, n: n, inA: inA}
	if err := c.extent.Visit(c.ctx, x.path, depth); err != nil {
		return err
	}
	var err error
	x.below, err = c.count(r, n, dirs, x.path, depth+1)
	c.lones = append(c.lones, x)
	return err
}

// count counts what is below a directory that only one side has.
func (c *Comparison) count(r Reader, n *Node, dirs map[uint64]bool, path string, depth int) (int, error) {
	if n.Mode&tree.TypeMask != tree.Directory {
		return 0, nil
	}
	list, err := c.list(r, dirs, n, path)
	if err != nil {
		return 0, err
	}
	total := len(list)
	for _, child := range list {
		sub := path + "/" + child.Name
		if err := c.extent.Visit(c.ctx, sub, depth); err != nil {
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

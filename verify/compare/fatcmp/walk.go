package fatcmp

import (
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// pair is a file or directory that both sides have under the same path, or
// that was renamed.
type pair struct {
	path    string
	parent  *pair // nil for the root
	a, b    uint32
	inOrder bool // of a directory: the common names stand in the same order

	fields  []string          // noted in times or values, by the name of their value
	content *ledger.Finding   // what it holds, or its kind, where that differs
	renamed *ledger.Finding   // that it has another name
	entries []*ledger.Finding // what was added to, removed from or renamed in this directory
	placed  bool              // the same content lies in other clusters
	broken  bool              // the same entry leads to another chain: the FAT is to blame for what the content differs in
	owners  map[string]*ledger.Finding
	dots    []dot // of a directory: fields of "." and ".." that wait for settle
}

func (p *pair) own(name string, f *ledger.Finding) {
	if p.owners == nil {
		p.owners = map[string]*ledger.Finding{}
	}
	p.owners[name] = f
}

// lone is a name that only one side has.
type lone struct {
	path   string
	parent *pair
	object uint32
	gone   bool // it turned out to be the other side's under another name
}

// walk pairs the two trees.
func (c *comparison) walk() error {
	root := &pair{path: "/", inOrder: true}
	c.root = root
	if err := c.pair(root); err != nil {
		return err
	}
	if err := c.renames(); err != nil {
		return err
	}
	c.enterLone(c.onlyA, c.a)
	c.enterLone(c.onlyB, c.b)
	return nil
}

// pair compares what both sides have under one path.
func (c *comparison) pair(p *pair) error {
	if c.visited++; c.visited%1024 == 0 && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	c.twin[p.a], c.twinBack[p.b] = p.b, p.a
	fa, fb := &c.a.vol.Files[p.a], &c.b.vol.Files[p.b]
	if fa.Dir != fb.Dir {
		c.otherKind(p)
		return nil
	}
	if fa.Dir {
		if err := c.directory(p); err != nil {
			return err
		}
	} else if err := c.compareContent(p); err != nil {
		return err
	}
	if !sameExtents(fa, fb) {
		p.broken = p.content != nil && fa.Entry.FileSize == fb.Entry.FileSize && fa.Entry.FirstCluster(c.a.fs.Variant) == fb.Entry.FirstCluster(c.b.fs.Variant)
		c.moved(p)
	}
	if err := c.compareDots(p); err != nil {
		return err
	}
	if p.content != nil || p.renamed != nil || len(p.entries) > 0 || !p.inOrder || p.placed || len(p.dots) > 0 || fa.Entry != fb.Entry {
		c.keep(p)
	}
	return nil
}

// keep remembers a pair in which something differs.
func (c *comparison) keep(p *pair) {
	if c.byA[p.a] == nil {
		c.byA[p.a] = p
		c.pairs = append(c.pairs, p)
	}
}

// otherKind handles a path that is a file on one side and a directory on the
// other: the attribute says so, all else follows.
func (c *comparison) otherKind(p *pair) {
	f, _ := c.enter(c.key("directory", "DIR_Attr", p.path), about{report.Content, sameFiles})
	f.A, f.B = fat.ShowAttr(c.a.vol.Files[p.a].Entry.Attr), fat.ShowAttr(c.b.vol.Files[p.b].Entry.Attr)
	f.At(c.disk(c.a.vol.Files[p.a].EntryOffset), fat.SlotSize)
	c.changes = append(c.changes, f)
	p.content = f
	p.own("DIR_Attr", f)
	c.keep(p)
	c.below(c.a, p.a, f)
	c.below(c.b, p.b, f)
}

// directory compares the entries of a pair of directories and goes on below.
// It visits names in order, whatever order the disk has them in.
func (c *comparison) directory(p *pair) error {
	a, b := c.a.vol.Files[p.a].Children, c.b.vol.Files[p.b].Children
	base := p.path
	if base == "/" {
		base = ""
	}
	var both [][2]uint32
	for len(a) > 0 || len(b) > 0 {
		var nameA, nameB string
		if len(a) > 0 {
			nameA = c.a.vol.Files[a[0]].Name
		}
		if len(b) > 0 {
			nameB = c.b.vol.Files[b[0]].Name
		}
		switch {
		case len(b) == 0 || len(a) > 0 && nameA < nameB:
			c.onlyA = append(c.onlyA, &lone{path: base + "/" + nameA, parent: p, object: a[0]})
			a = a[1:]
		case len(a) == 0 || nameB < nameA:
			c.onlyB = append(c.onlyB, &lone{path: base + "/" + nameB, parent: p, object: b[0]})
			b = b[1:]
		default:
			both = append(both, [2]uint32{a[0], b[0]})
			if err := c.pair(&pair{path: base + "/" + nameA, parent: p, a: a[0], b: b[0], inOrder: true}); err != nil {
				return err
			}
			a, b = a[1:], b[1:]
		}
	}
	// Objects are numbered in the order in which their entries stand.
	slices.SortFunc(both, func(x, y [2]uint32) int { return int(int64(x[0]) - int64(y[0])) })
	p.inOrder = slices.IsSortedFunc(both, func(x, y [2]uint32) int { return int(int64(x[1]) - int64(y[1])) })
	if !p.inOrder {
		c.ordered = append(c.ordered, p)
	}
	return nil
}

// renames pairs names that only one side has where they name the same file:
// equal entries but for the name, which start at the same cluster and hold the
// same. mren and the kernel rename so, and a tool that writes files anew where
// the order of names stays; else it is a file gone and a file come.
func (c *comparison) renames() error {
	byCluster := map[uint32]*lone{}
	for _, x := range c.onlyB {
		first := c.b.vol.Files[x.object].Entry.FirstCluster(c.b.fs.Variant)
		if first != 0 && byCluster[first] == nil {
			byCluster[first] = x
		}
	}
	for i := 0; i < len(c.onlyA); i++ { // a renamed folder may bring more
		x := c.onlyA[i]
		fa := &c.a.vol.Files[x.object]
		y := byCluster[fa.Entry.FirstCluster(c.a.fs.Variant)]
		if y == nil || y.gone || !sameFile(fa.Entry, c.b.vol.Files[y.object].Entry) {
			continue
		}
		if same, err := c.sameContent(x.object, y.object); err != nil {
			return fmt.Errorf("%s: %w", x.path, err)
		} else if !same {
			continue // another file, which took the place that this one left
		}
		x.gone, y.gone = true, true
		fb := &c.b.vol.Files[y.object]
		f := c.loose("directory", "name", x.path, about{report.Content, "name the file the same in both builds"})
		f.A, f.B = x.path, y.path
		if x.parent == y.parent {
			f.A, f.B = fa.Name, fb.Name
		}
		f.At(c.disk(fa.EntryOffset), fat.SlotSize)
		x.parent.entries = append(x.parent.entries, f)
		c.keep(x.parent)
		if y.parent != x.parent {
			y.parent.entries = append(y.parent.entries, f)
			c.keep(y.parent)
		}
		if err := c.pair(&pair{path: x.path, parent: x.parent, a: x.object, b: y.object, inOrder: true, renamed: f}); err != nil {
			return err
		}
	}
	return nil
}

func sameFile(a, b fat.DirEntry) bool {
	for _, e := range []*fat.DirEntry{&a, &b} {
		e.Name, e.NTRes, e.LstAccDate = [11]byte{}, 0, 0
	}
	return a == b
}

// enterLone enters a finding for every name that only one side has, and
// claims what is below it.
func (c *comparison) enterLone(names []*lone, s *side) {
	for _, x := range names {
		if x.gone {
			continue
		}
		file := &s.vol.Files[x.object]
		f := c.loose("directory", "entry", x.path, about{report.Content, sameFiles})
		f.Member("")
		text := fmt.Sprintf("file, %d bytes", file.Size)
		if file.Dir {
			text = "directory"
		}
		if s == c.a {
			f.A, f.Note = text, "only in the first image"
		} else {
			f.B, f.Note = text, "only in the second image"
		}
		f.At(s.Base+file.EntryOffset, fat.SlotSize)
		s.only[x.object] = f
		c.changes = append(c.changes, f)
		x.parent.entries = append(x.parent.entries, f)
		c.keep(x.parent)
		if file.Dir {
			c.below(s, x.object, f)
		}
	}
}

// below claims for f what only one side has under a directory.
func (c *comparison) below(s *side, dir uint32, f *ledger.Finding) {
	for _, child := range s.vol.Files[dir].Children {
		s.only[child] = f
		f.Member("")
		c.below(s, child, f)
	}
}

// moved notes that a pair lies in other clusters. What has grown or shrunk,
// and lies where it lay as far as both go, did not move.
func (c *comparison) moved(p *pair) {
	fa, fb := &c.a.vol.Files[p.a], &c.b.vol.Files[p.b]
	if p.a == 0 && len(c.layout) == 0 && (c.a.fs.Variant != fat.FAT32 || allocated(fa) != allocated(fb)) {
		return
	}
	if p.content != nil || len(p.entries) > 0 || allocated(fa) == 0 || allocated(fb) == 0 {
		if len(fa.Extents) == 0 || len(fb.Extents) == 0 || fa.Extents[0].Physical == fb.Extents[0].Physical {
			return
		}
	}
	p.placed = true
	f := c.placement("files with the same content in other clusters")
	f.Member(p.path)
	f.At(c.disk(max(fa.EntryOffset, 0)), fat.SlotSize)
}

// placement is the finding of files that lie elsewhere.
func (c *comparison) placement(note string) *ledger.Finding {
	if c.placed == nil {
		c.placed = c.loose("data", "placement", "", about{report.Placement, "clusters are handed out as files are made: " + fixedOrder})
		c.placed.Note = note
		c.placed.Follows(c.layout...)
	}
	return c.placed
}

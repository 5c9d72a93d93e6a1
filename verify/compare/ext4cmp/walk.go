package ext4cmp

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Limits on how deep and how wide a tree is followed, above what the kernel
// can make, so that a damaged directory cannot hold up the walk.
const (
	maxDepth   = 2048
	maxEntries = 20_000_000
)

// manyNames is how many names of a directory only one side may have before
// they are one finding.
const manyNames = 64

// dirEntry is an entry of a directory.
type dirEntry struct {
	name  string
	inode uint32
	ft    uint8
}

// lone is a name that only one side has.
type lone struct {
	path, dir string
	parent    *pair
	dirent    dirEntry
	inode     ext4.DiskInode
	gone      bool // it turned out to be the other side's under another name
	finding   *ledger.Finding
}

// pair is a file that both sides have under the same path (or that was
// renamed), in which something differs.
type pair struct {
	path     string
	a, b     ext4.DiskInode
	rawEqual bool

	fields  []string          // noted in times or values, by name
	causes  []*ledger.Finding // findings about this file
	content *ledger.Finding   // its content or target, where that differs
	entries []*ledger.Finding // what was added to or removed from this directory
	inOrder bool              // of a directory: the common names stand in the same order
	sum     bool              // its checksum differs
	xattrs  []*ledger.Finding
	// owners of the inode's differing fields, once they are settled
	owners []fieldOwner
}

func (c *comparison) walk() error {
	c.special()
	rootA, err := c.a.fs.Inode(ext4.RootIno)
	if err != nil {
		return err
	}
	rootB, err := c.b.fs.Inode(ext4.RootIno)
	if err != nil {
		return err
	}
	w := &walker{c: c}
	if err := w.pair("/", rootA, rootB, 0); err != nil {
		return err
	}
	if err := w.renames(); err != nil {
		return err
	}
	return w.enterLone()
}

type walker struct {
	c       *comparison
	visited int
}

// pair compares what both sides have at path.
func (w *walker) pair(path string, a, b ext4.DiskInode, depth int) error {
	c := w.c
	if _, seen := c.a.paths[a.Number]; seen {
		if _, seen := c.b.paths[b.Number]; seen {
			if c.twin[a.Number] != b.Number {
				w.unlike(path, a, b)
			}
			return nil // another name of a pair, or of two halves of pairs
		}
	}
	if w.visited++; w.visited > maxEntries {
		return nil
	}
	if w.visited%4096 == 0 && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	w.meet(c.a, path, a.Number)
	w.meet(c.b, path, b.Number)
	if c.twin[a.Number] == 0 && c.twinBack[b.Number] == 0 {
		c.twin[a.Number], c.twinBack[b.Number] = b.Number, a.Number
	} else if c.twin[a.Number] != b.Number {
		w.unlike(path, a, b)
	}
	p := &pair{path: path, a: a, b: b, rawEqual: bytes.Equal(a.Raw, b.Raw)}
	if a.Number != b.Number {
		c.number(p)
	}
	if a.Raw.Type() != b.Raw.Type() {
		return w.otherType(p, depth)
	}
	if a.Raw.Type() == tree.Directory {
		if err := w.directory(p, depth); err != nil {
			return err
		}
	}
	return c.compareInode(p)
}

// unlike enters that two names are one file on one side and two on the other.
func (w *walker) unlike(path string, a, b ext4.DiskInode) {
	c := w.c
	c.values.Note("hard link", uint64(a.Number), path, "inode "+fmt.Sprint(a.Number)+", also "+c.a.paths[a.Number], "inode "+fmt.Sprint(b.Number)+", also "+c.b.paths[b.Number], c.disk(a.Offset))
}

func (w *walker) meet(s *side, path string, n uint32) {
	if _, ok := s.paths[n]; !ok {
		s.paths[n] = path
	}
}

// otherType handles a path that is a file of one type on one side and of
// another on the other: the mode says so, all else follows.
func (w *walker) otherType(p *pair, depth int) error {
	c := w.c
	k := c.key("inode", "i_mode", p.path)
	f, _ := c.enter(k, aboutInode("i_mode"))
	f.A, f.B = showMode(p.a.Raw.Mode()), showMode(p.b.Raw.Mode())
	f.At(c.disk(p.a.Offset), int64(len(p.a.Raw)))
	c.changed(f)
	p.content = f
	p.causes = append(p.causes, f)
	c.keep(p)
	for _, s := range []struct {
		side *side
		d    ext4.DiskInode
	}{{c.a, p.a}, {c.b, p.b}} {
		if s.d.Raw.Type() == tree.Directory {
			if err := w.below(s.side, p.path, s.d, f, depth); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry notes a finding about what a directory holds. As causes, some are as
// good as all.
func (p *pair) entry(f *ledger.Finding) {
	if n := len(p.entries); n < maxCauses && (n == 0 || p.entries[n-1] != f) {
		p.entries = append(p.entries, f)
	}
}

// unload lets go of the pair's inodes, each of which holds on to the part of
// its table that it was read with: use reads them again.
func (p *pair) unload() { p.a.Raw, p.b.Raw = nil, nil }

// use makes sure that the pair's inodes are there, until the next pair is used.
func (c *comparison) use(p *pair) {
	if c.used != nil && c.used != p {
		c.used.unload()
	}
	c.used = p
	if p.a.Raw == nil {
		p.a.Raw = c.a.raw(p.a.Number)
	}
	if p.b.Raw == nil {
		p.b.Raw = c.b.raw(p.b.Number)
	}
}

// raw reads an inode that was read before: it reads as zeros where that fails.
func (s *side) raw(n uint32) ext4.RawInode {
	d, err := s.fs.Inode(n)
	if err != nil {
		return make(ext4.RawInode, s.fs.InodeSize())
	}
	return d.Raw
}

// pairOf is the pair of inode n of A, ready for use; nil where nothing of it
// differs.
func (c *comparison) pairOf(n uint32) *pair {
	p := c.byA[n]
	if p != nil {
		c.use(p)
	}
	return p
}

// keep remembers a pair in which something differs.
func (c *comparison) keep(p *pair) {
	if c.byA[p.a.Number] == nil {
		c.byA[p.a.Number] = p
		c.pairs = append(c.pairs, p)
	}
}

// entries reads a directory, "." and ".." left out: in the directory's order.
func (w *walker) entries(name string, s *side, d ext4.DiskInode) ([]dirEntry, error) {
	var out []dirEntry
	problems, err := s.fs.ReadDir(d, func(e ext4.Dirent) error {
		n := string(e.Name)
		if n == "." || n == ".." || strings.ContainsAny(n, "/\x00") || len(out) >= maxEntries {
			return nil
		}
		out = append(out, dirEntry{n, e.Inode, e.Type})
		return nil
	})
	w.c.problems(name, problems)
	return out, err
}

func sorted(list []dirEntry) []dirEntry {
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(x, y dirEntry) int { return strings.Compare(x.name, y.name) })
	return slices.CompactFunc(out, func(x, y dirEntry) bool { return x.name == y.name })
}

// directory compares the entries of a pair of directories and goes on below.
func (w *walker) directory(p *pair, depth int) error {
	c := w.c
	listA, err := w.entries("first image", c.a, p.a)
	if err != nil {
		return err
	}
	listB, err := w.entries("second image", c.b, p.b)
	if err != nil {
		return err
	}
	p.inOrder = sameOrder(listA, listB)
	a, b := sorted(listA), sorted(listB)
	base := p.path
	if base == "/" {
		base = ""
	}
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].name < b[0].name:
			w.lone(&c.onlyA, c.a, p, base, a[0])
			a = a[1:]
		case len(a) == 0 || b[0].name < a[0].name:
			w.lone(&c.onlyB, c.b, p, base, b[0])
			b = b[1:]
		default:
			path := base + "/" + a[0].name
			ia, errA := c.a.fs.Inode(a[0].inode)
			ib, errB := c.b.fs.Inode(b[0].inode)
			if errA == nil && errB == nil && depth < maxDepth {
				if err := w.pair(path, ia, ib, depth+1); err != nil {
					return err
				}
			}
			if a[0].ft != b[0].ft && (errA != nil || errB != nil || ia.Raw.Type() == ib.Raw.Type()) {
				f, _ := c.enter(c.key("directory", "file_type", path), about{report.Unknown, "run e2fsck -f"})
				f.A, f.B = fmt.Sprint(a[0].ft), fmt.Sprint(b[0].ft)
				p.entry(f)
			}
			if (errA != nil || errB != nil) && a[0].inode != b[0].inode {
				f, _ := c.enter(c.key("directory", "inode", path), about{report.Unknown, "run e2fsck -f"})
				f.A, f.B = fmt.Sprint(a[0].inode), fmt.Sprint(b[0].inode)
				p.entry(f)
			}
			a, b = a[1:], b[1:]
		}
	}
	return nil
}

// sameOrder tells whether the names that both lists have stand in the same
// order.
func sameOrder(a, b []dirEntry) bool {
	if slices.EqualFunc(a, b, func(x, y dirEntry) bool { return x.name == y.name }) {
		return true
	}
	inB := make(map[string]bool, len(b))
	for _, e := range b {
		inB[e.name] = true
	}
	i := 0
	inA := make(map[string]bool, len(a))
	for _, e := range a {
		inA[e.name] = true
	}
	for _, e := range a {
		if !inB[e.name] {
			continue
		}
		for i < len(b) && !inA[b[i].name] {
			i++
		}
		if i == len(b) || b[i].name != e.name {
			return false
		}
		i++
	}
	return true
}

func (w *walker) lone(list *[]*lone, s *side, parent *pair, base string, e dirEntry) {
	d, err := s.fs.Inode(e.inode)
	if err != nil {
		d = ext4.DiskInode{Number: e.inode}
	}
	*list = append(*list, &lone{path: base + "/" + e.name, dir: parent.path, parent: parent, dirent: e, inode: d})
}

// renames pairs names that only one side has where they name the same file:
// the same inode number, and inodes that are equal but for the time of the
// change and the checksum. The kernel and debugfs rename so; a tool that
// writes a filesystem anew gives other numbers, and then it is a file gone
// and a file come.
func (w *walker) renames() error {
	c := w.c
	byInode := map[uint32]*lone{}
	for _, x := range c.onlyB {
		if byInode[x.inode.Number] == nil {
			byInode[x.inode.Number] = x
		}
	}
	for i := 0; i < len(c.onlyA); i++ { // a renamed folder may bring more
		x := c.onlyA[i]
		y := byInode[x.inode.Number]
		if y == nil || y.gone || x.inode.Raw == nil || y.inode.Raw == nil || !sameFile(x.inode.Raw, y.inode.Raw) {
			continue
		}
		// One of several names of a file on both sides was changed.
		_, met := c.a.paths[x.inode.Number]
		if met && c.twin[x.inode.Number] != y.inode.Number {
			continue
		}
		x.gone, y.gone = true, true
		f, _ := c.enter(c.key("directory", "name", x.path), about{report.Content, "name the file the same in both builds"})
		f.A, f.B = x.path, y.path
		if x.dir == y.dir {
			f.A, f.B = x.dirent.name, y.dirent.name
		}
		f.At(c.disk(x.parent.a.Offset), 1)
		x.finding = f
		x.parent.entry(f)
		y.parent.entry(f)
		if met {
			continue
		}
		if err := w.pair(x.path, x.inode, y.inode, 0); err != nil {
			return err
		}
	}
	return nil
}

func sameFile(a, b ext4.RawInode) bool {
	ia, ib := a.Decode(), b.Decode()
	for _, i := range []*ext4.Inode{&ia, &ib} {
		i.Ctime, i.CtimeExtra, i.ChecksumLo, i.ChecksumHi, i.Atime, i.AtimeExtra = 0, 0, 0, 0, 0, 0
		i.Version, i.VersionHi = 0, 0
	}
	return ia == ib
}

// enterLone enters a finding for every name that only one side has, and
// claims what is below it. Then the fields of all pairs are compared.
func (w *walker) enterLone() error {
	c := w.c
	for _, list := range []struct {
		names []*lone
		side  *side
		other *side
	}{{c.onlyA, c.a, c.b}, {c.onlyB, c.b, c.a}} {
		inDir := map[string]int{}
		for _, x := range list.names {
			if !x.gone {
				inDir[x.dir]++
			}
		}
		for _, x := range list.names {
			if x.gone {
				continue
			}
			k := c.key("directory", "entry", x.path)
			if inDir[x.dir] > manyNames {
				k.File, k.Part = x.dir, "only in A"
				if list.side == c.b {
					k.Part = "only in B"
				}
			}
			f, fresh := c.enter(k, about{report.Content, "make the same files in both builds"})
			f.Whole = false
			if inDir[x.dir] > manyNames {
				f.Member(x.path)
			} else {
				f.Member("")
			}
			text := "a file that cannot be read"
			if x.inode.Raw != nil {
				text = showMode(x.inode.Raw.Mode())
				if x.inode.Raw.Type() == tree.Regular {
					text += fmt.Sprintf(", %d bytes", x.inode.Raw.Size())
				}
			}
			if inDir[x.dir] > manyNames {
				text = fmt.Sprintf("%d names", inDir[x.dir])
			}
			if list.side == c.a {
				f.A, f.Note = text, "only in the first image"
			} else {
				f.B, f.Note = text, "only in the second image"
			}
			x.finding = f
			c.changed(f)
			x.parent.entry(f)
			if x.inode.Raw == nil {
				continue
			}
			if list.side == c.a {
				f.At(c.disk(x.inode.Offset), int64(len(x.inode.Raw)))
			} else {
				f.At(c.p.B.Base+x.inode.Offset, int64(len(x.inode.Raw)))
			}
			if first, met := list.side.paths[x.inode.Number]; met {
				if fresh && inDir[x.dir] <= manyNames {
					f.Note += ", a hard link of " + first
				}
				continue
			}
			list.side.paths[x.inode.Number] = x.path
			list.side.only[x.inode.Number] = f
			c.claimValues(list.side, x.inode, f)
			if x.inode.Raw.Type() == tree.Directory {
				if err := w.below(list.side, x.path, x.inode, f, 0); err != nil {
					return err
				}
			}
		}
	}
	for _, x := range append(slices.Clone(c.onlyA), c.onlyB...) {
		c.keep(x.parent)
	}
	for _, p := range c.pairs {
		if !p.rawEqual {
			c.use(p)
			c.compareFields(p)
		}
	}
	return nil
}

// below claims for f what only one side has under a directory.
func (w *walker) below(s *side, path string, d ext4.DiskInode, f *ledger.Finding, depth int) error {
	if depth >= maxDepth {
		return nil
	}
	name := "first image"
	if s == w.c.b {
		name = "second image"
	}
	list, err := w.entries(name, s, d)
	if err != nil {
		return err
	}
	for _, e := range sorted(list) {
		if w.visited++; w.visited > maxEntries {
			return nil
		}
		child, err := s.fs.Inode(e.inode)
		if err != nil {
			continue
		}
		if _, met := s.paths[e.inode]; met {
			continue
		}
		s.paths[e.inode] = path + "/" + e.name
		s.only[e.inode] = f
		w.c.claimValues(s, child, f)
		f.Member("")
		if child.Raw.Type() == tree.Directory {
			if err := w.below(s, path+"/"+e.name, child, f, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// special pairs the inodes that no path leads to: those with a purpose of
// their own.
func (c *comparison) special() {
	numbers := []uint32{ext4.BadIno, ext4.UsrQuotaIno, ext4.GrpQuotaIno, ext4.BootLoaderIno, ext4.UndelDirIno, ext4.ResizeIno, ext4.JournalIno, ext4.ExcludeIno, ext4.ReplicaIno}
	for _, n := range []uint32{c.a.sb.JournalInum, c.a.sb.OrphanFileInum, c.a.sb.UsrQuotaInum, c.a.sb.GrpQuotaInum, c.a.sb.PrjQuotaInum} {
		if n > ext4.ReplicaIno && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	for _, n := range numbers {
		a, errA := c.a.fs.Inode(n)
		b, errB := c.b.fs.Inode(n)
		if errA != nil || errB != nil {
			continue
		}
		path := fmt.Sprintf("<%d>", n)
		c.a.paths[n], c.b.paths[n] = path, path
		c.twin[n], c.twinBack[n] = n, n
		p := &pair{path: path, a: a, b: b, rawEqual: bytes.Equal(a.Raw, b.Raw), inOrder: true}
		if !p.rawEqual {
			c.keep(p)
		}
	}
}

// number notes that a file's inode has another number on the second side.
func (c *comparison) number(p *pair) {
	if c.numbered == nil {
		c.numbered, _ = c.enter(c.key("inode", "number", ""), about{report.Order, "make files in a fixed order"})
		c.numbered.Note = "files whose inode has another number"
		c.numbered.At(c.disk(p.a.Offset), int64(len(p.a.Raw)))
	}
	c.numbered.Member(p.path)
	p.causes = append(p.causes, c.numbered)
	c.keep(p)
}

var typeNames = map[uint32]string{
	tree.Regular: "regular file", tree.Directory: "directory", tree.Symlink: "symbolic link", tree.Char: "character device",
	tree.Block: "block device", tree.FIFO: "fifo", tree.Socket: "socket",
}

// showMode renders i_mode: "0644", with the type in front where that says
// something.
func showMode(mode uint32) string {
	name, ok := typeNames[mode&tree.TypeMask]
	if !ok {
		return fmt.Sprintf("type %#o, %04o", mode&tree.TypeMask, mode&tree.PermMask)
	}
	return fmt.Sprintf("%s, %04o", name, mode&tree.PermMask)
}

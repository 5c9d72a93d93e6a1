package btrfscmp

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// values is what a finding of a field stands for.
type values struct {
	a, b       string
	secA, secB int64 // of a time, the first one's seconds
	count      int
	differ     bool // not all have the same two values
	swept      bool // they were met while bytes were swept
}

// compareTrees compares the trees that hold no files of subvolumes.
func (c *comparison) compareTrees() error {
	if err := c.compareHeaders(); err != nil {
		return err
	}
	for _, a := range c.a.fs.Trees() {
		if btrfs.IsSubvolume(a.ID) || a.ID == btrfs.TreeLog || a.ID == btrfs.TreeReloc {
			continue
		}
		b := c.b.fs.Tree(a.ID)
		if c.a.fs.Tree(a.ID) != a || b == nil {
			continue // that a tree is missing is an item of the root tree
		}
		if err := c.mergeTrees(a, b); err != nil {
			return fmt.Errorf("%s: %w", a.Name(), err)
		}
	}
	c.settleTimes()
	return nil
}

// compareHeaders enters what every node's header repeats.
func (c *comparison) compareHeaders() error {
	a, err := c.a.fs.Node(c.a.sb.ChunkRoot)
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	b, err := c.b.fs.Node(c.b.sb.ChunkRoot)
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	if a.ChunkTreeUUID != b.ChunkTreeUUID {
		f := c.headerField("chunk_tree_uuid")
		f.A, f.B = field.ShowUUID(a.ChunkTreeUUID[:]), field.ShowUUID(b.ChunkTreeUUID[:])
		f.At(c.Sides.A.Base+a.Offset, btrfs.HeaderSize)
	}
	return nil
}

// rootTree is the structure of the tree that names the others.
const rootTree = "root tree"

// nodeHeader is where the fields stand that each node begins with.
const nodeHeader = "node header"

// headerField is the finding of a field of nodes' headers.
func (c *comparison) headerField(name string) *ledger.Finding {
	if f := c.Has(nodeHeader, name, ""); f != nil {
		return f
	}
	what := aboutRest(name)
	if name == "chunk_tree_uuid" {
		what = treecmp.About{Cause: report.Random, Remedy: notByMkfs}
	}
	f := c.Enter(nodeHeader, name, "", what)
	f.Whole = true
	switch name {
	case "chunk_tree_uuid":
	case "fsid":
		f.Follows(c.superOf("fsid"), c.superOf("metadata_uuid"))
	default:
		f.Follows(c.causes(f)...)
	}
	return f
}

// mergeTrees compares two trees by the keys of their items.
func (c *comparison) mergeTrees(a, b *btrfs.Tree) error {
	x, err := newCursor(c.a.fs, a)
	if err != nil {
		return fmt.Errorf("first image: %w", err)
	}
	y, err := newCursor(c.b.fs, b)
	if err != nil {
		return fmt.Errorf("second image: %w", err)
	}
	for n := 0; x.ok || y.ok; n++ {
		if n%4096 == 0 {
			if err := c.ctx.Err(); err != nil {
				return err
			}
		}
		order := 0
		switch {
		case !y.ok:
			order = -1
		case !x.ok:
			order = 1
		default:
			order = x.r.Key.Compare(y.r.Key)
		}
		switch {
		case order < 0:
			c.loneItem(a, x.r, true)
		case order > 0:
			c.loneItem(a, y.r, false)
		default:
			c.compareItem(a, x.r, y.r)
		}
		if order <= 0 {
			if err := x.next(); err != nil {
				return fmt.Errorf("first image: %w", err)
			}
		}
		if order >= 0 {
			if err := y.next(); err != nil {
				return fmt.Errorf("second image: %w", err)
			}
		}
	}
	return nil
}

// cursor is a cursor at an item.
type cursor struct {
	*btrfs.Cursor
	r  btrfs.Record
	ok bool
}

func newCursor(fs *btrfs.FS, t *btrfs.Tree) (*cursor, error) {
	c, err := fs.Seek(t, btrfs.Key{})
	if err != nil {
		return nil, err
	}
	x := &cursor{Cursor: c}
	return x, x.next()
}

func (x *cursor) next() (err error) {
	x.r, x.ok, err = x.Next()
	return err
}

// loneItem enters an item that only one side has.
func (c *comparison) loneItem(t *btrfs.Tree, r btrfs.Record, inA bool) {
	f := c.treeItems(t)
	base := c.Sides.B.Base
	if inA {
		base = c.Sides.A.Base
	}
	f.Member("")
	f.At(base+r.Offset(), 1)
	f.Note = "items that only one side has, or that lie elsewhere in their nodes"
}

// treeItems is the finding that a tree has other items, or that they lie
// elsewhere.
func (c *comparison) treeItems(t *btrfs.Tree) *ledger.Finding {
	name := structure(t)
	if f := c.Has(name, "items", ""); f != nil {
		return f
	}
	f := c.Enter(name, "items", "", aboutRest("items"))
	if t.ID == btrfs.UUIDTree {
		f.Follows(c.Has(rootTree, "root_item.uuid", ""), c.Has(rootTree, "root_item.received_uuid", ""))
	}
	f.Follows(c.causes(f)...)
	return f
}

// structure is how findings name a tree: subvolumes are of one name.
func structure(t *btrfs.Tree) string {
	if btrfs.IsSubvolume(t.ID) {
		return "fs tree"
	}
	return t.Name()
}

// compareItem compares two items of the same key.
func (c *comparison) compareItem(t *btrfs.Tree, x, y btrfs.Record) {
	if bytes.Equal(x.Data, y.Data) {
		return
	}
	a, b := btrfs.ItemFields(x.Key, x.Data), btrfs.ItemFields(y.Key, y.Data)
	same := len(a) == len(b)
	for i := 0; same && i < len(a); i++ {
		same = a[i].Name == b[i].Name && a[i].Sub == b[i].Sub && a[i].Start == b[i].Start && a[i].End == b[i].End
	}
	if !same {
		c.loneItem(t, x, true)
		return
	}
	for i := 0; i < len(a); i++ {
		p := a[i]
		u, v := x.Data[p.Start:p.End], y.Data[p.Start:p.End]
		showA, showB := show(p, u), show(p, v)
		var secA, secB int64
		if base, ok := strings.CutSuffix(p.Name, ".sec"); ok && i+1 < len(a) && a[i+1].Name == base+".nsec" {
			i++
			whole := func(b []byte) string {
				t := btrfs.TimespecLayout.Decode(b[p.Start:])
				return field.ShowTime(t.Sec, t.Nsec)
			}
			u, v = x.Data[p.Start:a[i].End], y.Data[p.Start:a[i].End]
			showA, showB = whole(x.Data), whole(y.Data)
			secA, secB = btrfs.TimespecLayout.Decode(u).Sec, btrfs.TimespecLayout.Decode(v).Sec
		}
		if bytes.Equal(u, v) {
			continue
		}
		f := c.treeField(t, x.Key, p.Name)
		c.noteValue(f, values{a: showA, b: showB, secA: secA, secB: secB})
		f.At(c.Sides.A.Base+x.Offset()+int64(p.Start), int64(len(u)))
	}
}

func show(p btrfs.ItemField, b []byte) string {
	if len(b) > valueShown {
		return treecmp.Digest(b)
	}
	return p.Show(b)
}

// noteValue counts a value for a finding, and shows it as long as all are the
// same.
func (c *comparison) noteValue(f *ledger.Finding, one values) {
	v := c.fields[f]
	if v == nil {
		v = &one
		c.fields[f] = v
	}
	v.count++
	f.Member("")
	v.differ = v.differ || v.a != one.a || v.b != one.b
	if f.A, f.B = v.a, v.b; v.differ {
		f.A, f.B = fmt.Sprintf("%d values", v.count), fmt.Sprintf("%d values", v.count)
	}
}

// fieldName is the name of the finding of an item's field: that of several
// entries is one, and a time is one.
func fieldName(key btrfs.Key, name string) string {
	name = index.ReplaceAllString(name, "")
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".nsec"), ".sec")
	return btrfs.ItemName(key.Type) + "." + name
}

// treeField is the finding of a field of a tree's items.
func (c *comparison) treeField(t *btrfs.Tree, key btrfs.Key, name string) *ledger.Finding {
	name = fieldName(key, name)
	if f := c.Has(structure(t), name, ""); f != nil {
		return f
	}
	what, own := aboutTree(name)
	f := c.Enter(structure(t), name, "", what)
	f.Whole = true
	var from *ledger.Finding
	switch {
	case name == "dev_extent.chunk_tree_uuid":
		from = c.Has(nodeHeader, "chunk_tree_uuid", "")
	case name == "chunk.stripe.dev_uuid":
		from = c.superOf("dev_item.uuid")
	case name == "dev_item.fsid":
		from = c.superOf("fsid")
	case key.Type == btrfs.DevItemKey:
		from = c.superOf(name)
	}
	switch {
	case from != nil:
		f.Follows(from)
	case own && what.Cause == report.Time:
		c.drawn = append(c.drawn, f)
	case own:
	default:
		f.Follows(c.causes(f)...)
	}
	return f
}

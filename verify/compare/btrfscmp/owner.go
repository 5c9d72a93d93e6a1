package btrfscmp

import (
	"bytes"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	a, b := c.a.at(off), c.b.at(off)
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	idle := func(w what) bool { return w == free || w == unallocated || w == bootArea }
	switch {
	case a.what == superblock:
		return c.superOwner(a, off)
	case c.whole != nil:
		o.Finding = c.whole
	case a.what == bootArea && b.what == bootArea:
		o.Finding = c.Enter("boot area", "content", "", treecmp.About{Cause: report.Unknown, Remedy: "the 64 KiB in front of the superblock are a boot loader's: install the same one, or write the image to an empty file"})
	case idle(a.what) && idle(b.what):
		return c.residue("free space", a, b, off, o)
	case a.what == node && b.what == node:
		return c.nodeOwner(a, b, off)
	case a.what == data && b.what == data:
		o.Finding = c.dataOwner(a, b)
	default:
		o.Finding = c.elsewhere(a, b)
	}
	return o
}

// superOwner answers for a byte of a copy of the superblock.
func (c *comparison) superOwner(r region, off int64) ledger.Owned {
	raw := c.a.raw
	if r.index > 0 {
		if other, err := c.a.readSuper(r.index); err == nil && other != nil {
			raw = other
		}
	}
	for _, p := range btrfs.SuperFields(raw) {
		if start, end := r.start+int64(p.Start), r.start+int64(p.End); off >= start && off < end {
			if p.Name == unusedArray {
				return c.residue(mirrors[r.index]+" sys_chunk_array", r, r, off, ledger.Owned{Start: start, End: end})
			}
			f, _ := c.superFinding(r.index, p.Name)
			return ledger.Owned{Finding: f, Start: start, End: end}
		}
	}
	return ledger.Owned{Start: off, End: off + 1}
}

// elsewhere owns bytes that are one thing in A and another in B: of a file that
// only one side has or that has changed, or of the order of things.
func (c *comparison) elsewhere(a, b region) *ledger.Finding {
	for i, r := range []region{a, b} {
		if r.what != data {
			continue
		}
		path := c.path(i == 1, r.extent.tree, r.extent.number)
		if f := c.Data(path); f != nil {
			return f
		}
	}
	return c.placement()
}

// placement is the finding that things lie at other places.
func (c *comparison) placement() *ledger.Finding {
	if f := c.Has("data", "placement", ""); f != nil {
		return f
	}
	f := c.Enter("data", "placement", "", aboutRest("placement"))
	f.Note = "nodes and extents lie at other places"
	return f.Follows(c.causes(f)...)
}

// dataOwner answers for bytes that are extents on both sides.
func (c *comparison) dataOwner(a, b region) *ledger.Finding {
	if a.extent.tree.ID == btrfs.RootTree && b.extent.tree.ID == btrfs.RootTree {
		const cache = "free space cache"
		if f := c.Has(cache, "content", ""); f != nil {
			return f
		}
		f := c.Enter(cache, "content", "", treecmp.About{Cause: report.Unknown, Remedy: sameTool})
		return f.Follows(c.causes(f)...)
	}
	path := c.path(false, a.extent.tree, a.extent.number)
	if path != c.path(true, b.extent.tree, b.extent.number) {
		return c.elsewhere(a, b)
	}
	p := c.At(path)
	switch {
	case p != nil && p.Content != nil:
		return p.Content
	case a.base-a.extent.from != b.base-b.extent.from:
		return c.elsewhere(a, b)
	case a.extent.packed || b.extent.packed:
		return c.single("data", "packed", path, treecmp.About{Cause: report.Environment, Remedy: "compress with the same kernel or btrfs-progs, and the same level"})
	}
	// What no reader of the file sees: behind its end, preallocated, or of an
	// extent that other writes have taken the place of.
	return c.single("slack", "content", path, treecmp.About{Cause: report.Residue, Remedy: treecmp.FreshBlocks})
}

// fewSingles is how many files have a finding of their own for what no meaning
// was found in, before the others have one together.
const fewSingles = 32

// single is the finding of something in one file.
func (c *comparison) single(structure, name, path string, what treecmp.About) *ledger.Finding {
	if f := c.Has(structure, name, path); f != nil {
		return f
	}
	kind := structure + "/" + name
	if c.lazy[kind]++; c.lazy[kind] > fewSingles {
		path = ""
	}
	return c.Enter(structure, name, path, what)
}

// nodeOwner answers for a byte that is in a node on both sides.
func (c *comparison) nodeOwner(a, b region, off int64) ledger.Owned {
	o := ledger.Owned{Start: max(a.start, b.start), End: min(a.end, b.end)}
	x, errA := c.a.fs.Node(uint64(a.node.logical))
	y, errB := c.b.fs.Node(uint64(b.node.logical))
	if errA != nil || errB != nil || a.base != b.base || a.node.tree.ID != b.node.tree.ID || x.Level != y.Level || len(x.Raw) != len(y.Raw) {
		o.Finding = c.placement()
		return o
	}
	t := a.node.tree
	p, q := x.PartAt(int(off-a.base)), y.PartAt(int(off-b.base))
	start, end := max(p.Start, q.Start), min(p.End, q.End)
	o.Start, o.End = max(o.Start, a.base+int64(start)), min(o.End, a.base+int64(end))
	switch {
	case !c.a.asRead(x, a.base, start, end) || !c.b.asRead(y, b.base, start, end):
		f := c.Enter("node copy", p.Name, "", treecmp.About{Cause: report.Unknown, Remedy: "a node is stored twice, and on one side the copies differ: btrfs scrub"})
		f.Note = "of the " + t.Name() + ", level " + string('0'+rune(x.Level))
		o.Finding = f
	case p.Kind == btrfs.HeaderPart && p.Name == "csum":
		o.Finding = c.sumOwner(a, b, x, y)
	case p.Kind == btrfs.SlackPart && q.Kind == btrfs.SlackPart:
		return c.residue(nodeSlack, a, b, off, o)
	default:
		o.Finding = c.partOwner(t, b.node.tree, p, q)
		if same := p.Start == q.Start && p.End == q.End && p.Kind == q.Kind && p.Name == q.Name; same && x.Offset == a.base {
			c.sweptValue(o.Finding, show(p.ItemField, x.Raw[p.Start:p.End]), show(q.ItemField, y.Raw[q.Start:q.End]))
		}
	}
	return o
}

// sweptValue counts and shows a value that belongs to a finding which has none
// from comparing what the sides mean.
func (c *comparison) sweptValue(f *ledger.Finding, a, b string) {
	v := c.fields[f]
	if v == nil && f.A == "" && f.B == "" && f.Field != "items" || v != nil && v.swept {
		c.noteValue(f, values{a: a, b: b, swept: true})
	}
}

// nodeSlack is what of a node holds nothing.
const nodeSlack = "node slack"

// asRead tells whether the copy of a node at base has the same bytes from start
// to end as the copy that was read.
func (s *side) asRead(n *btrfs.Node, base int64, start, end int) bool {
	return n.Offset == base || bytes.Equal(n.Raw[start:end], s.copyAt(base, int64(len(n.Raw)))[start:end])
}

// sumOwner is the finding of a node's checksum: it follows from whatever else
// differs in that node.
func (c *comparison) sumOwner(a, b region, x, y *btrfs.Node) *ledger.Finding {
	place := [2]uint64{x.Logical, y.Logical}
	if f := c.sums[place]; f != nil {
		return f // of the other copy
	}
	t, u := a.node.tree, b.node.tree
	var causes []*ledger.Finding
	for at := btrfs.CsumSize; ; {
		if at = nextDifference(x.Raw, y.Raw, at); at < 0 {
			break
		}
		p, q := x.PartAt(at), y.PartAt(at)
		if p.Kind == btrfs.SlackPart && q.Kind == btrfs.SlackPart {
			causes = append(causes, c.residue(nodeSlack, a, b, a.base+int64(at), ledger.Owned{}).Finding)
		} else {
			causes = append(causes, c.partOwner(t, u, p, q))
		}
		at = min(p.End, q.End)
	}
	if f := c.superOf("csum_type"); f != nil {
		causes = append(causes, f)
	}
	f := c.Has(nodeHeader, "csum", "")
	switch {
	case len(causes) > 0:
		f = c.Consequence(nodeHeader, "csum", causes...)
	case f == nil:
		f = c.Enter(nodeHeader, "csum", "", aboutRest("csum"))
	}
	c.sums[place] = f
	return f
}

// nextDifference is the first place at or behind from where two nodes differ;
// -1 where there is none.
func nextDifference(a, b []byte, from int) int {
	const step = 64 // bytes that are compared at once
	for at := from; at < len(a); at += step {
		end := min(at+step, len(a))
		if bytes.Equal(a[at:end], b[at:end]) {
			continue
		}
		for a[at] == b[at] {
			at++
		}
		return at
	}
	return -1
}

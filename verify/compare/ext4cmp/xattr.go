package ext4cmp

import (
	"bytes"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// xattrBlockDiffers tells whether the attribute block of a pair may differ
// although the inodes do not.
func (c *comparison) xattrBlockDiffers(p *pair) bool {
	acl := p.a.Raw.FileACL()
	if acl == 0 || acl > 1<<48 {
		return false
	}
	start := int64(acl) * c.a.fs.BlockSize()
	return !c.p.Clean(start, start+c.a.fs.BlockSize())
}

// valuesApart tells whether a pair may have attributes whose values are in
// inodes of their own, so that nothing of this file tells whether they differ.
func (c *comparison) valuesApart(p *pair) bool {
	if !c.a.sb.HasIncompat(ext4.IncompatEaInode) && !c.b.sb.HasIncompat(ext4.IncompatEaInode) {
		return false
	}
	return p.a.Raw.HasXattrs() || p.b.Raw.HasXattrs()
}

// compareXattrs compares the extended attributes of a pair by name.
func (c *comparison) compareXattrs(p *pair) {
	a, problemsA := c.a.fs.Xattrs(p.a)
	b, problemsB := c.b.fs.Xattrs(p.b)
	c.problems("first image", problemsA)
	c.problems("second image", problemsB)
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Name < b[0].Name:
			c.xattr(p, &a[0], nil)
			a = a[1:]
		case len(a) == 0 || b[0].Name < a[0].Name:
			c.xattr(p, nil, &b[0])
			b = b[1:]
		default:
			var f *ledger.Finding
			if string(a[0].Value) != string(b[0].Value) {
				f = c.xattr(p, &a[0], &b[0])
			}
			c.pairValues(a[0].ValueInode, b[0].ValueInode, f)
			a, b = a[1:], b[1:]
		}
	}
	if len(p.xattrs) > 0 {
		c.keep(p)
	}
}

func (c *comparison) xattr(p *pair, a, b *ext4.Attribute) *ledger.Finding {
	shown := a
	if a == nil {
		shown = b
	}
	structure := "inode"
	switch {
	case shown.ValueInode != 0:
		structure = "ea_inode"
	case shown.Place == ext4.InBlock:
		structure = "xattr block"
	}
	f, _ := c.enter(c.key(structure, "xattr:"+shown.Name, p.path), about{report.Content, "setfattr in the source, the same in both builds"})
	f.A, f.B = showXattrs(a, b)
	if a != nil && b != nil && max(len(a.Value), len(b.Value)) > maxShown {
		f.Note = fmt.Sprintf("%d and %d bytes, the first difference at %d", len(a.Value), len(b.Value), commonPrefix(a.Value, b.Value))
	}
	switch {
	case a == nil:
		f.Note = "only in the second image"
		c.loneValue(c.b, b.ValueInode, f)
	case b == nil:
		f.Note = "only in the first image"
		c.loneValue(c.a, a.ValueInode, f)
	}
	p.xattrs = append(p.xattrs, f)
	p.causes = append(p.causes, f)
	if (a == nil) != (b == nil) && (shown.Place == ext4.InBlock || shown.ValueInode != 0) {
		c.changed(f)
	}
	return f
}

// pairValues pairs the inodes that hold the two values of an attribute, of
// which f says that they differ, if they do. Where one side keeps the value
// elsewhere, the inode is that side's alone.
func (c *comparison) pairValues(a, b uint32, f *ledger.Finding) {
	if a == 0 || b == 0 || a != b && f != nil {
		if f != nil {
			c.changed(f)
		}
		c.loneValue(c.a, a, f)
		c.loneValue(c.b, b, f)
		return
	}
	if c.a.paths[a] != "" || c.b.paths[b] != "" { // shared with a file met before
		return
	}
	da, errA := c.a.fs.Inode(a)
	db, errB := c.b.fs.Inode(b)
	if errA != nil || errB != nil {
		return
	}
	p := &pair{path: fmt.Sprintf("<%d>", a), a: da, b: db, rawEqual: bytes.Equal(da.Raw, db.Raw), content: f, inOrder: true}
	c.a.paths[a], c.b.paths[b] = p.path, fmt.Sprintf("<%d>", b)
	c.twin[a], c.twinBack[b] = b, a
	c.stored[a] = f
	if f != nil {
		p.causes = append(p.causes, f)
	}
	if a != b {
		c.number(p)
	}
	if !p.rawEqual || f != nil {
		c.keep(p)
	}
}

// loneValue claims for f an inode with a value that only one side has.
func (c *comparison) loneValue(s *side, n uint32, f *ledger.Finding) {
	if n == 0 || s.paths[n] != "" {
		return
	}
	s.paths[n] = fmt.Sprintf("<%d>", n)
	if f != nil {
		s.only[n] = f
	}
}

// claimValues claims for f the inodes with the values of a file's attributes.
func (c *comparison) claimValues(s *side, d ext4.DiskInode, f *ledger.Finding) {
	if !s.sb.HasIncompat(ext4.IncompatEaInode) || !d.Raw.HasXattrs() {
		return
	}
	attributes, _ := s.fs.Xattrs(d)
	for _, x := range attributes {
		c.loneValue(s, x.ValueInode, f)
	}
}

func commonPrefix(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// fieldsEnd is the offset behind an inode's last field: where attributes may
// begin.
func fieldsEnd(raw ext4.RawInode) int {
	if len(raw) < ext4.GoodOldInodeSize+4 {
		return len(raw)
	}
	n := ext4.GoodOldInodeSize + int(le.Uint16(raw[ext4.GoodOldInodeSize:]))
	if n > len(raw) || n%4 != 0 {
		n = 0
	}
	return max(n, ext4.GoodOldInodeSize+4) // i_extra_isize itself is always one
}

// xattrAreaDiffers tells whether the bytes behind the fields differ although
// no attribute does.
func (c *comparison) xattrAreaDiffers(p *pair) bool {
	end := fieldsEnd(p.a.Raw)
	return len(p.xattrs) == 0 && !c.rehashed(p) && end == fieldsEnd(p.b.Raw) && len(p.a.Raw) == len(p.b.Raw) && string(p.a.Raw[end:]) != string(p.b.Raw[end:])
}

// rehashed tells whether attributes of a pair have other hashes because these
// start from what checksums start from: those whose values are in inodes of
// their own.
func (c *comparison) rehashed(p *pair) bool {
	return c.seed != nil && c.valuesApart(p)
}

// hashOf is the finding of the hash of such an attribute at byte in of the
// structure whose bytes are raw; nil where there is none.
func (c *comparison) hashOf(p *pair, r ext4.Region, in int, raw []byte) (f *ledger.Finding, part ext4.Part) {
	if p == nil || !c.rehashed(p) {
		return nil, part
	}
	for _, part := range c.a.fs.Parts(nil, r, raw) {
		if in >= part.Offset && in < part.End() && part.Name == "e_hash" {
			return c.member(c.consequence(r.Structure.String(), "e_hash", c.seed), p.a.Number, p.path), part
		}
	}
	return nil, part
}

// xattrResidue is the finding of inodes whose attributes are equal, but stored
// in another order, or with other bytes between them.
func (c *comparison) xattrResidue(p *pair) *ledger.Finding {
	attributes, _ := c.a.fs.Xattrs(p.a)
	name, what := "unused", about{report.Residue, "write the filesystem anew"}
	if len(attributes) > 1 {
		name, what = "xattr order", about{report.Order, "the order is that of listxattr in the source: set attributes in a fixed order"}
	}
	if f := p.owner("xattrs"); f != nil {
		return f
	}
	f, _ := c.enter(c.key("inode", name, ""), what)
	f.Whole = false
	f.Member(p.path)
	end := fieldsEnd(p.a.Raw)
	f.At(c.disk(p.a.Offset+int64(end)), int64(len(p.a.Raw)-end))
	p.own("xattrs", f)
	return f
}

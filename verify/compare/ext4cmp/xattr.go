package ext4cmp

import (
	"encoding/hex"
	"slices"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
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
			if string(a[0].Value) != string(b[0].Value) {
				c.xattr(p, &a[0], &b[0])
			}
			a, b = a[1:], b[1:]
		}
	}
	if len(p.xattrs) > 0 {
		c.keep(p)
	}
}

func (c *comparison) xattr(p *pair, a, b *ext4.Attribute) {
	shown := a
	if a == nil {
		shown = b
	}
	structure := "inode"
	if shown.Place == ext4.InBlock {
		structure = "xattr block"
	}
	f, _ := c.enter(c.key(structure, "xattr:"+shown.Name, p.path), about{report.Content, "setfattr in the source, the same in both builds"})
	f.A, f.B = showXattr(a), showXattr(b)
	switch {
	case a == nil:
		f.Note = "only in the second image"
	case b == nil:
		f.Note = "only in the first image"
	}
	p.xattrs = append(p.xattrs, f)
	p.causes = append(p.causes, f)
	if (a == nil) != (b == nil) && shown.Place == ext4.InBlock && !slices.Contains(c.changes, f) {
		c.changes = append(c.changes, f)
	}
}

func showXattr(x *ext4.Attribute) string {
	if x == nil {
		return ""
	}
	if utf8.Valid(x.Value) && !slices.ContainsFunc(x.Value, func(c byte) bool { return c < ' ' }) {
		return field.ShowText(x.Value)
	}
	const longest = 64
	if len(x.Value) > longest {
		return "0x" + hex.EncodeToString(x.Value[:longest]) + "…"
	}
	return "0x" + hex.EncodeToString(x.Value)
}

// fieldsEnd is the offset behind an inode's last field: where attributes may
// begin.
func fieldsEnd(raw ext4.RawInode) int {
	if len(raw) < ext4.GoodOldInodeSize+4 {
		return len(raw)
	}
	n := ext4.GoodOldInodeSize + int(le.Uint16(raw[ext4.GoodOldInodeSize:]))
	if n > len(raw) || n%4 != 0 {
		return ext4.GoodOldInodeSize
	}
	return n
}

// xattrAreaDiffers tells whether the bytes behind the fields differ although
// no attribute does.
func (c *comparison) xattrAreaDiffers(p *pair) bool {
	end := fieldsEnd(p.a.Raw)
	return len(p.xattrs) == 0 && end == fieldsEnd(p.b.Raw) && len(p.a.Raw) == len(p.b.Raw) && string(p.a.Raw[end:]) != string(p.b.Raw[end:])
}

// xattrResidue is the finding of inodes whose attributes are equal, but stored
// in another order, or with other bytes between them.
func (c *comparison) xattrResidue(p *pair) *ledger.Finding {
	attributes, _ := c.a.fs.Xattrs(p.a)
	name, what := "unused", about{report.Residue, "write the filesystem anew"}
	if len(attributes) > 1 {
		name, what = "xattr order", about{report.Order, "the order is that of listxattr in the source: set attributes in a fixed order"}
	}
	if f := p.owners["xattrs"]; f != nil {
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

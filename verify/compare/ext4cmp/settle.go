package ext4cmp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// settle turns what was noted into findings, and says what follows from what.
func (c *comparison) settle() {
	c.settleOrder()
	links := c.linkFindings()
	key := c.key("inode", "", "")
	c.times.Settle(c.l, key, settled)
	c.values.Settle(c.l, key, settled)
	if c.placed != nil {
		c.placed.Follows(c.changes...)
	}
	if c.numbered != nil {
		c.numbered.Follows(c.changes...)
	}
	explained := map[*ledger.Finding]*tally{}
	for _, p := range c.pairs {
		c.use(p)
		for _, name := range p.fields {
			f := c.times.Of(name, uint64(p.a.Number))
			if f == nil {
				f = c.values.Of(name, uint64(p.a.Number))
			}
			if f == nil { // a directory's size, that follows from its order
				if causes := c.explain(p, name, links); len(causes) > 0 {
					f := c.consequence("inode", name, causes...)
					f.Member(p.path)
					p.own(name, f)
					c.changed(c.reordered)
				}
				continue
			}
			p.own(name, f)
			t := explained[f]
			if t == nil {
				t = &tally{}
				explained[f] = t
			}
			t.count(c.explain(p, name, links))
		}
	}
	for _, p := range c.pairs { // in order, so that the result has one
		for _, name := range p.fields {
			f := p.owner(name)
			if t := explained[f]; t != nil && t.unexplained == 0 {
				f.Follows(t.causes...)
			}
			if f != nil && !slices.Contains(p.causes, f) {
				p.causes = append(p.causes, f)
			}
		}
	}
	for _, p := range c.pairs {
		if p.sum {
			c.use(p)
			c.checksum(p)
		}
	}
}

// tally counts how many of a finding's values have an explanation.
type tally struct {
	unexplained int
	causes      []*ledger.Finding
}

func (t *tally) count(causes []*ledger.Finding) {
	if len(causes) == 0 {
		t.unexplained++
	}
	for _, f := range causes {
		if len(t.causes) < maxCauses && !slices.Contains(t.causes, f) {
			t.causes = append(t.causes, f)
		}
	}
}

// explain lists the findings that a field of a pair follows from, if that is
// all there is to it. A finding follows them only if each of its values is
// explained so.
func (c *comparison) explain(p *pair, name string, links map[uint32][]*ledger.Finding) []*ledger.Finding {
	if p.content != nil && p.content.Field == "i_mode" { // a file of another type
		return []*ledger.Finding{p.content}
	}
	var out []*ledger.Finding
	switch strings.TrimSuffix(name, "_extra") {
	case "i_mtime":
		out = append(out, p.content)
		out = append(out, p.entries...)
	case "i_ctime", "i_version", "i_version_hi":
		out = append(out, p.content)
		out = append(out, p.entries...)
		out = append(out, p.xattrs...)
		out = append(out, links[p.a.Number]...)
		for _, other := range []string{"i_mode", "i_uid", "i_gid", "i_flags", "i_links_count"} {
			out = append(out, p.owner(other))
		}
	case "i_mode":
		// The group's bits are the mask of the ACL.
		if (p.a.Raw.Mode()^p.b.Raw.Mode())&^0o070 == 0 {
			for _, f := range p.xattrs {
				if f.Field == "xattr:system.posix_acl_access" {
					out = append(out, f)
				}
			}
		}
	case "i_links_count":
		out = append(out, links[p.a.Number]...)
		out = append(out, p.entries...)
	case "i_size_lo", "i_blocks_lo":
		if p.a.Raw.Type() == tree.Directory && !p.inOrder {
			out = append(out, c.reordered)
		}
		out = append(out, p.entries...)
	case "i_flags":
		out = append(out, p.entries...)
	}
	return present(out)
}

// linkFindings lists, for A's inodes, the findings of names of theirs that only
// one side has: hard links, and what a file was renamed from.
func (c *comparison) linkFindings() map[uint32][]*ledger.Finding {
	out := map[uint32][]*ledger.Finding{}
	for _, x := range c.onlyA {
		if x.finding != nil && c.twin[x.inode.Number] != 0 {
			out[x.inode.Number] = append(out[x.inode.Number], x.finding)
		}
	}
	for _, x := range c.onlyB {
		if n := c.twinBack[x.inode.Number]; x.finding != nil && n != 0 {
			out[n] = append(out[n], x.finding)
		}
	}
	return out
}

// settleOrder enters the directories that hold the same names in another
// order: one finding for all, which follows the hash seed where they are
// hashed and it differs.
func (c *comparison) settleOrder() {
	if len(c.ordered) == 0 {
		return
	}
	file := ""
	if len(c.ordered) == 1 {
		file = c.ordered[0].path
	}
	c.reordered, _ = c.enter(c.key("directory", "order", file), about{report.Order, "make directory entries in a fixed order: sort what readdir returns"})
	c.reordered.Whole = false
	c.reordered.A, c.reordered.B = "", ""
	c.reordered.Note = "the same names in another order"
	hashed := true
	for _, p := range c.ordered {
		c.reordered.Member(p.path)
		c.use(p)
		c.reordered.At(c.disk(p.a.Offset), 1)
		p.causes = append(p.causes, c.reordered)
		hashed = hashed && p.hashed()
	}
	if c.hashSeed != nil && hashed {
		c.reordered.Follows(c.hashSeed)
	}
}

// checksum enters the checksum of a pair's inodes: it follows what differs in
// the inode and what it is seeded with; where nothing does, it stands for
// itself.
func (c *comparison) checksum(p *pair) {
	causes := slices.Clone(p.causes)
	causes = append(causes, p.ownersInOrder()...)
	causes = append(causes, p.xattrs...)
	causes = append(causes, p.content)
	causes = append(causes, c.seed)
	if p.inlineDir() {
		causes = append(causes, p.entries...)
		causes = append(causes, c.numbered)
	} else if c.xattrAreaDiffers(p) {
		causes = append(causes, c.xattrResidue(p))
	}
	causes = present(causes)
	if len(causes) == 0 {
		f, _ := c.enter(c.key("inode", "i_checksum_lo", p.path), about{report.Unknown, "run e2fsck: the checksum does not follow from the inode"})
		f.A, f.B = showSum(p.a.Raw), showSum(p.b.Raw)
		f.At(c.disk(p.a.Offset), int64(len(p.a.Raw)))
		p.own("i_checksum_lo", f)
		return
	}
	f := c.consequence("inode", "i_checksum_lo", causes...)
	f.Cause = report.Content
	f.Member(p.path)
	p.own("i_checksum_lo", f)
}

// ownersInOrder lists the findings of the pair's fields by name.
func (p *pair) ownersInOrder() []*ledger.Finding {
	byName := slices.Clone(p.owners)
	slices.SortFunc(byName, func(x, y fieldOwner) int { return strings.Compare(x.name, y.name) })
	out := make([]*ledger.Finding, 0, len(byName))
	for _, o := range byName {
		out = append(out, o.f)
	}
	return out
}

func showSum(raw []byte) string {
	lo, hi := uint16(0), uint16(0)
	if len(raw) >= 0x7e {
		lo = le.Uint16(raw[0x7c:])
	}
	if len(raw) >= 0x84 {
		hi = le.Uint16(raw[0x82:])
	}
	return fmt.Sprintf("0x%08x", uint32(hi)<<16|uint32(lo))
}

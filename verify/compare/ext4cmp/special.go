package ext4cmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const notMounted = "unmount the image before it is compared; " + neverMount

var mmpFields = map[string]about{
	"mmp_magic":          {report.Unknown, "run e2fsck -f"},
	"mmp_seq":            {report.Random, notMounted},
	"mmp_time":           {report.Time, notMounted},
	"mmp_nodename":       {report.Environment, "make the image on a host of the same name, or write the filesystem anew"},
	"mmp_bdevname":       {report.Environment, "make the image on a device of the same name, or write the filesystem anew"},
	"mmp_check_interval": {report.Environment, "mke2fs -E mmp_update_interval=SECONDS"},
	"mmp_pad1":           {report.Residue, "zero reserved fields"},
	"mmp_pad2":           {report.Residue, "zero reserved fields"},
}

// compareMMP compares the blocks that protect against mounting twice.
func (c *comparison) compareMMP() error {
	rawA, atA, err := c.a.mmp()
	if err != nil {
		return err
	}
	rawB, _, err := c.b.mmp()
	if err != nil || rawA == nil || rawB == nil {
		return err
	}
	var all []*ledger.Finding
	for _, f := range ext4.MMPLayout.Diff(rawA, rawB) {
		what := mmpFields[f.Name]
		x, _ := c.enter(c.key("MMP block", f.Name, ""), what)
		x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
		x.At(c.disk(atA+int64(f.Offset)), int64(f.Length))
		if f.Name == "mmp_checksum" {
			x.Remedy = "run e2fsck -f: the checksum does not follow from the block"
			x.Follows(all...).Follows(c.seed)
			continue
		}
		all = append(all, x)
	}
	return nil
}

// mmp reads the side's MMP block; nil where there is none.
func (s *side) mmp() (raw []byte, at int64, err error) {
	if !s.sb.HasIncompat(ext4.IncompatMmp) || s.sb.MmpBlock == 0 || s.sb.MmpBlock >= s.fs.Blocks() {
		return nil, 0, nil
	}
	at = int64(s.sb.MmpBlock) * s.fs.BlockSize()
	raw, err = s.readAt(at, ext4.MMPLayout.Size())
	return raw, at, err
}

func (c *comparison) mmpOwner(name string) *ledger.Finding {
	f, _ := c.enter(c.key("MMP block", name, ""), mmpFields[name])
	return f
}

// orphanOwner answers for a byte of the orphan file.
func (c *comparison) orphanOwner(r ext4.Region, off int64) ledger.Owned {
	bs := c.a.fs.BlockSize()
	base := r.Start + (off-r.Start)/bs*bs
	tail := int(bs) - ext4.OrphanTailLayout.Size()
	if in := int(off - base); in >= tail {
		f := ext4.OrphanTailLayout.At(in - tail)
		x, fresh := c.enter(c.key("orphan file", f.Name, ""), about{report.Unknown, "run e2fsck -f: the field does not follow from the block"})
		if fresh && f.Name == "ob_checksum" {
			x.Follows(c.l.Has(c.key("orphan file", "inodes", "")), c.seed)
			if p := c.pairOf(r.Inode); p != nil {
				x.Follows(p.owner("i_generation"))
			}
		}
		return ledger.Owned{Finding: x, Start: base + int64(tail+f.Offset), End: base + int64(tail+f.End())}
	}
	x := c.simple("orphan file", "inodes", "", about{report.Environment, neverMount})
	return ledger.Owned{Finding: x, Start: base, End: base + int64(tail)}
}

// quotaOwner owns what differs in a quota file: it counts what the trees hold,
// and for whom.
func (c *comparison) quotaOwner(r ext4.Region) *ledger.Finding {
	f, fresh := c.enter(c.key("quota file", "content", c.a.paths[r.Inode]), about{report.Environment, "run e2fsck -f: it counts the quota anew; " + sameTool})
	if !fresh {
		return f
	}
	f.Whole = false
	f.Follows(c.changes...)
	for _, p := range c.pairs {
		f.Follows(p.content, p.owner("i_uid"), p.owner("i_gid"), p.owner("i_projid"))
	}
	return f
}

// valueOwner owns the bytes of an attribute's value that an inode of its own
// holds.
func (c *comparison) valueOwner(r ext4.Region) *ledger.Finding {
	if f := c.stored[r.Inode]; f != nil {
		return f
	}
	return c.simple("ea_inode", "content", c.a.paths[r.Inode], about{report.Content, "setfattr in the source, the same in both builds"})
}

// inlineOwner answers for a byte of content that an inode keeps behind its
// fields.
func (c *comparison) inlineOwner(p *pair, in int, base int64) (ledger.Owned, bool) {
	if (p.a.Raw.Flags()|p.b.Raw.Flags())&ext4.InodeInlineData == 0 {
		return ledger.Owned{}, false
	}
	for _, s := range []struct {
		side *side
		d    ext4.DiskInode
	}{{c.a, p.a}, {c.b, p.b}} {
		r := ext4.Region{Start: base, Length: int64(len(s.d.Raw)), Structure: ext4.InodeTable, Inode: s.d.Number}
		for _, part := range s.side.fs.Parts(nil, r, s.d.Raw) {
			if in < part.Offset || in >= part.End() || part.Of != inlineData {
				continue
			}
			own := func(f *ledger.Finding) (ledger.Owned, bool) {
				return ledger.Owned{Finding: f, Start: base + int64(part.Offset), End: base + int64(part.End())}, true
			}
			switch {
			case p.content != nil && part.Name == "content":
				return own(p.content)
			case p.content != nil:
				return own(c.consequence("inode", part.Name, p.content))
			case p.inlineDir() && (len(p.entries) > 0 || len(p.xattrs) == 0):
				return own(c.inlineEntries(p))
			}
		}
	}
	return ledger.Owned{}, false
}

// inlineEntries owns the entries of a directory that are in its inode.
func (c *comparison) inlineEntries(p *pair) *ledger.Finding {
	if len(p.entries) == 0 && p.inOrder && c.numbered != nil {
		return c.numbered
	}
	return c.dirLayout(p, p.a.Number, p.path)
}

// inlineData is the attribute that holds what i_block has no room for.
const inlineData = "system.data"

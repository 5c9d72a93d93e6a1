package ext4cmp

import (
	"bytes"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// hashed tells whether a directory is hashed on both sides.
func (p *pair) hashed() bool {
	return p.a.Raw.Flags()&p.b.Raw.Flags()&ext4.InodeIndex != 0
}

// slot is a directory entry's place in its block.
type slot struct {
	off, rec int
	inode    uint32
	name     []byte
}

// slots takes a block of a directory apart. It ends early where the block is
// damaged.
func slots(b []byte) []slot {
	var out []slot
	for pos := 0; pos+ext4.DirEntryHeaderSize <= len(b); {
		rec := ext4.DecodeRecLen(le.Uint16(b[pos+4:]), len(b))
		if rec < ext4.DirEntryHeaderSize || rec%4 != 0 || pos+rec > len(b) {
			return out
		}
		n := min(int(b[pos+6]), rec-ext4.DirEntryHeaderSize)
		out = append(out, slot{pos, rec, le.Uint32(b[pos:]), b[pos+ext4.DirEntryHeaderSize:][:n]})
		pos += rec
	}
	return out
}

// dirBlock is a block of a directory that both sides have in the same place.
type dirBlock struct {
	start   int64 // in the volume
	a, b    []slot
	rawA    []byte
	sum     int // offset of the checksum in it; -1 for none
	indexed bool
}

// loadDirBlock reads the block at byte start of the volume.
func (c *comparison) loadDirBlock(start int64, n uint32, logical int64) (*dirBlock, error) {
	bs := int(c.a.fs.BlockSize())
	rawA, err := c.a.readAt(start, bs)
	if err != nil || rawA == nil {
		return nil, err
	}
	rawB, err := c.b.readAt(start, bs)
	if err != nil || rawB == nil {
		return nil, err
	}
	d := &dirBlock{start: start, a: slots(rawA), b: slots(rawB), rawA: rawA, sum: -1}
	if !c.a.sb.HasRoCompat(ext4.RoCompatMetadataCsum) {
		return d, nil
	}
	inode, err := c.a.fs.Inode(n)
	if err != nil {
		return d, nil
	}
	if inode.Raw.Flags()&ext4.InodeIndex != 0 {
		count := -1
		switch {
		case logical == 0:
			count = ext4.DxRootSize
		case len(d.a) == 1 && d.a[0].inode == 0 && d.a[0].rec == bs:
			count = ext4.DxNodeSize
		}
		if count > 0 {
			d.indexed = true
			limit := int(le.Uint16(rawA[count:]))
			if at := count + limit*ext4.DxEntrySize + 4; at+4 <= bs {
				d.sum = at
			}
			return d, nil
		}
	}
	d.sum = bs - 4
	return d, nil
}

// slotAt is the slot around byte o, and its index.
func slotAt(list []slot, o int) (slot, bool) {
	i, ok := slices.BinarySearchFunc(list, o, func(s slot, o int) int {
		switch {
		case s.off+s.rec <= o:
			return -1
		case s.off > o:
			return 1
		}
		return 0
	})
	if !ok {
		return slot{}, false
	}
	return list[i], true
}

// dirOwner answers for a byte of a directory's block that lies in the same
// place on both sides.
func (c *comparison) dirOwner(n uint32, logical, off int64) ledger.Owned {
	bs := c.a.fs.BlockSize()
	start := off / bs * bs
	if c.dirNow == nil || c.dirNow.start != start {
		d, err := c.loadDirBlock(start, n, logical/bs*bs)
		if err != nil || d == nil {
			return ledger.Owned{Start: off, End: start + bs}
		}
		c.dirNow = d
	}
	d := c.dirNow
	o := int(off - start)
	own := func(f *ledger.Finding, from, to int) ledger.Owned {
		return ledger.Owned{Finding: f, Start: start + int64(from), End: start + int64(to)}
	}
	p := c.pairOf(n)
	path := c.a.paths[n]
	if d.sum >= 0 && o >= d.sum && o < d.sum+4 {
		return own(c.dirChecksum(p, n, path), d.sum, d.sum+4)
	}
	if d.indexed && o >= ext4.DxNodeSize {
		end := int(bs)
		if d.sum > o {
			end = d.sum
		}
		return own(c.dirLayout(p, n, path), o, end)
	}
	sa, okA := slotAt(d.a, o)
	sb, okB := slotAt(d.b, o)
	if okA && okB && sa.off == sb.off && bytes.Equal(sa.name, sb.name) {
		in := o - sa.off
		switch nameEnd := ext4.DirEntryHeaderSize + len(sa.name); {
		case in < 4 && sa.inode != 0 && sb.inode != 0:
			return own(c.dirInode(p, n, path, string(sa.name)), sa.off, sa.off+4)
		case in < 4: // an entry in use on one side only
			return own(c.dirLayout(p, n, path), sa.off, sa.off+4)
		case in < 6 && sa.rec != sb.rec:
			return own(c.dirLayout(p, n, path), sa.off+4, sa.off+6)
		case in == 7:
			if f := c.fileType(p, path, string(sa.name)); f != nil {
				return own(f, o, o+1)
			}
			return own(c.dirLayout(p, n, path), o, o+1)
		case in >= nameEnd:
			return own(c.dirSlack(p, n, path), o, sa.off+min(sa.rec, sb.rec))
		}
	}
	if okA && okB && sa.inode == 0 && sb.inode == 0 {
		return own(c.dirSlack(p, n, path), o, o+1)
	}
	end := int(bs)
	if d.sum > o {
		end = d.sum
	}
	for _, s := range []struct {
		slot
		ok bool
	}{{sa, okA}, {sb, okB}} {
		if s.ok {
			end = min(end, s.off+s.rec)
		}
	}
	return own(c.dirLayout(p, n, path), o, end)
}

// dirCauses lists what differs in a directory, other than its checksums.
func (c *comparison) dirCauses(p *pair) []*ledger.Finding {
	if p == nil {
		return nil
	}
	causes := slices.Clone(p.entries)
	if !p.inOrder {
		causes = append(causes, c.reordered)
	}
	return present(causes)
}

// dirLayout owns the bytes that differ because the entries do.
func (c *comparison) dirLayout(p *pair, n uint32, path string) *ledger.Finding {
	causes := c.dirCauses(p)
	switch {
	case p != nil && len(p.entries) == 1 && p.entries[0].Field == "name":
		return p.entries[0]
	case p != nil && len(p.entries) > 0:
		f := c.consequence("directory", "entries", causes...)
		f.Whole = false
		return c.member(f, n, path)
	case p != nil && !p.inOrder:
		return c.reordered
	case c.hashSeed != nil && p != nil && p.hashed(), c.hashSeed != nil && c.indexed(n):
		f := c.consequence("directory", "hash", c.hashSeed)
		return c.member(f, n, path)
	}
	f, _ := c.enter(c.key("directory", "layout", path), about{report.Order, "make directory entries in a fixed order, and do not remove any"})
	f.Whole = false
	f.Note = "the same names in the same order, in other places"
	return f
}

func (c *comparison) indexed(n uint32) bool {
	d, err := c.a.fs.Inode(n)
	return err == nil && d.Raw.Flags()&ext4.InodeIndex != 0
}

// member counts each file once for a finding that many bytes are given to.
func (c *comparison) member(f *ledger.Finding, n uint32, path string) *ledger.Finding {
	k := memberKey{f, n}
	if !c.members[k] {
		c.members[k] = true
		f.Member(path)
	}
	return f
}

type memberKey struct {
	f *ledger.Finding
	n uint32
}

// dirInode owns the inode number in an entry.
func (c *comparison) dirInode(p *pair, n uint32, path, name string) *ledger.Finding {
	if f := c.l.Has(c.key("directory", "inode", below(path, name))); f != nil {
		return f
	}
	if c.numbered != nil {
		return c.numbered
	}
	return c.dirLayout(p, n, path)
}

// below is the path of a name in a directory.
func below(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

func (c *comparison) fileType(p *pair, dir, name string) *ledger.Finding {
	path := below(dir, name)
	if f := c.l.Has(c.key("directory", "file_type", path)); f != nil {
		return f
	}
	if mode := c.l.Has(c.key("inode", "i_mode", path)); mode != nil {
		return c.consequence("directory", "file_type", mode)
	}
	return nil
}

// dirSlack owns bytes behind names, and in entries that are not in use: what
// was removed, or never zeroed.
func (c *comparison) dirSlack(p *pair, n uint32, path string) *ledger.Finding {
	f, _ := c.enter(c.key("directory", "slack", path), about{report.Residue, "write the filesystem anew: removed names stay in their directory"})
	f.Whole = false
	if c.slack[n] == nil {
		c.slack[n] = f
		if causes := c.dirCauses(p); len(causes) > 0 {
			f.Follows(causes...)
		}
	}
	return f
}

// dirChecksum owns the checksum of a directory's block.
func (c *comparison) dirChecksum(p *pair, n uint32, path string) *ledger.Finding {
	causes := c.dirCauses(p)
	causes = append(causes, c.slack[n], c.seed)
	if p != nil {
		causes = append(causes, p.owner("i_generation"))
		if p.a.Number != p.b.Number {
			causes = append(causes, c.numbered)
		}
	}
	causes = append(causes, c.layoutOf(path))
	if c.numbered != nil && c.dirNow != nil && c.dirNow.renumbered() {
		causes = append(causes, c.numbered)
	}
	if c.hashSeed != nil && c.dirNow != nil && c.dirNow.indexed {
		causes = append(causes, c.hashSeed)
	}
	causes = append(causes, c.l.Has(ledger.Key{Partition: c.p.Partition, Format: format, Structure: "directory", Field: "file_type", Part: "follows"}))
	causes = present(causes)
	name := "det_checksum"
	if c.dirNow != nil && c.dirNow.indexed {
		name = "dt_checksum"
	}
	if len(causes) > 0 {
		f := c.consequence("directory", name, causes...)
		return c.member(f, n, path)
	}
	f, _ := c.enter(c.key("directory", name, path), about{report.Unknown, "run e2fsck -f: the checksum does not follow from the directory"})
	return f
}

func (c *comparison) layoutOf(path string) *ledger.Finding {
	return c.l.Has(c.key("directory", "layout", path))
}

// renumbered tells whether entries of the block name other inodes on the
// second side.
func (d *dirBlock) renumbered() bool {
	for i := range min(len(d.a), len(d.b)) {
		if d.a[i].inode != d.b[i].inode && bytes.Equal(d.a[i].name, d.b[i].name) {
			return true
		}
	}
	return false
}

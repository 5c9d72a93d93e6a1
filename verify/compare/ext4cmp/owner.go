package ext4cmp

import (
	"bytes"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	ra, okA := c.a.regions.At(off)
	rb, okB := c.b.regions.At(off)
	if !okA || !okB {
		return ledger.Owned{Start: off, End: off + 1}
	}
	o := c.own(ra, rb, off)
	o.Start = max(o.Start, ra.Start, rb.Start)
	o.End = min(o.End, ra.End(), rb.End())
	return o
}

// same tells whether two regions are the same part of the same thing.
func (c *comparison) same(ra, rb ext4.Region) bool {
	if ra.Structure != rb.Structure || ra.Start-ra.Logical != rb.Start-rb.Logical {
		return false
	}
	if ra.Inode != 0 || rb.Inode != 0 {
		return c.twin[ra.Inode] == rb.Inode && rb.Inode != 0
	}
	return ra.Group == rb.Group
}

func (c *comparison) own(ra, rb ext4.Region, off int64) ledger.Owned {
	whole := ledger.Owned{Start: max(ra.Start, rb.Start), End: min(ra.End(), rb.End())}
	if unused(ra.Structure) && unused(rb.Structure) {
		whole.Finding = c.residue(ra, rb)
		return whole
	}
	if !c.same(ra, rb) {
		whole.Finding = c.elsewhere(ra, rb)
		return whole
	}
	in := off - ra.Start // within the region
	logical := ra.Logical + in
	at := func(f *ledger.Finding, start, length int) ledger.Owned {
		return ledger.Owned{Finding: f, Start: off - in + int64(start), End: off - in + int64(start+length)}
	}
	switch ra.Structure {
	case ext4.PrimarySuperblock, ext4.BackupSuperblock:
		f := ext4.SuperblockLayout.At(int(in))
		return at(c.superOwner(ra.Structure.String(), f), f.Offset, f.Length)
	case ext4.PrimaryDescriptors, ext4.BackupDescriptors:
		return c.descOwner(ra, off, logical)
	case ext4.BlockBitmap, ext4.InodeBitmap:
		whole.Finding = c.bitmapOwner(ra)
	case ext4.InodeTable:
		return c.inodeOwner(ra, off, logical)
	case ext4.DirectoryBlocks:
		return c.dirOwner(ra.Inode, logical, off)
	case ext4.Journal:
		f, start, end := c.journalOwner(logical, off)
		return ledger.Owned{Finding: f, Start: off + start - logical, End: off + end - logical}
	case ext4.Data, ext4.SymlinkData:
		whole.Finding = c.contentOwner(ra)
	case ext4.ExtentTree, ext4.IndirectBlock:
		return c.mapOwner(ra, off)
	case ext4.XattrBlock:
		return c.xattrOwner(ra, off)
	case ext4.BootBlock:
		whole.Finding = c.simple(ra.Structure.String(), "content", "", about{report.Content, "install the same boot loader, in the same version"})
	case ext4.ReservedDescriptors:
		whole.Finding = c.simple(ra.Structure.String(), "content", "", about{report.Residue, "write the filesystem anew"})
	case ext4.MMPBlock:
		f := ext4.MMPLayout.At(int(in))
		return at(c.mmpOwner(f.Name), f.Offset, f.Length)
	case ext4.OrphanFile:
		return c.orphanOwner(ra, off)
	case ext4.QuotaFile:
		whole.Finding = c.quotaOwner(ra)
	case ext4.EaInodeData:
		whole.Finding = c.valueOwner(ra)
	default: // bad blocks
		whole.Finding = c.simple(ra.Structure.String(), "content", c.a.paths[ra.Inode], about{report.Unknown, neverMount})
	}
	return whole
}

// simple is a finding without anything known but its name.
func (c *comparison) simple(structure, name, file string, what about) *ledger.Finding {
	f, fresh := c.enter(c.key(structure, name, file), what)
	if fresh {
		f.Whole = false
	}
	return f
}

// unused tells whether nothing reads a region's bytes.
func unused(s ext4.Structure) bool {
	switch s {
	case ext4.FreeSpace, ext4.Slack, ext4.Unwritten, ext4.Padding, ext4.LostBlock, ext4.Tail:
		return true
	}
	return false
}

// residue owns differing bytes that nothing reads.
func (c *comparison) residue(ra, rb ext4.Region) *ledger.Finding {
	what := about{report.Residue, "write the filesystem anew, or zero what is free (zerofree, fstrim)"}
	r := ra
	if ra.Structure == ext4.FreeSpace && rb.Structure != ext4.FreeSpace {
		r = rb
	}
	file := ""
	if r.Inode != 0 {
		file = c.a.paths[r.Inode]
		if r == rb {
			file = c.b.paths[r.Inode]
		}
	}
	f := c.simple(r.Structure.String(), "content", file, what)
	// What was left behind by a file that moved or went is no cause of its own.
	if ra.Structure != rb.Structure {
		f.Follows(c.placed)
		f.Follows(c.changes...)
	}
	return f
}

// elsewhere owns bytes that are one thing in A and another in B.
func (c *comparison) elsewhere(ra, rb ext4.Region) *ledger.Finding {
	for _, s := range []struct {
		side  *side
		r     ext4.Region
		other ext4.Region
	}{{c.a, ra, rb}, {c.b, rb, ra}} {
		if s.r.Inode == 0 || !unused(s.other.Structure) {
			continue
		}
		// A file's blocks where the other side has none: the file is there
		// only on this side, or it has grown or moved.
		if f := s.side.only[s.r.Inode]; f != nil {
			return f
		}
		n := s.r.Inode
		if s.side == c.b {
			n = c.twinBack[n]
		}
		p := c.pairOf(n)
		if p == nil {
			continue
		}
		switch {
		case s.r.Structure == ext4.DirectoryBlocks && len(p.entries) > 0:
			f := c.consequence("directory", "entries", p.entries...)
			f.Whole = false
			return f
		case s.r.Structure == ext4.XattrBlock && len(p.xattrs) > 0:
			return p.xattrs[0]
		case p.content != nil:
			return p.content
		}
	}
	return c.displaced(ra, rb)
}

// displaced owns bytes whose place serves another purpose on each side.
func (c *comparison) displaced(ra, rb ext4.Region) *ledger.Finding {
	if c.placed == nil {
		c.placed, _ = c.enter(c.key("data", "placement", ""), about{report.Placement, "write the filesystem with a tool that places blocks in a fixed order (mke2fs -d, reprodisk build), not through a mount"})
		c.placed.Whole = false
		c.placed.Note = fmt.Sprintf("the same blocks hold %s on one side and %s on the other", ra.Structure, rb.Structure)
		c.placed.Follows(c.changes...)
		if len(c.changes) == 0 {
			c.placed.Follows(c.reordered)
		}
	}
	return c.placed
}

func (c *comparison) superOwner(structure string, f field.Field) *ledger.Finding {
	if x := c.l.Has(c.key(structure, f.Name, "")); x != nil {
		return x
	}
	if base, ok := superTimes[f.Name]; ok {
		if x := c.l.Has(c.key(structure, base, "")); x != nil {
			return x
		}
	}
	x, _ := c.enter(c.key(structure, f.Name, ""), aboutSuper(f.Name))
	return x
}

func (c *comparison) descOwner(r ext4.Region, off, logical int64) ledger.Owned {
	size := int64(c.a.fs.DescSize())
	per := c.a.fs.BlockSize() / size
	g := logical/c.a.fs.BlockSize()*per + logical%c.a.fs.BlockSize()/size
	in := int(logical % c.a.fs.BlockSize() % size)
	base := off - int64(in)
	fl := field.Field{Name: "bg_reserved", Offset: ext4.GroupDescSize64, Length: int(size) - ext4.GroupDescSize64}
	if in < ext4.GroupDescSize64 {
		fl = ext4.GroupDescLayout.At(in)
	}
	name := descBase(fl.Name)
	f := c.bitmaps[bitmapKey{uint32(g), name}]
	if r.Structure == ext4.BackupDescriptors {
		k := c.key("backup group descriptor", name, "")
		switch {
		case f != nil:
			k.Part = "follows"
			x, _ := c.enter(k, about{f.Cause, f.Remedy})
			f = x.Follows(f)
		case len(c.inBackups) > 0 && c.upToDate(uint32(g), base, fl):
			f = c.consequence("backup group descriptor", name, c.inBackups...)
		default:
			f, _ = c.enter(k, about{report.Unknown, "run e2fsck -f: only the backup differs"})
		}
	}
	if f == nil {
		f, _ = c.enter(c.key("group descriptor", name, ""), about{report.Unknown, ""})
	}
	return ledger.Owned{Finding: f, Start: base + int64(fl.Offset), End: base + int64(fl.End())}
}

// upToDate tells whether a field of the backup of group g's descriptor, which
// is at byte base of the volume, is as the primary has it on either side.
func (c *comparison) upToDate(g uint32, base int64, f field.Field) bool {
	for _, s := range []*side{c.a, c.b} {
		if g >= s.fs.Groups() || f.End() > s.fs.DescSize() {
			continue
		}
		raw, err := s.readAt(base+int64(f.Offset), f.Length)
		if err == nil && raw != nil && bytes.Equal(raw, f.Slice(s.fs.RawGroup(g))) {
			return true
		}
	}
	return false
}

func (c *comparison) bitmapOwner(r ext4.Region) *ledger.Finding {
	name := r.Structure.String()
	if f := c.bitmaps[bitmapKey{r.Group, name}]; f != nil {
		return f
	}
	// Bits behind those that count, or of a group that is not initialised.
	return c.simple(name, "padding", "", about{report.Residue, "write the filesystem anew"})
}

func (c *comparison) inodeOwner(r ext4.Region, off, logical int64) ledger.Owned {
	size := int64(c.a.fs.InodeSize())
	if size != int64(c.b.fs.InodeSize()) || c.a.sb.InodesPerGroup != c.b.sb.InodesPerGroup {
		return ledger.Owned{Finding: c.displaced(r, r), Start: off, End: r.End()}
	}
	n := r.Group*c.a.sb.InodesPerGroup + uint32(logical/size) + 1
	in := int(logical % size)
	base := off - int64(in)
	all := func(f *ledger.Finding) ledger.Owned { return ledger.Owned{Finding: f, Start: base, End: base + size} }
	_, usedA := c.a.paths[n]
	_, usedB := c.b.paths[n]
	switch {
	case !usedA && !usedB:
		return all(c.simple("inode table", "unused inode", "", about{report.Residue, "write the filesystem anew: removed inodes stay in the table"}))
	case usedA && usedB && c.twin[n] == n:
		return c.inodeField(n, in, base)
	case c.a.only[n] != nil && !usedB:
		return all(c.a.only[n])
	case c.b.only[n] != nil && !usedA:
		return all(c.b.only[n])
	case c.numbered != nil:
		return all(c.numbered)
	case c.a.only[n] != nil:
		return all(c.a.only[n])
	case c.b.only[n] != nil:
		return all(c.b.only[n])
	}
	return all(c.displaced(r, r))
}

// inodeField answers for a byte of an inode that is the same file's on both
// sides.
func (c *comparison) inodeField(n uint32, in int, base int64) ledger.Owned {
	p := c.pairOf(n)
	fl := field.Field{Name: "xattrs", Offset: in, Length: c.a.fs.InodeSize() - in}
	if p != nil {
		if end := fieldsEnd(p.a.Raw); in < end && in < ext4.InodeLayout.Size() {
			fl = ext4.InodeLayout.At(in)
		}
	} else if in < ext4.InodeLayout.Size() {
		fl = ext4.InodeLayout.At(in)
	}
	own := func(f *ledger.Finding) ledger.Owned {
		return ledger.Owned{Finding: f, Start: base + int64(fl.Offset), End: base + int64(fl.End())}
	}
	if p == nil {
		return own(c.simple("inode", fl.Name, c.a.paths[n], aboutInode(fl.Name)))
	}
	if fl.Name == "xattrs" {
		if o, ok := c.inlineOwner(p, in, base); ok {
			return o
		}
		switch len(p.xattrs) {
		case 0:
			r := ext4.Region{Start: base, Length: int64(len(p.a.Raw)), Structure: ext4.InodeTable, Inode: n}
			if f, part := c.hashOf(p, r, in, p.a.Raw); f != nil {
				return ledger.Owned{Finding: f, Start: base + int64(part.Offset), End: base + int64(part.End())}
			}
			return own(c.xattrResidue(p))
		case 1:
			return own(p.xattrs[0])
		}
		return c.xattrSlot(p, ext4.InodeTable, in, base)
	}
	for _, name := range []string{fl.Name, inodeHalves[fl.Name]} {
		if f := p.owner(name); f != nil {
			return own(f)
		}
	}
	switch fl.Name {
	case "i_block":
		if f := p.owner("i_rdev"); f != nil {
			return own(f)
		}
		if p.content != nil {
			return own(p.content)
		}
		if p.inlineDir() {
			return own(c.inlineEntries(p))
		}
	case "i_mode":
		if p.content != nil {
			return own(p.content)
		}
	}
	if p.content != nil { // another type of file: all its fields differ
		f := c.consequence("inode", fl.Name, p.content)
		return own(c.member(f, n, p.path))
	}
	return own(c.simple("inode", fl.Name, p.path, aboutInode(fl.Name)))
}

// xattrSlot answers for a byte of an area where several attributes differ:
// the one that is stored there, by A's account or B's. at is where the
// structure begins in the volume, in the byte's place in it.
func (c *comparison) xattrSlot(p *pair, structure ext4.Structure, in int, at int64) ledger.Owned {
	for _, s := range []struct {
		side   *side
		number uint32
	}{{c.a, p.a.Number}, {c.b, p.b.Number}} {
		size := s.side.fs.InodeSize()
		if structure == ext4.XattrBlock {
			size = int(s.side.fs.BlockSize())
		}
		raw, err := s.side.readAt(at, size)
		if err != nil || raw == nil {
			continue
		}
		for _, part := range s.side.fs.Parts(nil, ext4.Region{Start: at, Length: int64(size), Structure: structure, Inode: s.number}, raw) {
			if in < part.Offset || in >= part.End() {
				continue
			}
			for _, f := range p.xattrs {
				if f.Field == "xattr:"+part.Of {
					return ledger.Owned{Finding: f, Start: at + int64(part.Offset), End: at + int64(part.End())}
				}
			}
		}
	}
	return ledger.Owned{Finding: p.xattrs[0], Start: at + int64(in), End: at + int64(in) + 1}
}

func (c *comparison) contentOwner(r ext4.Region) *ledger.Finding {
	if p := c.pairOf(r.Inode); p != nil && p.content != nil {
		return p.content
	}
	structure, name := "data", "content"
	if r.Structure == ext4.SymlinkData {
		structure = "symlink"
	}
	return c.simple(structure, name, c.a.paths[r.Inode], about{report.Content, remedyContent})
}

// mapOwner answers for a block of an inode's map: its checksum, or where the
// content lies.
func (c *comparison) mapOwner(r ext4.Region, off int64) ledger.Owned {
	p := c.pairOf(r.Inode)
	structure := r.Structure.String()
	path := c.a.paths[r.Inode]
	bs := c.a.fs.BlockSize()
	if r.Structure == ext4.ExtentTree && c.a.sb.HasRoCompat(ext4.RoCompatMetadataCsum) {
		raw, err := c.a.readAt(r.Start, int(bs))
		if err == nil && raw != nil {
			tail := int64(ext4.ExtentTailOffset(int(le.Uint16(raw[4:]))))
			if in := off - r.Start; in >= tail && in < tail+4 {
				return ledger.Owned{Finding: c.mapChecksum(p, structure, path, r), Start: r.Start + tail, End: r.Start + tail + 4}
			}
			if off-r.Start < tail {
				return ledger.Owned{Finding: c.mapMoved(p, structure, path), Start: r.Start, End: r.Start + tail}
			}
		}
	}
	return ledger.Owned{Finding: c.mapMoved(p, structure, path), Start: r.Start, End: r.End()}
}

func (c *comparison) mapMoved(p *pair, structure, path string) *ledger.Finding {
	switch {
	case p != nil && p.content != nil:
		f := c.consequence(structure, "map", p.content)
		f.Whole = false
		return f
	case p != nil && len(p.entries) > 0:
		f := c.consequence(structure, "map", p.entries...)
		f.Whole = false
		return f
	case c.placed != nil:
		return c.placed
	}
	return c.simple(structure, "map", path, about{report.Placement, "write the filesystem with a tool that places blocks in a fixed order"})
}

func (c *comparison) mapChecksum(p *pair, structure, path string, r ext4.Region) *ledger.Finding {
	causes := []*ledger.Finding{c.seed, c.l.Has(c.key(structure, "map", path))}
	if p != nil {
		causes = append(causes, p.content, p.owner("i_generation"), p.owner("i_block"))
		causes = append(causes, p.entries...)
		if p.a.Number != p.b.Number {
			causes = append(causes, c.numbered)
		}
	}
	if len(present(causes)) == 0 {
		causes = append(causes, c.placed)
	}
	causes = present(causes)
	if len(causes) > 0 {
		return c.member(c.consequence(structure, "et_checksum", causes...), r.Inode, path)
	}
	f, _ := c.enter(c.key(structure, "et_checksum", path), about{report.Unknown, "run e2fsck -f: the checksum does not follow from the block"})
	return f
}

func (c *comparison) xattrOwner(r ext4.Region, off int64) ledger.Owned {
	p := c.pairOf(r.Inode)
	in := int(off - r.Start)
	if in < ext4.XattrHeaderSize {
		fl := ext4.XattrHeaderLayout.At(in)
		causes := []*ledger.Finding{}
		if p != nil {
			causes = append(causes, p.xattrs...)
		}
		if fl.Name == "h_checksum" || fl.Name == "h_hash" && p != nil && c.rehashed(p) {
			causes = append(causes, c.seed)
		}
		causes = present(causes)
		var f *ledger.Finding
		if len(causes) > 0 {
			f = c.member(c.consequence("xattr block", fl.Name, causes...), r.Inode, c.a.paths[r.Inode])
		} else {
			f, _ = c.enter(c.key("xattr block", fl.Name, c.a.paths[r.Inode]), about{report.Unknown, "run e2fsck -f"})
		}
		return ledger.Owned{Finding: f, Start: r.Start + int64(fl.Offset), End: r.Start + int64(fl.End())}
	}
	if p != nil && len(p.xattrs) > 0 {
		return c.xattrSlot(p, ext4.XattrBlock, in, r.Start)
	}
	if raw, err := c.a.readAt(r.Start, int(r.Length)); err == nil && raw != nil {
		if f, part := c.hashOf(p, r, in, raw); f != nil {
			return ledger.Owned{Finding: f, Start: r.Start + int64(part.Offset), End: r.Start + int64(part.End())}
		}
	}
	return ledger.Owned{Finding: c.simple("xattr block", "order", c.a.paths[r.Inode], about{report.Order, "set attributes in a fixed order"}), Start: off, End: r.End()}
}

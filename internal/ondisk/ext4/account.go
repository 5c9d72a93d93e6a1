package ext4

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Regions accounts for every byte of the volume: regions in ascending order
// that cover it without gap or overlap. Where two structures claim a block,
// the filesystem's own go before files, and lower ones before higher ones;
// that, and what is damaged, is listed as problems.
func (fs *FS) Regions() ([]Region, []*Problem) {
	a := accountant{fs: fs, nodes: map[uint64]struct{}{}, room: fs.blocks}
	if fs.sb.HasRoCompat(RoCompatSharedBlocks) {
		a.room *= 4
	}
	a.fixed()
	fixed := a.settle(a.claims)
	a.claims = nil
	a.files()
	files := a.settle(a.claims)
	a.claims = nil
	all := a.merge(fixed, files)
	all = a.fill(all)
	return all, a.ps.done()
}

// A claim is a region in units of bytes, not yet known to be alone.
type accountant struct {
	fs     *FS
	ps     problems
	claims []Region
	nodes  map[uint64]struct{} // blocks of mappings met so far
	d      DiskInode           // the inode that is walked
	kind   Structure           // of its content
	room   uint64              // blocks that files may still map; only crafted ones map more than there are
	told   [2]int64            // block and inode of the last overlap
}

func (a *accountant) claim(s Structure, start, length, logical int64, group, inode uint32) {
	if length > 0 {
		a.claims = append(a.claims, Region{Start: start, Length: length, Logical: logical, Inode: inode, Group: group, Structure: s})
	}
}

func (a *accountant) blocks(s Structure, block, n uint64, logical int64, group, inode uint32) {
	a.claim(s, int64(block)*a.fs.blockSize, int64(n)*a.fs.blockSize, logical, group, inode)
}

// fixed claims what is not found through inodes.
func (a *accountant) fixed() {
	fs := a.fs
	a.claim(BootBlock, 0, SuperblockOffset, 0, 0, 0)
	gdt := fs.gdtBlocks()
	old := gdt // descriptor blocks that stand behind superblocks
	if fs.sb.HasIncompat(IncompatMetaBg) {
		old = min(gdt, int(fs.sb.FirstMetaBg))
	}
	reserved := uint64(fs.sb.ReservedGdtBlocks)
	if fs.sb.HasIncompat(IncompatMetaBg) {
		reserved = 0
	}
	per := uint32(fs.blockSize) / uint32(fs.descSize) // descriptors a block
	for g := range fs.groups {
		if fs.HasSuper(g) {
			first := fs.GroupFirstBlock(g)
			off, kind, descs := int64(first)*fs.blockSize, BackupSuperblock, BackupDescriptors
			if g == 0 {
				first = fs.superBlock()
				off, kind, descs = SuperblockOffset, PrimarySuperblock, PrimaryDescriptors
			}
			a.claim(kind, off, SuperblockSize, 0, g, 0)
			end := int64(first+1) * fs.blockSize
			a.claim(Padding, off+SuperblockSize, end-off-SuperblockSize, 0, g, 0)
			for n := range old {
				a.descBlock(descs, first+1+uint64(n), n, g)
			}
			if n := min(reserved, fs.blocks-min(fs.blocks, first+1+uint64(old))); n > 0 {
				a.blocks(ReservedDescriptors, first+1+uint64(old), n, 0, g, 0)
			}
		}
		if n := int(g / per); fs.isMetaBg(n) {
			switch g % per {
			case 0:
				a.descBlock(PrimaryDescriptors, fs.metaDescBlock(g), n, g)
			case 1, per - 1:
				a.descBlock(BackupDescriptors, fs.metaDescBlock(g), n, g)
			}
		}
		d := fs.Group(g)
		for _, s := range []struct {
			kind     Structure
			block, n uint64
		}{
			{BlockBitmap, d.BlockBitmap(), 1},
			{InodeBitmap, d.InodeBitmap(), 1},
			{InodeTable, d.InodeTable(), fs.itableBlocks()},
		} {
			if !fs.validBlock(s.block, s.n) {
				a.ps.add(fs.GroupOffset(g), "%s of group %d is at block %d of %d", s.kind, g, s.block, fs.blocks)
				continue
			}
			a.blocks(s.kind, s.block, s.n, 0, g, 0)
			if s.kind == InodeTable {
				used := int64(fs.sb.InodesPerGroup) * int64(fs.inodeSize)
				t := &a.claims[len(a.claims)-1]
				rest := t.Length - used
				t.Length = used
				a.claim(Padding, t.Start+used, rest, 0, g, 0)
			}
		}
	}
	if b := fs.sb.MmpBlock; fs.sb.HasIncompat(IncompatMmp) && fs.validBlock(b, 1) {
		a.claim(MMPBlock, int64(b)*fs.blockSize, int64(MMPLayout.Size()), 0, fs.groupOf(b), 0)
		a.claim(Padding, int64(b)*fs.blockSize+int64(MMPLayout.Size()), fs.blockSize-int64(MMPLayout.Size()), 0, fs.groupOf(b), 0)
	}
}

// descBlock claims block as a copy of descriptor block n.
func (a *accountant) descBlock(s Structure, block uint64, n int, g uint32) {
	fs := a.fs
	if block >= fs.blocks {
		return
	}
	per := int(fs.blockSize) / fs.descSize
	used := min(per, int(fs.groups)-n*per) * fs.descSize
	off := int64(block) * fs.blockSize
	a.claim(s, off, int64(used), int64(n)*fs.blockSize, g, 0)
	a.claim(Padding, off+int64(used), fs.blockSize-int64(used), 0, g, 0)
}

// files claims what inodes map.
func (a *accountant) files() {
	fs := a.fs
	m := mapper{fs: fs, ps: &a.ps, run: a.run, node: a.node}
	fs.eachInode(&a.ps, func(d DiskInode) {
		a.d, a.kind = d, fs.contentKind(d)
		if acl := d.Raw.FileACL(); acl != 0 && d.Raw.Mode() != 0 {
			if fs.validBlock(acl, 1) {
				a.blocks(XattrBlock, acl, 1, 0, fs.groupOf(acl), d.Number)
			} else {
				a.ps.add(d.Offset, "inode %d: attribute block is block %d of %d", d.Number, acl, fs.blocks)
			}
		}
		m.walk(d)
	})
}

// contentKind is what the content of an inode is.
func (fs *FS) contentKind(d DiskInode) Structure {
	s := &fs.sb
	switch n := d.Number; {
	case n == BadIno:
		return BadBlocks
	case n == ResizeIno:
		return ReservedDescriptors
	case s.HasCompat(CompatHasJournal) && n == s.JournalInum:
		return Journal
	case s.HasRoCompat(RoCompatQuota) && (n == s.UsrQuotaInum || n == s.GrpQuotaInum),
		s.HasRoCompat(RoCompatProject) && n == s.PrjQuotaInum:
		return QuotaFile
	case s.HasCompat(CompatOrphanFile) && n == s.OrphanFileInum:
		return OrphanFile
	case d.Raw.Type() == tree.Directory:
		return DirectoryBlocks
	case d.Raw.Type() == tree.Symlink:
		return SymlinkData
	case d.Raw.Flags()&InodeEaInode != 0:
		return EaInodeData
	}
	return Data
}

func (a *accountant) node(n MapNode) bool {
	if _, met := a.nodes[n.Physical]; met {
		return false
	}
	a.nodes[n.Physical] = struct{}{}
	kind := ExtentTree
	if n.Indirect {
		kind = IndirectBlock
	}
	if a.d.Number == ResizeIno && n.Depth == 0 {
		return true // the block is a reserved descriptor block itself
	}
	a.blocks(kind, n.Physical, 1, int64(min(n.Logical, 1<<40))*a.fs.blockSize, a.fs.groupOf(n.Physical), a.d.Number)
	return true
}

func (a *accountant) run(r Run) {
	fs := a.fs
	if a.kind == ReservedDescriptors {
		return // claimed with the superblocks
	}
	if r.Blocks > a.room {
		if a.room > 0 {
			a.ps.add(a.d.Offset, "inode %d: files map more blocks than the volume's %d; what is beyond is left out", a.d.Number, fs.blocks)
		}
		a.room = 0
		return
	}
	a.room -= r.Blocks
	start, length := int64(r.Physical)*fs.blockSize, int64(r.Blocks)*fs.blockSize
	logical := int64(r.Logical) * fs.blockSize
	g := fs.groupOf(r.Physical)
	kind := a.kind
	if r.Unwritten {
		kind = Unwritten
	}
	switch a.kind {
	case Data, SymlinkData, EaInodeData:
		keep := min(length, max(0, clampSize(a.d.Raw.Size())-logical))
		a.claim(kind, start, keep, logical, g, a.d.Number)
		a.claim(Slack, start+keep, length-keep, logical+keep, g, a.d.Number)
	default:
		a.claim(kind, start, length, logical, g, a.d.Number)
	}
}

// settle sorts claims and cuts those that overlap: the one that starts first
// keeps the bytes.
func (a *accountant) settle(c []Region) []Region {
	slices.SortStableFunc(c, func(x, y Region) int {
		if n := cmp.Compare(x.Start, y.Start); n != 0 {
			return n
		}
		return cmp.Compare(x.Structure, y.Structure)
	})
	out := c[:0]
	end := int64(0)
	for _, r := range c {
		if r.Start < end {
			prev := &out[len(out)-1]
			// An attribute block may be shared by inodes.
			if r.Structure != XattrBlock || prev.Structure != XattrBlock || prev.Start != r.Start {
				a.overlap(r, *prev)
			}
			if r = cutFront(r, end); r.Length <= 0 {
				continue
			}
		}
		out = append(out, r)
		end = r.End()
	}
	return out
}

func cutFront(r Region, at int64) Region {
	if d := at - r.Start; d > 0 {
		r.Start, r.Length, r.Logical = at, r.Length-d, r.Logical+d
	}
	return r
}

func (a *accountant) overlap(r, by Region) {
	at := [2]int64{r.Start / a.fs.blockSize, int64(r.Inode)}
	if a.told == at {
		return // of the same block, a file's end was told already
	}
	a.told = at
	who := func(r Region) string {
		if r.Inode != 0 {
			return r.Structure.String() + " of inode " + utoa(r.Inode)
		}
		return r.Structure.String() + " of group " + utoa(r.Group)
	}
	a.ps.add(r.Start, "%s and %s claim the same block %d", who(by), who(r), r.Start/a.fs.blockSize)
}

// merge cuts files by what is fixed, and puts both into one list.
func (a *accountant) merge(fixed, files []Region) []Region {
	out := make([]Region, 0, len(fixed)+len(files))
	i := 0
	for _, f := range files {
		for f.Length > 0 {
			for i < len(fixed) && fixed[i].End() <= f.Start {
				out = append(out, fixed[i])
				i++
			}
			if i == len(fixed) || fixed[i].Start >= f.End() {
				out = append(out, f)
				break
			}
			a.overlap(f, fixed[i])
			if head := fixed[i].Start - f.Start; head > 0 {
				part := f
				part.Length = head
				out = append(out, part)
			}
			f = cutFront(f, fixed[i].End())
		}
	}
	return append(out, fixed[i:]...)
}

// fill puts free space and lost blocks between the regions, adds the tail,
// and cuts everything to the bytes that are there.
func (a *accountant) fill(in []Region) []Region {
	fs := a.fs
	out := make([]Region, 0, len(in)+len(in)/8+64)
	var b bitmapReader
	b.fs, b.ps, b.group = fs, &a.ps, -1
	end := min(int64(fs.blocks)*fs.blockSize, fs.size)
	at := int64(0)
	var prev Region
	for i := 0; i <= len(in); i++ {
		next := Region{Start: end}
		if i < len(in) {
			next = in[i]
		}
		if next.Start > end {
			next.Start, next.Length = end, 0
		}
		if next.Start > at {
			out = b.gap(out, at, next.Start, prev, next)
		}
		if next.Length = min(next.Length, end-next.Start); next.Length > 0 {
			out = append(out, next)
		}
		at = max(at, next.End())
		prev = next
	}
	if end < fs.size {
		out = append(out, Region{Start: end, Length: fs.size - end, Structure: Tail})
	}
	return out
}

// bitmapReader tells gaps into free and lost, with one bitmap in memory.
type bitmapReader struct {
	fs     *FS
	ps     *problems
	group  int64 // whose bitmap is held
	bitmap []byte
	known  bool // false: nothing is in use
}

// gap appends the regions between byte at and byte end, which prev and next
// enclose.
func (b *bitmapReader) gap(out []Region, at, end int64, prev, next Region) []Region {
	fs := b.fs
	cluster := fs.sb.ClusterSize()
	base := int64(fs.sb.FirstDataBlock) * fs.blockSize
	for at < end {
		if at < base {
			// Only a volume whose primary superblock is elsewhere has this.
			n := min(end, base) - at
			out = add(out, Region{Start: at, Length: n, Structure: Padding})
			at += n
			continue
		}
		g := fs.groupOf(uint64(at / fs.blockSize))
		first := int64(fs.GroupFirstBlock(g)) * fs.blockSize
		b.load(g)
		bit := uint64((at - first) / cluster)
		last := (uint64(min(end, first+int64(fs.GroupBlocks(g))*fs.blockSize)-first) + uint64(cluster) - 1) / uint64(cluster)
		used, n := b.stretch(bit, last)
		stop := min(end, first+int64(bit+n)*cluster)
		r := Region{Start: at, Length: stop - at, Group: g, Structure: FreeSpace}
		if used {
			r.Structure = LostBlock
			if cluster > fs.blockSize {
				// The rest of a cluster of which a file uses a part.
				head := first + int64(bit)*cluster
				tail := (end-first)%cluster != 0 && stop == end
				switch {
				case at > head && prev.Length > 0:
					r.Length = min(stop, head+cluster) - at
					r.Structure, r.Inode = rest(prev), prev.Inode
				case tail && n == 1 && next.Length > 0:
					r.Structure, r.Inode = rest(next), next.Inode
				case tail && n > 1:
					r.Length = first + int64(bit+n-1)*cluster - at
				}
			}
		}
		out = add(out, r)
		at += r.Length
	}
	return out
}

// rest is what the unused part of a cluster is, of which owner uses a part.
func rest(owner Region) Structure {
	if owner.Inode == 0 {
		return Padding
	}
	return Slack
}

// add appends r, or grows the last region where r continues it.
func add(out []Region, r Region) []Region {
	if len(out) > 0 {
		p := &out[len(out)-1]
		if p.End() == r.Start && p.Structure == r.Structure && p.Structure == FreeSpace {
			p.Length += r.Length
			return out
		}
	}
	return append(out, r)
}

func (b *bitmapReader) load(g uint32) {
	if b.group == int64(g) {
		return
	}
	bitmap, known, err := b.fs.BlockBitmap(g)
	if err != nil {
		b.ps.add(b.fs.GroupOffset(g), "%s", text(err))
		known = false
	}
	b.group, b.bitmap, b.known = int64(g), bitmap, known
}

// stretch is whether bit is set, and how many bits from it on, below last,
// are the same.
func (b *bitmapReader) stretch(bit, last uint64) (used bool, n uint64) {
	if !b.known || bit >= uint64(len(b.bitmap))*8 {
		return false, max(1, last-bit)
	}
	used = b.bitmap[bit/8]>>(bit%8)&1 != 0
	flip := byte(0)
	if used {
		flip = 0xff
	}
	i := bit
	for i < last && i < uint64(len(b.bitmap))*8 {
		if i%64 == 0 && i+64 <= last && i/8+8 <= uint64(len(b.bitmap)) {
			w := le.Uint64(b.bitmap[i/8:])
			if used {
				w = ^w
			}
			if w == 0 {
				i += 64
				continue
			}
			i += uint64(bits.TrailingZeros64(w))
			break
		}
		if (b.bitmap[i/8]^flip)>>(i%8)&1 != 0 {
			break
		}
		i++
	}
	return used, max(1, i-bit)
}

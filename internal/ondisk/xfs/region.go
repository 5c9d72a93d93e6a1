package xfs

import (
	"context"

	"github.com/reprodisk/reprodisk/internal/regions"
)

// Kind is what a region is for.
type Kind uint8

const (
	Unclaimed   Kind = iota // nothing says what it is for
	Super                   // a sector of a superblock
	GroupFree               // AGF
	GroupInodes             // AGI
	FreeList                // AGFL
	Padding                 // behind those, up to the end of their block; and behind the last block
	TreeBlock               // a block of one of a group's trees
	InodeTable              // inodes, a whole number of them
	ExtentTree              // a block of an inode's tree of extents
	DirBlock                // of a directory: entries or their index
	AttrBlock               // attributes, their index, or a value
	TargetBlock             // a symbolic link's target
	Data                    // what a file holds
	Slack                   // behind a file's end
	Unwritten               // allocated for a file, which has a hole there
	Log
	Free     // of no use now
	Reserved // free, kept for a group's trees
)

// Region is a run of bytes with one purpose.
type Region struct {
	Start, End int64
	Kind       Kind
	Group      uint32
	Tree       string // of a tree's block: "bnobt", …
	Ino        uint64 // whose it is; of inodes: the first of them
	Off        int64  // of a fork: bytes from its beginning at Start
}

// maxRegions bounds the memory of an account. A sound filesystem has one for
// each piece of a file, and for each 64 inodes.
const maxRegions = 16 << 20

// account is an account under way.
type account struct {
	ctx      context.Context
	fs       *FS
	regions  []Region
	problems []*Error
	broken   error // of reading
	full     bool  // regions are left out
}

// Regions tells what each byte of the filesystem is for, in order and without
// gap or overlap up to the end of the image. What could not be read is among
// the problems, and its bytes are unclaimed. An error is one of reading, or that
// ctx has ended.
func (fs *FS) Regions(ctx context.Context) (regions []Region, problems []*Error, err error) {
	a := &account{ctx: ctx, fs: fs}
	for ag := range fs.SB.AGCount {
		a.group(ag)
		if a.broken != nil {
			return nil, nil, a.broken
		}
	}
	if at := fs.logPlace(); at >= 0 {
		a.add(Region{Start: at, End: at + int64(fs.SB.LogBlocks)<<fs.SB.BlockLog, Kind: Log})
	}
	a.add(Region{Start: fs.End(), End: fs.size, Kind: Padding})
	return a.arrange(), a.problems, a.broken
}

// logPlace is where the log is, in bytes; -1 where it is elsewhere.
func (fs *FS) logPlace() int64 {
	if fs.SB.LogStart == 0 {
		return -1
	}
	return fs.run(fs.SB.LogStart, uint64(fs.SB.LogBlocks))
}

func (a *account) add(r Region) {
	switch {
	case r.Start >= r.End:
	case len(a.regions) < maxRegions:
		a.regions = append(a.regions, r)
	case !a.full:
		a.full = true
		a.fail(wrong(r.Start, "more than %d pieces are not told apart", maxRegions))
	}
}

// fail keeps an error about the filesystem's bytes as a problem.
func (a *account) fail(err error) {
	const most = 32
	if err == nil {
		return
	}
	if p, ok := err.(*Error); !ok {
		a.broken = err
	} else if len(a.problems) < most {
		a.problems = append(a.problems, p)
	}
}

// group accounts for a group's headers, its trees, and its inodes.
func (a *account) group(ag uint32) {
	fs := a.fs
	start, sector := fs.groupBlock(ag, 0), int64(fs.SB.SectSize)
	for i, kind := range []Kind{Super, GroupFree, GroupInodes, FreeList} {
		a.add(Region{Start: start + int64(i)*sector, End: start + int64(i+1)*sector, Kind: kind, Group: ag})
	}
	heads := (4*sector + int64(fs.SB.BlockSize) - 1) >> fs.SB.BlockLog << fs.SB.BlockLog
	a.add(Region{Start: start + 4*sector, End: start + heads, Kind: Padding, Group: ag})
	b, err := fs.read(start+sector, 3*sector)
	if err != nil {
		a.fail(err)
		return
	}
	agf, agi := AGFLayout.Decode(b), AGILayout.Decode(b[sector:])
	if agf.Magic != agfMagic || agi.Magic != agiMagic {
		a.fail(wrong(start+sector, "this is no group's header"))
		return
	}
	a.freeList(ag, agf, b[2*sector:])
	a.tree(ag, bnobt, agf.BnoRoot, agf.BnoLevel, func(rec []byte) {
		first, n := be.Uint32(rec), be.Uint32(rec[4:])
		if uint64(first)+uint64(n) <= uint64(fs.groupBlocks(ag)) {
			a.add(Region{Start: fs.groupBlock(ag, first), End: fs.groupBlock(ag, first) + int64(n)<<fs.SB.BlockLog, Kind: Free, Group: ag})
		}
	})
	a.tree(ag, cntbt, agf.CntRoot, agf.CntLevel, nil)
	if fs.SB.ROCompat&roRmapbt != 0 {
		a.tree(ag, rmapbt, agf.RmapRoot, agf.RmapLevel, nil)
	}
	if fs.SB.ROCompat&roReflink != 0 {
		a.tree(ag, refcount, agf.RefcountRoot, agf.RefcountLevel, nil)
	}
	if fs.SB.ROCompat&roFinobt != 0 {
		a.tree(ag, finobt, agi.FreeRoot, agi.FreeLevel, nil)
	}
	left := int64(fs.groupBlocks(ag))*int64(fs.SB.InoPBlock)/chunkInodes + 1
	a.tree(ag, inobt, agi.Root, agi.Level, func(rec []byte) {
		if a.broken == nil {
			a.broken = a.ctx.Err()
		}
		if left--; left >= 0 && a.broken == nil {
			a.chunk(ag, rec)
		}
	})
}

// freeList accounts for the blocks that are kept for a group's trees.
func (a *account) freeList(ag uint32, agf AGF, sector []byte) {
	list := sector[AGFLLayout.Size():]
	n := uint32(len(list) / 4)
	for i := uint32(0); i < min(agf.FLCount, n); i++ {
		block := be.Uint32(list[(agf.FLFirst%n+i)%n*4:])
		if block < a.fs.groupBlocks(ag) {
			at := a.fs.groupBlock(ag, block)
			a.add(Region{Start: at, End: at + int64(a.fs.SB.BlockSize), Kind: Reserved, Group: ag})
		}
	}
}

// tree accounts for a group's tree, and hands on its records.
func (a *account) tree(ag uint32, t agTree, root, levels uint32, record func([]byte)) {
	if levels == 0 || levels > maxLevels {
		a.fail(wrong(a.fs.groupBlock(ag, 0), "the %s of group %d has %d levels", t.name, ag, levels))
		return
	}
	w := &treeWalk{a: a, ag: ag, t: t, met: map[uint32]bool{}, record: record}
	a.fail(w.block(root, uint16(levels-1)))
}

// treeWalk is a walk over a group's tree.
type treeWalk struct {
	a      *account
	ag     uint32
	t      agTree
	met    map[uint32]bool
	record func([]byte)
}

func (w *treeWalk) block(n uint32, level uint16) error {
	fs := w.a.fs
	if n >= fs.groupBlocks(w.ag) || w.met[n] {
		return wrong(fs.groupBlock(w.ag, 0), "the %s of group %d leads nowhere", w.t.name, w.ag)
	}
	w.met[n] = true
	at := fs.groupBlock(w.ag, n)
	b, err := fs.read(at, int64(fs.SB.BlockSize))
	if err != nil {
		return err
	}
	header := shortLayout.Size()
	count := int(be.Uint16(b[6:]))
	if be.Uint32(b) != w.t.magic || be.Uint16(b[4:]) != level || count > w.t.most(len(b), level) {
		return wrong(at, "this is no block of a %s", w.t.name)
	}
	w.a.add(Region{Start: at, End: at + int64(len(b)), Kind: TreeBlock, Group: w.ag, Tree: w.t.name})
	for i := range count {
		if level == 0 {
			if w.record != nil {
				w.record(b[header+i*w.t.record:][:w.t.record])
			}
			continue
		}
		if err := w.block(be.Uint32(b[header+w.t.most(len(b), level)*w.t.key+4*i:]), level-1); err != nil {
			return err
		}
	}
	return nil
}

// most is how many records or pointers a block has room for.
func (t agTree) most(size int, level uint16) int {
	size -= shortLayout.Size()
	if level == 0 {
		return size / t.record
	}
	return size / (t.key + 4)
}

const chunkInodes = 64 // XFS_INODES_PER_CHUNK

// chunk accounts for the inodes of a record of the inode tree, and what is
// theirs.
func (a *account) chunk(ag uint32, rec []byte) {
	fs := a.fs
	first := be.Uint32(rec)
	holes := uint16(0)
	if fs.SB.Incompat&incompatSparse != 0 {
		holes = be.Uint16(rec[4:])
	}
	free := be.Uint64(rec[8:])
	base := uint64(ag)<<(fs.SB.AGBlkLog+fs.SB.InoPBLog) | uint64(first)
	for i := 0; i < chunkInodes; i += 4 {
		if holes>>(i/4)&1 == 1 {
			continue
		}
		at := fs.place(base + uint64(i))
		if at < 0 {
			a.fail(wrong(fs.groupBlock(ag, 0), "inodes at %d of group %d are outside", first, ag))
			return
		}
		length := int64(4) << fs.SB.InodeLog
		if last := len(a.regions) - 1; last >= 0 && a.regions[last].Kind == InodeTable && a.regions[last].End == at {
			a.regions[last].End += length
		} else {
			a.add(Region{Start: at, End: at + length, Kind: InodeTable, Group: ag, Ino: base + uint64(i)})
		}
	}
	// Their own regions come behind, so that those of a chunk stay together.
	for i := 0; i < chunkInodes && a.broken == nil; i += 4 {
		if holes>>(i/4)&1 == 1 || free>>i&0xF == 0xF {
			continue
		}
		at := fs.place(base + uint64(i))
		b, err := fs.read(at, int64(4)<<fs.SB.InodeLog)
		if err != nil {
			a.fail(err)
			return
		}
		for j := range 4 {
			if free>>(i+j)&1 == 1 {
				continue
			}
			in := decodeInode(base+uint64(i+j), at+int64(j)<<fs.SB.InodeLog, b[j<<fs.SB.InodeLog:][:fs.SB.InodeSize])
			if !in.sound() {
				a.fail(wrong(in.Offset, "this is not inode %d", in.Ino))
				continue
			}
			a.inode(in)
		}
	}
}

// arrange puts the regions in order, and fills the gaps. Files may share their
// blocks.
func (a *account) arrange() []Region {
	all := regions.Arrange(a.regions, Region.bounds, func(x, y Region) int { return int(x.Kind) - int(y.Kind) },
		func(r Region, at int64) (Region, bool) { return r.cut(at, a.fs.SB.InodeLog) })
	out := make([]Region, 0, len(all)+len(all)/8)
	var end int64
	for _, r := range all {
		if r.Start > end {
			out = append(out, Region{Start: end, End: r.Start, Kind: Unclaimed, Group: a.fs.groupAt(end)})
		}
		out = append(out, r)
		end = r.End
	}
	if end < a.fs.size {
		out = append(out, Region{Start: end, End: a.fs.size, Kind: Unclaimed, Group: a.fs.groupAt(end)})
	}
	return out
}

func (r Region) bounds() (start, end int64) { return r.Start, r.End }

// cut takes off what lies before at. Of inodes whole ones are left: at is where
// one begins, unless the region before is cut short itself.
func (r Region) cut(at int64, inodeLog uint8) (Region, bool) {
	if r.Kind != InodeTable {
		r.Off += at - r.Start
		r.Start = at
		return r, true
	}
	n := (at - r.Start + 1<<inodeLog - 1) >> inodeLog
	r.Ino += uint64(n)
	r.Start += n << inodeLog
	return r, r.Start < r.End
}

func (fs *FS) groupAt(off int64) uint32 {
	return uint32(min(uint64(off)>>fs.SB.BlockLog/uint64(fs.SB.AGBlocks), uint64(fs.SB.AGCount-1)))
}

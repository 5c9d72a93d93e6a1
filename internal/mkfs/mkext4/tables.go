package mkext4

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

// Features of the filesystem, as mke2fs.conf of Debian's e2fsprogs 1.47 has
// them for ext4.
const (
	featureCompat   = ext4.CompatExtAttr | ext4.CompatResizeInode | ext4.CompatDirIndex
	featureIncompat = ext4.IncompatFiletype | ext4.IncompatExtents | ext4.Incompat64bit | ext4.IncompatFlexBg
	featureRoCompat = ext4.RoCompatSparseSuper | ext4.RoCompatLargeFile | ext4.RoCompatHugeFile |
		ext4.RoCompatDirNlink | ext4.RoCompatExtraIsize | ext4.RoCompatMetadataCsum
)

// writeTables writes the bitmaps of the groups that are in use, then the
// descriptors and superblocks with all their copies. Untouched groups are
// marked as not initialised, and their bitmaps stay holes.
func (w *writer) writeTables() error {
	descs := make([]byte, w.descBlocks*blockSize)
	free := freeByGroup(w.shape, w.space.free)
	before := freeByGroup(w.shape, w.free)
	rest := w.space.free
	for g := range w.groups {
		d := ext4.GroupDesc{Flags: ext4.BgInodeZeroed}
		d.BlockBitmapLo, d.BlockBitmapHi = lohi(w.blockBitmap[g])
		d.InodeBitmapLo, d.InodeBitmapHi = lohi(w.inodeBitmap[g])
		d.InodeTableLo, d.InodeTableHi = lohi(w.inodeTable[g])
		d.FreeBlocksCountLo, d.FreeBlocksCountHi = lohi16(free[g])
		d.UsedDirsCountLo, d.UsedDirsCountHi = lohi16(uint64(w.dirs[g]))

		used := w.usedInodes(g)
		d.FreeInodesCountLo, d.FreeInodesCountHi = lohi16(w.inodesPerGroup - used)
		d.ItableUnusedLo, d.ItableUnusedHi = d.FreeInodesCountLo, d.FreeInodesCountHi
		if used == 0 {
			d.Flags |= ext4.BgInodeUninit
		} else {
			b := make([]byte, blockSize)
			setBits(b, 0, used)
			setBits(b, w.inodesPerGroup, blockSize*8)
			d.InodeBitmapCsumLo, d.InodeBitmapCsumHi = lohi16(uint64(ext4.BitmapChecksum(w.enc.seed, b[:w.inodesPerGroup/8])))
			if err := w.data.put(int64(w.inodeBitmap[g]*blockSize), b); err != nil {
				return err
			}
		}

		head := uint64(0)
		if hasBackup(g) {
			head = w.head()
		}
		// The kernel makes the bitmap of such a group itself, from the group's
		// own head. It never does so for the last one.
		untouched := free[g] == before[g] && before[g] == w.groupBlocks(g)-head && g != w.groups-1 && used == 0
		if untouched {
			d.Flags |= ext4.BgBlockUninit
		} else {
			b := blockBitmap(w.shape, g, rest)
			d.BlockBitmapCsumLo, d.BlockBitmapCsumHi = lohi16(uint64(ext4.BitmapChecksum(w.enc.seed, b[:w.blocksPerGroup/8])))
			if err := w.data.put(int64(w.blockBitmap[g]*blockSize), b); err != nil {
				return err
			}
		}
		for len(rest) > 0 && rest[0].end() <= (g+1)*w.blocksPerGroup {
			rest = rest[1:]
		}
		to := descs[g*descSize : (g+1)*descSize]
		ext4.GroupDescLayout.Put(to, &d)
		d.Checksum = ext4.GroupDescChecksum(w.enc.seed, uint32(g), to)
		ext4.GroupDescLayout.Put(to, &d)
	}
	for _, g := range w.backups() {
		at := int64(g * w.blocksPerGroup * blockSize)
		sb := w.superblock(g)
		first := at
		if g == 0 {
			first = ext4.SuperblockOffset
		}
		if err := w.data.put(first, sb); err != nil {
			return err
		}
		if err := w.data.put(at+blockSize, descs); err != nil {
			return err
		}
	}
	return nil
}

// usedInodes is the number of inodes in use of a group. They are always its
// first.
func (w *writer) usedInodes(group uint64) uint64 {
	first, last := group*w.inodesPerGroup, uint64(w.lastIno())
	if last <= first {
		return 0
	}
	return min(last-first, w.inodesPerGroup)
}

func (w *writer) freeBlocks() uint64 {
	var n uint64
	for _, r := range w.space.free {
		n += r.count
	}
	return n
}

// superblock is the copy of the superblock in a group.
func (w *writer) superblock(group uint64) []byte {
	o := w.opt
	s := ext4.Superblock{
		InodesCount:      uint32(w.inodes()),
		FreeInodesCount:  uint32(w.inodes() - uint64(w.lastIno())),
		LogBlockSize:     2, // 1024 << 2
		LogClusterSize:   2,
		BlocksPerGroup:   uint32(w.blocksPerGroup),
		ClustersPerGroup: uint32(w.blocksPerGroup),
		InodesPerGroup:   uint32(w.inodesPerGroup),
		MaxMntCount:      0xffff, // never check for the number of mounts
		Magic:            ext4.SuperMagic,
		State:            ext4.ValidFS,
		Errors:           o.Errors,
		CreatorOS:        ext4.OSLinux,
		RevLevel:         ext4.DynamicRev,
		FirstIno:         reservedInodes + 1,
		InodeSize:        inodeSize,
		BlockGroupNr:     uint16(group),
		FeatureCompat:    featureCompat,
		FeatureIncompat:  featureIncompat,
		FeatureRoCompat:  featureRoCompat,
		UUID:             o.UUID,
		HashSeed:         o.HashSeed,
		DefHashVersion:   uint8(o.HashAlg),
		DescSize:         descSize,
		DefaultMountOpts: *o.MountOptions,
		MinExtraIsize:    extraIsize,
		WantExtraIsize:   extraIsize,
		Flags:            ext4.FlagsSignedHash, // as on x86, where mke2fs is mostly run
		LogGroupsPerFlex: 4,                    // groupsPerFlex
		ChecksumType:     ext4.ChecksumTypeCRC32C,
		OverheadClusters: uint32(w.overhead()),

		ReservedGdtBlocks: uint16(w.reservedDescs),
	}
	copy(s.VolumeName[:], o.Label)
	s.BlocksCountLo, s.BlocksCountHi = lohi(w.blocks)
	s.RBlocksCountLo, s.RBlocksCountHi = lohi(w.reserved)
	free := w.freeBlocks()
	s.FreeBlocksCountLo, s.FreeBlocksCountHi = lohi(free)
	// What has been written is not what was sent to the target, which depends
	// on nothing but this program's buffers, but what is in use.
	s.KbytesWritten = (w.blocks - free) * blockSize / 1024
	s.MkfsTime, s.MkfsTimeHi = uint32(o.Epoch.Sec), uint8(o.Epoch.Sec>>32)
	s.Wtime, s.WtimeHi = s.MkfsTime, s.MkfsTimeHi
	if w.journal > 0 {
		s.FeatureCompat |= ext4.CompatHasJournal
		s.JournalInum = ext4.JournalIno
		s.JnlBackupType = ext4.JnlBackupBlocks
		for i := range 15 {
			s.JnlBlocks[i] = uint32(w.jnl.Block[4*i]) | uint32(w.jnl.Block[4*i+1])<<8 |
				uint32(w.jnl.Block[4*i+2])<<16 | uint32(w.jnl.Block[4*i+3])<<24
		}
		s.JnlBlocks[15], s.JnlBlocks[16] = w.jnl.SizeHigh, w.jnl.SizeLo
	}
	if group != 0 {
		s.State = 0 // a copy is never called clean: who falls back on it is to check
	}
	b := make([]byte, ext4.SuperblockSize)
	ext4.SuperblockLayout.Put(b, &s)
	s.Checksum = ext4.SuperblockChecksum(b)
	ext4.SuperblockLayout.Put(b, &s)
	return b
}

// freeByGroup counts free blocks by group.
func freeByGroup(s shape, free []run) []uint64 {
	out := make([]uint64, s.groups)
	for _, r := range free {
		for r.count > 0 {
			g := s.groupOf(r.start)
			k := min(r.count, (g+1)*s.blocksPerGroup-r.start)
			out[g] += k
			r.start += k
			r.count -= k
		}
	}
	return out
}

// blockBitmap is a group's bitmap: everything is in use but free, and what is
// behind the group's end counts as used. free starts with the first run that
// reaches into the group.
func blockBitmap(s shape, group uint64, free []run) []byte {
	b := make([]byte, blockSize)
	for i := range b {
		b[i] = 0xff
	}
	first := group * s.blocksPerGroup
	end := first + s.groupBlocks(group)
	for _, r := range free {
		if r.start >= end {
			break
		}
		clearBits(b, max(r.start, first)-first, min(r.end(), end)-first)
	}
	return b
}

func setBits(b []byte, from, to uint64) {
	for ; from < to && from%8 != 0; from++ {
		b[from/8] |= 1 << (from % 8)
	}
	for ; from+8 <= to; from += 8 {
		b[from/8] = 0xff
	}
	for ; from < to; from++ {
		b[from/8] |= 1 << (from % 8)
	}
}

func clearBits(b []byte, from, to uint64) {
	for ; from < to && from%8 != 0; from++ {
		b[from/8] &^= 1 << (from % 8)
	}
	for ; from+8 <= to; from += 8 {
		b[from/8] = 0
	}
	for ; from < to; from++ {
		b[from/8] &^= 1 << (from % 8)
	}
}

func lohi(v uint64) (lo, hi uint32)   { return uint32(v), uint32(v >> 32) }
func lohi16(v uint64) (lo, hi uint16) { return uint16(v), uint16(v >> 16) }

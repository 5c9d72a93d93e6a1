package ext4

// Group is the descriptor of block group g.
func (fs *FS) Group(g uint32) GroupDesc {
	return GroupDescLayout.Decode(fs.RawGroup(g)[:min(fs.descSize, GroupDescSize64)])
}

// RawGroup is the encoded descriptor of block group g. The caller must not
// change it.
func (fs *FS) RawGroup(g uint32) []byte {
	return fs.gdt[int(g)*fs.descSize : (int(g)+1)*fs.descSize]
}

// GroupOffset is where the descriptor of block group g is stored, as a byte
// offset into the volume; backups are elsewhere.
func (fs *FS) GroupOffset(g uint32) int64 {
	per := uint32(fs.blockSize) / uint32(fs.descSize)
	return int64(fs.descBlock(int(g/per)))*fs.blockSize + int64(g%per)*int64(fs.descSize)
}

// GroupFirstBlock is the first block of group g.
func (fs *FS) GroupFirstBlock(g uint32) uint64 {
	return uint64(fs.sb.FirstDataBlock) + uint64(g)*fs.perGroup
}

// GroupBlocks is the number of blocks of group g; the last group may be short.
func (fs *FS) GroupBlocks(g uint32) uint64 {
	return min(fs.perGroup, fs.blocks-fs.GroupFirstBlock(g))
}

// groupOf is the group that block b belongs to.
func (fs *FS) groupOf(b uint64) uint32 {
	if b < uint64(fs.sb.FirstDataBlock) {
		return 0
	}
	return uint32(min((b-uint64(fs.sb.FirstDataBlock))/fs.perGroup, uint64(fs.groups-1)))
}

// hasUninit tells whether bg_flags' uninit bits and bg_itable_unused count.
func (fs *FS) hasUninit() bool {
	return fs.sb.HasRoCompat(RoCompatGdtCsum | RoCompatMetadataCsum)
}

// HasSuper tells whether group g starts with a superblock, the primary one or
// a backup.
func (fs *FS) HasSuper(g uint32) bool {
	switch {
	case g == 0:
		return true
	case fs.sb.HasCompat(CompatSparseSuper2):
		return g == fs.sb.BackupBgs[0] || g == fs.sb.BackupBgs[1]
	case g == 1 || !fs.sb.HasRoCompat(RoCompatSparseSuper):
		return true
	}
	return powerOf(g, 3) || powerOf(g, 5) || powerOf(g, 7)
}

func powerOf(n, base uint32) bool {
	for n > 1 && n%base == 0 {
		n /= base
	}
	return n == 1
}

// gdtBlocks is the number of blocks that all group descriptors take.
func (fs *FS) gdtBlocks() int {
	per := int(fs.blockSize) / fs.descSize
	return (int(fs.groups) + per - 1) / per
}

// isMetaBg tells whether descriptor block n is kept with the groups that it
// describes (meta_bg), not behind the superblock.
func (fs *FS) isMetaBg(n int) bool {
	return fs.sb.HasIncompat(IncompatMetaBg) && uint32(n) >= fs.sb.FirstMetaBg
}

// superBlock is the block that holds the primary superblock.
func (fs *FS) superBlock() uint64 { return uint64(SuperblockOffset / fs.blockSize) }

// descBlock is the primary place of descriptor block n.
func (fs *FS) descBlock(n int) uint64 {
	if !fs.isMetaBg(n) {
		return fs.superBlock() + 1 + uint64(n)
	}
	return fs.metaDescBlock(uint32(n * (int(fs.blockSize) / fs.descSize)))
}

// metaDescBlock is where group g keeps a meta_bg descriptor block.
func (fs *FS) metaDescBlock(g uint32) uint64 {
	b := fs.GroupFirstBlock(g)
	if fs.HasSuper(g) {
		b++
	}
	if g == 0 && fs.blockSize == 1024 && fs.sb.FirstDataBlock == 0 {
		b++ // the superblock is in block 1 although the group starts at block 0
	}
	return b
}

// itableBlocks is the number of blocks of a group's inode table.
func (fs *FS) itableBlocks() uint64 {
	return (uint64(fs.sb.InodesPerGroup)*uint64(fs.inodeSize) + uint64(fs.blockSize) - 1) / uint64(fs.blockSize)
}

// BlockBitmap reads group g's block bitmap: a bit a cluster, as many bytes as
// count for its checksum. Where the group's bitmap is not initialised, ok is
// false: nothing but the group's own structures is in use.
func (fs *FS) BlockBitmap(g uint32) (bitmap []byte, ok bool, err error) {
	d := fs.Group(g)
	if fs.hasUninit() && d.Flags&BgBlockUninit != 0 {
		return nil, false, nil
	}
	bitmap = make([]byte, (fs.clustersPerGroup()+7)/8)
	return bitmap, true, fs.readBitmap(bitmap, d.BlockBitmap(), "block bitmap", g)
}

// InodeBitmap reads group g's inode bitmap; it is like BlockBitmap.
func (fs *FS) InodeBitmap(g uint32) (bitmap []byte, ok bool, err error) {
	d := fs.Group(g)
	if fs.hasUninit() && d.Flags&BgInodeUninit != 0 {
		return nil, false, nil
	}
	bitmap = make([]byte, (fs.sb.InodesPerGroup+7)/8)
	return bitmap, true, fs.readBitmap(bitmap, d.InodeBitmap(), "inode bitmap", g)
}

func (fs *FS) readBitmap(b []byte, block uint64, what string, g uint32) error {
	if !fs.validBlock(block, 1) {
		return problemf(fs.GroupOffset(g), "%s of group %d is at block %d of %d", what, g, block, fs.blocks)
	}
	return fs.readAt(b, int64(block)*fs.blockSize)
}

// clusterBlocks is the number of blocks that one bit of a block bitmap covers.
func (fs *FS) clusterBlocks() uint64 { return uint64(fs.sb.ClusterSize() / fs.blockSize) }

func (fs *FS) clustersPerGroup() uint64 { return fs.perGroup / fs.clusterBlocks() }

package ext4

// Check is a stored checksum beside the one that the content gives.
type Check struct {
	Stored, Computed uint32
	Present          bool // false: the structure has no checksum
}

// OK tells whether the stored checksum is right, or there is none.
func (c Check) OK() bool { return !c.Present || c.Stored == c.Computed }

func (fs *FS) hasCsum() bool { return fs.sb.HasRoCompat(RoCompatMetadataCsum) }

// CheckSuperblock checks an encoded superblock, the primary or a backup.
func (fs *FS) CheckSuperblock(raw []byte) Check {
	if !fs.hasCsum() || len(raw) < SuperblockSize {
		return Check{}
	}
	return Check{le.Uint32(raw[offSbChecksum:]), SuperblockChecksum(raw), true}
}

// CheckGroup checks the encoded descriptor of group g.
func (fs *FS) CheckGroup(g uint32, raw []byte) Check {
	if len(raw) < fs.descSize || !fs.hasUninit() {
		return Check{}
	}
	raw = raw[:fs.descSize]
	stored := uint32(le.Uint16(raw[offBgChecksum:]))
	if fs.hasCsum() {
		return Check{stored, uint32(GroupDescChecksum(fs.seed, g, raw)), true}
	}
	return Check{stored, uint32(GroupDescChecksum16(fs.sb.UUID, g, raw)), true}
}

// CheckInode checks an inode.
func (fs *FS) CheckInode(d DiskInode) Check {
	if !fs.hasCsum() {
		return Check{}
	}
	got := InodeChecksum(fs.inodeSeed(d), d.Raw)
	stored := uint32(le.Uint16(d.Raw[offCsumLo:]))
	if InodeHasChecksumHi(d.Raw) {
		stored |= uint32(le.Uint16(d.Raw[offCsumHi:])) << 16
	} else {
		got &= 0xffff
	}
	return Check{stored, got, true}
}

func (fs *FS) inodeSeed(d DiskInode) uint32 {
	return InodeSeed(fs.seed, d.Number, d.Raw.Generation())
}

// CheckBlockBitmap checks a group's block bitmap, as BlockBitmap reads it.
func (fs *FS) CheckBlockBitmap(g uint32, bitmap []byte) Check {
	d := fs.Group(g)
	return fs.checkBitmap(d.BlockBitmapCsum(), bitmap)
}

// CheckInodeBitmap checks a group's inode bitmap, as InodeBitmap reads it.
func (fs *FS) CheckInodeBitmap(g uint32, bitmap []byte) Check {
	d := fs.Group(g)
	return fs.checkBitmap(d.InodeBitmapCsum(), bitmap)
}

func (fs *FS) checkBitmap(stored uint32, bitmap []byte) Check {
	if !fs.hasCsum() {
		return Check{}
	}
	got := BitmapChecksum(fs.seed, bitmap)
	if fs.descSize < GroupDescSize64 {
		got &= 0xffff
	}
	return Check{stored, got, true}
}

// CheckDirBlock checks a block of directory d, its logical block number given.
func (fs *FS) CheckDirBlock(d DiskInode, logical uint64, block []byte) Check {
	if !fs.hasCsum() {
		return Check{}
	}
	if hasDirTail(block) {
		return Check{le.Uint32(block[len(block)-4:]), DirBlockChecksum(fs.inodeSeed(d), block), true}
	}
	if x, ok := fs.dxBlock(d, logical, block); ok {
		tail := x.off + x.limit*DxEntrySize
		if tail+DxTailSize <= len(block) {
			return Check{le.Uint32(block[tail+4:]), DxChecksum(fs.inodeSeed(d), block, x.off, x.count, x.limit), true}
		}
	}
	return Check{}
}

// hasDirTail tells whether a directory block ends in a DirEntryTail. Its bytes
// alone are no proof: the kernel leaves them behind when it turns a linear
// block into the root of an index. An entry must end where the tail starts.
func hasDirTail(block []byte) bool {
	end := len(block) - DirTailSize
	if end < 0 {
		return false
	}
	t := block[end:]
	if le.Uint32(t) != 0 || le.Uint16(t[4:]) != DirTailSize || t[6] != 0 || t[7] != FtDirCsum {
		return false
	}
	pos := 0
	for pos < end {
		rec := DecodeRecLen(le.Uint16(block[pos+4:]), len(block))
		if rec < DirEntryHeaderSize || rec%4 != 0 {
			return false
		}
		pos += rec
	}
	return pos == end
}

// dx is where a block of a hashed directory's index has its entries.
type dx struct {
	off          int // of the DxCountLimit
	limit, count int
}

// dxBlock tells whether a directory block belongs to the index.
func (fs *FS) dxBlock(d DiskInode, logical uint64, b []byte) (dx, bool) {
	if d.Raw.Flags()&InodeIndex == 0 || len(b) < DxRootSize+DxEntrySize {
		return dx{}, false
	}
	var x dx
	rec := DecodeRecLen(le.Uint16(b[4:]), len(b))
	switch {
	case logical == 0:
		if rec != 12 || DecodeRecLen(le.Uint16(b[16:]), len(b)) != len(b)-12 || le.Uint32(b[24:]) != 0 {
			return dx{}, false
		}
		x.off = 24 + int(b[29]) // info_length
	case le.Uint32(b) == 0 && rec == len(b):
		x.off = DxNodeSize
	default:
		return dx{}, false
	}
	if x.off+DxEntrySize > len(b) {
		return dx{}, false
	}
	x.limit, x.count = int(le.Uint16(b[x.off:])), int(le.Uint16(b[x.off+2:]))
	room := (len(b) - x.off) / DxEntrySize
	if x.count == 0 || x.count > x.limit || x.limit > room || x.limit < room-1 {
		return dx{}, false
	}
	return x, true
}

// CheckExtentBlock checks a block of d's extent tree.
func (fs *FS) CheckExtentBlock(d DiskInode, block []byte) Check {
	if !fs.hasCsum() || le.Uint16(block) != ExtentMagic {
		return Check{}
	}
	most := int(le.Uint16(block[4:]))
	at := ExtentTailOffset(most)
	if at+4 > len(block) {
		return Check{}
	}
	return Check{le.Uint32(block[at:]), ExtentBlockChecksum(fs.inodeSeed(d), block, most), true}
}

// CheckXattrBlock checks the attribute block with that block number.
func (fs *FS) CheckXattrBlock(blocknr uint64, block []byte) Check {
	if !fs.hasCsum() {
		return Check{}
	}
	return Check{le.Uint32(block[offXhChecksum:]), XattrBlockChecksum(fs.seed, blocknr, block), true}
}

// CheckMMP checks the encoded MMP structure.
func (fs *FS) CheckMMP(raw []byte) Check {
	if !fs.hasCsum() || len(raw) < MMPLayout.Size() {
		return Check{}
	}
	return Check{le.Uint32(raw[offMmpChecksum:]), MMPChecksum(fs.seed, raw), true}
}

// CheckOrphanBlock checks a block of the orphan file d.
func (fs *FS) CheckOrphanBlock(d DiskInode, blocknr uint64, block []byte) Check {
	if !fs.hasCsum() {
		return Check{}
	}
	return Check{le.Uint32(block[len(block)-4:]), OrphanBlockChecksum(fs.inodeSeed(d), blocknr, block), true}
}

// CheckJournalSuperblock checks an encoded journal superblock.
func CheckJournalSuperblock(raw []byte) Check {
	if len(raw) < JournalSuperblockSize {
		return Check{}
	}
	s := JournalSuperblockLayout.Decode(raw)
	if s.Header.Magic != JournalMagic || s.Header.Blocktype != JournalSuperblockV2 ||
		s.FeatureIncompat&(JournalIncompatCsumV2|JournalIncompatCsumV3) == 0 {
		return Check{}
	}
	return Check{s.Checksum, JournalSuperblockChecksum(raw), true}
}

// ChecksumSeed is what the volume's metadata checksums start from.
func (fs *FS) ChecksumSeed() uint32 { return fs.seed }

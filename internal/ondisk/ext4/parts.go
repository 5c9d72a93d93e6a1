package ext4

import (
	"slices"
	"strconv"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Part is a named byte range of a structure. Its Offset counts from the
// structure's first byte.
type Part struct {
	field.Field
	Of string // the directory entry, attribute or number of the item that the part belongs to
}

// Unit is the structure of region r that holds byte off of the volume, as a
// region of its own: one inode of a table (Inode is its number), one group
// descriptor (Group is the group that it describes), one block of a
// directory, an extent tree or a journal. Regions without structure are
// returned whole.
func (fs *FS) Unit(r Region, off int64) Region {
	var size int64
	switch r.Structure {
	case InodeTable:
		size = int64(fs.inodeSize)
	case PrimaryDescriptors, BackupDescriptors:
		size = int64(fs.descSize)
	case DirectoryBlocks, ExtentTree, IndirectBlock, XattrBlock, Journal, OrphanFile, BlockBitmap, InodeBitmap:
		size = fs.blockSize
	default:
		return r
	}
	in := (r.Logical + off - r.Start) / size * size // the unit's start, as Logical counts
	if r.Structure == ExtentTree || r.Structure == IndirectBlock {
		in = r.Logical
	}
	u := r
	u.Start, u.Length = r.Start+in-r.Logical, size
	u.Logical = in
	if cut := r.Start - u.Start; cut > 0 {
		u.Start, u.Length, u.Logical = r.Start, u.Length-cut, r.Logical
	}
	u.Length = min(u.Length, r.End()-u.Start)
	switch r.Structure {
	case InodeTable:
		u.Inode = r.Group*fs.sb.InodesPerGroup + uint32(in/size) + 1
	case PrimaryDescriptors, BackupDescriptors:
		u.Group = uint32(in / size)
	}
	return u
}

// Parts appends the named ranges of a unit, whose bytes are b, to dst. They
// are in ascending order and cover b without gap or overlap. What a structure
// does not use is named "unused".
func (fs *FS) Parts(dst []Part, u Region, b []byte) []Part {
	n := len(dst)
	switch u.Structure {
	case PrimarySuperblock, BackupSuperblock:
		dst = layoutParts(dst, SuperblockLayout.Fields(), 0, "")
	case PrimaryDescriptors, BackupDescriptors:
		dst = layoutParts(dst, GroupDescLayout.Fields(), 0, "")
	case InodeTable:
		if len(b) == fs.inodeSize {
			dst = inodeParts(dst, u.Inode, b)
		}
	case DirectoryBlocks:
		dst = fs.dirParts(dst, u, b)
	case ExtentTree:
		dst = extentParts(dst, b)
	case XattrBlock:
		if len(b) > XattrHeaderSize {
			dst = layoutParts(dst, XattrHeaderLayout.Fields(), 0, "")
			dst = xattrParts(dst, b, 0, XattrHeaderSize, 0)
		}
	case BlockBitmap:
		dst = append(dst, part("bitmap", 0, int((fs.clustersPerGroup()+7)/8), field.Bytes, ""))
	case InodeBitmap:
		dst = append(dst, part("bitmap", 0, int(fs.sb.InodesPerGroup+7)/8, field.Bytes, ""))
	case Journal:
		dst = fs.journalParts(dst, u, b)
	case MMPBlock:
		dst = layoutParts(dst, MMPLayout.Fields(), 0, "")
	case OrphanFile:
		if tail := len(b) - OrphanTailLayout.Size(); tail > 0 {
			dst = append(dst, part("inodes", 0, tail, field.Bytes, ""))
			dst = layoutParts(dst, OrphanTailLayout.Fields(), tail, "")
		}
	case IndirectBlock:
		dst = append(dst, part("blocks", 0, len(b), field.Bytes, ""))
	case Data, QuotaFile, EaInodeData:
		dst = append(dst, part("content", 0, len(b), field.Bytes, ""))
	case SymlinkData:
		dst = append(dst, part("target", 0, len(b), field.Bytes, ""))
	}
	return seal(dst, n, len(b))
}

func part(name string, off, length int, kind field.Kind, of string) Part {
	return Part{Field: field.Field{Name: name, Offset: off, Length: length, Kind: kind}, Of: of}
}

func layoutParts(dst []Part, fields []field.Field, off int, of string) []Part {
	for _, f := range fields {
		f.Offset += off
		dst = append(dst, Part{Field: f, Of: of})
	}
	return dst
}

// seal makes the parts from index n on cover length bytes without gap or
// overlap: hostile structures may overlap, and none names its unused bytes.
func seal(dst []Part, n, length int) []Part {
	added := dst[n:]
	byOffset := func(a, b Part) int { return a.Offset - b.Offset }
	if !slices.IsSortedFunc(added, byOffset) {
		slices.SortStableFunc(added, byOffset)
	}
	end, whole := 0, true
	for _, p := range added {
		if p.Offset != end || p.Length <= 0 || p.End() > length {
			whole = false
		}
		end = max(end, p.End())
	}
	if whole {
		if end < length {
			dst = append(dst, part("unused", end, length-end, field.Reserved, ""))
		}
		return dst
	}
	in := slices.Clone(added)
	dst, end = dst[:n], 0
	for _, p := range in {
		if cut := end - p.Offset; cut > 0 {
			p.Offset, p.Length = end, p.Length-cut
		}
		p.Length = min(p.Length, length-p.Offset)
		if p.Length <= 0 {
			continue
		}
		if p.Offset > end {
			dst = append(dst, part("unused", end, p.Offset-end, field.Reserved, ""))
		}
		dst = append(dst, p)
		end = p.End()
	}
	if end < length {
		dst = append(dst, part("unused", end, length-end, field.Reserved, ""))
	}
	return dst
}

// inodeParts names the parts of an inode. A symbolic link's target and a
// file's content that are kept in i_block are named so.
func inodeParts(dst []Part, number uint32, b []byte) []Part {
	d := DiskInode{Number: number, Raw: RawInode(b)}
	for _, f := range InodeLayout.Fields() {
		if !d.Raw.Holds(f) {
			break
		}
		if f.Offset != offBlock {
			dst = append(dst, Part{Field: f})
			continue
		}
		name, n := "", int(min(d.Raw.Size(), uint64(f.Length)))
		switch {
		case d.Raw.Type() == tree.Symlink && (d.fastSymlink() || d.Raw.Flags()&InodeInlineData != 0):
			name = "target"
		case d.Raw.Type() == tree.Regular && d.Raw.Flags()&InodeInlineData != 0:
			name = "content"
		default:
			dst = append(dst, Part{Field: f})
			continue
		}
		if n > 0 {
			dst = append(dst, part(name, f.Offset, n, field.Bytes, ""))
		}
		f.Offset, f.Length = f.Offset+n, f.Length-n
		if f.Length > 0 {
			dst = append(dst, Part{Field: f})
		}
	}
	if area, off := xattrArea(d.Raw); area != nil {
		dst = layoutParts(dst, XattrIbodyHeaderLayout.Fields(), off, "")
		dst = xattrParts(dst, area, off, XattrIbodyHeaderSize, XattrIbodyHeaderSize)
	}
	return dst
}

// xattrParts names the entries and values of an attribute area, which starts
// at offset off of its structure.
func xattrParts(dst []Part, area []byte, off, first, base int) []Part {
	entries, _ := xattrEntries(area, first, base)
	end := first
	for _, e := range entries {
		prefix, _ := XattrPrefix(e.index)
		name := prefix + string(e.name)
		dst = layoutParts(dst, XattrEntryLayout.Fields(), off+e.entry, name)
		dst = append(dst, part("e_name", off+e.entry+XattrEntrySize, len(e.name), field.Text, name))
		if len(e.value) > 0 {
			kind := "xattr:" + name
			if e.index == XattrIndexSystem && string(e.name) == "data" {
				kind = "content"
			}
			dst = append(dst, part(kind, off+e.start, len(e.value), field.Bytes, name))
		}
		end = e.entry + XattrEntryLen(len(e.name))
	}
	return append(dst, part("end of entries", off+end, 4, field.Reserved, ""))
}

func extentParts(dst []Part, b []byte) []Part {
	size := ExtentHeaderLayout.Size()
	if len(b) < size || le.Uint16(b) != ExtentMagic {
		return dst
	}
	dst = layoutParts(dst, ExtentHeaderLayout.Fields(), 0, "")
	h := ExtentHeaderLayout.Decode(b)
	fields := ExtentLayout.Fields()
	if h.Depth > 0 {
		fields = ExtentIdxLayout.Fields()
	}
	for i := range int(h.Entries) {
		at := size + i*ExtentLayout.Size()
		if at+ExtentLayout.Size() > len(b) {
			break
		}
		dst = layoutParts(dst, fields, at, strconv.Itoa(i))
	}
	if at := ExtentTailOffset(int(h.Max)); at+4 <= len(b) && h.Entries <= h.Max {
		dst = layoutParts(dst, ExtentTailLayout.Fields(), at, "")
	}
	return dst
}

func (fs *FS) dirParts(dst []Part, u Region, b []byte) []Part {
	if int64(len(b)) != fs.blockSize {
		return dst
	}
	d, err := fs.Inode(u.Inode)
	if err != nil {
		return dst
	}
	if x, ok := fs.dxBlock(d, uint64(u.Logical/fs.blockSize), b); ok && !hasDirTail(b) {
		return dxParts(dst, x, b)
	}
	end := len(b)
	tail := fs.hasCsum() && hasDirTail(b)
	if tail {
		end -= DirTailSize
	}
	for pos := 0; pos+DirEntryHeaderSize <= end; {
		rec := DecodeRecLen(le.Uint16(b[pos+4:]), len(b))
		n := int(b[pos+6])
		if rec < DirEntryHeaderSize || rec%4 != 0 || pos+rec > end {
			break
		}
		name := ""
		if le.Uint32(b[pos:]) != 0 && DirEntryHeaderSize+n <= rec {
			name = string(b[pos+DirEntryHeaderSize : pos+DirEntryHeaderSize+n])
		}
		dst = layoutParts(dst, DirEntryLayout.Fields(), pos, name)
		if name != "" {
			dst = append(dst, part("name", pos+DirEntryHeaderSize, n, field.Text, name))
		}
		pos += rec
	}
	if tail {
		dst = layoutParts(dst, DirEntryTailLayout.Fields(), end, "")
	}
	return dst
}

func dxParts(dst []Part, x dx, b []byte) []Part {
	if x.off == DxNodeSize {
		dst = layoutParts(dst, DxNodeLayout.Fields(), 0, "")
	} else {
		dst = layoutParts(dst, DxRootLayout.Fields(), 0, "")
	}
	dst = layoutParts(dst, DxCountLimitLayout.Fields(), x.off, "")
	fields := DxEntryLayout.Fields()
	for i := range x.count {
		f := fields
		if i == 0 {
			f = fields[1:] // the first entry's hash makes room for the counts
		}
		dst = layoutParts(dst, f, x.off+i*DxEntrySize, strconv.Itoa(i))
	}
	if tail := x.off + x.limit*DxEntrySize; tail+DxTailSize <= len(b) {
		dst = layoutParts(dst, DxTailLayout.Fields(), tail, "")
	}
	return dst
}

// journalParts names the parts of a block of the journal. Blocks without the
// journal's magic number are copies of filesystem blocks, or were never used.
func (fs *FS) journalParts(dst []Part, u Region, b []byte) []Part {
	if len(b) < JournalCommitLayout.Size() {
		return dst
	}
	h := JournalHeaderLayout.Decode(b)
	switch {
	case u.Logical == 0 && len(b) >= JournalSuperblockSize:
		return layoutParts(dst, JournalSuperblockLayout.Fields(), 0, "")
	case h.Magic != JournalMagic:
		return append(dst, part("logged block", 0, len(b), field.Bytes, ""))
	case h.Blocktype == JournalCommitBlock:
		return layoutParts(dst, JournalCommitLayout.Fields(), 0, "")
	case h.Blocktype == JournalRevokeBlock:
		r := JournalRevokeLayout.Decode(b)
		dst = layoutParts(dst, JournalRevokeLayout.Fields(), 0, "")
		end := int64(len(b))
		if fs.journalTags().tailed() {
			end -= int64(JournalBlockTailLayout.Size())
		}
		if n := int64(r.Count) - int64(JournalRevokeLayout.Size()); n > 0 && int64(r.Count) <= end {
			dst = append(dst, part("blocks", JournalRevokeLayout.Size(), int(n), field.Bytes, ""))
		}
		if end < int64(len(b)) {
			dst = layoutParts(dst, JournalBlockTailLayout.Fields(), int(end), "")
		}
		return dst
	case h.Blocktype == JournalDescriptorBlock:
		dst = layoutParts(dst, JournalHeaderLayout.Fields(), 0, "")
		return fs.journalTags().parts(dst, b)
	}
	return layoutParts(dst, JournalHeaderLayout.Fields(), 0, "")
}

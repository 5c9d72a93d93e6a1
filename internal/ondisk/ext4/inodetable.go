package ext4

import "io"

// DiskInode is an inode as read from its table.
type DiskInode struct {
	Number uint32
	Offset int64 // bytes from the volume's start
	Raw    RawInode
}

// Inode tables are read in chunks, of which some are kept: a walk goes back
// and forth between few tables. Chunks are never written to once they are
// filled, so that a RawInode stays valid.
const (
	tableChunkSize = 32 << 10 // bytes; the size of the largest inode at least
	tableSlots     = 256
)

type tableChunk struct {
	number int64 // of the chunk in the volume, plus one; 0: empty
	data   []byte
}

// InodeOffset is where inode n is stored, as a byte offset into the volume.
func (fs *FS) InodeOffset(n uint32) (int64, error) {
	if n == 0 || n > fs.inodes {
		return 0, problemf(fs.sbOffset, "inode %d: there are %d", n, fs.inodes)
	}
	g, i := (n-1)/fs.sb.InodesPerGroup, (n-1)%fs.sb.InodesPerGroup
	table := uint64(le.Uint32(fs.RawGroup(g)[offItableLo:]))
	if fs.descSize >= GroupDescSize64 {
		table |= uint64(le.Uint32(fs.RawGroup(g)[offItableHi:])) << 32
	}
	if !fs.validBlock(table, fs.itableBlocks()) {
		return 0, problemf(fs.GroupOffset(g), "inode table of group %d is at block %d of %d", g, table, fs.blocks)
	}
	return int64(table)*fs.blockSize + int64(i)*int64(fs.inodeSize), nil
}

var (
	offItableLo = mustOffset(GroupDescLayout.Named("bg_inode_table_lo"))
	offItableHi = mustOffset(GroupDescLayout.Named("bg_inode_table_hi"))
)

// Inode reads inode n. The caller must not change Raw.
func (fs *FS) Inode(n uint32) (DiskInode, error) {
	off, err := fs.InodeOffset(n)
	if err != nil {
		return DiskInode{}, err
	}
	size := int64(max(tableChunkSize, fs.inodeSize))
	number := off / size
	slot := &fs.table[number%tableSlots]
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if slot.number != number+1 {
		start := number * size
		if start >= fs.size {
			return DiskInode{}, problemf(off, "inode %d lies beyond the end at %d", n, fs.size)
		}
		data := make([]byte, min(size, fs.size-start))
		if err := fs.readAt(data, start); err != nil {
			return DiskInode{}, err
		}
		slot.number, slot.data = number+1, data
	}
	at := int(off % size)
	if at+fs.inodeSize > len(slot.data) {
		return DiskInode{}, problemf(off, "inode %d lies beyond the end at %d", n, fs.size)
	}
	return DiskInode{Number: n, Offset: off, Raw: RawInode(slot.data[at : at+fs.inodeSize : at+fs.inodeSize])}, nil
}

// eachInode calls visit for every inode that is in use: marked so in its
// bitmap, or having a link. Raw is valid during the call only.
func (fs *FS) eachInode(ps *problems, visit func(DiskInode)) {
	const chunk = 256 << 10
	buf := make([]byte, max(chunk, fs.inodeSize))
	for g := range fs.groups {
		bitmap, ok, err := fs.InodeBitmap(g)
		if err != nil {
			ps.add(fs.GroupOffset(g), "%s", text(err))
			bitmap = nil
		} else if !ok {
			continue
		}
		first := g*fs.sb.InodesPerGroup + 1
		if first > fs.inodes {
			break
		}
		count := min(fs.sb.InodesPerGroup, fs.inodes-first+1)
		if fs.hasUninit() {
			d := fs.Group(g)
			count -= min(count, d.ItableUnused())
		}
		if count == 0 {
			continue
		}
		off, err := fs.InodeOffset(first)
		if err != nil {
			ps.add(fs.GroupOffset(g), "%s", text(err))
			continue
		}
		for i := uint32(0); i < count; {
			n := min(count-i, uint32(len(buf)/fs.inodeSize))
			part := buf[:int(n)*fs.inodeSize]
			at := off + int64(i)*int64(fs.inodeSize)
			if err := fs.readAt(part, at); err != nil && !fs.readTo(part, at) {
				ps.add(at, "inodes %d to %d cannot be read: %s", first+i, first+i+n-1, text(err))
				break
			}
			for j := range n {
				raw := RawInode(part[int(j)*fs.inodeSize : int(j+1)*fs.inodeSize])
				used := raw.Links() != 0 && raw.Mode() != 0 && raw.Dtime() == 0
				if bitmap != nil {
					bit := i + j
					used = used || bitmap[bit/8]>>(bit%8)&1 != 0
				}
				if used {
					visit(DiskInode{Number: first + i + j, Offset: at + int64(j)*int64(fs.inodeSize), Raw: raw})
				}
			}
			i += n
		}
	}
}

// readTo fills b as far as the volume goes, and the rest with zeros.
func (fs *FS) readTo(b []byte, off int64) bool {
	if off >= fs.size {
		return false
	}
	clear(b)
	n := min(int64(len(b)), fs.size-off)
	_, err := io.ReadFull(io.NewSectionReader(fs.r, off, n), b[:n])
	return err == nil
}

package btrfs

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// FS is a filesystem that can be read. It is not safe for use by several
// goroutines at once.
type FS struct {
	SB Superblock

	r       io.ReaderAt
	size    int64
	chunks  []*Mapping // by logical address
	places  []Place    // by place on the device
	trees   []*Tree
	byID    map[uint64]*Tree
	badSums map[uint64]bool // nodes no copy of which has the right checksum
	cache   map[uint64]*Node
	cached  []uint64 // what is in the cache
	oldest  int
	unpacked
}

// Features of incompat_flags that are read: all to which this reader is
// indifferent or that it knows. What is refused by name is in refusedFeatures.
const knownIncompat = 1<<12 - 1 | 1<<16

var refusedFeatures = map[int]string{12: "ZONED", 13: "EXTENT_TREE_V2", 14: "RAID_STRIPE_TREE"}

// ReadSuperblock reads the superblock of the filesystem in r, and its bytes.
// Nothing in it is checked: it may be one that Open refuses.
func ReadSuperblock(r io.ReaderAt) (Superblock, []byte, error) {
	raw := make([]byte, SuperSize)
	if err := readFull(r, raw, SuperOffsets[0]); err != nil {
		return Superblock{}, nil, err
	}
	return SuperblockLayout.Decode(raw), raw, nil
}

// Open reads the superblock, the chunks and the list of trees of the filesystem
// in the first size bytes of r.
func Open(r io.ReaderAt, size int64) (*FS, error) {
	sb, raw, err := ReadSuperblock(r)
	if err != nil {
		return nil, err
	}
	fs := &FS{SB: sb, r: r, size: size, byID: map[uint64]*Tree{}, badSums: map[uint64]bool{}, cache: map[uint64]*Node{}}
	if err := fs.checkSuper(); err != nil {
		return nil, err
	}
	if err := fs.readSystemChunks(raw); err != nil {
		return nil, err
	}
	if err := fs.readChunks(); err != nil {
		return nil, err
	}
	return fs, fs.readTrees()
}

// superField is a field's place in bytes of the volume, for errors.
func superField(name string) int64 {
	f, _ := SuperblockLayout.Named(name)
	return SuperOffsets[0] + int64(f.Offset)
}

func (fs *FS) checkSuper() error {
	s := &fs.SB
	power := func(n, least, most uint32) bool { return n >= least && n <= most && bits.OnesCount32(n) == 1 }
	switch {
	case s.Magic != Magic:
		return wrong(superField("magic"), "no superblock")
	case int(s.CsumType) >= len(csums):
		return wrong(superField("csum_type"), "the type of checksums %d is not known", s.CsumType)
	case s.NumDevices != 1:
		return wrong(superField("num_devices"), "it spans %d devices; only filesystems on one are read", s.NumDevices)
	case !power(s.SectorSize, 512, 65536):
		return wrong(superField("sectorsize"), "sectors of %d bytes", s.SectorSize)
	case !power(s.NodeSize, 4096, 65536) || s.NodeSize < s.SectorSize:
		return wrong(superField("nodesize"), "nodes of %d bytes with sectors of %d", s.NodeSize, s.SectorSize)
	case s.SysChunkArraySize > SysChunkArray:
		return wrong(superField("sys_chunk_array_size"), "%d bytes of chunks", s.SysChunkArraySize)
	case s.RootLevel > MaxLevel || s.ChunkRootLevel > MaxLevel || s.LogRootLevel > MaxLevel:
		return wrong(superField("root_level"), "trees of the levels %d, %d and %d", s.RootLevel, s.ChunkRootLevel, s.LogRootLevel)
	}
	for bit := range 64 {
		if s.IncompatFlags>>bit&1 == 0 || knownIncompat>>bit&1 == 1 {
			continue
		}
		name := refusedFeatures[bit]
		if name == "" {
			name = fmt.Sprintf("of bit %d", bit)
		}
		return wrong(superField("incompat_flags"), "the feature %s is not read", name)
	}
	return nil
}

// SystemChunk is an entry of the superblock's array of chunks.
type SystemChunk struct {
	Key        Key
	Start, End int // bytes of the superblock: the key, and the chunk behind it
}

// SystemChunks lists the entries of a superblock's array, as far as they go.
func SystemChunks(raw []byte) (list []SystemChunk, whole bool) {
	f, _ := SuperblockLayout.Named("sys_chunk_array")
	size, _ := SuperblockLayout.Named("sys_chunk_array_size")
	at := f.Offset
	end := at + int(min(le.Uint32(size.Slice(raw)), SysChunkArray))
	for at < end {
		head := at + KeySize
		if head+ChunkLayout.Size() > end {
			return list, false
		}
		n := int(ChunkLayout.Decode(raw[head:]).NumStripes)
		next := head + ChunkLayout.Size() + n*StripeLayout.Size()
		if next > end {
			return list, false
		}
		list = append(list, SystemChunk{decodeKey(raw[at:]), at, next})
		at = next
	}
	return list, true
}

func (fs *FS) readSystemChunks(raw []byte) error {
	list, whole := SystemChunks(raw)
	if !whole {
		return wrong(superField("sys_chunk_array"), "the array of chunks ends within one")
	}
	for _, s := range list {
		off := SuperOffsets[0] + int64(s.Start)
		if s.Key.Type != ChunkItemKey {
			return wrong(off, "an item of type %d among the chunks", s.Key.Type)
		}
		m, err := fs.decodeChunk(s.Key, raw[s.Start+KeySize:s.End], off)
		if err != nil {
			return err
		}
		if err := fs.addChunk(m, off); err != nil {
			return err
		}
	}
	return nil
}

// readChunks reads the chunk tree, which lies in the chunks that are known by
// now.
func (fs *FS) readChunks() error {
	t := &Tree{ID: ChunkTree, Root: fs.SB.ChunkRoot, Level: fs.SB.ChunkRootLevel}
	var found []*Mapping
	err := fs.Range(t, Key{Type: ChunkItemKey}, maxKey, func(r Record) (bool, error) {
		if r.Key.Type != ChunkItemKey {
			return true, nil
		}
		m, err := fs.decodeChunk(r.Key, r.Data, r.Offset())
		if err != nil {
			return false, err
		}
		found = append(found, m)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, m := range found {
		if err := fs.addChunk(m, superField("chunk_root")); err != nil {
			return err
		}
	}
	fs.trees = append(fs.trees, &Tree{ID: RootTree, Root: fs.SB.Root, Level: fs.SB.RootLevel}, t)
	return fs.placeChunks()
}

var maxKey = Key{^uint64(0), 255, ^uint64(0)}

// BadSums is how many of the nodes that were read have a wrong checksum in all
// of their copies.
func (fs *FS) BadSums() int { return len(fs.badSums) }

// Trees lists all trees: that of roots, that of chunks, and what the first
// names, in its order; last those of the log, where there is one.
func (fs *FS) Trees() []*Tree { return slices.Clone(fs.trees) }

// Tree is the tree of that ID, or nil. Of several, which only relocation
// makes, it is the last.
func (fs *FS) Tree(id uint64) *Tree { return fs.byID[id] }

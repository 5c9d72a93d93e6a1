package mkbtrfs

import (
	"encoding/binary"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// directory adds an empty one's inode, as mkfs.btrfs gives a tree its root.
func directory(t *builder, id uint64, at tree.Time) {
	s := stamp(at)
	btrfs.InodeItemLayout.Put(t.add(btrfs.Key{ObjectID: id, Type: btrfs.InodeItemKey}, btrfs.InodeItemLayout.Size()), &btrfs.InodeItem{
		Generation: generation, Transid: generation, Nbytes: nodeSize, Links: 1, Mode: tree.Directory | 0o755, Atime: s, Ctime: s, Mtime: s, Otime: s,
	})
	putRef(t, id, id, "..")
}

func putRef(t *builder, id, parent uint64, name string) {
	b := append(btrfs.InodeRefLayout.Encode(&btrfs.InodeRef{NameLen: uint16(len(name))}), name...)
	copy(t.add(btrfs.Key{ObjectID: id, Type: btrfs.InodeRefKey, Offset: parent}, len(b)), b)
}

func csumTree(t *builder, runs []*sumRun) {
	for _, r := range runs {
		b := t.add(btrfs.Key{ObjectID: btrfs.ExtentCsumObject, Type: btrfs.ExtentCsumKey, Offset: r.at}, 4*r.n)
		for i, s := range r.sums {
			binary.LittleEndian.PutUint32(b[4*i:], s)
		}
	}
}

// uuidTree finds the subvolume by its UUID.
func uuidTree(t *builder, subvolume [16]byte) {
	le := binary.LittleEndian
	b := t.add(btrfs.Key{ObjectID: le.Uint64(subvolume[:8]), Type: btrfs.UUIDKeySubvol, Offset: le.Uint64(subvolume[8:])}, 8)
	le.PutUint64(b, btrfs.FSTree)
}

const deviceID = 1

func devTree(t *builder, s *space, opt *Options) {
	for _, e := range s.stripes() {
		btrfs.DevExtentLayout.Put(t.add(btrfs.Key{ObjectID: deviceID, Type: btrfs.DevExtentKey, Offset: e.at}, btrfs.DevExtentLayout.Size()), &btrfs.DevExtent{
			ChunkTree: btrfs.ChunkTree, ChunkObjectID: btrfs.FirstChunkTree, ChunkOffset: e.chunk.logical, Length: e.chunk.length, ChunkTreeUUID: opt.Chunks,
		})
	}
}

func deviceItem(s *space, opt *Options) btrfs.DevItem {
	d := btrfs.DevItem{
		DevID: deviceID, TotalBytes: uint64(opt.Size) / sector * sector, IOAlign: sector, IOWidth: sector, SectorSize: sector,
		UUID: opt.Device, FSID: opt.UUID,
	}
	for _, e := range s.stripes() {
		d.BytesUsed += e.chunk.length
	}
	return d
}

func chunkTree(t *builder, s *space, opt *Options) {
	d := deviceItem(s, opt)
	btrfs.DevItemLayout.Put(t.add(btrfs.Key{ObjectID: btrfs.DevItems, Type: btrfs.DevItemKey, Offset: deviceID}, btrfs.DevItemLayout.Size()), &d)
	for _, c := range s.sorted() {
		b := c.encode(opt)
		copy(t.add(c.key(), len(b)), b)
	}
}

func (c *chunk) key() btrfs.Key {
	return btrfs.Key{ObjectID: btrfs.FirstChunkTree, Type: btrfs.ChunkItemKey, Offset: c.logical}
}

func (c *chunk) encode(opt *Options) []byte {
	stripes := c.stripes()
	b := btrfs.ChunkLayout.Encode(&btrfs.Chunk{
		Length: c.length, Owner: btrfs.ExtentTree, StripeLen: btrfs.StripeLen, Type: c.kind,
		IOAlign: btrfs.StripeLen, IOWidth: btrfs.StripeLen, SectorSize: sector, NumStripes: uint16(len(stripes)), SubStripes: 1,
	})
	for _, at := range stripes {
		b = append(b, btrfs.StripeLayout.Encode(&btrfs.Stripe{DevID: deviceID, Offset: at, DevUUID: opt.Device})...)
	}
	return b
}

// freeSpaceTree says of each chunk what of it is free: all behind what is used.
func freeSpaceTree(t *builder, s *space) {
	for _, c := range s.sorted() {
		info := btrfs.FreeSpaceInfo{}
		if c.used < c.length {
			info.ExtentCount = 1
		}
		btrfs.FreeSpaceInfoLayout.Put(t.add(btrfs.Key{ObjectID: c.logical, Type: btrfs.FreeSpaceInfoKey, Offset: c.length}, btrfs.FreeSpaceInfoLayout.Size()), &info)
		if c.used < c.length {
			t.add(btrfs.Key{ObjectID: c.logical + c.used, Type: btrfs.FreeSpaceExtentKey, Offset: c.length - c.used}, 0)
		}
	}
}

// extentTree says of each chunk what lies in it.
func (p *plan) extentTree(t *builder) {
	group := func(c *chunk) {
		btrfs.BlockGroupItemLayout.Put(t.add(btrfs.Key{ObjectID: c.logical, Type: btrfs.BlockGroupItemKey, Offset: c.length}, btrfs.BlockGroupItemLayout.Size()), &btrfs.BlockGroupItem{
			Used: c.used, ChunkObjectID: btrfs.FirstChunkTree, Flags: c.kind,
		})
	}
	extents := p.dataExtents()
	system, metadata := p.system, p.blocks
	for _, c := range p.space.sorted() {
		first := true
		behindFirst := func() {
			if first {
				group(c) // it sorts behind what begins where the chunk does
			}
			first = false
		}
		if c.kind&btrfs.GroupData != 0 {
			for len(extents) > 0 && extents[0].at < c.logical+c.length {
				e := extents[0]
				extents = extents[1:]
				btrfs.DataExtentLayout.Put(t.add(btrfs.Key{ObjectID: e.at, Type: btrfs.ExtentItemKey, Offset: e.length}, btrfs.DataExtentLayout.Size()), &btrfs.DataExtent{
					Item: btrfs.ExtentItem{Refs: 1, Generation: generation, Flags: btrfs.FlagData},
					Type: btrfs.ExtentDataRefKey, Root: btrfs.FSTree, ObjectID: e.ino, Offset: e.offset, Count: 1,
				})
				behindFirst()
			}
		} else {
			list := &metadata
			if c.kind&btrfs.GroupSystem != 0 {
				list = &system
			}
			for at := c.logical; len(*list) > 0 && at < c.logical+c.length; at += nodeSize {
				b := (*list)[0]
				*list = (*list)[1:]
				btrfs.MetadataExtentLayout.Put(t.add(btrfs.Key{ObjectID: at, Type: btrfs.MetadataItemKey, Offset: uint64(b.level)}, btrfs.MetadataExtentLayout.Size()), &btrfs.MetadataExtent{
					Item: btrfs.ExtentItem{Refs: 1, Generation: generation, Flags: btrfs.FlagTreeBlock}, Type: btrfs.TreeBlockRefKey, Root: b.owner,
				})
				behindFirst()
			}
		}
		behindFirst()
	}
}

// rootTree names the other trees.
func rootTree(t *builder, roots map[uint64]root, opt *Options) {
	item := func(id uint64) {
		r, at := roots[id], stamp(opt.Epoch)
		i := btrfs.RootItem{
			Inode:      btrfs.InodeItem{Generation: 1, Size: 3, Nbytes: nodeSize, Links: 1, Mode: tree.Directory | 0o755, Flags: btrfs.InodeRootInit},
			Generation: generation, GenerationV2: generation, Bytenr: r.at, Level: r.level, BytesUsed: uint64(r.blocks) * nodeSize, Refs: 1,
		}
		switch id {
		case btrfs.FSTree:
			i.RootDirID, i.UUID, i.Ctime, i.Otime, i.Ctransid, i.Otransid = btrfs.FirstFree, opt.Subvolume, at, at, generation, generation
		case btrfs.DataRelocTree:
			i.RootDirID = btrfs.FirstFree
		}
		btrfs.RootItemLayout.Put(t.add(btrfs.Key{ObjectID: id, Type: btrfs.RootItemKey}, btrfs.RootItemLayout.Size()), &i)
	}
	item(btrfs.ExtentTree)
	item(btrfs.DevTree)
	putRef(t, btrfs.FSTree, btrfs.RootTreeDir, "default")
	item(btrfs.FSTree)
	directory(t, btrfs.RootTreeDir, opt.Epoch)
	const name = "default"
	b := append(btrfs.DirItemLayout.Encode(&btrfs.DirItem{
		Location: btrfs.Key{ObjectID: btrfs.FSTree, Type: btrfs.RootItemKey, Offset: ^uint64(0)},
		Transid:  generation, NameLen: uint16(len(name)), Type: fileTypes[tree.Directory],
	}), name...)
	copy(t.add(btrfs.Key{ObjectID: btrfs.RootTreeDir, Type: btrfs.DirItemKey, Offset: btrfs.NameHash(name)}, len(b)), b)
	item(btrfs.CsumTree)
	item(btrfs.UUIDTree)
	item(btrfs.FreeSpaceTree)
	item(btrfs.DataRelocTree)
}

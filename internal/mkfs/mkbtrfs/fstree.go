package mkbtrfs

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// generation is the transaction that has made everything.
const generation = 1

func stamp(t tree.Time) btrfs.Timespec { return btrfs.Timespec{Sec: t.Sec, Nsec: t.Nsec} }

var fileTypes = map[uint32]uint8{
	tree.Regular: 1, tree.Directory: 2, tree.Char: 3, tree.Block: 4, tree.FIFO: 5, tree.Socket: 6, tree.Symlink: 7,
}

// fsTree adds the items of all inodes. Where counting, no source is opened.
func (c *census) fsTree(t *builder, counting bool) error {
	for _, o := range c.objects {
		if err := c.inode(t, o, counting); err != nil {
			return fmt.Errorf("btrfs: %s: %w", o.path, err)
		}
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

func (c *census) inode(t *builder, o *object, counting bool) error {
	item := btrfs.InodeItem{
		Generation: generation, Transid: generation, Nbytes: o.nbytes(), Links: uint32(len(o.refs)),
		UID: o.UID, GID: o.GID, Mode: o.Mode,
		Atime: stamp(o.Atime), Ctime: stamp(o.Ctime), Mtime: stamp(o.Mtime), Otime: stamp(o.Btime),
	}
	switch o.Type() {
	case tree.Regular:
		item.Size = uint64(o.Size)
	case tree.Symlink:
		item.Size = uint64(len(o.Target))
	case tree.Directory:
		for _, child := range o.node.Children {
			item.Size += 2 * uint64(len(child.Name)) // it has two entries
		}
	case tree.Char, tree.Block:
		// The kernel's own form of a device's number.
		item.Rdev = uint64(o.Major)<<20 | uint64(o.Minor)
	}
	btrfs.InodeItemLayout.Put(t.add(btrfs.Key{ObjectID: o.ino, Type: btrfs.InodeItemKey}, btrfs.InodeItemLayout.Size()), &item)
	if err := o.putRefs(t); err != nil {
		return err
	}
	if err := c.putEntries(t, o); err != nil {
		return err
	}
	return o.putContent(t, counting)
}

// putRefs adds the names: those in one directory in one item, as far as they
// fit, the others by their hash.
func (o *object) putRefs(t *builder) error {
	refs := slices.Clone(o.refs)
	slices.SortStableFunc(refs, func(a, b ref) int { return cmp.Compare(a.parent, b.parent) })
	var more []ref
	for len(refs) > 0 {
		parent := refs[0].parent
		var b []byte
		for len(refs) > 0 && refs[0].parent == parent {
			r := refs[0]
			refs = refs[1:]
			if len(b)+btrfs.InodeRefLayout.Size()+len(r.name) > maxItem {
				more = append(more, r)
				continue
			}
			b = append(b, btrfs.InodeRefLayout.Encode(&btrfs.InodeRef{Index: r.index, NameLen: uint16(len(r.name))})...)
			b = append(b, r.name...)
		}
		copy(t.add(btrfs.Key{ObjectID: o.ino, Type: btrfs.InodeRefKey, Offset: parent}, len(b)), b)
	}
	return byHash(t, btrfs.Key{ObjectID: o.ino, Type: btrfs.InodeExtrefKey}, more, func(r ref) (uint64, []byte) {
		b := btrfs.InodeExtrefLayout.Encode(&btrfs.InodeExtref{Parent: r.parent, Index: r.index, NameLen: uint16(len(r.name))})
		return btrfs.ExtrefHash(r.parent, r.name), append(b, r.name...)
	})
}

// byHash adds items whose key holds a hash; those of one hash become one item,
// which must fit into a leaf.
func byHash[T any](t *builder, key btrfs.Key, list []T, encode func(T) (hash uint64, b []byte)) error {
	type hashed struct {
		hash uint64
		b    []byte
	}
	all := make([]hashed, len(list))
	for i, x := range list {
		all[i].hash, all[i].b = encode(x)
	}
	slices.SortStableFunc(all, func(a, b hashed) int { return cmp.Compare(a.hash, b.hash) })
	for len(all) > 0 {
		n := 1
		b := all[0].b
		for n < len(all) && all[n].hash == all[0].hash {
			b = append(b, all[n].b...)
			n++
		}
		if len(b) > maxItem {
			return fmt.Errorf("%d of its names have the same hash and take %d bytes, of which %d fit into a leaf", n, len(b), maxItem)
		}
		key.Offset = all[0].hash
		copy(t.add(key, len(b)), b)
		all = all[n:]
	}
	return nil
}

// putEntries adds extended attributes, and a directory's entries: by hash, and
// by index.
func (c *census) putEntries(t *builder, o *object) error {
	err := byHash(t, btrfs.Key{ObjectID: o.ino, Type: btrfs.XattrItemKey}, o.Xattrs, func(x tree.Xattr) (uint64, []byte) {
		b := btrfs.DirItemLayout.Encode(&btrfs.DirItem{Transid: generation, DataLen: uint16(len(x.Value)), NameLen: uint16(len(x.Name)), Type: btrfs.FileTypeXattr})
		return btrfs.NameHash(x.Name), append(append(b, x.Name...), x.Value...)
	})
	if err != nil || !o.IsDir() {
		return err
	}
	entry := func(n *tree.Node) []byte {
		b := btrfs.DirItemLayout.Encode(&btrfs.DirItem{
			Location: btrfs.Key{ObjectID: c.by[n.Inode].ino, Type: btrfs.InodeItemKey},
			Transid:  generation, NameLen: uint16(len(n.Name)), Type: fileTypes[n.Type()],
		})
		return append(b, n.Name...)
	}
	err = byHash(t, btrfs.Key{ObjectID: o.ino, Type: btrfs.DirItemKey}, o.node.Children, func(n *tree.Node) (uint64, []byte) {
		return btrfs.NameHash(n.Name), entry(n)
	})
	if err != nil {
		return err
	}
	for i, n := range o.node.Children {
		b := entry(n)
		copy(t.add(btrfs.Key{ObjectID: o.ino, Type: btrfs.DirIndexKey, Offset: btrfs.FirstDirIndex + uint64(i)}, len(b)), b)
	}
	return nil
}

func (o *object) putContent(t *builder, counting bool) error {
	key := btrfs.Key{ObjectID: o.ino, Type: btrfs.ExtentDataKey}
	inline := func(n int) []byte {
		b := t.add(key, btrfs.InlineHead+n)
		btrfs.ExtentHeadLayout.Put(b, &btrfs.ExtentHead{Generation: generation, RAMBytes: uint64(n), Type: btrfs.ExtentInline})
		return b[btrfs.InlineHead:]
	}
	switch {
	case o.Type() == tree.Symlink:
		copy(inline(len(o.Target)), o.Target)
	case o.inline() && o.Size > 0:
		b := inline(int(o.Size))
		if counting {
			return nil
		}
		return o.read(b)
	}
	for _, e := range o.extents {
		key.Offset = e.offset
		btrfs.FileExtentItemLayout.Put(t.add(key, btrfs.FileExtentItemLayout.Size()), &btrfs.FileExtentItem{
			Head:       btrfs.ExtentHead{Generation: generation, RAMBytes: e.length, Type: btrfs.ExtentRegular},
			DiskBytenr: e.at, DiskNumBytes: e.length, NumBytes: e.length,
		})
	}
	return nil
}

// read fills b with all of a file.
func (o *object) read(b []byte) (err error) {
	r, err := o.Content.Open()
	if err != nil {
		return err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	return pour.Read(r, b, 0, int64(len(b)))
}

package mkext4

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

// hashedName is an entry of a hashed directory in its order.
type hashedName struct {
	hash, minor uint32
	child       int32 // index of the object's children
}

// hashedDir is a directory's entries by hash, and where its leaves begin.
type hashedDir struct {
	names  []hashedName
	leaves []int32 // index of each leaf's first name
}

// inner is the number of index blocks between the root and the leaves.
func (h *hashedDir) inner() int {
	if len(h.leaves) <= rootLimit {
		return 0
	}
	return int(ceilDiv(uint64(len(h.leaves)), nodeLimit))
}

func (h *hashedDir) blocks() uint64 { return uint64(1 + h.inner() + len(h.leaves)) }

// leafHash is the hash that the index has for a leaf: that of its first name,
// with the lowest bit set where the leaf before ends in a name of the same
// hash.
func (h *hashedDir) leafHash(leaf int) uint32 {
	i := h.leaves[leaf]
	hash := h.names[i].hash
	if i > 0 && h.names[i-1].hash == hash {
		hash |= 1
	}
	return hash
}

// hashDir sorts a directory's entries by hash and cuts them into leaves.
// Equal hashes stay in the order of the minor hash, then of the names, so
// that the result is the same for every order of the source.
func (c *census) hashDir(ob *object) (*hashedDir, error) {
	var seed [4]uint32
	for i := range seed {
		seed[i] = binary.LittleEndian.Uint32(c.opt.HashSeed[4*i:])
	}
	h := &hashedDir{names: make([]hashedName, len(ob.children))}
	var buf [ext4.MaxNameLen]byte
	for i, k := range ob.children {
		n := copy(buf[:], k.Name)
		hash, minor, _ := ext4.DirHash(c.opt.HashAlg, buf[:n], seed)
		h.names[i] = hashedName{hash, minor, int32(i)}
	}
	slices.SortFunc(h.names, func(a, b hashedName) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.minor, b.minor), cmp.Compare(a.child, b.child))
	})
	room := 0
	for i, n := range h.names {
		need := ext4.DirRecLen(len(ob.children[n.child].Name))
		if room < need {
			h.leaves = append(h.leaves, int32(i))
			room = fillLimit
		}
		room -= need
	}
	if h.inner() > rootLimit {
		return nil, c.tooManyEntries(ob)
	}
	return h, nil
}

// writeHashedDir writes the index, then the leaves.
func (c *census) writeHashedDir(d *dirWriter, ob *object, ino uint32, put func([]byte) error) error {
	h, err := c.hashDir(ob)
	if err != nil {
		return err
	}
	inner := h.inner()
	if err := put(c.dxRoot(d, h, ob, ino)); err != nil {
		return err
	}
	for i := range inner {
		first := i * nodeLimit
		last := min(first+nodeLimit, len(h.leaves))
		clear(d.block)
		node := ext4.DxNode{Fake: ext4.DirEntry{RecLen: blockSize}}
		ext4.DxNodeLayout.Put(d.block, &node)
		d.putIndex(ext4.DxNodeSize, nodeLimit, last-first, func(j int) ext4.DxEntry {
			return ext4.DxEntry{Hash: h.leafHash(first + j), Block: uint32(1 + inner + first + j)}
		})
		if err := put(d.block); err != nil {
			return err
		}
	}
	for i, first := range h.leaves {
		end := int32(len(h.names))
		if i+1 < len(h.leaves) {
			end = h.leaves[i+1]
		}
		d.start()
		for _, n := range h.names[first:end] {
			k := ob.children[n.child]
			d.add(k.Name, c.index[k.Inode], ext4.FileType(k.Mode))
		}
		if err := put(d.finish()); err != nil {
			return err
		}
	}
	return nil
}

// dxRoot is the first block of a hashed directory. To a reader that knows of
// no hashing it is a block in which ".." reaches to the end.
func (c *census) dxRoot(d *dirWriter, h *hashedDir, ob *object, ino uint32) []byte {
	clear(d.block)
	inner := h.inner()
	root := ext4.DxRoot{
		Dot:        ext4.DirEntry{Inode: ino, RecLen: dotsRecLen, NameLen: 1, FileType: ext4.FtDir},
		DotName:    [4]byte{'.'},
		DotDot:     ext4.DirEntry{Inode: ob.parent, RecLen: blockSize - dotsRecLen, NameLen: 2, FileType: ext4.FtDir},
		DotDotName: [4]byte{'.', '.'},
		Info:       ext4.DxRootInfo{HashVersion: uint8(c.opt.HashAlg), InfoLength: ext4.DxInfoLength},
	}
	if inner > 0 {
		root.Info.IndirectLevels = maxDirLevel
	}
	ext4.DxRootLayout.Put(d.block, &root)
	if inner == 0 {
		d.putIndex(ext4.DxRootSize, rootLimit, len(h.leaves), func(j int) ext4.DxEntry {
			return ext4.DxEntry{Hash: h.leafHash(j), Block: uint32(1 + j)}
		})
		return d.block
	}
	d.putIndex(ext4.DxRootSize, rootLimit, inner, func(j int) ext4.DxEntry {
		return ext4.DxEntry{Hash: h.leafHash(j * nodeLimit), Block: uint32(1 + j)}
	})
	return d.block
}

// putIndex writes count entries at off, and the checksum behind the limit-th.
// The first entry's hash is not stored: limit and count are in its place.
func (d *dirWriter) putIndex(off, limit, count int, entry func(int) ext4.DxEntry) {
	for j := range count {
		e := entry(j)
		ext4.DxEntryLayout.Put(d.block[off+j*ext4.DxEntrySize:], &e)
	}
	cl := ext4.DxCountLimit{Limit: uint16(limit), Count: uint16(count)}
	ext4.DxCountLimitLayout.Put(d.block[off:], &cl)
	tail := ext4.DxTail{Checksum: ext4.DxChecksum(d.seed, d.block, off, count, limit)}
	ext4.DxTailLayout.Put(d.block[off+limit*ext4.DxEntrySize:], &tail)
}

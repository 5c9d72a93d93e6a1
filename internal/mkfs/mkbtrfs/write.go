package mkbtrfs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Size is the least size in bytes, a multiple of 1 MiB, at which Write
// certainly stores the tree; opt.Size is not looked at. No content is read: a
// tree whose files have holes may do with less.
func Size(root *tree.Node, opt Options) (int64, error) {
	if err := opt.check(); err != nil {
		return 0, err
	}
	c, err := collect(root)
	if err != nil {
		return 0, err
	}
	p := &plan{census: c, opt: &opt, data: &data{ctx: context.Background(), space: newSpace(), limit: math.MaxInt64}}
	if err := p.make(); err != nil {
		return 0, err
	}
	return int64((p.space.next + mebibyte - 1) / mebibyte * mebibyte), nil
}

// Write makes the filesystem in the first opt.Size bytes of w, which must read
// as zeros. Files' content is streamed. A tree that does not fit is a
// *SpaceError; something may be written by then.
func Write(ctx context.Context, w io.WriterAt, root *tree.Node, opt Options) error {
	if err := opt.check(); err != nil {
		return err
	}
	c, err := collect(root)
	if err != nil {
		return err
	}
	p := &plan{census: c, opt: &opt, data: &data{
		ctx: ctx, space: newSpace(), limit: uint64(max(opt.Size, 0)) / sector * sector, w: w, buf: pour.NewBuffer(),
	}}
	if opt.Progress != nil {
		p.data.progress = func(done int64) { opt.Progress(done, c.bytes) }
	}
	err = p.make()
	var full *SpaceError
	if errors.As(err, &full) {
		need, err := Size(root, opt)
		if err != nil {
			return err
		}
		return &SpaceError{Missing: max(need-opt.Size, 1)}
	}
	if err != nil {
		return err
	}
	return p.write(ctx, w)
}

// plan is where everything lies.
type plan struct {
	*census
	*data
	opt    *Options
	system []block // in the system chunk: the chunk tree's
	blocks []block // in the metadata's chunks
}

// make places the content, and counts the trees' blocks.
func (p *plan) make() error {
	for _, o := range p.objects {
		if err := p.file(o); err != nil {
			var full *SpaceError
			if errors.As(err, &full) || p.ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("btrfs: %s: %w", o.path, err)
		}
	}
	p.space.closeData()
	count := &counter{}
	t := newBuilder(count, btrfs.FSTree, nil)
	if err := p.fsTree(t, true); err != nil {
		return err
	}
	if _, err := t.finish(); err != nil {
		return err
	}
	for _, f := range []func(*builder){
		func(t *builder) { t.owner = btrfs.CsumTree; csumTree(t, p.sums) },
		func(t *builder) { t.owner = btrfs.UUIDTree; uuidTree(t, p.opt.Subvolume) },
		func(t *builder) { t.owner = btrfs.DataRelocTree; directory(t, btrfs.FirstFree, p.opt.Epoch) },
	} {
		if err := counted(count, f); err != nil {
			return err
		}
	}
	// The trees that tell of all blocks, their own too, make more blocks, until
	// they no longer do.
	content := count.blocks
	p.blocks = content
	for {
		p.space.drop()
		p.space.metadata(len(p.blocks))
		p.use()
		more := &counter{blocks: slices.Clone(content)}
		chunks := &counter{}
		for _, f := range []func(*builder){
			func(t *builder) { t.owner = btrfs.DevTree; devTree(t, p.space, p.opt) },
			func(t *builder) { t.owner = btrfs.FreeSpaceTree; freeSpaceTree(t, p.space) },
			func(t *builder) { t.owner = btrfs.ExtentTree; p.extentTree(t) },
			func(t *builder) { t.owner = btrfs.RootTree; rootTree(t, map[uint64]root{}, p.opt) },
		} {
			if err := counted(more, f); err != nil {
				return err
			}
		}
		if err := counted(chunks, func(t *builder) { t.owner = btrfs.ChunkTree; chunkTree(t, p.space, p.opt) }); err != nil {
			return err
		}
		stable := len(more.blocks) == len(p.blocks) && len(chunks.blocks) == len(p.system)
		p.blocks, p.system = more.blocks, chunks.blocks
		if len(p.system)*nodeSize > systemChunk {
			return fmt.Errorf("btrfs: the filesystem has %d chunks, more than are possible", len(p.space.chunks))
		}
		if stable {
			break
		}
	}
	if p.space.next > p.limit {
		return &SpaceError{}
	}
	return nil
}

func counted(c *counter, fill func(*builder)) error {
	t := newBuilder(c, 0, nil)
	fill(t)
	_, err := t.finish()
	return err
}

// use enters into the chunks how much of them is used.
func (p *plan) use() {
	left := uint64(len(p.blocks)) * nodeSize
	for _, c := range p.space.chunks {
		switch {
		case c.kind&btrfs.GroupSystem != 0:
			c.used = uint64(max(len(p.system), 1)) * nodeSize
		case c.kind&btrfs.GroupMetadata != 0:
			c.used = min(left, c.length)
			left -= c.used
		}
	}
}

// owned is a data extent with whose it is.
type owned struct {
	extent
	ino uint64
}

func (p *plan) dataExtents() (out []owned) {
	for _, o := range p.objects {
		for _, e := range o.extents {
			out = append(out, owned{e, o.ino})
		}
	}
	return out // room was given in this order
}

// sorted are the chunks by their addresses.
func (s *space) sorted() []*chunk {
	return slices.SortedFunc(slices.Values(s.chunks), func(a, b *chunk) int { return cmp.Compare(a.logical, b.logical) })
}

// stripe is a chunk's one on the device.
type stripe struct {
	at    uint64
	chunk *chunk
}

// stripes are all on the device, in order.
func (s *space) stripes() (out []stripe) {
	for _, c := range s.chunks {
		for _, at := range c.stripes() {
			out = append(out, stripe{at, c})
		}
	}
	slices.SortFunc(out, func(a, b stripe) int { return cmp.Compare(a.at, b.at) })
	return out
}

// device is the blockStore that writes.
type device struct {
	ctx  context.Context
	w    io.WriterAt
	s    *space
	kind uint64
	n    int
}

func (d *device) next() uint64 {
	_, at := d.s.place(d.kind, d.n)
	return at
}

func (d *device) put(_ block, raw []byte) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	c, at := d.s.place(d.kind, d.n)
	if c == nil {
		return errors.New("btrfs: the trees are larger than planned")
	}
	d.n++
	for _, stripe := range c.stripes() {
		if _, err := d.w.WriteAt(raw, int64(stripe+at-c.logical)); err != nil {
			return fmt.Errorf("btrfs: writing a tree at byte %d: %w", stripe+at-c.logical, err)
		}
	}
	return nil
}

// header completes a block.
func (p *plan) header(raw []byte, b block, at uint64, items int) {
	h := btrfs.Header{
		FSID: p.opt.UUID, Bytenr: at, Flags: btrfs.WrittenFlag | btrfs.MixedBackref, ChunkTreeUUID: p.opt.Chunks,
		Generation: generation, Owner: b.owner, Items: uint32(items), Level: b.level,
	}
	btrfs.HeaderLayout.Put(raw, &h)
	binary.LittleEndian.PutUint32(raw, btrfs.Checksum(raw[btrfs.CsumSize:]))
}

// write builds the trees once more, in the same order, and the superblock.
func (p *plan) write(ctx context.Context, w io.WriterAt) error {
	d := &device{ctx: ctx, w: w, s: p.space, kind: btrfs.GroupMetadata}
	roots := map[uint64]root{}
	build := func(d *device, owner uint64, fill func(*builder) error) error {
		t := newBuilder(d, owner, p.header)
		if err := fill(t); err != nil {
			return err
		}
		r, err := t.finish()
		roots[owner] = r
		return err
	}
	sys := &device{ctx: ctx, w: w, s: p.space, kind: btrfs.GroupSystem}
	for _, s := range []struct {
		d     *device
		owner uint64
		fill  func(*builder) error
	}{
		{d, btrfs.FSTree, func(t *builder) error { return p.fsTree(t, false) }},
		{d, btrfs.CsumTree, func(t *builder) error { csumTree(t, p.sums); return nil }},
		{d, btrfs.UUIDTree, func(t *builder) error { uuidTree(t, p.opt.Subvolume); return nil }},
		{d, btrfs.DataRelocTree, func(t *builder) error { directory(t, btrfs.FirstFree, p.opt.Epoch); return nil }},
		{d, btrfs.DevTree, func(t *builder) error { devTree(t, p.space, p.opt); return nil }},
		{d, btrfs.FreeSpaceTree, func(t *builder) error { freeSpaceTree(t, p.space); return nil }},
		{d, btrfs.ExtentTree, func(t *builder) error { p.extentTree(t); return nil }},
		{d, btrfs.RootTree, func(t *builder) error { rootTree(t, roots, p.opt); return nil }},
		{sys, btrfs.ChunkTree, func(t *builder) error { chunkTree(t, p.space, p.opt); return nil }},
	} {
		if err := build(s.d, s.owner, s.fill); err != nil {
			return err
		}
	}
	if d.n != len(p.blocks) || sys.n != len(p.system) {
		return fmt.Errorf("btrfs: %d and %d blocks of trees, where %d and %d were planned", d.n, sys.n, len(p.blocks), len(p.system))
	}
	return p.superblocks(w, roots)
}

func (p *plan) superblocks(w io.WriterAt, roots map[uint64]root) error {
	root, chunks := roots[btrfs.RootTree], roots[btrfs.ChunkTree]
	s := btrfs.Superblock{
		FSID: p.opt.UUID, Flags: btrfs.WrittenFlag, Magic: btrfs.Magic, Generation: generation, Root: root.at, ChunkRoot: chunks.at,
		TotalBytes: uint64(p.opt.Size) / sector * sector, RootDirObjectID: btrfs.RootTreeDir, NumDevices: 1,
		SectorSize: sector, NodeSize: nodeSize, LeafSize: nodeSize, StripeSize: sector, ChunkRootGeneration: generation,
		CompatROFlags: btrfs.CompatROSpace | btrfs.CompatROValid, IncompatFlags: btrfs.DefaultIncompat,
		RootLevel: root.level, ChunkRootLevel: chunks.level, DevItem: deviceItem(p.space, p.opt), UUIDTreeGeneration: generation,
	}
	copy(s.Label[:], p.opt.Label)
	for _, c := range p.space.chunks {
		s.BytesUsed += c.used
	}
	first := p.space.chunks[0]
	key := first.key()
	array := append(btrfs.KeyLayout.Encode(&key), first.encode(p.opt)...)
	s.SysChunkArraySize = uint32(copy(s.SysChunkArray[:], array))
	for _, at := range btrfs.SuperOffsets {
		if at+btrfs.SuperSize > p.opt.Size/sector*sector {
			break
		}
		s.Bytenr = uint64(at)
		raw := btrfs.SuperblockLayout.Encode(&s)
		binary.LittleEndian.PutUint32(raw, btrfs.Checksum(raw[btrfs.CsumSize:]))
		if _, err := w.WriteAt(raw, at); err != nil {
			return fmt.Errorf("btrfs: writing the superblock at byte %d: %w", at, err)
		}
	}
	return nil
}

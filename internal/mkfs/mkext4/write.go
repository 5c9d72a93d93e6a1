package mkext4

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Pieces in which data and inodes are gathered.
const (
	dataPieces, dataPiece   = 4, 1 << 20
	inodePieces, inodePiece = 3, 128 << 10
)

// progressStep is how many bytes lie between two calls of Progress.
const progressStep = 8 << 20

// Write makes a filesystem of opt.Size bytes with the tree root on w.
//
// w must read as zeros wherever Write does not write: a fresh sparse file or
// partition. Write writes in no particular order, from one goroutine at a
// time or from two at different places. It does not set the file's size; the
// caller does, and also removes what has been written when Write fails.
//
// The error is a *NoSpaceError where the tree does not fit; ctx.Err() where
// ctx ended; else it names the node of the tree by its Origin or path.
func Write(ctx context.Context, w io.WriterAt, root *tree.Node, opt Options) (Info, error) {
	c, s, err := prepare(root, opt)
	if err != nil {
		return Info{}, err
	}
	l, err := s.place()
	if err != nil {
		return Info{}, err
	}
	if have := s.forTree(); c.fixed > have {
		return Info{}, c.noSpace(c.content)
	}
	wr := &writer{
		census: c, layout: l,
		space: space{free: append([]run(nil), l.free...)},
		enc:   encoder{ext4.CRC32C(^uint32(0), c.opt.UUID[:])},
		data:  newStream(w, dataPieces, dataPiece),
		table: newStream(w, inodePieces, inodePiece),
		dirs:  make([]uint32, l.groups),
	}
	err = wr.write(ctx)
	for _, s := range []*stream{wr.data, wr.table} {
		if cerr := s.close(); err == nil {
			err = cerr
		}
	}
	var src *sourceError
	switch {
	case errors.Is(err, errFull):
		return Info{}, c.noSpace(c.content)
	case errors.As(err, &src):
		return Info{}, fmt.Errorf("ext4: %s: %w", c.name(src.inode), src.err)
	case err != nil:
		return Info{}, err
	}
	g := c.geometry(s)
	g.TreeBlocks = wr.space.used - wr.ownBlocks
	info := Info{Geometry: g, FreeBlocks: wr.freeBlocks(), FreeInodes: s.inodes() - uint64(c.lastIno())}
	return info, nil
}

// prepare checks what can be checked without reading a file.
func prepare(root *tree.Node, opt Options) (*census, shape, error) {
	o, err := opt.check()
	if err != nil {
		return nil, shape{}, err
	}
	c, err := takeCensus(root, o)
	if err != nil {
		return nil, shape{}, err
	}
	s, err := shapeOf(o, o.Size, uint64(c.lastIno()))
	if err != nil {
		return nil, shape{}, c.tooSmall(err)
	}
	return c, s, nil
}

// writer is a Write in progress.
type writer struct {
	*census
	layout
	space     space
	enc       encoder
	data      *stream  // blocks
	table     *stream  // inode tables
	dirs      []uint32 // directories by group
	ownBlocks uint64   // of the journal and the resize inode
	jnl       ext4.Inode
	buf       [inodeSize]byte

	fileDone, reported int64
}

func (w *writer) write(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.writeOwn(); err != nil {
		return err
	}
	if err := w.writeAttrs(); err != nil {
		return err
	}
	if err := w.writeDirs(ctx); err != nil {
		return err
	}
	if err := w.writeObjects(ctx); err != nil {
		return err
	}
	return w.writeTables()
}

// writeOwn writes the inodes that no directory names. Like mke2fs, it gives
// the unused ones a checksum, and the list of bad blocks its times.
func (w *writer) writeOwn() error {
	o := w.opt
	own := tree.Inode{Mode: tree.Regular | 0o600, Atime: o.Epoch, Mtime: o.Epoch, Ctime: o.Epoch, Btime: o.Epoch}
	jnl, err := w.writeJournal(&own)
	if err != nil {
		return err
	}
	w.jnl = jnl
	dind, ok := w.space.take(1, nil)
	if !ok {
		return errFull
	}
	r := w.resizeInode(dind[0].start)
	rsz := w.enc.base(&own, 1)
	r.fill(&rsz)
	for _, n := range append(r.lists, node{r.dind, r.dindData}) {
		if allZero(n.data) {
			continue
		}
		if err := w.data.put(int64(n.block*blockSize), n.data); err != nil {
			return err
		}
	}
	w.ownBlocks = w.space.used
	for ino := uint32(ext4.BadIno); ino <= reservedInodes; ino++ {
		var d ext4.Inode
		switch {
		case ino == ext4.RootIno:
			continue // the tree's
		case ino == ext4.BadIno:
			d.Atime, _ = ext4.EncodeTime(o.Epoch)
			d.Mtime, d.Ctime = d.Atime, d.Atime
		case ino == ext4.ResizeIno:
			d = rsz
		case ino == ext4.JournalIno && w.journal > 0:
			d = jnl
		}
		if err := w.putInode(ino, &d, nil); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeJournal(own *tree.Inode) (ext4.Inode, error) {
	d := w.enc.base(own, 1)
	if w.journal == 0 {
		return d, nil
	}
	runs, ok := w.space.takeContiguous(w.journal)
	if !ok {
		return d, errFull
	}
	var e extents
	for _, r := range runs {
		e.add(uint32(e.blocks()), r)
	}
	setSize(&d, w.journal*blockSize)
	if err := w.mapBlocks(&d, ext4.JournalIno, e, 0); err != nil {
		return d, err
	}
	return d, w.data.put(int64(runs[0].start*blockSize), journalSuperblock(w.opt.UUID, w.journal))
}

// mapBlocks stores a map in an inode, and writes the tree's blocks where it
// needs any. extra blocks are counted as the inode's besides.
func (w *writer) mapBlocks(d *ext4.Inode, ino uint32, e extents, extra uint64) error {
	d.Flags |= ext4.InodeExtents
	n := extentTreeBlocks(uint64(len(e)))
	var places []run
	if n > 0 {
		var ok bool
		if places, ok = w.space.take(n, nil); !ok {
			return errFull
		}
	}
	var seed uint32
	if n > 0 {
		seed = w.enc.inodeSeed(ino)
	}
	for _, nd := range e.encode(d.Block[:], seed, places) {
		if err := w.data.put(int64(nd.block*blockSize), nd.data); err != nil {
			return err
		}
	}
	setBlocks(d, e.blocks()+n+extra)
	return nil
}

func (w *writer) writeAttrs() error {
	for i := range w.attrs.blocks {
		b := &w.attrs.blocks[i]
		r, ok := w.space.take(1, nil)
		if !ok {
			return errFull
		}
		b.place = r[0].start
		if err := w.data.put(int64(b.place*blockSize), b.encode(w.enc.seed)); err != nil {
			return err
		}
	}
	return nil
}

// writeDirs gives all directories their blocks, so that they lie together,
// and writes them.
func (w *writer) writeDirs(ctx context.Context) error {
	for i := range w.objects {
		ob := &w.objects[i]
		if !ob.IsDir() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		runs, ok := w.space.take(uint64(ob.blocks), nil)
		if !ok {
			return errFull
		}
		ob.runs = runs
		places := append([]run(nil), runs...)
		ino := inoOf(i)
		w.dirs[uint64(ino-1)/w.inodesPerGroup]++
		err := w.writeDir(ob, ino, w.enc.inodeSeed(ino), func(b []byte) error {
			return w.data.put(int64(nextBlock(&places)*blockSize), b)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeObjects writes the inodes in order, and the files' content with them.
func (w *writer) writeObjects(ctx context.Context) error {
	files := readAhead(ctx, w.objects)
	defer files.close()
	left := w.content // bound of what the files still to come need
	before := w.space.used
	for i := range w.objects {
		if err := ctx.Err(); err != nil {
			return err
		}
		ob := &w.objects[i]
		err := w.writeObject(ctx, ob, inoOf(i), files)
		if errors.Is(err, errFull) {
			return w.noSpace(left + w.contentSince(before, i))
		}
		if err != nil {
			return err
		}
		if ob.Type() == tree.Regular {
			n := ceilDiv(uint64(ob.Size), blockSize)
			left -= n + contentTreeBlocks(n)
		}
	}
	w.report(true)
	return nil
}

// contentSince is the number of blocks that the content of the objects before
// the i-th took since used stood at before.
func (w *writer) contentSince(before uint64, i int) uint64 {
	n := w.space.used - before
	for _, ob := range w.objects[:i] {
		if ob.Type() == tree.Symlink && len(ob.Target) > fastSymlink {
			n--
		}
	}
	return n
}

func (w *writer) writeObject(ctx context.Context, ob *object, ino uint32, files *ahead) error {
	d := w.enc.base(ob.Inode, ob.links)
	ibody, extra, err := w.objectAttrs(ob, &d)
	if err != nil {
		return err
	}
	switch ob.Type() {
	case tree.Directory:
		var e extents
		for _, r := range ob.runs {
			e.add(uint32(e.blocks()), r)
		}
		setSize(&d, uint64(ob.blocks)*blockSize)
		if !oneBlock(ob.children) {
			d.Flags |= ext4.InodeIndex
		}
		err = w.mapBlocks(&d, ino, e, extra)
	case tree.Regular:
		var m fileMap
		setSize(&d, uint64(ob.Size))
		if err = w.writeContent(ctx, &m, ob.Inode, files); err == nil {
			err = w.mapBlocks(&d, ino, m.extents, extra)
		}
	case tree.Symlink:
		setSize(&d, uint64(len(ob.Target)))
		if len(ob.Target) <= fastSymlink {
			copy(d.Block[:], ob.Target)
			setBlocks(&d, extra)
			break
		}
		b := make([]byte, blockSize)
		copy(b, ob.Target)
		var m fileMap
		var runs []run
		if runs, err = w.place(&m, 0, 1); err != nil {
			return err
		}
		if err = w.putRuns(runs, b); err == nil {
			err = w.mapBlocks(&d, ino, m.extents, extra)
		}
	case tree.Char, tree.Block:
		putDevice(&d, ob.Major, ob.Minor)
		setBlocks(&d, extra)
	default:
		setBlocks(&d, extra)
	}
	if err != nil {
		return err
	}
	return w.putInode(ino, &d, ibody)
}

func (w *writer) writeContent(ctx context.Context, m *fileMap, i *tree.Inode, files *ahead) error {
	switch {
	case i.Size == 0:
		return nil
	case !small(i):
		return w.writeLarge(ctx, m, i)
	}
	f, err := files.next(ctx)
	if err != nil {
		return err
	}
	err = w.writeSmall(m, f)
	w.advance(i.Size)
	return err
}

// objectAttrs splits an object's attributes and points the inode at the block
// that holds those which do not fit into it.
func (w *writer) objectAttrs(ob *object, d *ext4.Inode) (ibody []attr, blocks uint64, err error) {
	if len(ob.Xattrs) == 0 {
		return nil, 0, nil
	}
	attrs, err := storedAttrs(ob.Xattrs)
	if err != nil {
		return nil, 0, fmt.Errorf("ext4: %s: %w", w.name(ob.Inode), err)
	}
	ibody, _, err = splitAttrs(attrs)
	if err != nil {
		return nil, 0, fmt.Errorf("ext4: %s: %w", w.name(ob.Inode), err)
	}
	if ob.xattrs >= 0 {
		place := w.attrs.blocks[ob.xattrs].place
		d.FileACLLo, d.FileACLHi = uint32(place), uint16(place>>32)
		blocks = 1
	}
	return ibody, blocks, nil
}

func (w *writer) putInode(ino uint32, d *ext4.Inode, ibody []attr) error {
	w.enc.finish(w.buf[:], ino, d, ibody)
	return w.table.put(w.inodeAt(ino), w.buf[:])
}

// advance counts bytes of content and reports them now and then.
func (w *writer) advance(n int64) {
	w.fileDone += n
	w.report(false)
}

func (w *writer) report(last bool) {
	if w.opt.Progress != nil && (last || w.fileDone-w.reported >= progressStep) {
		w.reported = w.fileDone
		w.opt.Progress(w.fileDone, w.fileBytes)
	}
}

package mkerofs

import (
	"context"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/mkfs/pour"
	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Size is how many bytes the filesystem takes, a multiple of the block size.
// No content is read.
func Size(root *tree.Node, opt Options) (int64, error) {
	if err := opt.check(); err != nil {
		return 0, err
	}
	p, err := newPlan(root, &opt)
	if err != nil {
		return 0, err
	}
	return p.total * blockSize, nil
}

// Write makes the filesystem on w, which must read as zeros: blocks of zeros
// are not written. Files' content is streamed.
func Write(ctx context.Context, w io.WriterAt, root *tree.Node, opt Options) error {
	if err := opt.check(); err != nil {
		return err
	}
	p, err := newPlan(root, &opt)
	if err != nil {
		return err
	}
	wr := writer{ctx: ctx, w: w, plan: p, opt: &opt, buf: pour.NewBuffer(), first: make([]byte, blockSize)}
	for _, o := range p.objects {
		if err := wr.object(o); err != nil {
			return err
		}
	}
	return wr.superblock()
}

type writer struct {
	ctx   context.Context
	w     io.WriterAt
	plan  *plan
	opt   *Options
	buf   pour.Buffer
	done  int64  // bytes of content
	first []byte // the first block, which the superblock's checksum covers
}

func (w *writer) object(o *object) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	b := w.inode(o)
	switch o.Type() {
	case tree.Directory:
		data := w.directory(o)
		if err := w.put(data[:len(data)-o.tail], o.block*blockSize, o); err != nil {
			return err
		}
		b = append(b, data[len(data)-o.tail:]...)
	case tree.Symlink:
		whole := len(o.Target) - o.tail
		if err := w.put([]byte(o.Target[:whole]), o.block*blockSize, o); err != nil {
			return err
		}
		b = append(b, o.Target[whole:]...)
	case tree.Regular:
		tail, err := w.content(o)
		if err != nil {
			return fmt.Errorf("erofs: %s: %w", o.path, err)
		}
		b = append(b, tail...)
	}
	return w.put(b, o.off, o)
}

func (w *writer) put(b []byte, off int64, o *object) error {
	if off < blockSize {
		n := copy(w.first[off:], b)
		b, off = b[n:], off+int64(n)
	}
	if len(b) == 0 || len(b) <= 1<<20 && pour.IsZero(b) {
		return nil
	}
	if _, err := w.w.WriteAt(b, off); err != nil {
		return fmt.Errorf("erofs: writing %s at byte %d: %w", o.path, off, err)
	}
	return nil
}

// inode is its structure with its attributes.
func (w *writer) inode(o *object) []byte {
	format := uint16(erofs.FlatPlain)
	if o.tail > 0 {
		format = erofs.FlatInline
	}
	var union uint32
	switch {
	case o.Type() == tree.Char || o.Type() == tree.Block:
		// As new_encode_dev of the kernel has it.
		union = o.Minor&0xff | o.Major<<8 | o.Minor&^0xff<<12
	case o.blocks() > 0:
		union = uint32(o.block)
	}
	xattrs := uint16(icount(len(o.xattrs)))
	if !o.large {
		return append(erofs.CompactInodeLayout.Encode(&erofs.CompactInode{
			Format: format, XattrICount: xattrs, Mode: uint16(o.Mode), Links: uint16(o.links), Size: uint32(o.size),
			Union: union, Ino: o.ino, UID: uint16(o.UID), GID: uint16(o.GID),
		}), o.xattrs...)
	}
	return append(erofs.LargeInodeLayout.Encode(&erofs.LargeInode{
		Format: format | erofs.FormatLarge, XattrICount: xattrs, Mode: uint16(o.Mode), Links: o.links, Size: uint64(o.size),
		Union: union, Ino: o.ino, UID: o.UID, GID: o.GID, Mtime: o.Mtime.Sec, MtimeNsec: o.Mtime.Nsec,
	}), o.xattrs...)
}

var fileTypes = map[uint32]uint8{
	tree.Regular: 1, tree.Directory: 2, tree.Char: 3, tree.Block: 4, tree.FIFO: 5, tree.Socket: 6, tree.Symlink: 7,
}

// directory is its data: blocks of entries with their names behind them.
func (w *writer) directory(o *object) []byte {
	data := make([]byte, 0, o.size)
	for names := entries(o.node); len(names) > 0; {
		n, _ := split(names)
		data = append(data, make([]byte, -len(data)&(blockSize-1))...)
		at := n * erofs.DirentSize
		for _, name := range names[:n] {
			to := w.entry(o, name)
			data = append(data, erofs.DirentLayout.Encode(&erofs.Dirent{NID: to.nid(), NameOffset: uint16(at), FileType: fileTypes[to.Type()]})...)
			at += len(name)
		}
		for _, name := range names[:n] {
			data = append(data, name...)
		}
		names = names[n:]
	}
	return data
}

func (w *writer) entry(o *object, name string) *object {
	switch name {
	case ".":
		return o
	case "..":
		return o.parent
	}
	return w.plan.by[o.node.Child(name).Inode]
}

// content writes a file's whole blocks, and returns what is left.
func (w *writer) content(o *object) (tail []byte, err error) {
	if o.size == 0 {
		return nil, nil
	}
	r, err := o.Content.Open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := r.Close(); err == nil {
			err = e
		}
	}()
	whole := o.size - int64(o.tail)
	err = pour.Runs(w.ctx, r, whole, w.buf, func(b []byte, off int64) error {
		if _, err := w.w.WriteAt(b, o.block*blockSize+off); err != nil {
			return err
		}
		w.progress(w.done + off)
		return nil
	})
	if err != nil {
		return nil, err
	}
	tail = w.buf[:o.tail]
	if err := pour.Read(r, tail, whole, o.size); err != nil {
		return nil, err
	}
	w.done += o.size
	w.progress(w.done)
	return tail, nil
}

func (w *writer) progress(done int64) {
	if w.opt.Progress != nil {
		w.opt.Progress(done, w.plan.bytes)
	}
}

func (w *writer) superblock() error {
	s := erofs.Superblock{
		Magic: erofs.Magic, FeatureCompat: erofs.FeatureCompatChecksum | erofs.FeatureCompatMtime, BlockBits: blockBits,
		RootNID: uint16(w.plan.objects[0].nid()), Inodes: uint64(len(w.plan.objects)),
		BuildTime: uint64(w.opt.Epoch.Sec), BuildTimeNsec: w.opt.Epoch.Nsec, Blocks: uint32(w.plan.total), UUID: w.opt.UUID,
	}
	copy(s.VolumeName[:], w.opt.Label)
	at := w.first[erofs.SuperOffset:]
	erofs.SuperblockLayout.Put(at, &s)
	s.Checksum = erofs.Checksum(at)
	erofs.SuperblockLayout.Put(at, &s)
	if _, err := w.w.WriteAt(w.first, 0); err != nil {
		return fmt.Errorf("erofs: writing the superblock: %w", err)
	}
	return w.ctx.Err()
}

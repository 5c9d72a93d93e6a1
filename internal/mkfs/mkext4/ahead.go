package mkext4

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Reading ahead hides the time that opening a small file takes. Files go from
// one goroutine to the next in batches, because handing over each by itself
// takes longer than reading it. The memory is bounded by aheadBatches buffers
// of batchBytes; the files come out in the order in which they went in, so that
// nothing depends on who was faster.
const (
	aheadBytes   = 64 * blockSize // of a file that is read ahead, at most
	aheadBatches = 24
	aheadReaders = 4

	batchFiles = 32
	batchBytes = 2 * aheadBytes
)

// smallFile is a file that has been read ahead.
type smallFile struct {
	*tree.Inode
	buf  []byte // its part of the batch's buffer: slot(Size) bytes
	data uint64 // bit i: block i holds anything but zeros
	err  error
}

// batch is some files that follow one another, no other small file between.
type batch struct {
	files []smallFile // at most batchFiles
	size  int         // bytes of buf that they take
	buf   []byte
	ready chan struct{}
}

// ahead reads small files in the background.
type ahead struct {
	order chan *batch // in the order of the files
	free  chan *batch
	stop  context.CancelFunc
	wait  sync.WaitGroup

	current *batch // being handed out
	given   int    // files of current that have been
}

// small tells whether a file is read ahead.
func small(i *tree.Inode) bool {
	return i.Type() == tree.Regular && i.Size > 0 && i.Size <= aheadBytes
}

// slot is how many bytes of a buffer a file of size bytes takes: whole blocks,
// and at least one byte more than the file has, to see that it is not longer.
func slot(size int64) int { return int(size/blockSize+1) * blockSize }

func readAhead(ctx context.Context, objects []object) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{
		order: make(chan *batch, aheadBatches),
		free:  make(chan *batch, aheadBatches),
		stop:  stop,
	}
	for range aheadBatches {
		a.free <- &batch{ready: make(chan struct{}, 1)}
	}
	work := make(chan *batch, aheadBatches)
	a.wait.Go(func() {
		defer close(work)
		for len(objects) > 0 {
			select {
			case b := <-a.free:
				objects = b.collect(objects)
				if len(b.files) > 0 {
					a.order <- b // never blocks: there are no more batches than room
					work <- b
				}
			case <-ctx.Done():
				return
			}
		}
	})
	for range aheadReaders {
		a.wait.Go(func() {
			for b := range work {
				b.read(ctx)
				b.ready <- struct{}{}
			}
		})
	}
	return a
}

// next is the next file in order. It is valid until next is called again.
func (a *ahead) next(ctx context.Context) (*smallFile, error) {
	if a.current != nil && a.given == len(a.current.files) {
		a.free <- a.current // never blocks either
		a.current = nil
	}
	if a.current == nil {
		select {
		case a.current = <-a.order:
			<-a.current.ready
			a.given = 0
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f := &a.current.files[a.given]
	a.given++
	return f, f.err
}

// close ends the readers, and returns when no source is open any more.
func (a *ahead) close() {
	a.stop()
	a.wait.Wait()
}

// collect fills the batch with the first small files of objects, as many as
// there is room for, and returns the objects behind them.
func (b *batch) collect(objects []object) []object {
	b.files, b.size = b.files[:0], 0
	for n := range objects {
		i := objects[n].Inode
		if !small(i) {
			continue
		}
		if len(b.files) == batchFiles || b.size+slot(i.Size) > batchBytes {
			return objects[n:]
		}
		b.files = append(b.files, smallFile{Inode: i})
		b.size += slot(i.Size)
	}
	return nil
}

// read reads the files up to the first that fails.
func (b *batch) read(ctx context.Context) {
	if len(b.buf) < b.size {
		b.buf = make([]byte, max(b.size, min(2*len(b.buf), batchBytes)))
	}
	buf := b.buf
	for n := range b.files {
		f := &b.files[n]
		size := slot(f.Size)
		f.buf, buf = buf[:size:size], buf[size:]
		if f.err = ctx.Err(); f.err == nil {
			f.read()
		}
		if f.err != nil {
			return
		}
	}
}

func (f *smallFile) read() {
	r, err := f.Content.Open()
	if err != nil {
		f.err = &sourceError{f.Inode, err}
		return
	}
	n, err := io.ReadFull(r, f.buf[:f.Size+1])
	if cerr := r.Close(); err == nil || atEnd(err) {
		err = cerr
	}
	switch {
	case err != nil:
		f.err = &sourceError{f.Inode, fmt.Errorf("read: %w", err)}
	case int64(n) != f.Size:
		f.err = sizeChanged(f.Inode, int64(n))
	default:
		f.data = dataBlocks(f.buf, n)
	}
}

// sourceError is what went wrong with a file's content.
type sourceError struct {
	inode *tree.Inode
	err   error
}

func (e *sourceError) Error() string { return e.err.Error() }

func (e *sourceError) Unwrap() error { return e.err }

// sizeChanged is the error of a source that has got as many bytes as were
// read, or more.
func sizeChanged(i *tree.Inode, read int64) error {
	if read > i.Size {
		return &sourceError{i, fmt.Errorf("changed while it was read: had %d bytes, has more now", i.Size)}
	}
	return &sourceError{i, fmt.Errorf("changed while it was read: had %d bytes, has %d now", i.Size, read)}
}

// dataBlocks fills the last of the blocks that n bytes take with zeros, and
// tells which of them, at most 64, hold anything else.
func dataBlocks(buf []byte, n int) (mask uint64) {
	end := (n + blockSize - 1) &^ (blockSize - 1)
	clear(buf[n:end])
	for i := 0; i < end; i += blockSize {
		if !allZero(buf[i : i+blockSize]) {
			mask |= 1 << (i / blockSize)
		}
	}
	return mask
}

// nextRun is the first run of ones of a mask at or after bit from; count is 0
// where there is none.
func nextRun(mask uint64, from int) (start, count int) {
	if from >= 64 || mask>>from == 0 {
		return 0, 0
	}
	start = from + bits.TrailingZeros64(mask>>from)
	return start, bits.TrailingZeros64(^(mask >> start))
}

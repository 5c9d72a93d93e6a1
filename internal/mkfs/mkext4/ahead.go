package mkext4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Reading ahead hides the time that opening a small file takes. Its memory is
// bounded by aheadFiles buffers of aheadBytes; the files come out in the order
// in which they went in, so that nothing depends on who was faster.
const (
	aheadBytes   = 64 * blockSize // of a file that is read ahead, at most
	aheadFiles   = 48
	aheadReaders = 4
)

// smallFile is a file that has been read ahead.
type smallFile struct {
	*tree.Inode
	buf   []byte // aheadBytes and one more, to see that the file is not longer
	data  uint64 // bit i: block i holds anything but zeros
	err   error
	ready chan struct{}
}

// ahead reads small files in the background.
type ahead struct {
	order chan *smallFile // in the order of the files
	free  chan *smallFile
	stop  context.CancelFunc
	wait  sync.WaitGroup
}

// small tells whether a file is read ahead.
func small(i *tree.Inode) bool {
	return i.Type() == tree.Regular && i.Size > 0 && i.Size <= aheadBytes
}

func readAhead(ctx context.Context, objects []object) *ahead {
	ctx, stop := context.WithCancel(ctx)
	a := &ahead{
		order: make(chan *smallFile, aheadFiles),
		free:  make(chan *smallFile, aheadFiles),
		stop:  stop,
	}
	for range aheadFiles {
		a.free <- &smallFile{ready: make(chan struct{}, 1)}
	}
	work := make(chan *smallFile, aheadFiles)
	a.wait.Go(func() {
		defer close(work)
		for i := range objects {
			if !small(objects[i].Inode) {
				continue
			}
			select {
			case f := <-a.free:
				f.Inode = objects[i].Inode
				a.order <- f // never blocks: there are no more files than room
				work <- f
			case <-ctx.Done():
				return
			}
		}
	})
	for range aheadReaders {
		a.wait.Go(func() {
			for f := range work {
				if f.err = ctx.Err(); f.err == nil {
					f.read()
				}
				f.ready <- struct{}{}
			}
		})
	}
	return a
}

// next is the next file in order. The caller gives it back with done.
func (a *ahead) next(ctx context.Context) (*smallFile, error) {
	select {
	case f := <-a.order:
		<-f.ready
		return f, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *ahead) done(f *smallFile) { a.free <- f }

// close ends the readers, and returns when no source is open any more.
func (a *ahead) close() {
	a.stop()
	a.wait.Wait()
}

func (f *smallFile) read() {
	if f.buf == nil {
		f.buf = make([]byte, aheadBytes+1)
	}
	r, err := f.Content.Open()
	if err != nil {
		f.err = &sourceError{f.Inode, err}
		return
	}
	n, err := io.ReadFull(r, f.buf[:f.Size+1])
	if cerr := r.Close(); err == nil || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
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

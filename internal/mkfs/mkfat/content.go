package mkfat

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

const (
	bufferSize = 1 << 20
	// holeSize is the granularity in which zeros are left out, that of the
	// filesystems that images usually lie on.
	holeSize = 4096
)

var zeros [holeSize]byte

// content streams a file's bytes into its clusters, without its zeros.
func (w *writer) content(f *entry) (err error) {
	r, err := f.node.Content.Open()
	if err != nil {
		return fmt.Errorf("fat: %q: %w", f.path(), err)
	}
	defer func() {
		if e := r.Close(); err == nil && e != nil {
			err = fmt.Errorf("fat: %q: %w", f.path(), e)
		}
	}()
	if w.buf == nil {
		w.buf = make([]byte, bufferSize)
	}
	sparse, _ := r.(tree.Sparse)
	start := w.clusterOffset(f.first)
	size := f.node.Size
	for off := int64(0); off < size; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		end := size
		if sparse != nil {
			from, to, err := sparse.NextData(off)
			if err != nil {
				return fmt.Errorf("fat: %q: %w", f.path(), err)
			}
			if from >= size {
				break
			}
			// In whole blocks, so that what is left out does not depend on
			// where the source's holes end.
			off = max(off, from/holeSize*holeSize)
			end = min(size, max(to, off+1))
		}
		b := w.buf[:min(int64(len(w.buf)), end-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = fmt.Errorf("it ended at byte %d of %d while it was read", off+int64(n), size)
			}
			return fmt.Errorf("fat: %q: %w", f.path(), err)
		}
		if err := w.putNonZero(b, start+off, f); err != nil {
			return err
		}
		off += int64(len(b))
		w.progress(w.done + off)
	}
	w.done += size
	w.progress(w.done)
	return nil
}

func (w *writer) progress(done int64) {
	if w.opt.Progress != nil {
		w.opt.Progress(done, w.p.bytes)
	}
}

// putNonZero writes the runs of blocks of b that hold anything but zeros.
func (w *writer) putNonZero(b []byte, off int64, f *entry) error {
	for len(b) > 0 {
		n := 0
		for n < len(b) && isZero(b[n:min(n+holeSize, len(b))]) {
			n += holeSize
		}
		n = min(n, len(b))
		b, off = b[n:], off+int64(n)
		n = 0
		for n < len(b) && !isZero(b[n:min(n+holeSize, len(b))]) {
			n += holeSize
		}
		n = min(n, len(b))
		if n == 0 {
			continue
		}
		if _, err := w.w.WriteAt(b[:n], off); err != nil {
			return fmt.Errorf("fat: writing %q at byte %d: %w", f.path(), off, err)
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

func isZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

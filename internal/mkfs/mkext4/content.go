package mkext4

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// errFull says that the free blocks have run out.
var errFull = errors.New("ext4: no block is free")

// fileMap is where a file's blocks have gone so far.
type fileMap struct {
	extents
	runs []run // scratch
}

// place takes blocks for count logical blocks from logical on.
func (w *writer) place(m *fileMap, logical uint32, count uint64) ([]run, error) {
	var ok bool
	if m.runs, ok = w.space.take(count, m.runs[:0]); !ok {
		return nil, errFull
	}
	for _, r := range m.runs {
		m.add(logical, r)
		logical += uint32(r.count)
	}
	return m.runs, nil
}

// writeSmall writes a file that has been read ahead.
func (w *writer) writeSmall(m *fileMap, f *smallFile) error {
	for at, n := nextRun(f.data, 0); n > 0; at, n = nextRun(f.data, at+n) {
		runs, err := w.place(m, uint32(at), uint64(n))
		if err != nil {
			return err
		}
		if err := w.putRuns(runs, f.buf[at*blockSize:(at+n)*blockSize]); err != nil {
			return err
		}
	}
	return nil
}

// putRuns writes data to the runs it has been given.
func (w *writer) putRuns(runs []run, data []byte) error {
	for _, r := range runs {
		n := r.count * blockSize
		if err := w.data.put(int64(r.start*blockSize), data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// writeLarge streams a file's content.
func (w *writer) writeLarge(ctx context.Context, m *fileMap, i *tree.Inode) (err error) {
	r, err := i.Content.Open()
	if err != nil {
		return &sourceError{i, err}
	}
	defer func() {
		if cerr := r.Close(); cerr != nil && err == nil {
			err = &sourceError{i, fmt.Errorf("close: %w", cerr)}
		}
	}()
	sparse, _ := r.(tree.Sparse)
	for off := int64(0); off < i.Size; {
		start, end := off, i.Size
		if sparse != nil {
			if start, end, err = sparse.NextData(off); err != nil {
				return &sourceError{i, fmt.Errorf("find data at offset %d: %w", off, err)}
			}
			if start >= i.Size {
				w.advance(i.Size - off)
				break
			}
			if start < off || end <= start {
				return &sourceError{i, fmt.Errorf("data at offset %d is said to lie from %d to %d", off, start, end)}
			}
			// Only whole blocks are skipped, and only whole blocks are read.
			start = max(off, start&^(blockSize-1))
			end = min(i.Size, (end+blockSize-1)&^(blockSize-1))
			w.advance(start - off)
		}
		for off = start; off < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, err := w.copyChunk(m, i, r, off, end)
			if err != nil {
				return err
			}
			off += n
			w.advance(n)
		}
	}
	// One byte more than there should be tells whether the source has grown.
	var probe [1]byte
	n, err := r.ReadAt(probe[:], i.Size)
	switch {
	case n > 0:
		return sizeChanged(i, i.Size+1)
	case err != nil && !atEnd(err):
		return &sourceError{i, fmt.Errorf("read at offset %d: %w", i.Size, err)}
	}
	return nil
}

func atEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// copyChunk reads a piece of a file to where it most probably goes, moves its
// blocks together over those that are zeros, and gives them their places.
func (w *writer) copyChunk(m *fileMap, i *tree.Inode, r io.ReaderAt, off, end int64) (int64, error) {
	goal := w.space.next()
	room, err := w.data.room(int64(goal * blockSize))
	if err != nil {
		return 0, err
	}
	want := int(min(int64(len(room)), end-off))
	// A reader may give all bytes and an error with them: the end of the file
	// comes so, and so may a disk's complaint about what it has read.
	n, err := r.ReadAt(room[:want], off)
	switch {
	case err != nil && !atEnd(err):
		return 0, &sourceError{i, fmt.Errorf("read at offset %d: %w", off, err)}
	case n < want:
		return 0, sizeChanged(i, off+int64(n))
	}
	blocks := (n + blockSize - 1) / blockSize
	clear(room[n : blocks*blockSize])

	kept := 0 // blocks moved together so far
	var places []run
	for at := 0; at < blocks; {
		if allZero(room[at*blockSize : (at+1)*blockSize]) {
			at++
			continue
		}
		next := at + 1
		for next < blocks && !allZero(room[next*blockSize:(next+1)*blockSize]) {
			next++
		}
		runs, err := w.place(m, uint32(off/blockSize)+uint32(at), uint64(next-at))
		if err != nil {
			return 0, err
		}
		if kept != at {
			copy(room[kept*blockSize:], room[at*blockSize:next*blockSize])
		}
		for _, r := range runs {
			if k := len(places); k > 0 && places[k-1].end() == r.start {
				places[k-1].count += r.count
			} else {
				places = append(places, r)
			}
		}
		kept += next - at
		at = next
	}
	if kept == 0 {
		return int64(n), nil
	}
	// Beyond the first gap, the data is not where it was expected to go.
	first := int(places[0].count)
	rest := append([]byte(nil), room[first*blockSize:kept*blockSize]...)
	w.data.commit(first * blockSize)
	return int64(n), w.putRuns(places[1:], rest)
}

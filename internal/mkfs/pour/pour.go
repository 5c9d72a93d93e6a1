package pour

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// BlockSize is in bytes: of zeros whole blocks are passed over.
const BlockSize = 4096

const chunk = 1 << 20

var zeros [chunk]byte

// IsZero tells whether b, of at most 1 MiB, is all zeros.
func IsZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

// Buffer is what Runs reads into; it may serve one file after another.
type Buffer []byte

// NewBuffer is a buffer of the size that reading and writing are quick with.
func NewBuffer() Buffer { return make([]byte, chunk) }

// Runs calls take for the first size bytes of a reader, front to back, but for
// the blocks that are all zeros: each time with a run of whole blocks (the last
// may be short) and its offset. What take is given holds until it returns.
func Runs(ctx context.Context, r tree.Reader, size int64, buf Buffer, take func(b []byte, off int64) error) error {
	sparse, _ := r.(tree.Sparse)
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := size
		if sparse != nil {
			from, to, err := sparse.NextData(off)
			if err != nil {
				return err
			}
			if from >= size {
				return nil
			}
			// In whole blocks, so that what is left out does not depend on
			// where the source's holes end.
			off = max(off, from/BlockSize*BlockSize)
			end = min(size, max(off+1, (to+BlockSize-1)/BlockSize*BlockSize))
		}
		b := buf[:min(int64(len(buf)), end-off)]
		if err := Read(r, b, off, size); err != nil {
			return err
		}
		if err := nonZero(b, off, take); err != nil {
			return err
		}
		off += int64(len(b))
	}
	return ctx.Err()
}

// Read fills b from an offset of a reader that has size bytes.
func Read(r tree.Reader, b []byte, off, size int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("it ended at byte %d of %d while it was read", off+int64(n), size)
	}
	return err
}

func nonZero(b []byte, off int64, take func([]byte, int64) error) error {
	for len(b) > 0 {
		n := 0
		for n < len(b) && IsZero(b[n:min(n+BlockSize, len(b))]) {
			n += BlockSize
		}
		n = min(n, len(b))
		b, off = b[n:], off+int64(n)
		n = 0
		for n < len(b) && !IsZero(b[n:min(n+BlockSize, len(b))]) {
			n += BlockSize
		}
		n = min(n, len(b))
		if n == 0 {
			continue
		}
		if err := take(b[:n], off); err != nil {
			return err
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

package btrfs

import (
	"errors"
	"fmt"
	"io"
)

// Error says what is wrong, and at which byte of the volume.
type Error struct {
	Offset int64
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("btrfs: byte %d: %s", e.Offset, e.Text) }

func wrong(off int64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...)}
}

// readFull reads len(b) bytes at off. That they are not there is the
// filesystem's fault, and any other failure the reader's.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return wrong(off, "the image ends before %d bytes", len(b))
	}
	return fmt.Errorf("btrfs: byte %d: %w", off, err)
}

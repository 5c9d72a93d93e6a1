package erofs

import (
	"fmt"
	"io"
)

// Error is what is wrong with the bytes of a filesystem.
type Error struct {
	Offset int64 // of the byte in the filesystem
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("erofs: byte %d: %s", e.Offset, e.Text) }

func wrong(off int64, format string, args ...any) error {
	return &Error{off, fmt.Sprintf(format, args...)}
}

// readAt fills p with the filesystem's bytes from off.
func (fs *FS) readAt(p []byte, off int64) error {
	if off < 0 || off > fs.size || int64(len(p)) > fs.size-off {
		return wrong(off, "%d bytes there are outside of the filesystem's %d", len(p), fs.size)
	}
	n, err := fs.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("erofs: byte %d: %w", off, err)
}

// read is readAt into memory of its own. n must be bounded by the caller.
func (fs *FS) read(off int64, n int) ([]byte, error) {
	b := make([]byte, n)
	return b, fs.readAt(b, off)
}

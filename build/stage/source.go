package stage

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// source is a regular file's content: where it lies, and what it was when it
// was staged.
type source struct {
	path  string
	size  int64
	mtime tree.Time // as the host has it, unclamped
}

// Open opens the file without following a link that took its place, and checks
// that it is the one that was staged.
func (s *source) Open() (tree.Reader, error) {
	fd, err := unix.Open(s.path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("%s: vanished while it was being read", s.path)
	case errors.Is(err, unix.ELOOP):
		return nil, s.changed()
	case err != nil:
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	r := &reader{f: os.NewFile(uintptr(fd), s.path), s: s}
	if err := r.check(); err != nil {
		r.f.Close()
		return nil, err
	}
	return r, nil
}

func (s *source) changed() error {
	return fmt.Errorf("%s: changed while it was being read", s.path)
}

// reader reads a source and fails where it turns out to be another than the
// one that was staged.
type reader struct {
	f   *os.File
	s   *source
	off int64
}

func (r *reader) check() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(r.f.Fd()), &st); err != nil {
		return fmt.Errorf("%s: %w", r.s.path, err)
	}
	if st.Mode&tree.TypeMask != tree.Regular || st.Size != r.s.size || timeOf(st.Mtim) != r.s.mtime {
		return r.s.changed()
	}
	return nil
}

// Read checks the file once more at its end, so that a change while it was
// read does not go unnoticed.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.ReadAt(p, r.off)
	r.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	if errors.Is(err, io.EOF) {
		if err := r.check(); err != nil {
			return n, err
		}
	}
	return n, err
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: read at negative offset %d", r.s.path, off)
	}
	left := r.s.size - off
	if left <= 0 {
		return 0, io.EOF
	}
	end := int64(len(p)) >= left
	if end {
		p = p[:left]
	}
	n, err := r.f.ReadAt(p, off)
	switch {
	case n < len(p) && (err == nil || errors.Is(err, io.EOF)):
		return n, r.s.changed()
	case n < len(p):
		return n, fmt.Errorf("%s: at offset %d: %w", r.s.path, off+int64(n), unwrapPath(err))
	}
	if end {
		if err := r.check(); err != nil {
			return n, err
		}
		if int64(n) == left {
			return n, io.EOF
		}
	}
	return n, nil
}

// NextData asks the host's filesystem for the next range that is no hole. Where
// it cannot tell, all of the file is data.
func (r *reader) NextData(off int64) (start, end int64, err error) {
	size := r.s.size
	if off >= size {
		return size, size, nil
	}
	start, err = unix.Seek(int(r.f.Fd()), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil {
		return off, size, nil
	}
	end, err = unix.Seek(int(r.f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		end = size
	}
	return min(start, size), min(end, size), nil
}

func (r *reader) Close() error { return r.f.Close() }

// unwrapPath drops a path that the message already names.
func unwrapPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func timeOf(t unix.Timespec) tree.Time {
	return tree.Time{Sec: int64(t.Sec), Nsec: uint32(t.Nsec)}
}

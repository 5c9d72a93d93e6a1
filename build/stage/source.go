package stage

import (
	"errors"
	"fmt"
	"io"

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
	r := &reader{fd: fd, s: s}
	if err := r.check(); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return r, nil
}

func (s *source) changed() error {
	return fmt.Errorf("%s: changed while it was being read", s.path)
}

// reader reads a source and fails where it turns out to be another than the
// one that was staged. It holds a bare descriptor: an os.File would ask the
// kernel twice whether a regular file can be polled, which half a million
// small files make felt.
type reader struct {
	fd  int
	s   *source
	off int64
}

func (r *reader) check() error {
	var st unix.Stat_t
	if err := unix.Fstat(r.fd, &st); err != nil {
		return fmt.Errorf("%s: %w", r.s.path, err)
	}
	if st.Mode&tree.TypeMask != tree.Regular || st.Size != r.s.size || timeOf(st.Mtim) != r.s.mtime {
		return r.s.changed()
	}
	return nil
}

// Read gives the end of the file away only once, together with its last bytes
// or alone where there are none, as ReadAt does.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.ReadAt(p, r.off)
	r.off += int64(n)
	return n, err
}

// ReadAt checks the file once more when it reaches its end, so that a change
// while it was read does not go unnoticed.
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
	for n := 0; n < len(p); {
		m, err := unix.Pread(r.fd, p[n:], off+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, fmt.Errorf("%s: at offset %d: %w", r.s.path, off+int64(n), err)
		case m == 0:
			return n, r.s.changed()
		default:
			n += m
		}
	}
	if !end {
		return len(p), nil
	}
	if err := r.check(); err != nil {
		// Not the bytes with it: whoever gets all that was asked for need not
		// look at the error.
		return 0, err
	}
	return len(p), io.EOF
}

// NextData asks the host's filesystem for the next range that is no hole. Where
// it cannot tell, all of the file is data.
func (r *reader) NextData(off int64) (start, end int64, err error) {
	size := r.s.size
	if off >= size {
		return size, size, nil
	}
	start, err = unix.Seek(r.fd, off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		// The rest is a hole, and nobody will read the end.
		return size, size, r.check()
	}
	if err != nil {
		return off, size, nil
	}
	end, err = unix.Seek(r.fd, start, unix.SEEK_HOLE)
	if err != nil {
		end = size
	}
	return min(start, size), min(end, size), nil
}

// Close is called once.
func (r *reader) Close() error { return unix.Close(r.fd) }

func timeOf(t unix.Timespec) tree.Time {
	return tree.Time{Sec: int64(t.Sec), Nsec: uint32(t.Nsec)}
}

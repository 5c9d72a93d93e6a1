package mkext4

import (
	"fmt"
	"io"
	"sync"
)

// stream writes to a target in large pieces: what is put behind what was put
// before is gathered, and written by a goroutine of its own while the next
// piece is filled.
type stream struct {
	buf  []byte // gathered, not yet handed over; its capacity is the piece size
	off  int64  // byte offset of buf on the target
	free chan []byte
	full chan piece
	done chan struct{}

	mu  sync.Mutex
	err error
}

type piece struct {
	buf []byte
	off int64
}

// newStream starts a stream with pieces of the given size in bytes. Close
// must be called.
func newStream(w io.WriterAt, pieces, size int) *stream {
	s := &stream{
		free: make(chan []byte, pieces),
		full: make(chan piece, pieces),
		done: make(chan struct{}),
	}
	for range pieces {
		s.free <- make([]byte, 0, size)
	}
	s.buf = <-s.free
	go func() {
		defer close(s.done)
		for p := range s.full {
			if s.failed() == nil {
				if _, err := w.WriteAt(p.buf, p.off); err != nil {
					s.mu.Lock()
					s.err = fmt.Errorf("ext4: write at offset %d: %w", p.off, err)
					s.mu.Unlock()
				}
			}
			s.free <- p.buf[:0]
		}
	}()
	return s
}

func (s *stream) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stream) flush() error {
	if len(s.buf) > 0 {
		s.full <- piece{s.buf, s.off}
		s.buf = <-s.free
	}
	return s.failed()
}

// put writes data at the byte offset off.
func (s *stream) put(off int64, data []byte) error {
	for len(data) > 0 {
		if off != s.off+int64(len(s.buf)) || s.left() == 0 {
			if err := s.flush(); err != nil {
				return err
			}
			s.off = off
		}
		n := min(len(data), s.left())
		s.buf = append(s.buf, data[:n]...)
		data = data[n:]
		off += int64(n)
	}
	return nil
}

// room is where the caller may prepare bytes that belong at the byte offset
// off; commit then says how many there are. Nothing else may
// be called in between.
func (s *stream) room(off int64) ([]byte, error) {
	if off != s.off+int64(len(s.buf)) || s.left() == 0 {
		if err := s.flush(); err != nil {
			return nil, err
		}
		s.off = off
	}
	return s.buf[len(s.buf) : len(s.buf)+s.left()], nil
}

// left is how much more the piece at hand takes. Pieces end where the offset
// is a multiple of their size, which page caches like.
func (s *stream) left() int {
	size := int64(cap(s.buf))
	return int(size - s.off%size - int64(len(s.buf)))
}

func (s *stream) commit(n int) { s.buf = s.buf[:len(s.buf)+n] }

// close writes what is left and ends the goroutine.
func (s *stream) close() error {
	err := s.flush()
	close(s.full)
	<-s.done
	if err != nil {
		return err
	}
	return s.failed()
}

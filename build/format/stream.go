package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// maxWorkers bounds the memory: each has two pieces under way.
const maxWorkers = 8

// stream is a disk on its way into a file.
type stream struct {
	ctx      context.Context
	disk     container.Disk
	file     File
	progress func(done, total int64)
}

// span is a range of bytes of the disk that may hold data.
type span struct{ start, end int64 }

// piece is a part of the disk.
type piece struct {
	at     int64  // bytes of the disk; a multiple of the piece's length
	data   []byte // zeros behind the end of the disk
	length int64  // how much of data is on the disk
	zero   bool   // there is nothing but zeros
	work   any    // what the format's worker made of it; here it finds its last one

	spans  []span
	writes []write
	ready  chan error
}

// write is a part of the file.
type write struct {
	at int64
	b  []byte
}

// put has b written at byte at of the file. What lies behind one another both
// in memory and in the file is written at once.
func (p *piece) put(b []byte, at int64) {
	if n := len(p.writes); n > 0 {
		w := &p.writes[n-1]
		if w.at+int64(len(w.b)) == at && cap(w.b) > len(w.b) && &w.b[:len(w.b)+1][len(w.b)] == &b[0] {
			w.b = w.b[:len(w.b)+len(b)]
			return
		}
	}
	p.writes = append(p.writes, write{at, b})
}

// steps is what a format does with the pieces.
type steps struct {
	length  int64 // of a piece, in bytes
	workers int   // at most; 0 stands for maxWorkers
	holes   bool  // pieces of zeros are taken, too, though without data
	// worker makes what is called for each piece that is not all zeros, by one
	// goroutine at a time and in any order. May be nil.
	worker func() (func(*piece) error, error)
	// take is called for each piece in order, and says by piece.put what is
	// written. Pieces of zeros may have been left out.
	take func(*piece) error
}

// run brings all pieces through the steps.
func (s *stream) run(st steps) error {
	workers := min(runtime.GOMAXPROCS(0), maxWorkers)
	if st.workers > 0 {
		workers = min(workers, st.workers)
	}
	g, ctx := errgroup.WithContext(s.ctx)
	free := make(chan *piece, 2*workers+1)
	for range cap(free) {
		free <- &piece{ready: make(chan error, 1)}
	}
	jobs, ordered, writes := make(chan *piece, cap(free)), make(chan *piece, cap(free)), make(chan *piece, cap(free))
	g.Go(func() error {
		defer close(jobs)
		defer close(ordered)
		return s.find(st, func() (*piece, error) {
			select {
			case p := <-free:
				return p, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, func(p *piece) {
			jobs <- p // there is room for all that there are
			ordered <- p
		})
	})
	for range workers {
		g.Go(func() error {
			work := func(*piece) error { return nil }
			if st.worker != nil {
				var err error
				if work, err = st.worker(); err != nil {
					return err
				}
			}
			for {
				// What is to be written goes first: it makes room.
				select {
				case p, ok := <-writes:
					if !ok {
						return nil
					}
					if err := s.write(p); err != nil {
						return err
					}
					free <- p
					continue
				default:
				}
				select {
				case <-ctx.Done():
					return ctx.Err()
				case p, ok := <-writes:
					if !ok {
						return nil
					}
					if err := s.write(p); err != nil {
						return err
					}
					free <- p
				case p, ok := <-jobs:
					if !ok {
						for p := range writes {
							if err := s.write(p); err != nil {
								return err
							}
						}
						return nil
					}
					err := s.load(p, st.length)
					if err == nil && !p.zero {
						err = work(p)
					}
					p.ready <- err
				}
			}
		})
	}
	g.Go(func() error {
		defer close(writes)
		for p := range ordered {
			select {
			case err := <-p.ready:
				if err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
			if !p.zero || st.holes {
				if err := st.take(p); err != nil {
					return err
				}
			}
			if s.progress != nil {
				s.progress(p.at+p.length, s.disk.Size())
			}
			writes <- p
		}
		return nil
	})
	err := g.Wait()
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if err == nil && s.progress != nil {
		s.progress(s.disk.Size(), s.disk.Size())
	}
	return err
}

// find goes through the disk's data and hands on the pieces that have some, or
// all of them where the format wants the holes as well.
func (s *stream) find(st steps, next func() (*piece, error), out func(*piece)) error {
	size := s.disk.Size()
	var p *piece
	begin := func(at int64) (err error) {
		if p != nil {
			out(p)
		}
		if p, err = next(); err != nil {
			return err
		}
		p.at, p.length = at, min(st.length, size-at)
		p.spans, p.writes = p.spans[:0], p.writes[:0]
		return nil
	}
	done := int64(0) // where the pieces that were begun end
	for off := int64(0); off < size; {
		start, end, err := s.disk.NextData(off)
		if err != nil {
			return err
		}
		if start < off || end < start || end > size || start == end && start != size {
			return fmt.Errorf("the disk's data behind byte %d are said to lie from byte %d to %d of %d", off, start, end, size)
		}
		if st.holes {
			for ; done+st.length <= start || start == size && done < size; done += st.length {
				if err := begin(done); err != nil {
					return err
				}
			}
		}
		for at := start; at < end; {
			if at >= done {
				at0 := at / st.length * st.length
				if err := begin(at0); err != nil {
					return err
				}
				done = at0 + st.length
			}
			to := min(end, done)
			p.spans = append(p.spans, span{at, to})
			at = to
		}
		off = end
	}
	if p != nil {
		out(p)
	}
	return nil
}

// load reads a piece.
func (s *stream) load(p *piece, length int64) error {
	p.zero = true
	if len(p.spans) == 0 {
		return nil
	}
	if p.data == nil {
		p.data = make([]byte, length)
	}
	at := p.at
	for _, x := range p.spans {
		clear(p.data[at-p.at : x.start-p.at])
		b := p.data[x.start-p.at : x.end-p.at]
		if n, err := s.disk.ReadAt(b, x.start); n < len(b) {
			if err == nil || errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("read %d bytes at byte %d of the disk: %w", len(b), x.start, err)
		}
		at = x.end
	}
	clear(p.data[at-p.at:])
	p.zero = zero(p.data)
	return nil
}

func (s *stream) write(p *piece) error {
	for _, w := range p.writes {
		if err := s.put(w.b, w.at); err != nil {
			return err
		}
	}
	return nil
}

// put writes b at byte at of the file.
func (s *stream) put(b []byte, at int64) error {
	_, err := s.file.WriteAt(b, at)
	return err
}

const page = 4096 // bytes

var zeros [page]byte

// zero says whether there is nothing but zeros in b.
func zero(b []byte) bool {
	for len(b) > page {
		if !bytes.Equal(b[:page], zeros[:]) {
			return false
		}
		b = b[page:]
	}
	return bytes.Equal(b, zeros[:len(b)])
}

// putData has a block written whose file is zeros where nothing is written:
// long runs of zeros are left out.
func (p *piece) putData(b []byte, at int64) {
	const gap = 16 * page // shorter ones cost less than another write
	start, end := -1, 0   // of a run of data
	for i := 0; i < len(b); i += page {
		if zero(b[i:min(i+page, len(b))]) {
			continue
		}
		if start >= 0 && i-end >= gap {
			p.put(b[start:end], at+int64(start))
			start = -1
		}
		if start < 0 {
			start = i
		}
		end = min(i+page, len(b))
	}
	if start >= 0 {
		p.put(b[start:end], at+int64(start))
	}
}

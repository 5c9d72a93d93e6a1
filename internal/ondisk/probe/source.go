package probe

import (
	"errors"
	"fmt"
	"io"
)

const (
	pageSize = 4096
	maxPages = 64 // what one call of Identify may read: 256 KiB
)

// source reads a range in pages, each once.
type source struct {
	r     io.ReaderAt
	size  int64
	pages map[int64][]byte
	err   error // the first failure to read
}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: size, pages: map[int64][]byte{}}
}

// bytes returns the n bytes at off, or nil where the range does not hold them
// all, where they cannot be read, and where enough has been read already.
func (s *source) bytes(off int64, n int) []byte {
	if off < 0 || n <= 0 || off > s.size-int64(n) || s.err != nil {
		return nil
	}
	no, at := off/pageSize, int(off%pageSize)
	if at+n <= pageSize {
		if p := s.page(no); at+n <= len(p) {
			return p[at : at+n : at+n]
		}
		return nil
	}
	if n > maxPages*pageSize {
		return nil
	}
	out := make([]byte, 0, n)
	for ; len(out) < n; no, at = no+1, 0 {
		p := s.page(no)
		end := min(at+n-len(out), pageSize)
		if end > len(p) {
			return nil
		}
		out = append(out, p[at:end]...)
	}
	return out
}

func (s *source) page(no int64) []byte {
	if p, ok := s.pages[no]; ok {
		return p
	}
	if len(s.pages) == maxPages {
		return nil
	}
	off := no * pageSize
	p := make([]byte, min(pageSize, s.size-off))
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = fmt.Errorf("read at byte %d: %w", off, err)
		return nil
	}
	s.pages[no] = p[:n]
	return p[:n]
}

// zero tells whether every byte of b is 0.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

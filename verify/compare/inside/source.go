package inside

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"
)

// Source is one version of a file.
type Source struct {
	R    io.ReaderAt
	Size int64 // bytes
}

// orEmpty is the source, or an empty one where there is none.
func (s Source) orEmpty() Source {
	if s.R == nil {
		return Source{R: bytes.NewReader(nil)}
	}
	return s
}

// part is the range of n bytes at off, as far as the source has it.
func (s Source) part(off, n int64) Source {
	if off < 0 || off > s.Size {
		off = s.Size
	}
	n = max(0, min(n, s.Size-off))
	return Source{io.NewSectionReader(s.R, off, n), n}
}

// from is the source without its first off bytes.
func (s Source) from(off int64) Source { return s.part(off, s.Size) }

// bytes returns n bytes at off, or nil where the source does not have them all.
func (s Source) bytes(off int64, n int) []byte {
	if off < 0 || n < 0 || off > s.Size-int64(n) {
		return nil
	}
	p := make([]byte, n)
	if got, err := s.R.ReadAt(p, off); got < n || err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return p
}

// head returns the first n bytes, fewer where the source is shorter.
func (s Source) head(n int) []byte { return s.bytes(0, int(min(int64(n), s.Size))) }

func (s Source) reader() io.Reader { return io.NewSectionReader(s.R, 0, s.Size) }

// memory is what was decompressed. It grows by pieces, so that growing costs
// no copy.
type memory struct {
	pieces [][]byte
	size   int64
}

const piece = 256 << 10

func (m *memory) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		at := int(m.size % piece)
		if at == 0 {
			m.pieces = append(m.pieces, make([]byte, piece))
		}
		n := copy(m.pieces[len(m.pieces)-1][at:], rest)
		m.size += int64(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// ReadAt implements io.ReaderAt.
func (m *memory) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("offset before the start")
	}
	for n < len(p) && off < m.size {
		from := m.pieces[off/piece]
		end := min(int64(piece), m.size-off/piece*piece)
		got := copy(p[n:], from[off%piece:end])
		n, off = n+got, off+int64(got)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) source() Source { return Source{m, m.size} }

var errTooLarge = fmt.Errorf("more than %d MiB of it would have to be decompressed", maxUnpacked>>20)

// unpack reads all of r into memory, at the expense of a side's budget.
func (s *session) unpack(side int, r io.Reader) (Source, error) {
	var m memory
	if err := s.unpackInto(&m, side, r); err != nil {
		return Source{}, err
	}
	return m.source(), nil
}

func (s *session) unpackInto(m *memory, side int, r io.Reader) error {
	buf := make([]byte, 32<<10)
	for {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if s.budget[side] -= int64(n); s.budget[side] < 0 {
			s.budget[side] = 0
			return errTooLarge
		}
		s.earn(int64(n))
		m.Write(buf[:n])
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// distance is how far two byte strings are apart.
type distance struct {
	first int64 // -1 where one is the beginning of the other, or both are equal
	bytes int64
	a, b  []byte // what stands at first
}

var errWork = errors.New("the file's parts overlap so often, or it is so large, that not all of them are compared")

// earn allows for work on n bytes of input.
func (s *session) earn(n int64) {
	s.work = min(maxWork, s.work+workFactor*min(n, maxWork/workFactor))
}

// spend accounts for n bytes that are to be read.
func (s *session) spend(n int64) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.work -= n; s.work < 0 {
		s.work = 0
		return errWork
	}
	return nil
}

// distance compares two sources as far as both go.
func (s *session) distance(a, b Source) (distance, error) {
	d := distance{first: -1}
	size := min(a.Size, b.Size)
	x, y := make([]byte, min(size, piece)), make([]byte, min(size, piece))
	for off := int64(0); off < size; off += piece {
		n := int(min(piece, size-off))
		if err := s.spend(2 * int64(n)); err != nil {
			return d, err
		}
		for _, one := range []struct {
			r io.ReaderAt
			p []byte
		}{{a.R, x[:n]}, {b.R, y[:n]}} {
			if got, err := one.r.ReadAt(one.p, off); got < n {
				return d, fmt.Errorf("read at byte %d: %w", off, err)
			}
		}
		if bytes.Equal(x[:n], y[:n]) {
			continue
		}
		for i := range n {
			if x[i] == y[i] {
				continue
			}
			if d.first < 0 {
				d.first = off + int64(i)
				end := min(n, i+16)
				d.a, d.b = bytes.Clone(x[i:end]), bytes.Clone(y[i:end])
			}
			d.bytes++
		}
	}
	return d, nil
}

// moved tells whether two sources hold, for the most part, the same bytes in
// other places: at most half of what differs is a byte that the other lacks.
// Sources of different sizes do.
func (s *session) moved(a, b Source) (bool, error) {
	if a.Size != b.Size {
		return true, nil
	}
	d, err := s.distance(a, b)
	if err != nil {
		return false, err
	}
	var more [256]int64 // how many more of each byte a has
	for _, side := range []struct {
		src  Source
		sign int64
	}{{a, 1}, {b, -1}} {
		if err := s.spend(side.src.Size); err != nil {
			return false, err
		}
		buf := make([]byte, min(side.src.Size, piece))
		for off := int64(0); off < side.src.Size; off += piece {
			n := int(min(piece, side.src.Size-off))
			if got, err := side.src.R.ReadAt(buf[:n], off); got < n {
				return false, fmt.Errorf("read at byte %d: %w", off, err)
			}
			for _, c := range buf[:n] {
				more[c] += side.sign
			}
		}
	}
	var lacking int64
	for _, n := range more {
		lacking += max(n, 0)
	}
	return 2*lacking <= d.bytes, nil
}

func (s *session) equal(a, b Source) (bool, error) {
	if a.Size != b.Size {
		return false, nil
	}
	d, err := s.distance(a, b)
	return err == nil && d.first < 0, err
}

// filled tells whether every byte is c.
func (s *session) filled(src Source, c byte) (bool, error) {
	if err := s.spend(src.Size); err != nil {
		return false, err
	}
	buf := make([]byte, min(src.Size, 64<<10))
	for off := int64(0); off < src.Size; off += int64(len(buf)) {
		n := int(min(int64(len(buf)), src.Size-off))
		if got, err := src.R.ReadAt(buf[:n], off); got < n {
			return false, err
		}
		if bytes.Count(buf[:n], []byte{c}) < n {
			return false, nil
		}
	}
	return true, nil
}

func (s *session) allZero(src Source) (bool, error) { return s.filled(src, 0) }

// cover collects which ranges of a file have been compared by what they mean.
type cover []span

type span struct{ off, end int64 }

func (c *cover) add(off, n int64) {
	if off >= 0 && n > 0 && off+n > off {
		*c = append(*c, span{off, off + n})
	}
}

// rest is what no range of the cover holds.
func (c cover) rest(s Source) Source {
	sort.Slice(c, func(i, j int) bool { return c[i].off < c[j].off || c[i].off == c[j].off && c[i].end < c[j].end })
	var parts gathered
	at := int64(0)
	for _, sp := range append(c, span{s.Size, s.Size}) {
		off := min(sp.off, s.Size)
		if off > at {
			parts.add(s.part(at, off-at))
		}
		at = max(at, min(sp.end, s.Size))
	}
	return Source{&parts, parts.size}
}

// gathered is several ranges read as one.
type gathered struct {
	parts  []Source
	starts []int64
	size   int64
}

func (g *gathered) add(s Source) {
	g.parts, g.starts, g.size = append(g.parts, s), append(g.starts, g.size), g.size+s.Size
}

// ReadAt implements io.ReaderAt.
func (g *gathered) ReadAt(p []byte, off int64) (n int, err error) {
	i := sort.Search(len(g.starts), func(i int) bool { return g.starts[i] > off }) - 1
	for ; i >= 0 && i < len(g.parts) && n < len(p); i++ {
		at := off + int64(n) - g.starts[i]
		want := int(min(int64(len(p)-n), g.parts[i].Size-at))
		got, err := g.parts[i].R.ReadAt(p[n:n+want], at)
		n += got
		if got < want {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

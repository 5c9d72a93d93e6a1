package blockmap

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// run is a stretch of blocks that lies in the file in one piece.
type run struct {
	block, count uint32
	place        int64 // bytes of the file
}

// Map tells where the blocks of a virtual disk lie.
type Map struct {
	size, blockSize int64
	runs            []run
	blocks          int64
}

// Size is the virtual disk's length in bytes.
func (m *Map) Size() int64 { return m.size }

// Blocks is how many blocks have a place in the file.
func (m *Map) Blocks() int64 { return m.blocks }

// Digest tells the order of the blocks in the file: the first 8 bytes of the
// SHA-256 of (block, count, place) of all runs, in hexadecimal digits. Two
// tables have the same digest only if each block lies at the same byte.
func (m *Map) Digest() string {
	h := sha256.New()
	var b [16]byte
	for _, r := range m.runs {
		binary.LittleEndian.PutUint32(b[0:], r.block)
		binary.LittleEndian.PutUint32(b[4:], r.count)
		binary.LittleEndian.PutUint64(b[8:], uint64(r.place))
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (m *Map) start(r run) int64 { return int64(r.block) * m.blockSize }

// end is cut at the disk's end, behind which the last block may reach.
func (m *Map) end(r run) int64 {
	return min((int64(r.block)+int64(r.count))*m.blockSize, m.size)
}

// next is the index of the first run that ends behind off.
func (m *Map) next(off int64) int {
	return sort.Search(len(m.runs), func(i int) bool { return m.end(m.runs[i]) > off })
}

// At is the place in the file of the byte at off, and how many bytes of the
// disk lie in one piece from there on. Where place is -1 they are zeros. At
// the disk's end n is 0.
func (m *Map) At(off int64) (place, n int64) {
	if off < 0 || off >= m.size {
		return -1, 0
	}
	i := m.next(off)
	if i == len(m.runs) {
		return -1, m.size - off
	}
	r := m.runs[i]
	if start := m.start(r); off < start {
		return -1, start - off
	} else {
		return r.place + off - start, m.end(r) - off
	}
}

// ReadAt reads the virtual disk at off out of the file, as io.ReaderAt.
func (m *Map) ReadAt(file io.ReaderAt, b []byte, off int64) (int, error) {
	return Read(b, off, m.size, func(b []byte, off int64) (int64, error) {
		place, n := m.At(off)
		n = min(n, int64(len(b)))
		if place < 0 {
			clear(b[:n])
			return n, nil
		}
		return n, ReadFull(file, b[:n], place)
	})
}

// NextData is the first range of the disk at or behind off that may hold
// anything but zeros: blocks that have a place, less the holes that the file
// itself has there. At the end it returns start == end == Size.
func (m *Map) NextData(file container.Disk, off int64) (start, end int64, err error) {
	if off < 0 {
		off = 0
	}
	hole, holeEnd := int64(0), int64(0) // of the file, the one seen last
	for i := m.next(off); i < len(m.runs); i++ {
		r := m.runs[i]
		at := max(off, m.start(r))
		place := r.place + at - m.start(r)
		last := r.place + m.end(r) - m.start(r)
		if place >= hole && last <= holeEnd {
			continue
		}
		from, to, err := file.NextData(place)
		if err != nil {
			return 0, 0, err
		}
		if from < last && from < to {
			return at + from - place, at + min(to, last) - place, nil
		}
		hole, holeEnd = place, from
	}
	return m.size, m.size, nil
}

// Blocked is NextData without a look at the file's holes: for blocks that are
// stored compressed.
func (m *Map) Blocked(off int64) (start, end int64) {
	if off < 0 {
		off = 0
	}
	i := m.next(off)
	if i == len(m.runs) {
		return m.size, m.size
	}
	start = max(off, m.start(m.runs[i]))
	end = m.end(m.runs[i])
	for i++; i < len(m.runs) && m.start(m.runs[i]) == end; i++ {
		end = m.end(m.runs[i])
		if end-start >= longest {
			break
		}
	}
	return start, end
}

// longest is about how long a range Blocked puts together, so that a caller
// that asks again and again does not go through all runs each time.
const longest = 16 << 20

// Read fills b from a disk of the given size with pieces: piece fills the
// front of what is left of b and says how much of it. It keeps io.ReaderAt's
// promises.
func Read(b []byte, off, size int64, piece func(b []byte, off int64) (int64, error)) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d: a disk begins at 0", off)
	}
	if off >= size {
		if len(b) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	var eof error
	if int64(len(b)) > size-off {
		b = b[:size-off]
		eof = io.EOF
	}
	done := 0
	for done < len(b) {
		n, err := piece(b[done:], off+int64(done))
		if err != nil {
			return done, err
		}
		if n <= 0 {
			return done, io.ErrUnexpectedEOF
		}
		done += int(n)
	}
	return done, eof
}

// ReadFull reads all of b, or says at which byte the file ended.
func ReadFull(file io.ReaderAt, b []byte, off int64) error {
	n, err := file.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("the file ends at byte %d, in the middle of what is at byte %d: it is cut off, take a whole copy", off+int64(n), off)
	}
	return fmt.Errorf("read %d bytes at byte %d: %w", len(b), off, err)
}

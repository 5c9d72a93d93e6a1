package forensic

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// sameness is whether two contents are the same.
type sameness uint8

const (
	unknown sameness = iota // one could not be read, or there are none
	equal
	differs
)

// Sound filesystems' files share no blocks, and holes apart hold less than
// what is allocated of the disk; a squashfs unpacks to what its packer
// reaches. Only a damaged or crafted one asks for more.
const (
	plainFactor  = 6 // each file is compared, and digested on both sides
	packedFactor = 40
	sparse       = 4 << 30 // bytes of holes beyond that
)

// allowance is how many bytes of content are read of a volume at most.
func (c *comparison) allowance() (int64, error) {
	sum := int64(sparse)
	for i, img := range []*Image{&c.p.A, &c.p.B} {
		s := c.side(i)
		if s == nil || s.volume == nil {
			continue
		}
		n, err := allocated(img.disk, s.Offset, s.Length)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", img.Path, err)
		}
		factor := int64(plainFactor)
		if s.Type == "squashfs" {
			factor = packedFactor
		}
		sum += factor * min(n, 1<<56)
	}
	return sum, nil
}

// allocated is how many bytes of a range of a disk are no holes.
func allocated(d split.Disk, offset, length int64) (n int64, err error) {
	for at := offset; at < offset+length; {
		start, end, err := d.NextData(at)
		if err != nil {
			return 0, err
		}
		start, end = min(start, offset+length), min(end, offset+length)
		if start >= end {
			break
		}
		n += end - start
		at = end
	}
	return n, nil
}

var errTooMuch = errors.New("not read: the files of this volume hold more than it can, some share their blocks or are mostly holes")

const piece = 128 << 10 // bytes that are read at once

// content tells whether two objects hold the same, and whether they lie at
// different places. It reads no more than it has to.
func (c *comparison) content(a, b *volume.Object) (s sameness, moved bool, err error) {
	key := [2]uint64{a.Inode, b.Inode}
	several := a.Type() == tree.Regular && b.Type() == tree.Regular && a.Has&b.Has&volume.HasLinks != 0 && a.Links > 1 && b.Links > 1
	if several {
		if s, ok := c.same[key]; ok && s != unknown {
			return s, false, nil
		}
	}
	ra, okA, errA := c.v.A.volume.Runs(a, comparedRuns)
	rb, okB, errB := c.v.B.volume.Runs(b, comparedRuns)
	known := okA && okB && errA == nil && errB == nil
	moved = !slices.Equal(ra, rb)
	if a.Type() != tree.Regular || b.Type() != tree.Regular {
		return unknown, moved, nil
	}
	switch {
	case a.Size != b.Size:
		s = differs
	case known && c.v.A.Type == c.v.B.Type && c.v.A.BlockSize == c.v.B.BlockSize:
		s = c.sameRuns(ra, rb)
	}
	if s == unknown {
		if s, err = c.read(a, b); err != nil {
			return s, moved, err
		}
	}
	if several {
		if c.same == nil {
			c.same = map[[2]uint64]sameness{}
		}
		c.same[key] = s
	}
	return s, moved, nil
}

// sameRuns tells what is known of two contents from where they lie: at the
// same place, where only what the scan has found to differ is looked at, or in
// packed blocks that are the same as they are stored.
func (c *comparison) sameRuns(a, b []volume.Run) sameness {
	if len(a) != len(b) {
		return unknown
	}
	for i := range a {
		x, y := a[i], b[i]
		x.Physical, y.Physical = 0, 0
		if x != y || a[i].Physical < 0 || b[i].Physical < 0 {
			return unknown
		}
	}
	for i := range a {
		if s := c.sameRun(a[i], b[i]); s != equal {
			return s
		}
	}
	return equal
}

// sameRun compares two runs of the same length as they are stored.
func (c *comparison) sameRun(a, b volume.Run) sameness {
	switch {
	case a.Zeros:
		return equal
	case c.aligned && a.Physical == b.Physical && a.Physical+a.Length <= min(c.v.A.Length, c.v.B.Length):
		end := a.Physical + a.Length
		first := sort.Search(len(c.spans), func(i int) bool { return c.spans[i].End > a.Physical })
		for _, s := range c.spans[first:] {
			if s.Start >= end {
				break
			}
			start := max(s.Start, a.Physical)
			if same := c.sameBytes(start, start, min(s.End, end)-start); same != equal {
				if same == differs && a.Unpacked > 0 {
					return unknown // packed otherwise, perhaps
				}
				return same
			}
		}
		return equal
	case a.Unpacked > 0 && c.sameBytes(a.Physical, b.Physical, a.Length) == equal:
		return equal
	}
	return unknown // what is not packed is read as content just as well
}

// sameBytes compares ranges of the two volumes.
func (c *comparison) sameBytes(a, b, length int64) sameness {
	var x, y [4096]byte
	for at := int64(0); at < length; {
		n := min(length-at, int64(len(x)))
		if c.budget -= 2 * n; c.budget < 0 {
			return unknown
		}
		c.bytes += 2 * n
		if readFull(c.p.A.disk, x[:n], c.v.A.Offset+a+at) != nil || readFull(c.p.B.disk, y[:n], c.v.B.Offset+b+at) != nil {
			return unknown
		}
		if x != y && !bytes.Equal(x[:n], y[:n]) {
			return differs
		}
		at += n
	}
	return equal
}

// read compares two contents of the same size, byte by byte, but for what are
// holes on both sides. What cannot be read is unknown.
func (c *comparison) read(a, b *volume.Object) (sameness, error) {
	ca, errA := c.v.A.volume.Content(a)
	cb, errB := c.v.B.volume.Content(b)
	if errA != nil || errB != nil {
		return unknown, nil
	}
	x, y := make([]byte, min(piece, a.Size)), make([]byte, min(piece, a.Size))
	for off := int64(0); off < a.Size; {
		if err := c.ctx.Err(); err != nil {
			return unknown, err
		}
		na, _ := ca.NextData(off)
		nb, _ := cb.NextData(off)
		if off = min(na, nb); off >= a.Size {
			break
		}
		n := min(int64(len(x)), a.Size-off)
		if c.budget -= 2 * n; c.budget < 0 {
			return unknown, nil
		}
		c.bytes += 2 * n
		if readFull(ca, x[:n], off) != nil || readFull(cb, y[:n], off) != nil {
			return unknown, nil
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return differs, nil
		}
		off += n
	}
	return equal, nil
}

func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// digest computes the digests of a regular file, once for all its names.
func (c *comparison) digest(f *File, side int) error {
	several := f.Has&(volume.HasInode|volume.HasLinks) == volume.HasInode|volume.HasLinks && f.Links > 1
	if several {
		if g := c.digests[side][f.Inode]; g != nil {
			f.Digests = g.Digests
			if g.Error != "" {
				f.Error = g.Error
			}
			return nil
		}
	}
	r, err := c.side(side).volume.Content(f.Object)
	if err == nil {
		f.Digests, err = c.sum(r)
	}
	if err != nil {
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		f.Error = err.Error()
	}
	if several {
		if c.digests[side] == nil {
			c.digests[side] = map[uint64]*File{}
		}
		c.digests[side][f.Inode] = f
	}
	return nil
}

func (c *comparison) sum(r volume.Content) (*Digests, error) {
	if r.Size() > c.budget {
		return nil, errTooMuch
	}
	h5, h1, h2 := md5.New(), sha1.New(), sha256.New()
	buf := make([]byte, min(piece, r.Size()))
	for off := int64(0); off < r.Size(); {
		if err := c.ctx.Err(); err != nil {
			return nil, err
		}
		b := buf[:min(int64(len(buf)), r.Size()-off)]
		if c.budget -= int64(len(b)); c.budget < 0 {
			return nil, errTooMuch
		}
		c.bytes += int64(len(b))
		if err := readFull(r, b, off); err != nil {
			return nil, fmt.Errorf("not read: %w", err)
		}
		h5.Write(b)
		h1.Write(b)
		h2.Write(b)
		off += int64(len(b))
	}
	var d Digests
	h5.Sum(d.MD5[:0])
	h1.Sum(d.SHA1[:0])
	h2.Sum(d.SHA256[:0])
	return &d, nil
}

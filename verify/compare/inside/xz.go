package inside

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/ulikunitz/xz/lzma"

	"github.com/reprodisk/reprodisk/report"
)

// xz is specified in "The .xz File Format", version 1.2.0. Its blocks are
// found through the index, so that a window's size is known before memory is
// asked for; the check behind a block is not verified.

const (
	xzMagic       = "\xfd7zXZ\x00"
	xzFooterMagic = "YZ"
	xzLZMA2       = 0x21 // filter ID, section 5.3.1
	maxBlocks     = 100_000
)

// xzBlock is one block of a stream.
type xzBlock struct {
	off, unpadded, size int64 // unpadded and size as the index has them
	header              int64 // bytes
	dict                int64 // bytes of the dictionary
}

// xzStream is what is known of a file of one stream.
type xzStream struct {
	check  byte
	blocks []xzBlock
	end    int64 // where the stream padding begins
}

var errXz = errors.New("damaged xz")

func readXz(s Source) (x xzStream, err error) {
	end := s.Size
	// Stream padding: zeros in multiples of four bytes.
	for {
		b := s.bytes(end-4, 4)
		if b == nil {
			return x, errXz
		}
		if string(b) != "\x00\x00\x00\x00" {
			break
		}
		end -= 4
	}
	foot := s.bytes(end-12, 12)
	if foot == nil || string(foot[10:]) != xzFooterMagic || crc32.ChecksumIEEE(foot[4:10]) != binary.LittleEndian.Uint32(foot) {
		return x, errXz
	}
	x.check, x.end = foot[9]&15, end
	indexSize := (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	if indexSize > 8<<20 || indexSize > end-12 {
		return x, errXz
	}
	index := s.bytes(end-12-indexSize, int(indexSize))
	if index == nil || index[0] != 0 || crc32.ChecksumIEEE(index[:len(index)-4]) != binary.LittleEndian.Uint32(index[len(index)-4:]) {
		return x, errXz
	}
	r := bytes.NewReader(index[1 : len(index)-4])
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxBlocks {
		return x, errXz
	}
	off := int64(12)
	for range n {
		unpadded, err1 := binary.ReadUvarint(r)
		size, err2 := binary.ReadUvarint(r)
		if err1 != nil || err2 != nil || unpadded > uint64(end) || size > 1<<62 {
			return x, errXz
		}
		b := xzBlock{off: off, unpadded: int64(unpadded), size: int64(size)}
		if err := b.read(s); err != nil {
			return x, err
		}
		x.blocks = append(x.blocks, b)
		if off += (int64(unpadded) + 3) &^ 3; off > end {
			return x, errXz
		}
	}
	if off != end-12-indexSize {
		return x, errors.New("several xz streams in one file")
	}
	return x, nil
}

// read reads the block's header, section 3.1.
func (b *xzBlock) read(s Source) error {
	first := s.bytes(b.off, 1)
	if first == nil || first[0] == 0 {
		return errXz
	}
	b.header = (int64(first[0]) + 1) * 4
	h := s.bytes(b.off, int(b.header))
	if h == nil || crc32.ChecksumIEEE(h[:len(h)-4]) != binary.LittleEndian.Uint32(h[len(h)-4:]) {
		return errXz
	}
	flags := h[1]
	r := bytes.NewReader(h[2 : len(h)-4])
	for bit := byte(0x40); bit != 0; bit <<= 1 { // compressed and uncompressed size
		if flags&bit != 0 {
			if _, err := binary.ReadUvarint(r); err != nil {
				return errXz
			}
		}
	}
	id, err := binary.ReadUvarint(r)
	if err != nil {
		return errXz
	}
	if flags&3 != 0 || id != xzLZMA2 {
		return errors.New("xz with a filter before LZMA2 is not read")
	}
	if n, err := binary.ReadUvarint(r); err != nil || n != 1 {
		return errXz
	}
	bits, err := r.ReadByte()
	if err != nil || bits > 40 {
		return errXz
	}
	b.dict = 1<<32 - 1
	if bits < 40 {
		b.dict = int64(2|bits&1) << (bits/2 + 11)
	}
	return nil
}

func (s *session) unxz(side int, src Source, x xzStream) (Source, error) {
	var m memory
	for _, b := range x.blocks {
		if b.size > s.budget[side] {
			return Source{}, errTooLarge
		}
		// No match reaches back further than the data is long.
		dict := max(lzma.MinDictCap, min(b.dict, b.size))
		if dict > maxWindow {
			return Source{}, fmt.Errorf("%w: a window of %d bytes", errTooLarge, dict)
		}
		r, err := lzma.Reader2Config{DictCap: int(dict)}.NewReader2(bufio.NewReader(src.part(b.off+b.header, b.unpadded-b.header).reader()))
		if err != nil {
			return Source{}, err
		}
		before := m.size
		if err := s.unpackInto(&m, side, io.LimitReader(r, b.size+1)); err != nil {
			return Source{}, err
		}
		if m.size-before != b.size {
			return Source{}, errXz
		}
	}
	return m.source(), nil
}

func (x xzStream) attrs() []attr {
	var dict, sizes []string
	for _, b := range x.blocks[:min(len(x.blocks), 20)] {
		dict = append(dict, fmt.Sprint(b.dict))
		sizes = append(sizes, fmt.Sprint(b.size))
	}
	env := func(name, value string) attr {
		return attr{name: name, value: value, cause: report.Environment, remedy: "xz with the same version, -T, --check and preset"}
	}
	return []attr{
		env("Check", fmt.Sprint(x.check)),
		env("Number of Records", fmt.Sprint(len(x.blocks))),
		env("Dictionary Size", strings.Join(dict, " ")),
		{name: "Uncompressed Size", value: strings.Join(sizes, " "), cause: report.Environment, derived: true},
	}
}

func compareXz(s *session, p pair, out *result) (string, error) {
	xa, err := readXz(p.a)
	if err != nil {
		return "", err
	}
	xb, err := readXz(p.b)
	if err != nil {
		return "", err
	}
	compareAttrs(p.where, xa.attrs(), xb.attrs(), out)
	if err := s.compareTail(p, p.a.from(xa.end), p.b.from(xb.end), out); err != nil {
		return "", err
	}
	if same, err := s.equal(p.a.part(0, xa.end), p.b.part(0, xb.end)); err != nil || same {
		return "xz", err
	}
	a, err := s.unxz(0, p.a, xa)
	if err != nil {
		return "", err
	}
	b, err := s.unxz(1, p.b, xb)
	if err != nil {
		return "", err
	}
	return s.compareUnpacked(p, "xz", a, b, out)
}

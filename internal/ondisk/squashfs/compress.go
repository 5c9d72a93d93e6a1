package squashfs

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// unpacker unpacks one block into dst, which holds as much as the block may
// have, and returns how many bytes it has.
type unpacker func(dst, src []byte) (int, error)

var errTooLong = errors.New("it holds more than a block may")

func unpackerOf(compression uint16) (unpacker, error) {
	switch compression {
	case ZLIB:
		return unpackZlib, nil
	case XZ:
		return unpackXZ, nil
	case LZO:
		return func(dst, src []byte) (int, error) { return lzo.Decompress(src, dst) }, nil
	case LZ4:
		return func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) }, nil
	case ZSTD:
		return newZstd(), nil
	}
	return nil, wrong(20, "%s compression is not read", CompressionName(compression))
}

// unpack unpacks src. The libraries are told how much they may unpack and
// allocate; should one of them panic at damaged bytes, that is one more way of
// saying so.
func (fs *FS) unpack(dst, src []byte, at int64) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, wrong(at, "a damaged block: %v", p)
		}
	}()
	n, err = fs.unpacker(dst, src)
	if err != nil {
		return 0, wrong(at, "a block of %d packed bytes: %v", len(src), err)
	}
	return n, nil
}

// fill reads r to its end, which must come within dst.
func fill(dst []byte, r io.Reader) (int, error) {
	var one [1]byte
	for n, idle := 0, 0; ; {
		p := dst[n:]
		if len(p) == 0 {
			p = one[:]
		}
		m, err := r.Read(p)
		switch {
		case m > 0 && n == len(dst):
			return 0, errTooLong
		case err == io.EOF:
			return n + m, nil
		case err != nil:
			return 0, err
		}
		n += m
		if m > 0 {
			idle = 0
		} else if idle++; idle > 100 {
			return 0, io.ErrNoProgress
		}
	}
}

func unpackZlib(dst, src []byte) (int, error) {
	z, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return 0, err
	}
	return fill(dst, z)
}

// zstdWindow is the largest window in bytes that a block of squashfs needs.
const zstdWindow = 8 << 20

func newZstd() unpacker {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(1<<MaxBlockLog), zstd.WithDecoderMaxWindow(zstdWindow))
	return func(dst, src []byte) (int, error) {
		if err != nil {
			return 0, err
		}
		out, err := d.DecodeAll(src, dst[:0])
		if err != nil {
			return 0, err
		}
		if len(out) > len(dst) {
			return 0, errTooLong
		}
		return copy(dst, out), nil
	}
}

// Places in a stream of xz; "The .xz File Format" 1.2.1, sections 2.1.1 and 3.1.
const (
	xzHeader    = 12   // bytes of the stream's header
	xzLZMA2     = 0x21 // the filter's id
	maxXZ       = 2 << 20
	minDictSize = 4096
)

// unpackXZ reads the one block of LZMA2 data that mksquashfs writes. The
// stream's framing is read here and not by a library, because the dictionary
// that it asks for is allocated before anything else is known to be right.
func unpackXZ(dst, src []byte) (int, error) {
	if len(src) < xzHeader+8 || string(src[:6]) != "\xfd7zXZ\x00" {
		return 0, errors.New("no xz stream")
	}
	b := src[xzHeader:]
	size := (int(b[0]) + 1) * 4 // of the block's header
	flags := b[1]
	if b[0] == 0 { // the index: a stream without a block
		return 0, nil
	}
	if flags&3 != 0 {
		return 0, errors.New("xz with a filter for machine code (-Xbcj) is not read")
	}
	at := 2
	for _, present := range []bool{flags&0x40 != 0, flags&0x80 != 0} { // compressed and uncompressed size
		for n := 0; present; n++ {
			if at >= len(b) || n == 9 {
				return 0, errors.New("xz: a number without an end")
			}
			at++
			present = b[at-1]&0x80 != 0
		}
	}
	if size > len(b) || at+3 > size || b[at] != xzLZMA2 || b[at+1] != 1 || b[at+2] > 40 {
		return 0, errors.New("xz: not LZMA2")
	}
	bits := b[at+2]
	dict := int64(2|bits&1) << (bits/2 + 11)
	if dict > maxXZ {
		return 0, fmt.Errorf("xz: a dictionary of %d bytes is more than a block has", dict)
	}
	r, err := lzma.Reader2Config{DictCap: int(max(dict, minDictSize))}.NewReader2(bytes.NewReader(b[size:]))
	if err != nil {
		return 0, err
	}
	return fill(dst, r)
}

package erofs

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz/lzma"
)

// unpacker unpacks extents.
type unpacker struct {
	padded bool // zeros stand before the packed bytes
	zstd   *zstd.Decoder
}

var errShort = errors.New("it holds too little")

// unpack fills dst with the front of what src holds, and tells how many bytes it
// has unpacked beyond that. The libraries are told how much they may unpack and
// allocate; should one of them panic at damaged bytes, that is one more way of
// saying so.
func (u *unpacker) unpack(dst, src []byte, algorithm int, partial bool) (beyond int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	if algorithm != LZ4 || u.padded {
		if src = bytes.TrimLeft(src, "\x00"); len(src) == 0 {
			return 0, errors.New("it is all zeros")
		}
	}
	switch algorithm {
	case LZ4:
		n := 0
		if partial || !u.padded {
			n, err = lz4Front(dst, src)
		} else {
			n, err = lz4.UncompressBlock(src, dst)
		}
		if err == nil && n < len(dst) {
			err = errShort
		}
		return 0, err
	case LZMA:
		return 0, unpackLZMA(dst, src)
	case DEFLATE:
		return 0, fill(dst, flate.NewReader(bytes.NewReader(src)))
	case ZSTD:
		return u.unpackZstd(dst, src)
	}
	return 0, fmt.Errorf("%s is not read", AlgorithmName(algorithm))
}

func fill(dst []byte, r io.Reader) error {
	_, err := io.ReadFull(r, dst)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}

// unpackLZMA reads MicroLZMA, "microlzma" in liblzma: LZMA without a header,
// where the first byte, which is always zero otherwise, is the complement of the
// properties.
func unpackLZMA(dst, src []byte) error {
	head := make([]byte, lzma.HeaderLen, lzma.HeaderLen+len(src))
	head[0] = ^src[0]
	window := max(len(dst), lzma.MinDictCap) // no distance goes farther back than the beginning
	binary.LittleEndian.PutUint32(head[1:], uint32(window))
	binary.LittleEndian.PutUint64(head[5:], uint64(len(dst)))
	head = append(append(head, 0), src[1:]...)
	r, err := lzma.ReaderConfig{DictCap: window}.NewReader(bytes.NewReader(head))
	if err != nil {
		return err
	}
	return fill(dst, r)
}

// zstdWindow is the largest window that an extent may have, in bytes
// (Z_EROFS_ZSTD_MAX_DICT_SIZE).
const zstdWindow = 1 << 20

func (u *unpacker) unpackZstd(dst, src []byte) (beyond int, err error) {
	if u.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return 0, err
		}
		u.zstd = d
	}
	out, err := u.zstd.DecodeAll(src, dst[:0])
	if err != nil {
		return len(out), err
	}
	if copy(dst, out) < len(dst) {
		return 0, errShort
	}
	return len(out) - len(dst), nil
}

package btrfs

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/zstd"
)

// Ways of compression, of an extent.
const (
	CompressZlib = 1
	CompressLZO  = 2
	CompressZstd = 3
)

// maxPacked is BTRFS_MAX_UNCOMPRESSED: the most an extent unpacks to, and is
// packed in, in bytes.
const maxPacked = 128 << 10

// unpacked is the compressed extent that was read last.
type unpacked struct {
	at    int64 // of its data: a logical address, or the place of the item it is in
	size  uint64
	bytes []byte
	zstd  *zstd.Decoder
}

// unpack unpacks a compressed extent.
func (fs *FS) unpack(e *Extent) (b []byte, err error) {
	at := int64(e.DiskBytenr)
	if e.Inline != nil {
		at = -e.Offset
	}
	u := &fs.unpacked
	if u.bytes != nil && u.at == at && u.size == e.Head.RAMBytes {
		return u.bytes, nil
	}
	if e.Head.RAMBytes > maxPacked || e.DiskNumBytes > maxPacked {
		return nil, wrong(e.Offset, "a compressed extent of %d bytes, packed in %d", e.Head.RAMBytes, e.DiskNumBytes)
	}
	packed := e.Inline
	if packed == nil {
		packed = make([]byte, e.DiskNumBytes)
		if err := fs.ReadLogical(packed, e.DiskBytenr); err != nil {
			return nil, err
		}
	}
	// Should one of the libraries panic at damaged bytes, that is one more way
	// of saying that they are damaged.
	defer func() {
		if p := recover(); p != nil {
			b, err = nil, wrong(e.Offset, "a damaged extent: %v", p)
		}
	}()
	dst := make([]byte, e.Head.RAMBytes)
	switch e.Head.Compression {
	case CompressZlib:
		err = unpackZlib(dst, packed)
	case CompressLZO:
		err = unpackLZO(dst, packed, int(fs.SB.SectorSize))
	case CompressZstd:
		err = u.unpackZstd(dst, packed)
	default:
		err = fmt.Errorf("compression %d is not known", e.Head.Compression)
	}
	if err != nil {
		return nil, wrong(e.Offset, "an extent of %d packed bytes: %v", len(packed), err)
	}
	u.at, u.size, u.bytes = at, e.Head.RAMBytes, dst
	return dst, nil
}

func unpackZlib(dst, src []byte) error {
	z, err := zlib.NewReader(bytes.NewReader(src))
	if err != nil {
		return err
	}
	return fill(dst, z)
}

// fill reads as much as dst has room for; what ends before reads as zeros
// behind it.
func fill(dst []byte, r io.Reader) error {
	_, err := io.ReadFull(r, dst)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// zstdWindow is the largest window in bytes, ZSTD_BTRFS_MAX_INPUT.
const zstdWindow = maxPacked

func (u *unpacked) unpackZstd(dst, src []byte) (err error) {
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(4*zstdWindow), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return err
		}
	}
	// One frame, with zeros up to the end of the sector behind it, which no
	// frame begins with.
	if err := u.zstd.Reset(bytes.NewReader(src)); err != nil {
		return err
	}
	n, err := io.ReadFull(u.zstd, dst)
	switch {
	case n > 0 && errors.Is(err, zstd.ErrMagicMismatch), err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	}
	return err
}

// unpackLZO reads a total length, and then segments with a length of their own
// that hold a sector each. A length does not cross the end of a sector.
func unpackLZO(dst, src []byte, sector int) error {
	const head = 4
	if len(src) < head {
		return errors.New("no length")
	}
	total := int64(le.Uint32(src))
	if total < head || total > int64(len(src)) {
		return fmt.Errorf("a length of %d", total)
	}
	src = src[:total]
	for at := head; len(dst) > 0; {
		if left := sector - at%sector; left < head {
			at += left
		}
		if at+head > len(src) {
			return nil
		}
		n := int64(le.Uint32(src[at:]))
		at += head
		if n > int64(len(src)-at) {
			return fmt.Errorf("a segment of %d bytes", n)
		}
		got, err := lzo.Decompress(src[at:at+int(n)], dst[:min(len(dst), sector)])
		if err != nil {
			return err
		}
		dst = dst[got:]
		at += int(n)
		if got < sector {
			return nil
		}
	}
	return nil
}

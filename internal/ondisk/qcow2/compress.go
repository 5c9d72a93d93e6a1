package qcow2

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindow is what a zstd frame may ask for, in bytes: RFC 8878 section
	// 3.1.1.1.2 wants at least that much to be granted, and no cluster is even
	// that long.
	maxWindow = 8 << 20
	unpackers = 3 // clusters that are unpacked at once
)

// unpacker undoes the compression of one cluster at a time.
type unpacker struct {
	in    *bufio.Reader
	flate io.ReadCloser
	zstd  *zstd.Decoder
}

func newUnpacker(compression uint8) (*unpacker, error) {
	u := &unpacker{in: bufio.NewReaderSize(nil, 64<<10)}
	if compression == CompressionZlib {
		u.flate = flate.NewReader(nil)
		return u, nil
	}
	var err error
	u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	return u, err
}

// unpack fills b, a whole cluster, from the compressed bytes in r. What stands
// behind them is not looked at: the next cluster's may begin in their last
// sector.
func (u *unpacker) unpack(b []byte, r io.Reader) error {
	u.in.Reset(r)
	var src io.Reader = u.flate
	if u.zstd != nil {
		if err := u.zstd.Reset(u.in); err != nil {
			return err
		}
		src = u.zstd
	} else if err := u.flate.(flate.Resetter).Reset(u.in, nil); err != nil {
		return err
	}
	n, err := io.ReadFull(src, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("it ends after %d bytes of %d", n, len(b))
	}
	return err
}

// close frees what the unpacker holds.
func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

package format

import (
	"github.com/klauspost/compress/zstd"
)

// packedPiece is how many bytes of the disk are compressed as one, whatever
// the number of processors, which do so at the same time.
const packedPiece = 4 << 20

// maxPackers bounds the memory that compressors need.
const maxPackers = 4

// packed is a piece, compressed.
type packed struct {
	b      []byte
	length int64 // of b, without what pads it
}

// packer compresses b. What to holds is overwritten.
type packer func(to packed, b []byte) (packed, error)

// pack compresses all pieces of the disk and writes them one behind another
// from byte at on. Part, which may be nil, is told of each, and how many bytes
// of the disk it holds. Where the last ends is returned.
func (s *stream) pack(at int64, newPacker func() (packer, error), part func(p packed, length int64)) (end int64, err error) {
	ours, err := newPacker()
	if err != nil {
		return 0, err
	}
	var hole packed // a whole piece of zeros
	err = s.run(steps{
		length: packedPiece, workers: maxPackers, holes: true,
		worker: func() (func(*piece) error, error) {
			pack, err := newPacker()
			return func(p *piece) error {
				last, _ := p.work.(packed)
				now, err := pack(last, p.data[:p.length])
				p.work = now
				return err
			}, err
		},
		take: func(p *piece) (err error) {
			var now packed
			switch {
			case !p.zero:
				now = p.work.(packed)
			case p.length == packedPiece && hole.b != nil:
				now = hole
			default:
				if now, err = ours(packed{}, make([]byte, p.length)); err != nil {
					return err
				}
				if p.length == packedPiece {
					hole = now
				}
			}
			p.put(now.b, at)
			at += int64(len(now.b))
			if part != nil {
				part(now, p.length)
			}
			return nil
		},
	})
	return at, err
}

// writeZstd writes a frame for each piece: any decompressor takes them for one
// file.
func writeZstd(s *stream) error {
	_, err := s.pack(0, func() (packer, error) {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithWindowSize(packedPiece))
		if err != nil {
			return nil, err
		}
		return func(to packed, b []byte) (packed, error) {
			out := e.EncodeAll(b, to.b[:0])
			return packed{out, int64(len(out))}, nil
		}, nil
	}, nil)
	return err
}

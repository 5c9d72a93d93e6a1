package xfstest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"testing"
)

var update = flag.Bool("update-xfs", false, "make the small filesystem anew, as root")

// Block is the small filesystem's block, in bytes.
const Block = 1024

// packed is the small filesystem: its size, and its blocks that are not zero
// with their numbers, in gzip.
//
//go:embed small.gz
var packed []byte

// Disk is a sparse disk in memory.
type Disk struct {
	size   int64
	blocks map[int64][]byte
}

// Small is a filesystem of a few hundred blocks, with a bit of everything.
func Small(t testing.TB) *Disk {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	d := &Disk{size: int64(binary.BigEndian.Uint64(b)), blocks: map[int64][]byte{}}
	for b = b[8:]; len(b) > 0; b = b[8+Block:] {
		d.blocks[int64(binary.BigEndian.Uint64(b))] = b[8:][:Block]
	}
	return d
}

// Pack makes the file that Small reads, where the tests are told to.
func Pack(t testing.TB, path, image string) {
	t.Helper()
	b, err := os.ReadFile(image)
	must(t, err)
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	must(t, err)
	must(t, binary.Write(z, binary.BigEndian, uint64(len(b))))
	zeros := make([]byte, Block)
	for i := 0; i < len(b); i += Block {
		if block := b[i:][:Block]; !bytes.Equal(block, zeros) {
			must(t, binary.Write(z, binary.BigEndian, uint64(i/Block)))
			_, err := z.Write(block)
			must(t, err)
		}
	}
	must(t, z.Close())
	must(t, os.WriteFile(path, out.Bytes(), 0o644))
}

// Updating tells whether the small filesystem is to be made anew.
func Updating() bool { return *update }

func (d *Disk) Size() int64 { return d.size }

// Blocks are the numbers of the blocks that are not zero, in no order.
func (d *Disk) Blocks() (out []int64) {
	for n := range d.blocks {
		out = append(out, n)
	}
	return out
}

// Change writes to a copy of the disk, which shares what it did not change.
func (d *Disk) Change(at int64, with []byte) *Disk {
	c := &Disk{size: d.size, blocks: make(map[int64][]byte, len(d.blocks)+1)}
	for n, b := range d.blocks {
		c.blocks[n] = b
	}
	for len(with) > 0 && at < d.size {
		n, in := at/Block, at%Block
		b := make([]byte, Block)
		copy(b, c.blocks[n])
		k := copy(b[in:], with)
		c.blocks[n] = b
		with, at = with[k:], at+int64(k)
	}
	return c
}

// ReadAt implements io.ReaderAt.
func (d *Disk) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		if off >= d.size {
			return n, io.EOF
		}
		part := p[n:min(len(p), n+int(Block-off%Block), n+int(d.size-off))]
		if b := d.blocks[off/Block]; b != nil {
			copy(part, b[off%Block:])
		} else {
			clear(part)
		}
		n += len(part)
		off += int64(len(part))
	}
	return n, nil
}

// NextData is the next run of blocks that are not zero.
func (d *Disk) NextData(off int64) (start, end int64, err error) {
	for n := off / Block; n*Block < d.size; n++ {
		if d.blocks[n] != nil {
			return max(off, n*Block), min((n+1)*Block, d.size), nil
		}
	}
	return d.size, d.size, nil
}

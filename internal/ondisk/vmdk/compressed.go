package vmdk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/reprodisk/reprodisk/internal/ondisk/blockmap"
)

// cacheBytes is how much decompressed data an extent keeps at most.
const cacheBytes = 8 << 20

// grainCache keeps the grains that were decompressed last, so that small reads
// in order decompress each once. What is in it is not changed any more.
type grainCache struct {
	mu     sync.Mutex
	number []int64
	data   [][]byte
	next   int
}

func (c *grainCache) get(grain int64) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range c.number {
		if n == grain {
			return c.data[i]
		}
	}
	return nil
}

func (c *grainCache) put(grain int64, data []byte, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.number) < most {
		c.number = append(c.number, grain)
		c.data = append(c.data, data)
		return
	}
	c.number[c.next], c.data[c.next] = grain, data
	c.next = (c.next + 1) % most
}

// readCompressed fills the front of b from the grain that holds byte off.
func (s *sparse) readCompressed(b []byte, off int64) (int64, error) {
	grain := off / s.grainBytes()
	start := grain * s.grainBytes()
	size := min(s.grainBytes(), s.size()-start)
	place, _ := s.table.At(start)
	if off == start && int64(len(b)) >= size {
		return size, s.decompress(b[:size], grain, place)
	}
	data := s.grains.get(grain)
	if data == nil {
		data = make([]byte, size)
		if err := s.decompress(data, grain, place); err != nil {
			return 0, err
		}
		s.grains.put(grain, data, int(max(cacheBytes/s.grainBytes(), 1)))
	}
	return int64(copy(b, data[off-start:])), nil
}

var (
	inputs   = sync.Pool{New: func() any { return new([]byte) }}
	inflates sync.Pool // of io.ReadCloser that are zlib.Resetter
)

// decompress fills b, which is as long as what of the grain is in the extent,
// from the grain at byte place of the file.
func (s *sparse) decompress(b []byte, grain, place int64) error {
	// What does not get smaller gets larger by less than a tenth.
	most := 2*s.grainBytes() + sector
	at, n := place, min(most, s.file.Size()-place)
	if s.header.Flags&flagMarkers != 0 {
		var head [grainMarker]byte
		if err := blockmap.ReadFull(s.file, head[:], place); err != nil {
			return fmt.Errorf("VMDK grain %d: %w", grain, err)
		}
		m := markerLayout.Decode(head[:])
		if want := uint64(grain) * s.header.GrainSize; m.Val != want {
			return fmt.Errorf("VMDK grain %d at byte %d: its marker names sector %d, not %d: the file is damaged, take a whole copy", grain, place, m.Val, want)
		}
		at += grainMarker
		n = int64(m.Size)
		if n == 0 || n > most || n > s.file.Size()-at {
			return fmt.Errorf("VMDK grain %d at byte %d: its marker gives it %d bytes: the file is damaged, take a whole copy", grain, place, n)
		}
	}
	in := inputs.Get().(*[]byte)
	defer inputs.Put(in)
	if int64(cap(*in)) < n {
		*in = make([]byte, n)
	}
	packed := (*in)[:n]
	if err := blockmap.ReadFull(s.file, packed, at); err != nil {
		return fmt.Errorf("VMDK grain %d: %w", grain, err)
	}
	if err := inflate(b, packed, s.grainBytes()); err != nil {
		return fmt.Errorf("VMDK grain %d at byte %d cannot be decompressed: %w: the file is damaged, take a whole copy", grain, place, err)
	}
	return nil
}

// inflate fills b from packed, which may go on to the end of a grain.
func inflate(b, packed []byte, grain int64) error {
	src := bytes.NewReader(packed)
	z, _ := inflates.Get().(io.ReadCloser)
	var err error
	if z == nil {
		z, err = zlib.NewReader(src)
	} else {
		err = z.(zlib.Resetter).Reset(src, nil)
	}
	if err != nil {
		return err
	}
	defer inflates.Put(z)
	if _, err := io.ReadFull(z, b); err != nil {
		return err
	}
	// To the end, where the checksum is.
	rest, err := io.Copy(io.Discard, io.LimitReader(z, grain-int64(len(b))+1))
	if err != nil {
		return err
	}
	if rest > grain-int64(len(b)) {
		return errors.New("it holds more than a grain")
	}
	return nil
}

// descriptorText reads what lies at descriptorOffset; nil where nothing does.
func (s *sparse) descriptorText() ([]byte, error) {
	h := HeaderLayout.Decode(s.raw)
	if h.DescriptorOffset == 0 || h.DescriptorSize == 0 {
		return nil, nil
	}
	n := s.file.Size()
	if h.DescriptorOffset > uint64(n/sector) || h.DescriptorSize > maxDescriptor/sector || int64(h.DescriptorOffset+h.DescriptorSize)*sector > n {
		return nil, fmt.Errorf("the descriptor at sector %d of %d sectors ends behind the end of the file of %d bytes or is too long: the header is damaged, take a whole copy", h.DescriptorOffset, h.DescriptorSize, n)
	}
	b := make([]byte, h.DescriptorSize*sector)
	if err := blockmap.ReadFull(s.file, b, int64(h.DescriptorOffset)*sector); err != nil {
		return nil, fmt.Errorf("VMDK descriptor: %w", err)
	}
	if binary.LittleEndian.Uint32(b) == 0 {
		return nil, nil
	}
	return b, nil
}

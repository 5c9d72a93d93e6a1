package unpack

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// Parts of ".xz File Format" that are of fixed size, in bytes.
const (
	xzHeaderSize = 12 // section 2.1.1
	xzFooterSize = 12 // section 2.1.2
	xzFooterEnd  = "YZ"
	xzLZMA2      = 0x21 // the filter's identifier, section 5.3.1
)

// xzCheck is a check that stands behind each block (section 2.1.1.2).
type xzCheck struct {
	name string
	size int64 // bytes
	make func() hash.Hash
}

var xzChecks = map[byte]xzCheck{
	0x0: {name: "None"},
	0x1: {"CRC32", 4, func() hash.Hash { return crc32.NewIEEE() }},
	0x4: {"CRC64", 8, func() hash.Hash { return crc64.New(crc64.MakeTable(crc64.ECMA)) }},
	0xa: {"SHA-256", 32, sha256.New},
}

// xzRecord is what the index tells about a block.
type xzRecord struct{ unpadded, uncompressed uint64 }

// xz reads streams and the padding between them.
func (j *job) xz() error {
	for at := int64(0); at < j.size; {
		if j.parts > 0 {
			pad := make([]byte, 4)
			n, err := j.r.ReadAt(pad, at)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if n == len(pad) && bytes.Equal(pad, zeros[:4]) { // section 2.2
				if at += 4; (at>>2)&(chunk-1) == 0 && j.ctx.Err() != nil {
					return j.ctx.Err()
				}
				continue
			}
		}
		j.parts++
		end, err := j.xzStream(at)
		if err != nil {
			return err
		}
		at = end
	}
	return nil
}

// xzStream unpacks the stream at byte at, and tells where it ends.
func (j *job) xzStream(at int64) (end int64, err error) {
	head := make([]byte, xzHeaderSize)
	n, err := j.r.ReadAt(head, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	magic := Xz.Magic()
	switch {
	case string(head[:min(n, len(magic))]) != magic[:min(n, len(magic))]:
		return 0, fmt.Errorf("%d bytes of something else follow at byte %d", j.size-at, at)
	case n < len(head):
		return 0, j.truncated()
	case crc32.ChecksumIEEE(head[6:8]) != binary.LittleEndian.Uint32(head[8:]):
		return 0, fmt.Errorf("stream %d: the header at byte %d fails its check", j.parts, at)
	}
	check, ok := xzChecks[head[7]]
	if head[6] != 0 || !ok {
		return 0, fmt.Errorf("stream %d, at byte %d, has the unknown flags 0x%02x%02x", j.parts, at, head[6], head[7])
	}
	one := func(name string, value any, offset, length int64, sort string) {
		j.add(container.Field{Structure: j.structure(), Name: name, Value: fmt.Sprint(value), Offset: offset, Length: length, Sort: sort, Remedy: sameTool})
	}
	one("Check", check.name, at+6, 2, "environment")
	start := at
	at += xzHeaderSize
	// What the blocks are is kept as a digest: a file may have any number of
	// them, and the index has to say the same.
	blocks, records := uint64(0), sha256.New()
	dictionary := int64(0)
	for {
		size := make([]byte, 1)
		if err := j.read(size, at); err != nil {
			return 0, err
		}
		if size[0] == 0 {
			break
		}
		r, next, dict, err := j.xzBlock(at, int64(size[0])*4+4, check)
		if err != nil {
			return 0, err
		}
		blocks++
		fmt.Fprintln(records, r)
		dictionary = max(dictionary, dict)
		at = next
	}
	one("Number of Records", blocks, at, 0, "environment")
	one("Dictionary Size", dictionary, start, 0, "environment")
	index := at
	if at, err = j.xzIndex(at, blocks, records.Sum(nil)); err != nil {
		return 0, err
	}
	foot := make([]byte, xzFooterSize)
	if err := j.read(foot, at); err != nil {
		return 0, err
	}
	backward := (int64(binary.LittleEndian.Uint32(foot[4:])) + 1) * 4
	if string(foot[10:]) != xzFooterEnd || !bytes.Equal(foot[8:10], head[6:8]) || backward != at-index ||
		crc32.ChecksumIEEE(foot[4:10]) != binary.LittleEndian.Uint32(foot) {
		return 0, fmt.Errorf("stream %d: the footer at byte %d is damaged", j.parts, at)
	}
	return at + xzFooterSize, nil
}

// xzBlock unpacks the block at byte at, whose header is size bytes long, and
// tells where the next one begins (section 3).
func (j *job) xzBlock(at, size int64, check xzCheck) (r xzRecord, next, dictionary int64, err error) {
	head := make([]byte, size)
	if err := j.read(head, at); err != nil {
		return r, 0, 0, err
	}
	body := head[:size-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(head[size-4:]) {
		return r, 0, 0, fmt.Errorf("stream %d: the block header at byte %d fails its check", j.parts, at)
	}
	flags, rest := body[1], bytes.NewReader(body[2:])
	var sizes [2]uint64 // compressed, uncompressed
	for i := range sizes {
		if flags>>(6+i)&1 != 0 {
			if sizes[i], err = xzNumber(rest); err != nil {
				return r, 0, 0, j.damaged(at, errors.New("a block's header is too short"))
			}
		}
	}
	filter, err1 := xzNumber(rest)
	length, err2 := xzNumber(rest)
	code, err3 := rest.ReadByte()
	if err := errors.Join(err1, err2, err3); err != nil {
		return r, 0, 0, j.damaged(at, errors.New("a block's header is too short"))
	}
	if flags&0x3f != 0 || filter != xzLZMA2 || length != 1 {
		return r, 0, 0, fmt.Errorf("stream %d: the block at byte %d has other filters than LZMA2 alone: unpack it with `xz -d`", j.parts, at)
	}
	dictionary, err = lzma.DecodeDictCap(code)
	if err != nil {
		return r, 0, 0, j.damaged(at, err)
	}
	if dictionary > maxMemory {
		return r, 0, 0, fmt.Errorf("stream %d: the block at byte %d needs a dictionary of %d bytes, more than %d", j.parts, at, dictionary, maxMemory)
	}
	begin := at + size
	section := io.NewSectionReader(j.r, begin, j.size-begin)
	in := bufio.NewReaderSize(section, 64<<10)
	d, err := lzma.Reader2Config{DictCap: max(int(dictionary), lzma.MinDictCap)}.NewReader2(in)
	if err != nil {
		return r, 0, 0, j.damaged(begin, err)
	}
	var sums []hash.Hash
	if check.make != nil {
		sums = append(sums, check.make())
	}
	n, err := j.take(d, sums...)
	var we writeError
	if errors.As(err, &we) {
		return r, 0, 0, we.error
	}
	if err != nil {
		return r, 0, 0, j.damaged(begin, err)
	}
	read, err := section.Seek(0, io.SeekCurrent)
	if err != nil {
		return r, 0, 0, err
	}
	end := begin + read - int64(in.Buffered())
	if err := j.digest(begin, end-begin); err != nil {
		return r, 0, 0, err
	}
	if flags>>6&1 != 0 && sizes[0] != uint64(end-begin) || flags>>7&1 != 0 && sizes[1] != uint64(n) {
		return r, 0, 0, j.damaged(begin, errors.New("a block is not as long as its header says"))
	}
	padded := (end + 3) / 4 * 4 // the header's place and length are multiples of 4
	tail := make([]byte, padded-end+check.size)
	if err := j.read(tail, end); err != nil {
		return r, 0, 0, err
	}
	if !zero(tail[:padded-end]) {
		return r, 0, 0, fmt.Errorf("stream %d: the padding at byte %d is not zeros", j.parts, end)
	}
	if check.make != nil && !bytes.Equal(xzSum(sums[0]), tail[padded-end:]) {
		return r, 0, 0, fmt.Errorf("stream %d: the %s check at byte %d does not hold", j.parts, check.name, padded)
	}
	return xzRecord{uint64(end - at + check.size), uint64(n)}, padded + check.size, dictionary, nil
}

// xzSum is a check as it is stored: the CRCs with the lowest byte in front.
func xzSum(h hash.Hash) []byte {
	switch h := h.(type) {
	case hash.Hash64:
		return binary.LittleEndian.AppendUint64(nil, h.Sum64())
	case hash.Hash32:
		return binary.LittleEndian.AppendUint32(nil, h.Sum32())
	}
	return h.Sum(nil)
}

// xzIndex checks the index at byte at (section 4) against the blocks that were
// there, and tells where it ends.
func (j *job) xzIndex(at int64, blocks uint64, want []byte) (end int64, err error) {
	sum, section := crc32.NewIEEE(), io.NewSectionReader(j.r, at, j.size-at)
	in := &summed{in: bufio.NewReader(section), sum: sum}
	_, _ = in.ReadByte() // the indicator, which was seen to be 0
	n, err := xzNumber(in)
	if err != nil {
		return 0, j.damaged(at, err)
	}
	if n != blocks {
		return 0, fmt.Errorf("stream %d: the index at byte %d lists %d blocks of %d", j.parts, at, n, blocks)
	}
	records := sha256.New()
	for range n {
		unpadded, err1 := xzNumber(in)
		uncompressed, err2 := xzNumber(in)
		if err := errors.Join(err1, err2); err != nil {
			return 0, j.damaged(at, err)
		}
		fmt.Fprintln(records, xzRecord{unpadded, uncompressed})
	}
	if !bytes.Equal(records.Sum(nil), want) {
		return 0, fmt.Errorf("stream %d: the index at byte %d tells other lengths than the blocks have", j.parts, at)
	}
	for in.n%4 != 0 {
		if b, err := in.ReadByte(); err != nil || b != 0 {
			return 0, j.damaged(at, errors.Join(err, errors.New("the index's padding is not zeros")))
		}
	}
	stored := make([]byte, 4)
	end = at + in.n
	if err := j.read(stored, end); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(stored) != sum.Sum32() {
		return 0, fmt.Errorf("stream %d: the index at byte %d fails its check", j.parts, at)
	}
	return end + 4, nil
}

// summed counts and sums the bytes that are read.
type summed struct {
	in  *bufio.Reader
	sum hash.Hash
	n   int64
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.in.ReadByte()
	if err == nil {
		s.n++
		s.sum.Write([]byte{b})
	}
	return b, err
}

// xzNumber reads an integer of up to nine bytes (section 1.2).
func xzNumber(r io.ByteReader) (v uint64, err error) {
	for shift := 0; shift < 63; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if b == 0 && shift > 0 {
				return 0, errors.New("an integer is longer than it has to be")
			}
			return v, nil
		}
	}
	return 0, errors.New("an integer is longer than nine bytes")
}

package format

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"

	"github.com/ulikunitz/xz/lzma"
)

// Parts of an xz file; the numbers are those of the specification's sections.
const (
	xzMagic       = "\xfd7zXZ\x00" // 2.1.1.1
	xzFlags       = "\x00\x04"     // 2.1.1.2: CRC64
	xzFooterMagic = "YZ"           // 2.1.2.4
	xzHeaderBytes = 12             // 2.1.1
	xzSizes       = 0xc0           // 3.1.2: both sizes are in the block's header, one filter
	xzLZMA2       = 0x21           // 5.3.1

	// xzBlockHeader is the length in bytes of a block's header: two sizes below
	// 2^28, the filter, and the check.
	xzBlockHeader = 20
)

// xzDictionary is how far back in bytes matches reach: larger ones take more
// memory than they save of the file.
const xzDictionary = 1 << 20

var crc64Table = crc64.MakeTable(crc64.ECMA)

// writeXz writes one stream with a block for each piece, which can be
// decompressed at the same time, too.
func writeXz(s *stream) error {
	head := append([]byte(xzMagic), xzFlags...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE([]byte(xzFlags)))
	if err := s.put(head, 0); err != nil {
		return err
	}
	var records []byte
	blocks := uint64(0)
	at, err := s.pack(xzHeaderBytes, func() (packer, error) { return xzBlock, nil }, func(p packed, length int64) {
		blocks++
		records = binary.AppendUvarint(records, uint64(p.length))
		records = binary.AppendUvarint(records, uint64(length))
	})
	if err != nil {
		return err
	}
	index := binary.AppendUvarint([]byte{0}, blocks) // 4.1, 4.2
	index = append(index, records...)
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1)) // 2.1.2.2
	foot = append(foot, xzFlags...)
	foot = append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(foot)), foot...)
	foot = append(foot, xzFooterMagic...)
	return s.put(append(index, foot...), at)
}

// xzBlock makes a block that holds b (section 3).
func xzBlock(to packed, b []byte) (packed, error) {
	data := bytes.NewBuffer(to.b[:0])
	data.Write(make([]byte, xzBlockHeader))
	w, err := lzma.Writer2Config{DictCap: xzDictionary}.NewWriter2(data)
	if err != nil {
		return packed{}, err
	}
	if _, err := w.Write(b); err != nil {
		return packed{}, err
	}
	if err := w.Close(); err != nil {
		return packed{}, err
	}
	head := []byte{xzBlockHeader/4 - 1, xzSizes}
	head = binary.AppendUvarint(head, uint64(data.Len()-xzBlockHeader))
	head = binary.AppendUvarint(head, uint64(len(b)))
	head = append(head, xzLZMA2, 1, lzma.EncodeDictCap(xzDictionary))
	head = append(head, make([]byte, xzBlockHeader-4-len(head))...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
	p := packed{length: int64(data.Len()) + crc64.Size}
	for data.Len()%4 != 0 {
		data.WriteByte(0)
	}
	p.b = binary.LittleEndian.AppendUint64(data.Bytes(), crc64.Checksum(b, crc64Table))
	copy(p.b, head)
	return p, nil
}

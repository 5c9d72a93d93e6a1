package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/fieldlist"
)

// gzipHeader is what a member begins with (RFC 1952 section 2.3).
type gzipHeader struct {
	ID1   uint8  `disk:"ID1,hex"`
	ID2   uint8  `disk:"ID2,hex"`
	CM    uint8  `disk:"CM"`
	FLG   uint8  `disk:"FLG,flags"`
	MTIME uint32 `disk:"MTIME,time"`
	XFL   uint8  `disk:"XFL"`
	OS    uint8  `disk:"OS"`
}

// gzipTrailer is what it ends with.
type gzipTrailer struct {
	CRC32 uint32 `disk:"CRC32,checksum"` // of the content
	ISIZE uint32 `disk:"ISIZE"`          // the content's length modulo 2^32
}

var (
	gzipHeaderLayout  = field.MustOf[gzipHeader](binary.LittleEndian)
	gzipTrailerLayout = field.MustOf[gzipTrailer](binary.LittleEndian)
)

// Bits of FLG.
const (
	gzipFHCRC    = 1 << 1
	gzipFEXTRA   = 1 << 2
	gzipFNAME    = 1 << 3
	gzipFCOMMENT = 1 << 4
	gzipReserved = 0xe0
)

// maxGzipText is how long a name or comment may be, in bytes.
const maxGzipText = 64 << 10

const noName = "use `gzip -n`, which stores neither name nor time"

var gzipNotes = fieldlist.Notes{
	"FLG":   {Sort: "environment", Remedy: noName},
	"MTIME": {Sort: "time", Remedy: noName, Show: showMTIME},
	"XFL":   {Sort: "environment", Remedy: sameTool},
	"OS":    {Sort: "environment", Remedy: sameTool},
	"CRC32": {Sort: "content"},
	"ISIZE": {Sort: "content"},
}

// showMTIME shows seconds since 1970, which are unsigned here, and 0 as what
// it stands for.
func showMTIME(raw []byte) string {
	if v := binary.LittleEndian.Uint32(raw); v != 0 {
		return field.ShowTime(int64(v), 0)
	}
	return "none"
}

func (j *job) gzip() error {
	inflate := flate.NewReader(nil)
	in := bufio.NewReaderSize(nil, 256<<10)
	for at := int64(0); at < j.size; {
		j.parts++
		begin, err := j.gzipHeader(at)
		if err != nil {
			return err
		}
		section := io.NewSectionReader(j.r, begin, j.size-begin)
		in.Reset(section)
		if err := inflate.(flate.Resetter).Reset(in, nil); err != nil {
			return err
		}
		sum := crc32.NewIEEE()
		n, err := j.take(inflate, sum)
		var we writeError
		if errors.As(err, &we) {
			return we.error
		}
		if err != nil {
			return j.damaged(begin, err)
		}
		read, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		end := begin + read - int64(in.Buffered())
		if err := j.digest(begin, end-begin); err != nil {
			return err
		}
		raw := make([]byte, gzipTrailerLayout.Size())
		if err := j.read(raw, end); err != nil {
			return err
		}
		if t := gzipTrailerLayout.Decode(raw); t.CRC32 != sum.Sum32() || t.ISIZE != uint32(n) {
			return fmt.Errorf("member %d: the check at byte %d does not hold: CRC32 0x%08x and length %d, but the content has 0x%08x and %d", j.parts, end, t.CRC32, t.ISIZE, sum.Sum32(), uint32(n))
		}
		j.add(fieldlist.Of(gzipTrailerLayout.Fields(), raw, end, j.structure(), gzipNotes)...)
		at = end + int64(len(raw))
	}
	return nil
}

// gzipHeader reads the header at byte at, and tells where the data begin.
func (j *job) gzipHeader(at int64) (begin int64, err error) {
	raw := make([]byte, gzipHeaderLayout.Size())
	// Less than a header behind the last member is garbage too.
	n, err := j.r.ReadAt(raw, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	h := gzipHeaderLayout.Decode(raw)
	switch magic := Gzip.Magic(); {
	case string(raw[:min(n, len(magic))]) != magic[:min(n, len(magic))]:
		return 0, fmt.Errorf("%d bytes of something else follow at byte %d", j.size-at, at)
	case n < len(raw):
		return 0, j.truncated()
	case h.FLG&gzipReserved != 0:
		return 0, fmt.Errorf("member %d, at byte %d, has the unknown flags 0x%02x", j.parts, at, h.FLG&gzipReserved)
	}
	j.add(fieldlist.Of(gzipHeaderLayout.Fields(), raw, at, j.structure(), gzipNotes)...)
	at += int64(len(raw))
	if h.FLG&gzipFEXTRA != 0 {
		length := make([]byte, 2)
		if err := j.read(length, at); err != nil {
			return 0, err
		}
		extra := make([]byte, binary.LittleEndian.Uint16(length))
		if err := j.read(extra, at+2); err != nil {
			return 0, err
		}
		j.add(container.Field{Structure: j.structure(), Name: "FEXTRA", Value: fmt.Sprintf("%x", extra[:min(len(extra), 64)]), Offset: at + 2, Length: int64(len(extra)), Sort: "environment", Remedy: sameTool})
		at += 2 + int64(len(extra))
	}
	for _, t := range []struct {
		bit  uint8
		name string
	}{{gzipFNAME, "FNAME"}, {gzipFCOMMENT, "FCOMMENT"}} {
		if h.FLG&t.bit == 0 {
			continue
		}
		text, err := bufio.NewReader(io.NewSectionReader(j.r, at, maxGzipText)).ReadBytes(0)
		if err != nil {
			if at+maxGzipText < j.size {
				return 0, fmt.Errorf("member %d: %s at byte %d is longer than %d bytes", j.parts, t.name, at, maxGzipText)
			}
			return 0, j.truncated()
		}
		shown := text[:min(len(text), 256)]
		j.add(container.Field{Structure: j.structure(), Name: t.name, Value: field.ShowText(shown), Offset: at, Length: int64(len(text)), Sort: "environment", Remedy: noName})
		at += int64(len(text))
	}
	if h.FLG&gzipFHCRC != 0 {
		at += 2
	}
	return at, nil
}

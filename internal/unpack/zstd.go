package unpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// zstd frames: RFC 8878 section 3.1.1. Their boundaries are found here, so
// that each one's header is listed, and each is unpacked on its own.
func (j *job) zstd() error {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxMemory))
	if err != nil {
		return err
	}
	defer d.Close()
	for at := int64(0); at < j.size; {
		j.parts++
		end, skippable, err := j.zstdFrame(at)
		if err != nil {
			return err
		}
		if !skippable {
			err := d.Reset(io.NewSectionReader(j.r, at, end-at))
			if err == nil {
				_, err = j.take(d)
			}
			var we writeError
			if errors.As(err, &we) {
				return we.error
			}
			if err != nil {
				return j.damaged(at, err)
			}
		}
		at = end
	}
	return nil
}

// zstdFrame lists the header of the frame at byte at, and tells where the
// frame ends.
func (j *job) zstdFrame(at int64) (end int64, skippable bool, err error) {
	raw := make([]byte, zstd.HeaderMaxSize)
	n, err := j.r.ReadAt(raw, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	var h zstd.Header
	magic := Zstd.Magic()
	switch err := h.Decode(raw[:n]); {
	case n < len(magic) && (j.parts > 1 || string(raw[:n]) != magic[:n]):
		return 0, false, fmt.Errorf("%d bytes of something else follow at byte %d", n, at)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, false, j.truncated()
	case errors.Is(err, zstd.ErrMagicMismatch):
		return 0, false, fmt.Errorf("%d bytes of something else follow at byte %d", j.size-at, at)
	case err != nil:
		return 0, false, j.damaged(at, err)
	}
	begin := at + int64(h.HeaderSize)
	one := func(name string, value any, sort, remedy string) {
		j.add(container.Field{Structure: j.structure(), Name: name, Value: fmt.Sprint(value), Offset: at, Length: int64(h.HeaderSize), Sort: sort, Remedy: remedy})
	}
	if h.Skippable {
		one("Magic_Number", fmt.Sprintf("skippable %d", h.SkippableID), "environment", sameTool)
		one("Frame_Size", h.SkippableSize, "environment", sameTool)
		end = begin + int64(h.SkippableSize)
		if end > j.size {
			return 0, false, j.truncated()
		}
		return end, true, j.digest(begin, end-begin)
	}
	window := h.WindowSize
	if h.SingleSegment {
		window = h.FrameContentSize
	}
	switch {
	case h.DictionaryID != 0:
		return 0, false, fmt.Errorf("frame %d, at byte %d, needs the dictionary %d", j.parts, at, h.DictionaryID)
	case window > maxMemory:
		return 0, false, fmt.Errorf("frame %d, at byte %d, needs a window of %d bytes, more than %d: it was made with --long or --ultra", j.parts, at, window, maxMemory)
	}
	one("Single_Segment_flag", h.SingleSegment, "environment", sameTool)
	one("Content_Checksum_flag", h.HasCheckSum, "environment", sameTool)
	if !h.SingleSegment {
		one("Window_Size", h.WindowSize, "environment", sameTool)
	}
	size := "none"
	if h.HasFCS {
		size = fmt.Sprint(h.FrameContentSize)
	}
	one("Frame_Content_Size", size, "", "zstd stores it for a file, and leaves it out for a pipe")
	if end, err = j.zstdBlocks(begin); err != nil {
		return 0, false, err
	}
	if err := j.digest(begin, end-begin); err != nil {
		return 0, false, err
	}
	if h.HasCheckSum {
		sum := make([]byte, 4)
		if err := j.read(sum, end); err != nil {
			return 0, false, err
		}
		j.add(container.Field{Structure: j.structure(), Name: "Content_Checksum", Value: fmt.Sprintf("0x%08x", binary.LittleEndian.Uint32(sum)), Offset: end, Length: 4, Sort: "content"})
		end += 4
	}
	return end, false, nil
}

// zstdBlocks walks the blocks of a frame (section 3.1.1.2), and tells where
// they end.
func (j *job) zstdBlocks(at int64) (end int64, err error) {
	raw := make([]byte, 4)
	for last := false; !last; {
		if err := j.read(raw[:3], at); err != nil {
			return 0, err
		}
		head := binary.LittleEndian.Uint32(raw)
		last = head&1 != 0
		size := int64(head >> 3)
		switch head >> 1 & 3 {
		case 1: // one byte that is repeated
			size = 1
		case 3:
			return 0, fmt.Errorf("frame %d: the block at byte %d is of a reserved type", j.parts, at)
		}
		if at += 3 + size; at > j.size {
			return 0, j.truncated()
		}
	}
	return at, nil
}

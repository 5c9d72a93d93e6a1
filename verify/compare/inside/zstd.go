package inside

import (
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/reprodisk/reprodisk/report"
)

// zstd is specified in RFC 8878.

const zstdMagic = "\x28\xb5\x2f\xfd"

func (s *session) unzstd(side int, src Source) (Source, error) {
	r, err := zstd.NewReader(src.reader(), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		return Source{}, err
	}
	defer r.Close()
	return s.unpack(side, r)
}

// zstdAttrs are the parameters of the first frame, RFC 8878 section 3.1.1.1.
func zstdAttrs(src Source) ([]attr, error) {
	var h zstd.Header
	if err := h.Decode(src.head(zstd.HeaderMaxSize)); err != nil {
		return nil, err
	}
	env := func(name, value string) attr {
		return attr{name: name, value: value, cause: report.Environment, remedy: "zstd with the same version, -T and level"}
	}
	return []attr{
		env("Window_Size", fmt.Sprint(h.WindowSize)),
		env("Content_Checksum_Flag", fmt.Sprint(h.HasCheckSum)),
		env("Single_Segment_Flag", fmt.Sprint(h.SingleSegment)),
		env("Dictionary_ID", fmt.Sprint(h.DictionaryID)),
		{name: "Frame_Content_Size", value: fmt.Sprint(h.FrameContentSize), cause: report.Content, derived: true},
	}, nil
}

func compareZstd(s *session, p pair, out *result) (string, error) {
	ha, err := zstdAttrs(p.a)
	if err != nil {
		return "", err
	}
	hb, err := zstdAttrs(p.b)
	if err != nil {
		return "", err
	}
	compareAttrs(p.where, ha, hb, out)
	a, err := s.unzstd(0, p.a)
	if err != nil {
		return "", err
	}
	b, err := s.unzstd(1, p.b)
	if err != nil {
		return "", err
	}
	return s.compareUnpacked(p, "zstd", a, b, out)
}

// innerName is a compressed file's name without what the compressor appended.
func innerName(name string) string {
	for _, suffix := range []string{".gz", ".xz", ".zst", ".zstd"} {
		if inner, ok := strings.CutSuffix(name, suffix); ok {
			return inner
		}
	}
	return name
}

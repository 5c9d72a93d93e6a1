package inside

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

// An initrd is any number of cpio archives one after the other, each of which
// may be compressed, with zeros between them: the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst. Usually a plain
// one with the processor's microcode comes first.

type segment struct {
	kind    string
	src     Source
	archive *cpioArchive // nil where it is compressed
}

const maxSegments = 64

// segments cuts an initrd. What is compressed reaches to the end, as what
// follows it can only be found by decompressing.
func segments(left *int, s Source) ([]segment, error) {
	var out []segment
	for off := int64(0); off < s.Size; {
		if len(out) == maxSegments {
			return nil, errors.New("it has more archives than are compared")
		}
		rest := s.from(off)
		head := rest.head(16)
		switch {
		case isCpio("", head, rest):
			archive, err := readCpio(left, rest)
			if err != nil {
				return nil, err
			}
			n := archive.size + zeros(rest.from(archive.size))
			out = append(out, segment{"cpio", rest.part(0, n), archive})
			off += n
		case len(out) == 0:
			return nil, errCpio
		default:
			out = append(out, segment{kindOf(head), rest, nil})
			return out, nil
		}
	}
	return out, nil
}

// zeros counts the zero bytes at the start.
func zeros(s Source) int64 {
	for off := int64(0); off < s.Size; {
		b := s.part(off, 64<<10).head(64 << 10)
		if len(b) == 0 {
			return off
		}
		if rest := bytes.TrimLeft(b, "\x00"); len(rest) > 0 {
			return off + int64(len(b)-len(rest))
		}
		off += int64(len(b))
	}
	return s.Size
}

var compressions = []struct{ kind, magic string }{
	{"gzip", "\x1f\x8b"}, {"xz", xzMagic}, {"zstd", zstdMagic}, {"lz4", "\x02\x21\x4c\x18"}, {"bzip2", "BZh"},
}

func kindOf(head []byte) string {
	for _, c := range compressions {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			return c.kind
		}
	}
	return "data"
}

func compareInitrd(s *session, p pair, out *result) (string, error) {
	a, err := segments(&s.left, p.a)
	if err != nil {
		return "", err
	}
	b, err := segments(&s.left, p.b)
	if err != nil {
		return "", err
	}
	if len(a) == 1 && len(b) == 1 {
		return "cpio", s.compareCpio(p, a[0].archive, b[0].archive, out)
	}
	if ka, kb := segmentKinds(a), segmentKinds(b); ka != kb {
		out.add(Field{Where: p.where, Name: "archives", A: ka, B: kb, Cause: report.Content})
		return "initrd", nil
	}
	for i := range a {
		part := p.in(fmt.Sprintf("archive %d", i+1), a[i].src, b[i].src)
		same, err := s.equal(part.a, part.b)
		if err != nil {
			return "", err
		}
		if same {
			continue
		}
		if a[i].archive == nil {
			s.content(part, out)
		} else if err := s.compareCpio(part, a[i].archive, b[i].archive, out); err != nil {
			return "", err
		}
	}
	return "initrd", nil
}

func segmentKinds(list []segment) string {
	var kinds []string
	for _, s := range list {
		kinds = append(kinds, s.kind)
	}
	return strings.Join(kinds, ", ")
}

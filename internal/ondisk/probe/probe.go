package probe

import (
	"fmt"
	"io"
)

// Info is what a range of bytes holds. Label, UUID and Version are empty where
// the format has none or where they are not set. Label is as stored, up to the
// first NUL and without white space at its end, converted to UTF-8 where the
// format stores UTF-16; it may hold any byte that is not NUL.
type Info struct {
	Type    string // blkid's name for the format: "ext4", "vfat", "crypto_LUKS", …
	Label   string
	UUID    string // in the form that blkid prints: "XXXX-XXXX" for vfat, the date for iso9660
	Version string
}

const (
	// tooSmall is the size in bytes up to which libblkid names nothing.
	tooSmall = 1024
	// tiny is the size of a floppy disk in bytes: up to here nothing is taken
	// for an array's member, and the first format that fits is the answer.
	tiny = 1440 * 1024
)

// Identify names what the size bytes of r hold. A range in which nothing is
// recognised gives an empty Type and no error, and so does one in which two
// filesystems are, neither of them made to share its place: which of them is
// meant cannot be told. An error is a failure to read r.
func Identify(r io.ReaderAt, size int64) (Info, error) {
	if size <= tooSmall {
		return Info{}, nil
	}
	s := newSource(r, size)
	info := s.identify()
	if s.err != nil {
		return Info{}, fmt.Errorf("identify: %w", s.err)
	}
	return info, nil
}

func (s *source) identify() Info {
	var first Info
	found, shareable := 0, true
	for _, sig := range signatures {
		if s.size < sig.minSize || sig.usage == raid && s.size <= tiny {
			continue
		}
		info, ok := sig.match(s)
		if !ok {
			continue
		}
		if found == 0 {
			first = info
		}
		if s.size <= tiny {
			return first
		}
		found++
		// What lies under an array or a cipher is not looked at: whatever
		// seems to be there is a leftover, or belongs to one layer further in.
		if sig.usage == raid || sig.usage == crypto {
			break
		}
		shareable = shareable && sig.tolerant
	}
	if found > 1 && !shareable {
		return Info{}
	}
	return first
}

// match tells whether the source holds the format of the signature. Of several
// magics the first that fits decides.
func (sig signature) match(s *source) (Info, bool) {
	info, ok := Info{}, false
	if len(sig.magics) == 0 {
		info, ok = sig.decode(s, magic{})
	}
	for _, m := range sig.magics {
		if string(s.bytes(m.base+m.at, len(m.text))) == m.text {
			info, ok = sig.decode(s, m)
			break
		}
	}
	info.Type = sig.name
	return info, ok
}

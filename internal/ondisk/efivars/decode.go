package efivars

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// ErrDamaged is what every error about the file's content wraps.
var ErrDamaged = errors.New("damaged EFI variable store")

// Store is what a file holds.
type Store struct {
	Volume        VolumeHeader
	BlockMap      []byte // as stored
	Header        StoreHeader
	Authenticated bool
	Variables     []Variable // in stored order, deleted ones too
	Used          int64      // offset in the file of the first byte behind the last variable
	End           int64      // offset of the first byte behind the store
}

// Variable is one variable. Of a store of plain variables the times and
// counters are zero.
type Variable struct {
	AuthenticatedHeader
	Name   string
	Data   []byte
	Offset int64 // of its header in the file
	Length int64 // bytes of header, name and data
}

// Live tells whether the variable is in use: the firmware looks at no other.
func (v Variable) Live() bool { return v.State&^byte(1) == Added&^byte(1) }

// Decode reads the size bytes of r.
func Decode(r io.ReaderAt, size int64) (*Store, error) {
	if size > MaxVolume {
		return nil, fmt.Errorf("%w: %d bytes are more than is read", ErrDamaged, size)
	}
	b := make([]byte, size)
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("efi variable store: byte %d: %w", n, err)
	}
	if len(b) < VolumeLayout.Size() || string(b[40:44]) != signature {
		return nil, fmt.Errorf("%w: no %s at byte 40", ErrDamaged, signature)
	}
	s := &Store{Volume: VolumeLayout.Decode(b)}
	head := int(s.Volume.HeaderLength)
	if s.Volume.FileSystemGUID != NVDataGUID {
		return nil, fmt.Errorf("%w: FileSystemGuid at byte 16 is none of variables", ErrDamaged)
	}
	if head < VolumeLayout.Size() || head%2 != 0 || head > len(b) || s.Volume.FvLength > uint64(len(b)) {
		return nil, fmt.Errorf("%w: HeaderLength %d at byte 48, FvLength %d at byte 32", ErrDamaged, head, s.Volume.FvLength)
	}
	if sum16(b[:head]) != 0 {
		return nil, fmt.Errorf("%w: Checksum at byte 50", ErrDamaged)
	}
	s.BlockMap = b[VolumeLayout.Size():head]
	if len(b)-head < StoreLayout.Size() {
		return nil, fmt.Errorf("%w: it ends in the header at byte %d", ErrDamaged, head)
	}
	s.Header = StoreLayout.Decode(b[head:])
	switch s.Header.Signature {
	case AuthenticatedGUID:
		s.Authenticated = true
	case PlainGUID:
	default:
		return nil, fmt.Errorf("%w: Signature at byte %d", ErrDamaged, head)
	}
	if s.Header.Format != formatted || s.Header.State != healthy {
		return nil, fmt.Errorf("%w: the store at byte %d is not formatted and healthy", ErrDamaged, head)
	}
	if uint64(s.Header.Size) > uint64(len(b)-head) || int(s.Header.Size) < StoreLayout.Size() {
		return nil, fmt.Errorf("%w: Size %d at byte %d", ErrDamaged, s.Header.Size, head+16)
	}
	s.End = int64(head) + int64(s.Header.Size)
	return s, s.variables(b[:s.End], head+StoreLayout.Size())
}

// sum16 is the sum of 16-bit words, which a header's Checksum makes zero.
func sum16(b []byte) (sum uint16) {
	for ; len(b) >= 2; b = b[2:] {
		sum += binary.LittleEndian.Uint16(b)
	}
	return sum
}

// variables reads from byte at on, to where no variable begins. Each begins
// at a multiple of four bytes.
func (s *Store) variables(b []byte, at int) error {
	size := PlainLayout.Size()
	if s.Authenticated {
		size = AuthenticatedLayout.Size()
	}
	for at = align4(at); ; {
		s.Used = int64(min(at, len(b)))
		if len(b)-at < size || binary.LittleEndian.Uint16(b[at:]) != startID {
			return nil
		}
		v := Variable{Offset: int64(at)}
		if s.Authenticated {
			v.AuthenticatedHeader = AuthenticatedLayout.Decode(b[at:])
		} else {
			p := PlainLayout.Decode(b[at:])
			v.StartID, v.State, v.Reserved, v.Attributes = p.StartID, p.State, p.Reserved, p.Attributes
			v.NameSize, v.DataSize, v.VendorGUID = p.NameSize, p.DataSize, p.VendorGUID
		}
		if v.State == headerValidOnly && (v.NameSize == 1<<32-1 || v.DataSize == 1<<32-1) {
			v.NameSize, v.DataSize = 0, 0 // the writing was cut off
		}
		rest := uint64(len(b) - at - size)
		if uint64(v.NameSize)+uint64(v.DataSize) > rest {
			return fmt.Errorf("%w: the variable at byte %d has %d bytes of name and %d of data", ErrDamaged, at, v.NameSize, v.DataSize)
		}
		at += size
		v.Name = text(b[at : at+int(v.NameSize)])
		at += int(v.NameSize)
		v.Data = b[at : at+int(v.DataSize) : at+int(v.DataSize)]
		v.Length = int64(at+int(v.DataSize)) - v.Offset
		at = align4(at + int(v.DataSize))
		s.Variables = append(s.Variables, v)
	}
}

func align4(n int) int { return (n + 3) &^ 3 }

// text is a name in UTF-16, up to its end.
func text(b []byte) string {
	var wide []uint16
	for ; len(b) >= 2; b = b[2:] {
		c := binary.LittleEndian.Uint16(b)
		if c == 0 {
			break
		}
		wide = append(wide, c)
	}
	return string(utf16.Decode(wide))
}

package gpt

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// GUID is a GUID as the disk stores it: the first three groups little-endian,
// the other two as written.
type GUID [16]byte

// String is the GUID as sgdisk prints it: 8-4-4-4-12 upper-case digits.
func (g GUID) String() string { return field.ShowGUID(g[:]) }

// MarshalText is String, for JSON.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText is ParseGUID.
func (g *GUID) UnmarshalText(b []byte) (err error) {
	*g, err = ParseGUID(string(b))
	return err
}

// ParseGUID reads the 36 characters 8-4-4-4-12, digits in either case.
// Anything else is an error: no braces, no short forms, nothing random.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	if len(s) != 36 {
		return g, fmt.Errorf("%q is no GUID: it has %d characters, not 36 as in C12A7328-F81F-11D2-BA4B-00A0C93EC93B", s, len(s))
	}
	var digits []byte
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return g, fmt.Errorf("%q is no GUID: character %d is %q, not a hyphen", s, i+1, s[i])
			}
			continue
		}
		digits = append(digits, s[i])
	}
	b, err := hex.DecodeString(string(digits))
	if err != nil {
		return g, fmt.Errorf("%q is no GUID: it holds something that is no hexadecimal digit", s)
	}
	copy(g[:], b)
	le, be := binary.LittleEndian, binary.BigEndian
	le.PutUint32(g[0:], be.Uint32(b[0:]))
	le.PutUint16(g[4:], be.Uint16(b[4:]))
	le.PutUint16(g[6:], be.Uint16(b[6:]))
	return g, nil
}

// MustGUID is ParseGUID for constants; it panics on an error.
func MustGUID(s string) GUID {
	g, err := ParseGUID(s)
	if err != nil {
		panic(err)
	}
	return g
}

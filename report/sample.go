package report

import (
	"encoding/hex"
	"fmt"
	"math"
)

// MaxSample is how many bytes of each disk a Sample shows.
const MaxSample = 64

// Sample is a few bytes of both disks from the same place, around the first
// differing byte that a finding owns.
type Sample struct {
	Offset int64  `json:"offset" jsonschema:"minimum=0"`                         // of the first of the bytes, in both virtual disks
	A      string `json:"a" jsonschema:"maxLength=128,pattern=^([0-9a-f]{2})*$"` // A's bytes in hex; fewer where the disk ends
	B      string `json:"b" jsonschema:"maxLength=128,pattern=^([0-9a-f]{2})*$"` // B's bytes in hex; fewer where the disk ends
}

// Bytes decodes the sample's two sides.
func (s *Sample) Bytes() (a, b []byte, err error) {
	if s.Offset < 0 || s.Offset > math.MaxInt64-MaxSample {
		return nil, nil, fmt.Errorf("no sample lies at byte %d", s.Offset)
	}
	for _, side := range []struct {
		name, text string
		out        *[]byte
	}{{"a", s.A, &a}, {"b", s.B, &b}} {
		if len(side.text) > 2*MaxSample {
			return nil, nil, fmt.Errorf("sample %s is longer than %d bytes", side.name, MaxSample)
		}
		if *side.out, err = hex.DecodeString(side.text); err != nil {
			return nil, nil, fmt.Errorf("sample %s is no hex", side.name)
		}
	}
	return a, b, nil
}

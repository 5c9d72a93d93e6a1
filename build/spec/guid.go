package spec

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is a globally unique identifier in the order in which it is written,
// as RFC 9562 has it. (GPT stores its first three parts the other way round.)
type GUID [16]byte

// ParseGUID reads 8-4-4-4-12 hexadecimal digits and nothing else. sgdisk takes
// any text for a GUID: "foo" becomes zero and "R…" a random one.
func ParseGUID(text string) (GUID, error) {
	var g GUID
	bad := fmt.Errorf("%q is not a GUID; write 32 hexadecimal digits as 8-4-4-4-12", text)
	if len(text) != 36 {
		return g, bad
	}
	for _, i := range []int{8, 13, 18, 23} {
		if text[i] != '-' {
			return g, bad
		}
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return g, bad
	}
	copy(g[:], raw)
	if g == (GUID{}) {
		return g, fmt.Errorf("the GUID %s is all zeros, which means none", text)
	}
	return g, nil
}

// String is the GUID in upper case, as sgdisk prints it.
func (g GUID) String() string {
	return fmt.Sprintf("%X-%X-%X-%X-%X", g[0:4], g[4:6], g[6:8], g[8:10], g[10:16])
}

package gpt

import (
	"fmt"
	"strings"
)

// Bits of Attributes that UEFI defines (table 5-8). Bits 48 to 63 belong to
// the partition's type.
const (
	RequiredPartition  = 1 << 0
	NoBlockIOProtocol  = 1 << 1
	LegacyBIOSBootable = 1 << 2
)

// Attributes names the bits as sfdisk does: UEFI's by their names, those of
// the partition's type as "GUID:60,63". Bits 3 to 47, which must be zero, are
// left out as sfdisk leaves them out. It is empty where no bit is set.
func Attributes(bits uint64) string {
	var words []string
	for _, b := range []struct {
		bit  uint64
		name string
	}{
		{RequiredPartition, "RequiredPartition"},
		{NoBlockIOProtocol, "NoBlockIOProtocol"},
		{LegacyBIOSBootable, "LegacyBIOSBootable"},
	} {
		if bits&b.bit != 0 {
			words = append(words, b.name)
		}
	}
	var own []string
	for n := 48; n < 64; n++ {
		if bits>>n&1 != 0 {
			own = append(own, fmt.Sprint(n))
		}
	}
	if own != nil {
		words = append(words, "GUID:"+strings.Join(own, ","))
	}
	return strings.Join(words, " ")
}

package erofs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// TestTheFrontOfABlock unpacks as much of LZ4 blocks as is asked for, with
// anything behind them, and holds it against what was packed.
func TestTheFrontOfABlock(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var plain []byte
		for len(plain) < 1+r.IntN(9000) {
			switch r.IntN(3) {
			case 0:
				plain = fmt.Appendf(plain, "words %d ", r.IntN(9))
			case 1:
				plain = append(plain, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(600))...)
			default:
				plain = append(plain, byte(r.Uint32()), byte(r.Uint32()))
			}
		}
		packed := make([]byte, lz4.CompressBlockBound(len(plain)))
		n, err := lz4.CompressBlock(plain, packed, nil)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		// What a block has behind its end is never looked at.
		packed = append(packed[:n], 0xff, 0xff, 0xff)
		got := make([]byte, r.IntN(len(plain)+1))
		if m, err := lz4Front(got, packed); m != len(got) || err != nil || !bytes.Equal(got, plain[:m]) {
			t.Fatalf("%d of %d bytes: %d, %v", len(got), len(plain), m, err)
		}
		// A block that is cut holds less, or is damaged.
		if m, err := lz4Front(make([]byte, len(plain)), packed[:r.IntN(n)]); m >= len(plain) && err == nil {
			t.Fatalf("%d bytes of a block that is cut", m)
		}
	}
}

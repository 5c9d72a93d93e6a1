package inside

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// BenchmarkInitrd compares two initrds of 24 MiB in 2,000 files, whose times
// differ, and one text with them.
func BenchmarkInitrd(b *testing.B) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	pack := func(version int) []byte {
		r := rand.New(rand.NewPCG(1, 2))
		var out strings.Builder
		for i := range 2000 {
			data := make([]byte, 12<<10)
			for j := range data {
				data[j] = byte(r.IntN(64))
			}
			entry := cpioFile(fmt.Sprintf("usr/lib/file%04d", i), string(data))
			out.WriteString(entry[:46] + fmt.Sprintf("%08x", 1_700_000_000+version) + entry[54:])
		}
		out.WriteString(cpioFile("etc/built", fmt.Sprintf("2024-01-01T00:00:%02dZ\n", version)) + cpioFile(cpioTrailer, ""))
		return z.EncodeAll([]byte(out.String()), nil)
	}
	x, y := pack(1), pack(2)
	b.SetBytes(int64(len(x) + len(y)))
	for b.Loop() {
		if e, ok := Explain(b.Context(), "/boot/initrd", source(x), source(y)); !ok || e.Cause != "time" {
			b.Fatalf("%v %+v", ok, e)
		}
	}
}

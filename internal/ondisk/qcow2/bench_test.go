package qcow2

import (
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// Reading a disk from front to back, by the bytes of data in it.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	raw := filepath.Join(dir, "disk.raw")
	pattern(b, raw, 256*mib)
	for name, args := range map[string][]string{"plain": nil, "zlib": {"-c"}, "zstd": {"-c", "-o", "compression_type=zstd"}} {
		path := filepath.Join(dir, name)
		judge.Must(b, "qemu-img", append(append([]string{"convert", "-O", "qcow2"}, args...), raw, path)...)
		b.Run(name, func(b *testing.B) {
			img := open(b, path)
			buf := make([]byte, mib)
			for b.Loop() {
				sum := int64(0)
				for at := int64(0); ; {
					start, end, err := img.NextData(at)
					if err != nil {
						b.Fatal(err)
					}
					if start == end {
						break
					}
					for ; start < end; start += mib {
						n, err := img.ReadAt(buf[:min(mib, end-start)], start)
						if err != nil {
							b.Fatal(err)
						}
						sum += int64(n)
					}
					at = end
				}
				b.SetBytes(sum)
			}
		})
	}
}

package qcow2

import (
	"bytes"
	"encoding/binary"
	"io"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
)

// memory is a file in memory. It has a hole wherever 4 KiB are zeros.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func (m memory) NextData(off int64) (start, end int64, err error) {
	b := make([]byte, 4096)
	for start = off; start < m.Size(); start = start/4096*4096 + 4096 {
		n, _ := m.ReadAt(b[:4096-start%4096], start)
		if len(bytes.Trim(b[:n], "\x00")) > 0 {
			return start, min(start/4096*4096+4096, m.Size()), nil
		}
	}
	return m.Size(), m.Size(), nil
}

// tiny is an image of three clusters of 512 bytes: header, L1 table, L2 table.
func tiny(features uint64, bits uint32, l2 ...uint64) []byte {
	cluster := 1 << bits
	h := Header{
		Magic: Magic, Version: 3, ClusterBits: bits, Size: uint64(cluster) * 4, L1Size: 1, L1TableOffset: uint64(cluster),
		RefcountTableOffset: uint64(cluster), RefcountOrder: 4, HeaderLength: 112, IncompatibleFeatures: features,
	}
	if features&FeatureCompression != 0 {
		h.CompressionType = CompressionZstd
	}
	b := make([]byte, 4*cluster)
	HeaderLayout.Put(b, &h)
	binary.BigEndian.PutUint64(b[cluster:], uint64(2*cluster)|entryCopied)
	for i, e := range l2 {
		binary.BigEndian.PutUint64(b[2*cluster+8*i:], e)
	}
	copy(b[3*cluster:], "\x4b\x4c\xa4\x0c\x00\x00 some bytes of the disk")
	return b
}

func FuzzOpen(f *testing.F) {
	f.Add(tiny(0, 9, 3*512|entryCopied, entryZero, entryPacked|3*512, 3*512))
	f.Add(tiny(FeatureCompression, 12, 3<<12, 0, entryPacked|3<<12))
	f.Add(tiny(FeatureExtendedL2, 14, 3<<14, 0xf0000000f, entryPacked|3<<14, 0, 3<<14, 0xffffffff))
	f.Add(tiny(FeatureDataFile, 9, entryCopied, entryCopied|512))
	f.Add([]byte("QFI\xfb\x00\x00\x00\x02"))
	if tool, err := exec.LookPath("qemu-img"); err == nil {
		raw := filepath.Join(f.TempDir(), "disk.raw")
		pattern(f, raw, 6*kib)
		// Small ones: the fuzzer shortens what it finds byte by byte.
		for _, opts := range [][]string{{"-o", "cluster_size=512"}, {"-c", "-o", "cluster_size=1K,compression_type=zstd"}, {"-c", "-o", "cluster_size=1K,compat=0.10"}} {
			path := raw + ".qcow2"
			if err := exec.Command(tool, append(append([]string{"convert", "-O", "qcow2"}, opts...), raw, path)...).Run(); err != nil {
				f.Fatal(err)
			}
			_ = exec.Command(tool, "snapshot", "-c", "one", path).Run()
			f.Add(readFile(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		img, err := Open(memory{bytes.NewReader(b)}, Options{
			Backing: func(string, string) (container.Disk, error) {
				return memory{bytes.NewReader([]byte("the backing file"))}, nil
			},
			DataFile: func(string) (container.Disk, error) { return memory{bytes.NewReader(b)}, nil },
		})
		if err != nil {
			return
		}
		defer img.Close()
		if n := len(img.Metadata()); n > 100+(maxSnapshots+1)*20 {
			t.Errorf("%d fields", n)
		}
		buf, again := make([]byte, 64<<10), make([]byte, 64<<10)
		for at, n := int64(0), 0; n < 50; n++ {
			start, end, err := img.NextData(at)
			if err != nil {
				break
			}
			if start < at || end < start || end > img.Size() || start == end && start != img.Size() {
				t.Fatalf("data from %d to %d behind %d of %d", start, end, at, img.Size())
			}
			if hole := buf[:min(int64(len(buf)), start-at)]; len(hole) > 0 {
				if _, err := img.ReadAt(hole, at); err == nil && len(bytes.Trim(hole, "\x00")) > 0 {
					t.Fatalf("the hole from %d to %d holds data", at, start)
				}
			}
			if start == end {
				break
			}
			one := buf[:min(int64(len(buf)), end-start)]
			if read, err := img.ReadAt(one, start); err == nil || err == io.EOF {
				two := again[:read]
				half := read / 2
				_, err1 := img.ReadAt(two[:half], start)
				_, err2 := img.ReadAt(two[half:], start+int64(half))
				if err1 != nil || err2 != nil && err2 != io.EOF || !bytes.Equal(one[:read], two) {
					t.Fatalf("%d bytes at %d differ when they are read in two: %v, %v", read, start, err1, err2)
				}
			}
			at = end
		}
	})
}

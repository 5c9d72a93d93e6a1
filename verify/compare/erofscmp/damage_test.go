package erofscmp

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// newer is an image of mkfs.erofs 1.8.6; package erofs tells which there are.
func newer(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../internal/ondisk/erofs/testdata", name+".erofs.zst"))
	comparetest.Must(t, err)
	defer f.Close()
	z, err := zstd.NewReader(f)
	comparetest.Must(t, err)
	defer z.Close()
	b, err := io.ReadAll(z)
	comparetest.Must(t, err)
	return b
}

// hot is where damage tells most: the superblock, and the metadata behind it.
func hot(b []byte) []int {
	var out []int
	for i := erofs.SuperOffset; i < min(len(b), 8192); i++ {
		if b[i] != 0 {
			out = append(out, i)
		}
	}
	return out
}

func TestDamagedImagesAddUp(t *testing.T) {
	dir := comparetest.SmallTree(t)
	for i, args := range []string{"", "-zlz4hc", "--chunksize=4096"} {
		t.Run(args, func(t *testing.T) {
			good := comparetest.Read(t, makeErofs(t, dir, strings.Fields(args)...))
			comparetest.Damaged(t, Compare, good, hot(good), uint64(i), comparetest.Rounds()/2)
		})
	}
	for i, name := range []string{"dedupe", "several", "prefix", "lzma"} {
		t.Run(name, func(t *testing.T) {
			good := newer(t, name)
			comparetest.Damaged(t, Compare, good, hot(good), uint64(i), comparetest.Rounds()/3)
		})
	}
}

func TestTruncatedImagesAddUp(t *testing.T) {
	good := comparetest.Read(t, makeErofs(t, comparetest.SmallTree(t), "-zlz4"))
	for _, n := range []int{1152, 1200, 4096, 5000, len(good) - 1} {
		fs, warnings, _ := comparetest.Bytes(t, Compare, good, bytes.Clone(good[:n]))
		if len(warnings) == 0 {
			t.Errorf("%d bytes of %d are compared without a warning:\n%s", n, len(good), comparetest.Show(fs))
		}
	}
}

// FuzzErofs changes single bytes of an image: three bytes of a patch make a
// change, which are where, and the value.
func FuzzErofs(f *testing.F) {
	dir := comparetest.SmallTree(f)
	good := [][]byte{newer(f, "several"), newer(f, "dedupe"), newer(f, "prefix")}
	for _, args := range []string{"", "-zlz4", "--chunksize=4096"} {
		good = append(good, comparetest.Read(f, makeErofs(f, dir, strings.Fields(args)...)))
	}
	f.Add(uint8(0), []byte{80, 4, 0x33}, []byte{0x80, 4, 1})
	f.Add(uint8(3), []byte{}, []byte{0xa0, 4, 9, 0x90, 4, 1})
	f.Add(uint8(4), []byte{14, 4, 1}, []byte{})
	f.Fuzz(func(t *testing.T, which uint8, a, b []byte) {
		x := good[int(which)%len(good)]
		change := func(patch []byte) []byte {
			out := bytes.Clone(x)
			for ; len(patch) >= 3; patch = patch[3:] {
				out[(int(patch[0])|int(patch[1])<<8)%len(out)] = patch[2]
			}
			return out
		}
		comparetest.Tolerates(t, Compare, change(a), change(b))
	})
}

package ext4cmp

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The images of e2fsprogs' own tests, most of them damaged on purpose, each
// beside itself with more damage, beside the next one, and beside a good one.
func TestDamagedImagesOfOthersAddUp(t *testing.T) {
	images, _ := filepath.Glob("../../../../shared/corpora/e2fsprogs/*.gz")
	if len(images) == 0 {
		t.Skip("../shared/corpora/e2fsprogs is absent")
	}
	stride := 8 // two neighbours of each eight images, but for a long run
	if mutations(t) > 100 {
		stride = 1
	}
	good := smallImage(t)
	var before []byte
	rnd := rand.New(rand.NewPCG(7, 8))
	for i, path := range images {
		if i%stride > 1 {
			before = nil
			continue
		}
		image := gunzip(t, path)
		others := [][]byte{randomly(rnd, image, 1+rnd.IntN(30)), good}
		if before != nil {
			others = append(others, before)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), "_image.gz"), func(t *testing.T) {
			for _, other := range others {
				start := time.Now()
				account(t, image, other)
				account(t, other, image)
				if d := time.Since(start); d > 5*time.Second {
					t.Logf("took %v", d)
				}
			}
		})
		before = image
	}
}

// randomly changes n bytes of an image.
func randomly(rnd *rand.Rand, image []byte, n int) []byte {
	data := make([]byte, 6*n)
	for i := range data {
		data[i] = byte(rnd.Uint32())
	}
	return mutate(image, data)
}

func gunzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	image, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// With REPRODISK_MUTATIONS=10000, that many random changes of a filesystem of
// each variant; else a few.
func TestDamagedVariantsAddUp(t *testing.T) {
	rounds := mutations(t)
	dir, tmp := matrixTree(t), t.TempDir()
	for _, v := range variants {
		if testing.Short() && !v.short || rounds < 100 && !v.short {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := v.make(t, dir, tmp)
			rnd := rand.New(rand.NewPCG(uint64(len(v.name)), 9))
			for range rounds {
				start := time.Now()
				account(t, s.raw, s.damaged(rnd))
				if d := time.Since(start); d > time.Minute {
					t.Errorf("took %v", d)
				}
			}
		})
	}
}

// damaged is the specimen with random changes, most of them in structures.
func (s *specimen) damaged(rnd *rand.Rand) []byte {
	out := bytes.Clone(s.raw)
	regions, _ := s.fs.Regions()
	for range 1 + rnd.IntN(30) {
		r := regions[rnd.IntN(len(regions))]
		at := r.Start + rnd.Int64N(min(r.Length, 4096))
		switch rnd.IntN(4) {
		case 0:
			out[at] ^= 1 << rnd.IntN(8)
		case 1:
			out[at] = 0xff
		case 2:
			clear(out[at:min(at+int64(rnd.IntN(64)), int64(len(out)))])
		default:
			out[at] = byte(rnd.Uint32())
		}
	}
	return out
}

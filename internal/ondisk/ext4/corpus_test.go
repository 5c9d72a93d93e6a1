package ext4

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// exercise reads everything there is to read, and fails where the account of
// regions is not gap-free.
func exercise(t testing.TB, r io.ReaderAt, size int64) {
	fs, err := Open(r, size)
	if err != nil {
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of several lines: %q", err)
		}
		return
	}
	buf := make([]byte, 64<<10)
	files := 0
	_, err = fs.Walk(func(e Entry) error {
		if files++; files > 5000 {
			return nil
		}
		_ = e.Raw.Decode()
		fs.Xattrs(e.DiskInode)
		_, _ = fs.Target(e.DiskInode)
		if e.HasBlocks() || e.Raw.Flags()&InodeInlineData != 0 {
			f := fs.OpenFile(e.DiskInode)
			_, _ = f.ReadAt(buf, 0)
			_, _ = f.ReadAt(buf, f.Size()-10)
			off := int64(0)
			for range 100 {
				start, end, err := f.NextData(off)
				if err != nil || start >= f.Size() {
					break
				}
				if end <= start || start < off {
					t.Fatalf("%s: NextData(%d) is %d to %d", e.Path, off, start, end)
				}
				off = end
			}
		}
		return nil
	})
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("an error of several lines: %q", err)
	}
	checkRegions(t, fs)
}

func checkRegions(t testing.TB, fs *FS) []Region {
	t.Helper()
	regions, _ := fs.Regions()
	at := int64(0)
	for i, r := range regions {
		if r.Start != at || r.Length <= 0 {
			t.Fatalf("region %d (%v) is %d+%d, the one before ends at %d", i, r.Structure, r.Start, r.Length, at)
		}
		at = r.End()
	}
	if at != fs.Size() {
		t.Fatalf("regions end at %d of %d", at, fs.Size())
	}
	return regions
}

// The images of e2fsprogs' own tests, most of them damaged on purpose.
func TestDamagedImagesAreSurvived(t *testing.T) {
	images, _ := filepath.Glob("../../../../shared/corpora/e2fsprogs/*.gz")
	if len(images) == 0 {
		t.Skip("../shared/corpora/e2fsprogs is absent")
	}
	for _, path := range images {
		t.Run(strings.TrimSuffix(filepath.Base(path), "_image.gz"), func(t *testing.T) {
			img := gunzip(t, path)
			start := time.Now()
			exercise(t, bytes.NewReader(img), int64(len(img)))
			if d := time.Since(start); d > 5*time.Second {
				t.Logf("took %v", d)
			}
		})
	}
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
	img, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

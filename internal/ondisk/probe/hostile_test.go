package probe

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// counter counts what is read of an image.
type counter struct {
	r     io.ReaderAt
	bytes int
}

func (c *counter) ReadAt(b []byte, off int64) (int, error) {
	c.bytes += len(b)
	return c.r.ReadAt(b, off)
}

// broken is a disk that cannot be read from the byte at on.
type broken struct {
	r  io.ReaderAt
	at int64
}

var errBroken = errors.New("input/output error")

func (d broken) ReadAt(b []byte, off int64) (int, error) {
	if off+int64(len(b)) > d.at {
		return 0, errBroken
	}
	return d.r.ReadAt(b, off)
}

func TestAFailureToReadIsAnError(t *testing.T) {
	r, size := unpack(t, "btrfs")
	_, err := Identify(broken{r, 64 * kib}, size)
	if !errors.Is(err, errBroken) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "at byte ") {
		t.Errorf("error %v", err)
	}
}

// A range that ends before its size, and one that holds too little of what it
// begins with, are no errors: what is not there is not recognised.
func TestATruncatedImageIsNoError(t *testing.T) {
	for _, f := range fixtures {
		full, size := unpack(t, f.file)
		for _, short := range []int64{0, 1, 511, 513, 1500, 4096, 33 * kib, 70 * kib} {
			if short >= size {
				continue
			}
			full.size = short
			if _, err := Identify(full, size); err != nil {
				t.Errorf("%s ending at %d: %v", f.file, short, err)
			}
			if _, err := Identify(full, short); err != nil {
				t.Errorf("%s of %d bytes: %v", f.file, short, err)
			}
		}
	}
}

func TestFewBytesAreRead(t *testing.T) {
	for _, f := range fixtures {
		r, size := unpack(t, f.file)
		c := &counter{r: r}
		if _, err := Identify(c, size); err != nil {
			t.Fatal(err)
		}
		if c.bytes > maxPages*pageSize {
			t.Errorf("%s: %d bytes were read", f.file, c.bytes)
		}
	}
}

// FuzzIdentify changes the bytes at one place of an image of each format, and
// its size: what is read stays bounded and inside the range.
func FuzzIdentify(f *testing.F) {
	for i := range fixtures {
		f.Add(uint8(i), int64(512), int64(1<<20), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		f.Add(uint8(i), int64(1024), int64(70000), []byte("H+\x00\x04"))
	}
	// The front of FAT32, of NTFS and of an ext filesystem.
	f.Add(uint8(0), int64(0), int64(1<<20), append(append([]byte("\xeb\x58\x90mkfs.fat\x00\x02\x01\x20\x00\x02\x00\x00\x00\x00\xf8\x00\x00\x20\x00\x08\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf1\x03\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01\x00\x06\x00"), make([]byte, 32)...), "FAT32   "...))
	f.Add(uint8(0), int64(1024+56), int64(1<<20), []byte("\x53\xef\x01\x00"))
	images := make([]sectors, len(fixtures))
	for i := range fixtures {
		images[i], _ = unpack(f, fixtures[i].file)
	}
	f.Fuzz(func(t *testing.T, which uint8, at, size int64, patch []byte) {
		patch = patch[:min(len(patch), pageSize)]
		c := &counter{r: patched{images[int(which)%len(images)], at, patch}}
		info, err := Identify(c, size)
		if err != nil {
			t.Errorf("error %v", err)
		}
		if c.bytes > maxPages*pageSize {
			t.Errorf("%d bytes were read", c.bytes)
		}
		if info.Type == "" && info != (Info{}) {
			t.Errorf("a name without a type: %q", info)
		}
		if s := info.Label + info.UUID + info.Version; strings.Contains(s, "\x00") || len(s) > 4*kib {
			t.Errorf("%q", info)
		}
	})
}

// patched is an image with other bytes at one place. It has no end: the size
// that Identify is told counts.
type patched struct {
	sectors
	at    int64
	patch []byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	if _, err := p.sectors.ReadAt(b, off); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for i, c := range p.patch {
		if at := p.at + int64(i); at >= off && at < off+int64(len(b)) {
			b[at-off] = c
		}
	}
	return len(b), nil
}

func BenchmarkIdentify(b *testing.B) {
	r, size := unpack(b, "ntfs")
	for b.Loop() {
		if _, err := Identify(r, size); err != nil {
			b.Fatal(err)
		}
	}
}

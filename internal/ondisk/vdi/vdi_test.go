package vdi_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/ondisk/vdi"
)

func convert(t testing.TB, raw, options string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "disk.vdi")
	judge.Must(t, "qemu-img", "convert", "-f", "raw", "-O", "vdi", "-o", options, raw, out)
	return out
}

func open(t testing.TB, path string) *vdi.Image {
	t.Helper()
	img, err := vdi.Open(disktest.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestHoldsWhatQEMUWrote(t *testing.T) {
	for _, options := range []string{"static=off", "static=on"} {
		for _, size := range []int64{20 << 20, 9<<20 + 512} {
			raw := disktest.Raw(t, size)
			path := convert(t, raw, options)
			img := open(t, path)
			if q := disktest.QEMU(t, "vdi", path); q.Format != img.Format() || q.VirtualSize != img.Size() {
				t.Errorf("%s: %s of %d bytes, qemu-img says %v", options, img.Format(), img.Size(), q)
			}
			disktest.Check(t, img, raw)
			if w := img.Warnings(); len(w) != 0 {
				t.Errorf("%s: warnings %q", options, w)
			}
		}
	}
}

// A disk that was written from its end to its begin lies backwards in the file.
func TestBlocksInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	path, raw := filepath.Join(dir, "disk.vdi"), filepath.Join(dir, "disk.raw")
	judge.Must(t, "qemu-img", "create", "-f", "vdi", path, "8M")
	for _, at := range []string{"7M", "5M", "4M", "0"} {
		judge.Must(t, "qemu-img", "bench", "-f", "vdi", "-w", "-c", "1", "-s", "4096", "-o", at, "--pattern=165", path)
	}
	judge.Must(t, "qemu-img", "convert", "-f", "vdi", "-O", "raw", path, raw)
	disktest.Check(t, open(t, path), raw)
}

func TestTwoConversionsDifferInTheirUUIDs(t *testing.T) {
	raw := disktest.Raw(t, 20<<20)
	a, b := convert(t, raw, "static=off"), convert(t, raw, "static=off")
	got := disktest.Differing(t, open(t, a), open(t, b), a, b)
	if want := []string{"header/uuid_image", "header/uuid_last_snap"}; !slices.Equal(got, want) {
		t.Errorf("they differ in %v, want %v", got, want)
	}
}

func small(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(convert(t, disktest.Raw(t, 3<<20), "static=off"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRefusesByName(t *testing.T) {
	good := small(t)
	le := binary.LittleEndian
	for want, change := range map[string]func(b []byte){
		"undo":                  func(b []byte) { le.PutUint32(b[76:], 3) },
		"differencing":          func(b []byte) { le.PutUint32(b[76:], 4) },
		"u32Type at byte 76":    func(b []byte) { le.PutUint32(b[76:], 9) },
		"version 1.2":           func(b []byte) { le.PutUint32(b[68:], 0x00010002) },
		"uuid_link":             func(b []byte) { b[424] = 1 },
		"u32Signature":          func(b []byte) { b[64] = 0 },
		"cbBlock at byte 376":   func(b []byte) { le.PutUint32(b[376:], 1000) },
		"cbDisk at byte 368":    func(b []byte) { le.PutUint64(b[368:], 1<<40) },
		"behind the end":        func(b []byte) { le.PutUint32(b[384:], 0x3fffffff) },
		"entry 1 at byte 516":   func(b []byte) { le.PutUint32(b[516:], 77) },
		"the block map at byte": func(b []byte) { le.PutUint32(b[340:], 0xffffff00) },
	} {
		b := bytes.Clone(good)
		change(b)
		_, err := vdi.Open(disktest.Memory(b))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want an error of one line with %q, got %v", want, err)
		}
	}
}

// Freed blocks read as zeros, as blocks do that never were written.
func TestZeroAndFreeBlocks(t *testing.T) {
	b := small(t)
	binary.LittleEndian.PutUint32(b[512:], 0xfffffffe)
	binary.LittleEndian.PutUint32(b[516:], 0xffffffff)
	img, err := vdi.Open(disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2<<20)
	if _, err := img.ReadAt(got, 0); err != nil || len(bytes.TrimLeft(got, "\x00")) != 0 {
		t.Errorf("they are not zeros (%v)", err)
	}
	if w := img.Warnings(); len(w) != 1 || !strings.Contains(w[0], "cBlocksAllocated") {
		t.Errorf("warnings %q", w)
	}
	path := filepath.Join(t.TempDir(), "disk.vdi")
	raw := path + ".raw"
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "qemu-img", "convert", "-f", "vdi", "-O", "raw", path, raw)
	disktest.Check(t, img, raw)
}

func FuzzOpen(f *testing.F) {
	b := small(f)
	f.Add(b[:4096])
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := vdi.Open(disktest.Memory(b)); err == nil {
			disktest.Survey(img)
		}
	})
}

// FuzzDamage changes a good image where it says what it is.
func FuzzDamage(f *testing.F) {
	good := small(f)
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, patch []byte) {
		if img, err := vdi.Open(disktest.Damage(good, patch, 0, 64, 340, 512)); err == nil {
			disktest.Survey(img)
		}
	})
}

func BenchmarkReadAt(b *testing.B) {
	img := open(b, convert(b, disktest.Raw(b, 256<<20), "static=on"))
	buf := make([]byte, 1<<20)
	b.SetBytes(img.Size())
	for b.Loop() {
		for off := int64(0); off < img.Size(); off += int64(len(buf)) {
			if _, err := img.ReadAt(buf, off); err != nil {
				b.Fatal(err)
			}
		}
	}
}

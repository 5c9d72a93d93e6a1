package vhd_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/ondisk/vhd"
)

func convert(t testing.TB, raw, options string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "disk.vhd")
	judge.Must(t, "qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", options, raw, out)
	return out
}

func open(t testing.TB, path string) *vhd.Image {
	t.Helper()
	img, err := vhd.Open(disktest.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.vhd")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

var allOptions = []string{
	"subformat=dynamic", "subformat=dynamic,force_size=on", "subformat=fixed", "subformat=fixed,force_size=on",
}

func TestHoldsWhatQEMUWrote(t *testing.T) {
	for _, options := range allOptions {
		for _, size := range []int64{20 << 20, 9<<20 + 512} {
			raw := disktest.Raw(t, size)
			path := convert(t, raw, options)
			img := open(t, path)
			if q := disktest.QEMU(t, "vpc", path); q.Format != img.Format() || q.VirtualSize != img.Size() {
				t.Errorf("%s: %s of %d bytes, qemu-img says %v", options, img.Format(), img.Size(), q)
			}
			disktest.Check(t, img, raw)
			if w := img.Warnings(); len(w) != 0 {
				t.Errorf("%s: warnings %q", options, w)
			}
			if f := disktest.File(t, path); !vhd.EndsWithFooter(f, f.Size()) {
				t.Errorf("%s: no footer is found", options)
			}
		}
	}
}

// sign renews the checksum of the footer at byte at.
func sign(b []byte, at int) {
	f := b[at : at+512]
	binary.BigEndian.PutUint32(f[64:], 0)
	var sum uint32
	for _, c := range f {
		sum += uint32(c)
	}
	binary.BigEndian.PutUint32(f[64:], ^sum)
}

// Whether the geometry or CurrentSize counts depends on who made the image.
func TestSizeFollowsTheCreatorAsQEMUsDoes(t *testing.T) {
	good := small(t, "subformat=dynamic,force_size=on")
	for _, app := range []string{"qemu", "qem2", "win ", "vpc ", "vs  ", "d2v ", "CTXS", "tap\x00", "vbox", "\x00\x00\x00\x00"} {
		for _, geometry := range [][4]byte{{0, 60, 4, 17}, {0xff, 0xff, 16, 255}} {
			b := bytes.Clone(good)
			for _, at := range []int{0, len(b) - 512} {
				copy(b[at+28:], app)
				copy(b[at+56:], geometry[:])
				sign(b, at)
			}
			path := write(t, b)
			if q, img := disktest.QEMU(t, "vpc", path), open(t, path); q.VirtualSize != img.Size() {
				t.Errorf("%q, geometry %v: %d bytes, qemu-img says %d", app, geometry, img.Size(), q.VirtualSize)
			}
		}
	}
}

func TestTwoConversionsDifferInTimeAndUUID(t *testing.T) {
	raw := disktest.Raw(t, 20<<20)
	for _, options := range allOptions {
		a, b := convert(t, raw, options), convert(t, raw, options)
		// As though some time lay between: both copies of the footer.
		later, err := os.ReadFile(b)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"footer/Checksum", "footer/TimeStamp", "footer/UniqueId"}
		copies := []int{len(later) - 512}
		if !strings.Contains(options, "fixed") {
			copies = append(copies, 0)
			want = append([]string{"footer copy/Checksum", "footer copy/TimeStamp", "footer copy/UniqueId"}, want...)
		}
		for _, at := range copies {
			stamp := later[at+24 : at+28]
			binary.BigEndian.PutUint32(stamp, binary.BigEndian.Uint32(stamp)+100)
			sign(later, at)
		}
		b = write(t, later)
		if got := disktest.Differing(t, open(t, a), open(t, b), a, b); !slices.Equal(got, want) {
			t.Errorf("%s: they differ in %v, want %v", options, got, want)
		}
	}
}

func small(t testing.TB, options string) []byte {
	t.Helper()
	b, err := os.ReadFile(convert(t, disktest.Raw(t, 2<<20), options))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRefusesByName(t *testing.T) {
	good := small(t, "subformat=dynamic")
	be := binary.BigEndian
	for want, change := range map[string]func(b []byte){
		"differencing":         func(b []byte) { be.PutUint32(b[60:], 4); sign(b, 0) },
		"DiskType at byte 60":  func(b []byte) { be.PutUint32(b[60:], 7); sign(b, 0) },
		"cxsparse":             func(b []byte) { b[512] = 0 },
		"BlockSize at":         func(b []byte) { be.PutUint32(b[544:], 12345) },
		"too few blocks":       func(b []byte) { be.PutUint32(b[540:], 0) },
		"ends behind the end":  func(b []byte) { be.PutUint32(b[540:], 0xffffffff) },
		"BAT at byte":          func(b []byte) { be.PutUint64(b[528:], 1<<62) },
		"DataOffset":           func(b []byte) { be.PutUint64(b[16:], 1<<63); sign(b, 0) },
		"entry 0 at byte 1536": func(b []byte) { be.PutUint32(b[1536:], 0xfffffff0) },
		"where the footer's":   func(b []byte) { be.PutUint32(b[1536:], 0) },
		"sectors":              func(b []byte) { clear(b[56:60]); sign(b, 0) },
		"first 512 bytes":      func(b []byte) { clear(b[:512]) },
	} {
		b := bytes.Clone(good)
		change(b)
		_, err := vhd.Open(disktest.Memory(b))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want an error of one line with %q, got %v", want, err)
		}
	}
}

// A damaged footer is lived with as long as the other one is whole.
func TestDamagedFootersAreWarnings(t *testing.T) {
	good := small(t, "subformat=dynamic")
	raw := disktest.Raw(t, 2<<20)
	for want, change := range map[string]func(b []byte){
		"the copy of the footer at byte 0 has a wrong checksum: the footer at": func(b []byte) { b[100] = 1 },
		"the footer at byte":                    func(b []byte) { b[len(b)-400] = 1 },
		"does not end with a footer":            func(b []byte) { clear(b[len(b)-512:]) },
		"dynamic disk header at byte 512 has a": func(b []byte) { b[600] = 1 },
		"differs from its copy":                 func(b []byte) { b[len(b)-512+84] = 1; sign(b, len(b)-512) },
	} {
		b := bytes.Clone(good)
		change(b)
		img, err := vhd.Open(disktest.Memory(b))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if w := img.Warnings(); len(w) != 1 || !strings.Contains(w[0], want) {
			t.Errorf("want a warning with %q, got %q", want, w)
		}
		disktest.Check(t, img, raw)
	}
}

// A raw disk may end with the eight bytes that a footer begins with.
func TestCookieAloneIsNoFooter(t *testing.T) {
	b := make([]byte, 1<<20)
	copy(b[len(b)-512:], vhd.Cookie)
	if vhd.EndsWithFooter(disktest.Memory(b), 1<<20) {
		t.Error("it is taken for a footer")
	}
	if _, err := vhd.Open(disktest.Memory(b)); !errors.Is(err, vhd.ErrNotVHD) {
		t.Errorf("Open says %v", err)
	}
}

func TestSamples(t *testing.T) {
	t.Run("ext2.vhd", func(t *testing.T) {
		path := disktest.Sample(t, "ext2.vhd")
		raw := filepath.Join(t.TempDir(), "disk.raw")
		judge.Must(t, "qemu-img", "convert", "-f", "vpc", "-O", "raw", path, raw)
		disktest.Check(t, open(t, path), raw)
	})
	// Its footers' checksum is wrong, and qemu-img refuses it for that.
	t.Run("image.vhd", func(t *testing.T) {
		img := open(t, disktest.Sample(t, "image.vhd"))
		if w := strings.Join(img.Warnings(), "\n"); !strings.Contains(w, "wrong checksum") || img.Size() != 3*4*17*512 {
			t.Errorf("%d bytes, warnings %q", img.Size(), w)
		}
	})
	for _, name := range []string{"image-differential.vhd", "fat-differential.vhd"} {
		t.Run(name, func(t *testing.T) {
			_, err := vhd.Open(disktest.File(t, disktest.Sample(t, name)))
			if err == nil || !strings.Contains(err.Error(), "differencing") {
				t.Errorf("Open says %v", err)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	dynamic := small(f, "subformat=dynamic")
	f.Add(dynamic)
	f.Add(dynamic[:4096])
	f.Add(small(f, "subformat=fixed")[2<<20-512:])
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = vhd.EndsWithFooter(disktest.Memory(b), int64(len(b)))
		if img, err := vhd.Open(disktest.Memory(b)); err == nil {
			disktest.Survey(img)
		}
	})
}

func BenchmarkReadAt(b *testing.B) {
	img := open(b, convert(b, disktest.Raw(b, 256<<20), "subformat=dynamic"))
	buf := make([]byte, 1<<20)
	b.SetBytes(img.Size())
	for b.Loop() {
		for off := int64(0); off < img.Size(); off += int64(len(buf)) {
			if _, err := img.ReadAt(buf, min(off, img.Size()-int64(len(buf)))); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// FuzzDamage changes a good image where it says what it is.
func FuzzDamage(f *testing.F) {
	good := small(f, "subformat=dynamic")
	f.Add(make([]byte, 16), true)
	f.Fuzz(func(t *testing.T, patch []byte, signed bool) {
		b := disktest.Damage(good, patch, 0, 0, 512, 512, 1536, int64(len(good)-512))
		if signed {
			sign(b.Part(0), 0)
			sign(b.Part(5), 0)
		}
		if img, err := vhd.Open(b); err == nil {
			disktest.Survey(img)
		}
	})
}

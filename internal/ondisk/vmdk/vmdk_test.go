package vmdk_test

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
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

func convert(t testing.TB, raw, options string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "disk.vmdk")
	judge.Must(t, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", options, raw, out)
	return out
}

func open(t testing.TB, path string) *vmdk.Image {
	t.Helper()
	img, err := vmdk.Open(disktest.File(t, path), vmdk.InFolder(filepath.Dir(path)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.vmdk")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHoldsWhatQEMUWrote(t *testing.T) {
	for _, options := range []string{
		"subformat=monolithicSparse", "subformat=streamOptimized", "subformat=monolithicFlat",
		"subformat=twoGbMaxExtentSparse", "subformat=twoGbMaxExtentFlat",
		"subformat=monolithicSparse,zeroed_grain=on", "subformat=monolithicSparse,compat6=on",
		"subformat=monolithicSparse,adapter_type=lsilogic,toolsversion=2147483647",
	} {
		for _, size := range []int64{12 << 20, 9<<20 + 512} {
			if testing.Short() && (size > 10<<20 || !strings.Contains(options, "streamOptimized")) {
				continue // the goroutines are those of packed grains
			}
			raw := disktest.Raw(t, size)
			path := convert(t, raw, options)
			img := open(t, path)
			if q := disktest.QEMU(t, "vmdk", path); q.Format != img.Format() || q.VirtualSize != img.Size() {
				t.Errorf("%s: %s of %d bytes, qemu-img says %v", options, img.Format(), img.Size(), q)
			}
			disktest.Check(t, img, raw)
			if w := img.Warnings(); len(w) != 0 {
				t.Errorf("%s: warnings %q", options, w)
			}
		}
	}
}

// A disk of more than 2 GB is several files, and what lies on their border is
// read out of two of them.
func TestDiskOfSeveralExtents(t *testing.T) {
	raw := filepath.Join(t.TempDir(), "disk.raw")
	judge.Must(t, "qemu-img", "create", "-f", "raw", raw, "5G")
	f, err := os.OpenFile(raw, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("border "), 40<<10)
	const border = 0x7fff0000 // where QEMU and VMware split
	if _, err := f.WriteAt(data, border-int64(len(data))/2); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, options := range []string{"subformat=twoGbMaxExtentSparse", "subformat=twoGbMaxExtentFlat"} {
		img := open(t, convert(t, raw, options))
		if img.Size() != 5<<30 {
			t.Errorf("%s: %d bytes", options, img.Size())
		}
		got := make([]byte, len(data))
		if _, err := img.ReadAt(got, border-int64(len(data))/2); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: what lies on the border differs (%v)", options, err)
		}
		var held int64
		for off := int64(0); ; {
			start, end, err := img.NextData(off)
			if err != nil {
				t.Fatal(err)
			}
			if start == end {
				break
			}
			held += end - start
			off = end
		}
		if held < int64(len(data)) || held > int64(len(data))+256<<10 {
			t.Errorf("%s: NextData finds %d bytes of data, there are %d", options, held, len(data))
		}
	}
}

func TestZeroGrains(t *testing.T) {
	raw := disktest.Raw(t, 4<<20)
	path := convert(t, raw, "subformat=monolithicSparse,zeroed_grain=on")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The first table of the directory that gdOffset names: its grain 1 has data.
	gd := 512 * binary.LittleEndian.Uint64(b[56:])
	gt := 512 * int(binary.LittleEndian.Uint32(b[gd:]))
	binary.LittleEndian.PutUint32(b[gt+4:], 1)
	path = write(t, b)
	judge.Must(t, "qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw)
	img := open(t, path)
	disktest.Check(t, img, raw)
	if w := img.Warnings(); len(w) != 1 || !strings.Contains(w[0], "second grain tables") {
		t.Errorf("warnings %q", w)
	}
}

func TestTwoConversionsDifferInTheCID(t *testing.T) {
	raw := disktest.Raw(t, 20<<20)
	for _, kind := range []string{"monolithicSparse", "streamOptimized", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"} {
		// The same name, which the descriptor holds.
		a, b := eightDigits(t, raw, "subformat="+kind), eightDigits(t, raw, "subformat="+kind)
		got := disktest.Differing(t, open(t, a), open(t, b), a, b)
		if want := []string{"descriptor/CID"}; !slices.Equal(got, want) {
			t.Errorf("%s: they differ in %v, want %v", kind, got, want)
		}
	}
}

// eightDigits converts until the CID has no leading zeros, which QEMU leaves
// out: all that follows in the descriptor moves where it has.
func eightDigits(t *testing.T, raw, options string) string {
	t.Helper()
	for range 20 {
		path := convert(t, raw, options)
		for _, f := range open(t, path).Metadata() {
			if f.Name == "CID" && f.Length == 8 {
				return path
			}
		}
	}
	t.Fatal("no CID of 8 digits")
	return ""
}

func small(t testing.TB, kind string) []byte {
	t.Helper()
	b, err := os.ReadFile(convert(t, disktest.Raw(t, 3<<20), "subformat="+kind))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line replaces a descriptor's text by one of the same length.
func line(old, text string) func(b []byte) {
	return func(b []byte) {
		at := bytes.Index(b, []byte(old))
		copy(b[at:], text)
		for i := len(text); i < len(old); i++ {
			b[at+i] = '\n'
		}
	}
}

func TestRefusesByName(t *testing.T) {
	good := small(t, "monolithicSparse")
	le := binary.LittleEndian
	for want, change := range map[string]func(b []byte){
		"COWD":                  func(b []byte) { copy(b, "COWD") },
		"seSparse":              func(b []byte) { copy(b, "\xbe\xba\xfe\xca\x00\x00\x00\x00") },
		"with a parent":         line("parentCID=ffffffff", "parentCID=12345678"),
		"physical disk":         line(`createType="monolithicSparse"`, `createType="fullDevice"`),
		"createType \"other\"":  line(`createType="monolithicSparse"`, `createType="other"`),
		"version 4":             func(b []byte) { b[4] = 4 },
		"capacity at byte 12":   func(b []byte) { le.PutUint64(b[12:], 1<<60) },
		"grainSize at byte 20":  func(b []byte) { le.PutUint64(b[20:], 1<<40) },
		"numGTEsPerGT at":       func(b []byte) { le.PutUint32(b[44:], 1<<31) },
		"grain directory at":    func(b []byte) { le.PutUint64(b[56:], 1<<60) },
		"without the descripto": func(b []byte) { le.PutUint64(b[28:], 0) },
		"the descriptor at sec": func(b []byte) { le.PutUint64(b[28:], 1<<62) },
		"no footer at byte":     func(b []byte) { le.PutUint64(b[56:], 1<<64-1) },
		"compressAlgorithm":     func(b []byte) { le.PutUint16(b[77:], 9) },
		"behind the end": func(b []byte) {
			gd := 512 * le.Uint64(b[56:])
			le.PutUint32(b[512*int(le.Uint32(b[gd:])):], 0xfffffff0)
		},
		"not of the form": line("RW 6144 SPARSE", "RW 0 SPARSE"),
	} {
		b := bytes.Clone(good)
		change(b)
		_, err := vmdk.Open(disktest.Memory(b), nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want an error of one line with %q, got %v", want, err)
		}
	}
}

// A descriptor can name no file but a regular one in its own folder.
func TestStaysInItsFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "images")
	for _, d := range []string{dir, filepath.Join(dir, "sub")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{filepath.Join(top, "secret"), filepath.Join(dir, "sub", "inner"), filepath.Join(dir, "disk-flat.vmdk")} {
		if err := os.WriteFile(f, make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"link": "../secret", "absolute": filepath.Join(top, "secret"), "within": "disk-flat.vmdk"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	descriptor := func(name string) []byte {
		return []byte("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 2048 FLAT \"" + name + "\" 0\n")
	}
	for name, want := range map[string]string{
		"disk-flat.vmdk":             "",
		"within":                     "",
		filepath.Join(top, "secret"): "only files beside the descriptor",
		"../secret":                  "only files beside the descriptor",
		"sub/inner":                  "only files beside the descriptor",
		`sub\inner`:                  "only files beside the descriptor",
		"..":                         "only files beside the descriptor",
		"link":                       "beside the descriptor",
		"absolute":                   "beside the descriptor",
		"sub":                        "not a regular file",
		"none":                       "no such file",
	} {
		img, err := vmdk.Open(disktest.Memory(descriptor(name)), vmdk.InFolder(dir))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: want an error with %q, got %v", name, want, err)
		}
		if err == nil {
			img.Close()
		}
	}
	if _, err := vmdk.Open(disktest.Memory(descriptor("disk-flat.vmdk")), nil); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("without a folder: %v", err)
	}
	short := bytes.Replace(descriptor("disk-flat.vmdk"), []byte("2048"), []byte("2049"), 1)
	if _, err := vmdk.Open(disktest.Memory(short), vmdk.InFolder(dir)); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("an extent longer than its file: %v", err)
	}
}

func TestSample(t *testing.T) {
	path := disktest.Sample(t, "ext2.vmdk")
	raw := filepath.Join(t.TempDir(), "disk.raw")
	judge.Must(t, "qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw)
	disktest.Check(t, open(t, path), raw)
}

// FuzzOpen reads what begins as an extent and hardly ever goes on as one.
func FuzzOpen(f *testing.F) {
	f.Add(small(f, "monolithicSparse")[:4096])
	f.Add(stream(f, disktest.Raw(f, 4096))[:2048])
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := vmdk.Open(disktest.Memory(b), nil); err == nil {
			disktest.Survey(img)
		}
	})
}

// FuzzDamage changes good images where they say what they are.
func FuzzDamage(f *testing.F) {
	var images [][]byte
	var places [][]int64
	for n, b := range [][]byte{small(f, "monolithicSparse"), small(f, "streamOptimized"), stream(f, disktest.Raw(f, 1<<20))} {
		le := binary.LittleEndian
		at := len(b) - 1024 // of the header that holds, the footer
		if n < 2 {
			at = 0
		}
		gd := 512 * int64(le.Uint64(b[at+56:]))
		gt := 512 * int64(le.Uint32(b[gd:]))
		grain := 512 * int64(le.Uint32(b[gt:]))
		images = append(images, b)
		places = append(places, []int64{0, 512, gd, gt, grain, int64(at)})
	}
	for n := range images {
		f.Add(n, make([]byte, 16))
	}
	f.Fuzz(func(t *testing.T, n int, patch []byte) {
		n = (n%len(images) + len(images)) % len(images)
		b := disktest.Damage(images[n], patch, places[n]...)
		if img, err := vmdk.Open(b, func(string) (disk, error) { return b, nil }); err == nil {
			disktest.Survey(img)
		}
	})
}

// FuzzDescriptor reads a text as a descriptor, whose extents are all there.
func FuzzDescriptor(f *testing.F) {
	f.Add(small(f, "monolithicFlat"))
	f.Add([]byte("# Disk DescriptorFile\nCID=1\ncreateType=\"custom\"\nRW 4 ZERO\nRW 63 FLAT \"a\" 1\nRDONLY 2048 SPARSE \"b\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		folder := func(string) (disk, error) { return disktest.Memory(make([]byte, 64<<10)), nil }
		if img, err := vmdk.Open(disktest.Memory(b), folder); err == nil {
			disktest.Survey(img)
		}
	})
}

func benchmark(b *testing.B, kind string, size int64) {
	img := open(b, convert(b, disktest.Raw(b, size), "subformat="+kind))
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

func BenchmarkReadSparse(b *testing.B)     { benchmark(b, "monolithicSparse", 256<<20) }
func BenchmarkReadCompressed(b *testing.B) { benchmark(b, "streamOptimized", 6<<20) }

package vhdx_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/ondisk/vhdx"
)

func convert(t testing.TB, raw, options string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "disk.vhdx")
	judge.Must(t, "qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", options, raw, out)
	return out
}

func open(t testing.TB, path string) *vhdx.Image {
	t.Helper()
	img, err := vhdx.Open(disktest.File(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.vhdx")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHoldsWhatQEMUWrote(t *testing.T) {
	for _, options := range []string{
		"subformat=dynamic", "subformat=fixed", "subformat=dynamic,block_size=1M",
		"subformat=dynamic,block_size=256M", "subformat=fixed,block_size=2M,log_size=4M",
	} {
		for _, size := range []int64{20 << 20, 9<<20 + 512} {
			raw := disktest.Raw(t, size)
			path := convert(t, raw, options)
			img := open(t, path)
			if q := disktest.QEMU(t, "vhdx", path); q.Format != img.Format() || q.VirtualSize != img.Size() {
				t.Errorf("%s: %s of %d bytes, qemu-img says %v", options, img.Format(), img.Size(), q)
			}
			disktest.Check(t, img, raw)
			if w := img.Warnings(); len(w) != 0 {
				t.Errorf("%s: warnings %q", options, w)
			}
		}
	}
}

// With blocks of 1 MiB there are 4096 of them, 4 GiB, between two bitmaps'
// entries in the BAT: what is behind the first is found, too.
func TestEntriesOfBitmapsAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.vhdx")
	judge.Must(t, "qemu-img", "create", "-f", "vhdx", "-o", "block_size=1M", path, "9G")
	places := []int64{0, 4<<30 - 4096, 4 << 30, 8<<30 - 4096, 8 << 30, 9<<30 - 4096}
	for n, at := range places {
		judge.Must(t, "qemu-img", "bench", "-f", "vhdx", "-w", "-c", "1", "-s", "4096",
			"-o", number(at), "--pattern="+number(int64(n+1)), path)
	}
	img := open(t, path)
	for n, at := range places {
		b := make([]byte, 4096)
		if _, err := img.ReadAt(b, at); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{byte(n + 1)}, 4096)) {
			t.Errorf("byte %d: %x… (%v)", at, b[:4], err)
		}
	}
	var found []int64
	for off := int64(0); ; {
		start, end, err := img.NextData(off)
		if err != nil {
			t.Fatal(err)
		}
		if start == end {
			break
		}
		if len(found) == 0 || found[len(found)-1] != start>>20 {
			found = append(found, start>>20)
		}
		off = end
	}
	for _, at := range places {
		if !slices.ContainsFunc(found, func(mib int64) bool { return mib <= at>>20 }) {
			t.Errorf("NextData passes over byte %d: %v", at, found)
		}
	}
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func TestTwoConversionsDifferInTheirGUIDs(t *testing.T) {
	raw := disktest.Raw(t, 20<<20)
	for _, options := range []string{"subformat=dynamic", "subformat=fixed"} {
		a, b := convert(t, raw, options), convert(t, raw, options)
		got := disktest.Differing(t, open(t, a), open(t, b), a, b)
		want := []string{
			"header 1/Checksum", "header 1/DataWriteGuid", "header 1/FileWriteGuid", "header 1/SequenceNumber",
			"header 2/Checksum", "header 2/DataWriteGuid", "header 2/FileWriteGuid", "header 2/SequenceNumber",
			"log/entries", "metadata/VirtualDiskId",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: they differ in %v, want %v", options, got, want)
		}
	}
}

func small(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(convert(t, disktest.Raw(t, 3<<20), "subformat=dynamic,block_size=1M"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sign renews the checksum of the n bytes at byte at.
func sign(b []byte, at, n int) {
	b = b[at : at+n]
	binary.LittleEndian.PutUint32(b[4:], 0)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// headers changes both headers and renews their checksums.
func headers(change func(h []byte)) func(b []byte) {
	return func(b []byte) {
		for _, at := range []int{64 << 10, 128 << 10} {
			change(b[at : at+4096])
			sign(b, at, 4096)
		}
	}
}

// regions is headers for the region tables.
func regions(change func(r []byte)) func(b []byte) {
	return func(b []byte) {
		for _, at := range []int{192 << 10, 256 << 10} {
			change(b[at : at+64<<10])
			sign(b, at, 64<<10)
		}
	}
}

// find is where a field of the image lies.
func find(t *testing.T, b []byte, structure, name string) int64 {
	t.Helper()
	img, err := vhdx.Open(disktest.Memory(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range img.Metadata() {
		if f.Structure == structure && f.Name == name {
			return f.Offset
		}
	}
	t.Fatalf("no field %s/%s", structure, name)
	return 0
}

func TestRefusesByName(t *testing.T) {
	good := small(t)
	le := binary.LittleEndian
	bat := find(t, good, "BAT", "entries")
	block := find(t, good, "metadata", "BlockSize")
	size := find(t, good, "metadata", "VirtualDiskSize")
	logical := find(t, good, "metadata", "LogicalSectorSize")
	table := find(t, good, "metadata table", "EntryCount")
	for want, change := range map[string]func(b []byte){
		"this is no VHDX":           func(b []byte) { b[0] = 0 },
		"neither of the headers":    func(b []byte) { b[64<<10+9] ^= 1; b[128<<10+9] ^= 1 },
		"neither was written later": headers(func(h []byte) { le.PutUint64(h[8:], 7) }),
		"version 2":                 headers(func(h []byte) { h[66] = 2 }),
		"qemu-img check -r all":     headers(func(h []byte) { h[48] = 1 }),
		"neither of the region":     func(b []byte) { b[192<<10+9] ^= 1; b[256<<10+9] ^= 1 },
		"more than 2047":            regions(func(r []byte) { le.PutUint32(r[8:], 1<<31) }),
		"no BAT or no metadata":     regions(func(r []byte) { r[8] = 0 }),
		"requires a region":         regions(func(r []byte) { r[16] ^= 1; r[44] |= 1 }),
		"outside of the file of":    regions(func(r []byte) { le.PutUint64(r[32:], 1<<62) }),
		"is a differencing VHDX":    func(b []byte) { b[block+4] |= 2 },
		"BlockSize at":              func(b []byte) { le.PutUint32(b[block:], 3<<20) },
		"VirtualDiskSize at":        func(b []byte) { le.PutUint64(b[size:], 1<<62) },
		"LogicalSectorSize at":      func(b []byte) { le.PutUint32(b[logical:], 520) },
		"is too short or cut off, ": func(b []byte) { le.PutUint64(b[size:], 64<<40) },
		"partly in a parent":        func(b []byte) { b[bat] = 7 },
		"state 4":                   func(b []byte) { b[bat] = 4 },
		"its block lies at byte":    func(b []byte) { le.PutUint64(b[bat:], 6|1<<60) },
		"have no File Parameters":   func(b []byte) { clear(b[table : table+2]) },
		"requires an item":          func(b []byte) { b[table-10+32] ^= 1 },
		"metadata table at":         func(b []byte) { b[table-10] = 0 },
	} {
		b := bytes.Clone(good)
		change(b)
		_, err := vhdx.Open(disktest.Memory(b))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want an error of one line with %q, got %v", want, err)
		}
	}
}

// One good copy of a header and of the region table is enough, for QEMU as for us.
func TestOneGoodCopyIsEnough(t *testing.T) {
	raw := disktest.Raw(t, 3<<20)
	good := small(t)
	for _, at := range []int{64 << 10, 128 << 10, 192 << 10, 256 << 10} {
		b := bytes.Clone(good)
		b[at+200] ^= 1
		img := open(t, write(t, b))
		disktest.Check(t, img, raw)
		if len(img.Warnings()) == 0 {
			t.Errorf("no warning of the damage at byte %d", at+200)
		}
	}
}

// FuzzOpen reads what begins as a VHDX and hardly ever goes on as one.
func FuzzOpen(f *testing.F) {
	b := small(f)
	f.Add(b[:320<<10])
	f.Add(b[:1<<10])
	f.Fuzz(func(t *testing.T, b []byte) {
		if img, err := vhdx.Open(disktest.Memory(b)); err == nil {
			disktest.Survey(img)
		}
	})
}

// FuzzDamage changes a good image where it says what it is, with checksums
// that hold or do not.
func FuzzDamage(f *testing.F) {
	good := small(f)
	img, err := vhdx.Open(disktest.Memory(good))
	if err != nil {
		f.Fatal(err)
	}
	places := map[string]int64{}
	for _, m := range img.Metadata() {
		places[m.Structure+"/"+m.Name] = m.Offset
	}
	f.Add(make([]byte, 16), true)
	f.Fuzz(func(t *testing.T, patch []byte, signed bool) {
		b := disktest.Damage(good, patch, 64<<10, 128<<10, 192<<10, 256<<10,
			places["metadata table/Signature"], places["metadata/BlockSize"], places["metadata/VirtualDiskSize"],
			places["metadata/LogicalSectorSize"], places["BAT/entries"])
		if signed {
			for n, size := range []int{4 << 10, 4 << 10, 64 << 10, 64 << 10} {
				part := bytes.Clone(good[[]int{64, 128, 192, 256}[n]<<10:][:size])
				copy(part, b.Part(n))
				sign(part, 0, size)
				copy(b.Part(n), part[:8])
			}
		}
		if img, err := vhdx.Open(b); err == nil {
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
			if _, err := img.ReadAt(buf, off); err != nil {
				b.Fatal(err)
			}
		}
	}
}

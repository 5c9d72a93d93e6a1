package inside

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/reprodisk/reprodisk/internal/ondisk/efivars"
	"github.com/reprodisk/reprodisk/report"
)

// made are small files of the formats, made without any tool.
func made(t testing.TB) map[string][]byte {
	t.Helper()
	var gz, xzs bytes.Buffer
	w := gzip.NewWriter(&gz)
	w.Name = "name"
	cpio := cpioFile("etc/hostname", "host\n") + cpioFile(cpioTrailer, "")
	_, _ = w.Write([]byte(cpio))
	w.Close()
	x, err := xz.NewWriter(&xzs)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = x.Write([]byte(cpio))
	x.Close()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := efivars.Store{
		Volume: efivars.VolumeHeader{FileSystemGUID: efivars.NVDataGUID, FvLength: 512},
		Header: efivars.StoreHeader{Size: 400}, Authenticated: true,
		Variables: []efivars.Variable{{AuthenticatedHeader: efivars.AuthenticatedHeader{State: efivars.Added}, Name: "Boot", Data: []byte("x")}},
	}
	efi, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	tar := make([]byte, 3*tarBlock)
	copy(tar, "name")
	copy(tar[100:], "0000644\x000000000\x000000000\x0000000000000\x0014000000000\x00        0")
	copy(tar[257:], "ustar\x0000")
	sum := 0
	for _, c := range tar[:tarBlock] {
		sum += int(c)
	}
	copy(tar[148:], fmt.Sprintf("%06o\x00 ", sum))
	elf := make([]byte, 64+3*64+32)
	copy(elf, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint64(elf[40:], 64)
	le.PutUint16(elf[58:], 64)
	le.PutUint16(elf[60:], 3)
	le.PutUint16(elf[62:], 1)
	copy(elf[64+3*64:], "\x00.a\x00")
	le.PutUint64(elf[64+64+24:], 64+3*64)
	le.PutUint64(elf[64+64+32:], 8)
	le.PutUint32(elf[64+128:], 1)
	le.PutUint32(elf[64+128+4:], 1)
	le.PutUint64(elf[64+128+24:], 64+3*64+8)
	le.PutUint64(elf[64+128+32:], 24)
	pe := make([]byte, 512)
	copy(pe, "MZ")
	pe[60] = 64
	copy(pe[64:], "PE\x00\x00\x64\x86\x01\x00")
	pe[64+20], pe[64+24], pe[64+25] = 240, 0x0b, 2
	copy(pe[64+24+240:], ".text\x00\x00\x00")
	pe[64+24+240+17], pe[64+24+240+20], pe[64+24+240+21] = 0, 0x80, 1
	pe[64+24+240+16] = 64
	zip := "PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00ax" +
		"PK\x01\x02\x14\x00\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00a" +
		"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x2f\x00\x00\x00\x20\x00\x00\x00\x00\x00"
	return map[string][]byte{
		"gzip": gz.Bytes(), "xz": xzs.Bytes(), "zstd": z.EncodeAll([]byte(cpio), nil),
		"cpio": []byte(cpio), "initrd": append([]byte(cpio+"\x00\x00"), gz.Bytes()...),
		"tar": tar, "ar": []byte(fmt.Sprintf("%s%-16s%-12d%-6d%-6d%-8s%-10d`\nx\n", arMagic, "a/", 1, 0, 0, "100644", 1)),
		"EFI variable store": efi, "ELF": elf, "PE": pe, "zip": []byte(zip),
		"PNG":             []byte(pngMagic + chunk("IHDR", "x") + chunk("tIME", "1234567") + chunk("IEND", "")),
		"Python bytecode": []byte("\xa7\x0d\r\n\x00\x00\x00\x00\x01\x00\x00\x65\x01\x00\x00\x00code"),
		"text":            []byte("a 2024-01-02T03:04:05Z /tmp/x/y 1700000000 01234567-89ab-cdef-0123-456789abcdef\n"),
	}
}

func cpioFile(name, data string) string {
	pad := func(s string) string { return s + "\x00\x00\x00"[:(4-len(s)%4)%4] }
	head := cpioNewc
	for _, v := range []int{1, 0o100644, 0, 0, 1, 1, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		head += fmt.Sprintf("%08x", v)
	}
	return pad(pad(head+name+"\x00") + data)
}

// check holds for every answer.
func check(t *testing.T, x Explanation, ok bool) {
	t.Helper()
	if !ok {
		return
	}
	if x.Kind == "" || x.Cause == "" || len(x.Fields) == 0 || len(x.Fields) > maxFields || len(x.Diff) > maxDiff+1024 {
		t.Fatalf("%d fields, %d bytes of diff, cause %q, kind %q, note %q", len(x.Fields), len(x.Diff), x.Cause, x.Kind, x.Note)
	}
	for _, f := range x.Fields {
		if f.Name == "" || !f.Derived && f.Cause == "" {
			t.Fatalf("%+v", f)
		}
	}
}

// TestEveryByteCounts flips each byte of each small file in turn: it is never
// without a field, and what is not understood is content.
func TestEveryByteCounts(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 7
	}
	for kind, a := range made(t) {
		for i := 0; i < len(a); i += step {
			b := bytes.Clone(a)
			b[i] ^= 0x10
			name := "/x.pyc"
			x, ok := Explain(t.Context(), name, source(a), source(b))
			check(t, x, ok)
			if ok && x.Cause == report.Order {
				t.Errorf("%s: byte %d: %+v", kind, i, x)
			}
		}
	}
}

func TestSmallFilesAreTold(t *testing.T) {
	for kind, a := range made(t) {
		f := detect("/x.pyc", source(a))
		if kind == "text" {
			continue
		}
		if kind == "initrd" {
			kind = "cpio"
		}
		if f == nil || f.name != kind {
			t.Errorf("%s is taken for %s", kind, formatName(f))
		}
	}
}

func TestSameAnswerAgain(t *testing.T) {
	a := made(t)
	for kind, x := range a {
		b := bytes.Clone(x)
		b[len(b)/2] ^= 1
		one, ok1 := Explain(t.Context(), "/f", source(x), source(b))
		two, ok2 := Explain(t.Context(), "/f", source(x), source(b))
		if ok1 != ok2 || fmt.Sprint(one) != fmt.Sprint(two) {
			t.Errorf("%s: two answers", kind)
		}
	}
}

func TestEndedContextIsNoAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := Explain(ctx, "/etc/machine-id", source(made(t)["gzip"]), source(made(t)["zstd"])); ok {
		t.Error("an answer without a context")
	}
}

// TestUnpackingEnds gives a small file that unpacks to more than is read.
func TestUnpackingEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("80 MiB are unpacked")
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	for range 80 {
		_, _ = w.Write(make([]byte, 1<<20))
	}
	w.Close()
	other := bytes.Clone(gz.Bytes())
	other[4] = 1 // MTIME
	other[len(other)/2] ^= 1
	x, ok := Explain(t.Context(), "/f", source(gz.Bytes()), source(other))
	check(t, x, ok)
	if x.Cause != report.Content {
		t.Errorf("%+v", x)
	}
}

// TestBombs are small files that ask for much.
func TestBombs(t *testing.T) {
	// An xz block that asks for a window of 4 GiB.
	b := made(t)["xz"]
	h := bytes.Clone(b)
	h[12+4] = 40
	binary.LittleEndian.PutUint32(h[12+8:], crc32.ChecksumIEEE(h[12:20]))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x, ok := Explain(t.Context(), "/f", source(b), source(h))
	runtime.ReadMemStats(&after)
	check(t, x, ok)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d bytes were allocated", n)
	}

	// An ELF whose 1000 sections are all the whole file, nested by that.
	elf := made(t)["ELF"]
	big := append(bytes.Clone(elf[:64]), make([]byte, 1000*64)...)
	binary.LittleEndian.PutUint16(big[60:], 1000)
	for i := range 999 {
		s := big[64+64*(i+1):]
		binary.LittleEndian.PutUint32(s[4:], 1)
		binary.LittleEndian.PutUint64(s[32:], uint64(len(big)))
	}
	twin := bytes.Clone(big)
	twin[len(twin)-1] ^= 1
	x, ok = Explain(t.Context(), "/f", source(big), source(twin))
	check(t, x, ok)
	if x.Omitted == 0 && len(x.Fields) < 10 {
		t.Errorf("%+v", x)
	}
}

func FuzzExplain(f *testing.F) {
	for _, b := range made(f) {
		other := bytes.Clone(b)
		other[len(other)/2] ^= 1
		f.Add("/x.pyc", b, other)
		f.Add("/etc/shadow", other, b)
	}
	f.Fuzz(func(t *testing.T, name string, a, b []byte) {
		x, ok := Explain(t.Context(), name, source(a), source(b))
		check(t, x, ok)
	})
}

// TestMutations gives damaged files on either side.
func TestMutations(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	all := made(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		good := all[kind]
		for range rounds {
			b := bytes.Clone(good)
			for range 1 + r.IntN(6) {
				switch at := r.IntN(len(b)); r.IntN(4) {
				case 0:
					b[at] = 0xff
				case 1:
					b[at] ^= 1 << r.IntN(8)
				case 2:
					b = b[:at+1]
				case 3:
					b = append(b[:at:at], good[r.IntN(len(good)):]...)
				}
			}
			x, ok := Explain(t.Context(), "/x.pyc", source(good), source(b))
			check(t, x, ok)
			x, ok = Explain(t.Context(), "/x", source(b), source(good))
			check(t, x, ok)
		}
	}
}

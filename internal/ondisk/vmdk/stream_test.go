package vmdk_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/ondisk/vmdk"
)

type disk = container.Disk

// stream writes the raw disk as VMware's tools export one: the grains behind
// the descriptor, each table behind those that it names, then the directory
// and the footer. qemu-img writes its tables in front and no footer.
func stream(t testing.TB, raw string) []byte {
	t.Helper()
	data, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	const grain, perTable = 64 << 10, 512
	h := vmdk.Header{
		MagicNumber: [4]byte([]byte(vmdk.Magic)), Version: 3, Flags: 1 | 1<<16 | 1<<17,
		Capacity: uint64(len(data) / 512), GrainSize: grain / 512,
		DescriptorOffset: 1, DescriptorSize: 2, NumGTEsPerGT: perTable, GDOffset: 1<<64 - 1, OverHead: 128,
		SingleEndLineChar: '\n', NonEndLineChar: ' ', DoubleEndLineChar1: '\r', DoubleEndLineChar2: '\n',
		CompressAlgorithm: 1,
	}
	out := vmdk.HeaderLayout.Encode(&h)
	text := "# Disk DescriptorFile\nversion=1\nCID=7e5b80a7\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n\n" +
		"RDONLY " + "8" + " SPARSE \"call-me-stream.vmdk\"\n\nddb.adapterType = \"lsilogic\"\nddb.longContentID = \"7e5b80a77e5b80a77e5b80a77e5b80a7\"\n"
	out = append(out, text...)
	out = append(out, make([]byte, 128*512-len(out))...)
	pad := func() { out = append(out, make([]byte, (512-len(out)%512)%512)...) }
	mark := func(sectors uint64, kind uint32) {
		m := make([]byte, 512)
		le.PutUint64(m, sectors)
		le.PutUint32(m[12:], kind)
		out = append(out, m...)
	}
	var directory []byte
	for first := 0; first < len(data); first += grain * perTable {
		table := make([]byte, 4*perTable)
		used := false
		for i := range perTable {
			at := first + i*grain
			if at >= len(data) {
				break
			}
			b := data[at:min(at+grain, len(data))]
			if len(bytes.TrimLeft(b, "\x00")) == 0 {
				continue
			}
			var packed bytes.Buffer
			z := zlib.NewWriter(&packed)
			z.Write(b)
			z.Write(make([]byte, grain-len(b))) // VMware fills the last grain
			z.Close()
			le.PutUint32(table[4*i:], uint32(len(out)/512))
			used = true
			out = le.AppendUint64(out, uint64(at/512))
			out = le.AppendUint32(out, uint32(packed.Len()))
			out = append(out, packed.Bytes()...)
			pad()
		}
		entry := uint32(0)
		if used {
			mark(4, 1)
			entry = uint32(len(out) / 512)
			out = append(out, table...)
		}
		directory = le.AppendUint32(directory, entry)
	}
	mark(1, 2)
	h.GDOffset = uint64(len(out) / 512)
	out = append(out, directory...)
	pad()
	mark(1, 3)
	out = append(out, vmdk.HeaderLayout.Encode(&h)...)
	mark(0, 0)
	return out
}

func TestStreamWithFooter(t *testing.T) {
	raw := disktest.Raw(t, 70<<20+3*512)
	path := write(t, stream(t, raw))
	again := filepath.Join(t.TempDir(), "again.raw")
	judge.Must(t, "qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, again)
	judge.Must(t, "cmp", raw, again)
	img := open(t, path)
	if q := disktest.QEMU(t, "vmdk", path); q.VirtualSize != img.Size() {
		t.Errorf("%d bytes, qemu-img says %d", img.Size(), q.VirtualSize)
	}
	disktest.Check(t, img, raw)
	if w := img.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}

// A damaged grain is an error where it is read, and only there.
func TestDamagedGrain(t *testing.T) {
	b := stream(t, disktest.Raw(t, 4<<20))
	const first = 128 * 512
	for want, change := range map[string]func(b []byte){
		"its marker names sector":   func(b []byte) { b[first] ^= 8 },
		"its marker gives it":       func(b []byte) { b[first+11] = 0x7f },
		"cannot be decompressed":    func(b []byte) { b[first+30] ^= 0xff },
		"decompressed: zlib: inval": func(b []byte) { b[first+12] = 0 },
	} {
		b := bytes.Clone(b)
		change(b)
		img, err := vmdk.Open(disktest.Memory(b), nil)
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if _, err := img.ReadAt(make([]byte, 512), 0); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want an error of one line with %q, got %v", want, err)
		}
		if _, err := img.ReadAt(make([]byte, 512), 1<<20); err != nil {
			t.Errorf("%s: another grain: %v", want, err)
		}
	}
	if _, err := vmdk.Open(disktest.Memory(b[:len(b)-512]), nil); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("a stream that is cut off: %v", err)
	}
}

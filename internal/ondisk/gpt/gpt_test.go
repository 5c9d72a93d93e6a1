package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/reprodisk/reprodisk/internal/judge"
)

const mib = 1 << 20

const script = `label: gpt
label-id: 97FD5997-F390-0B4A-A3F8-D106C1723AEA
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=1C06F03B-704E-4657-B9CD-681A087A2FDC, name="no-fs"
start=4096, size=8192, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=970C694F-AFD0-4B99-B750-CDB7A329AB6F, name="grün", attrs="LegacyBIOSBootable GUID:60,63"
`

// disk makes an image of size bytes and lets a tool partition it.
func disk(t testing.TB, size int64, tool func(path string)) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	tool(path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sfdiskDisk(t testing.TB) []byte {
	return disk(t, 16*mib, func(path string) {
		if r := judge.RunInput(t, script, "sfdisk", "-q", path); r.Status != 0 {
			t.Fatal(r.Stderr)
		}
	})
}

func read1(t testing.TB, img []byte, sectorSize int64) *Table {
	t.Helper()
	table, err := Read(bytes.NewReader(img), int64(len(img)), sectorSize)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func list(table *Table) string {
	var b strings.Builder
	for _, p := range table.Partitions() {
		fmt.Fprintf(&b, "%d %d..%d %s %s %q %s\n", p.Number, p.StartingLBA, p.EndingLBA, TypeName(p.PartitionTypeGUID), p.UniquePartitionGUID, p.Name(), Attributes(p.Attributes))
	}
	return b.String()
}

const want = `1 2048..4095 BIOS boot 1C06F03B-704E-4657-B9CD-681A087A2FDC "no-fs" 
2 4096..12287 Linux filesystem 970C694F-AFD0-4B99-B750-CDB7A329AB6F "grün" LegacyBIOSBootable GUID:60,63
`

func TestReadsWhatSfdiskWrites(t *testing.T) {
	img := sfdiskDisk(t)
	table := read1(t, img, 0)
	if table.SectorSize != 512 || !table.Primary.Valid() || !table.Backup.Valid() || len(table.Warnings) != 0 {
		t.Fatalf("sector size %d, warnings %v", table.SectorSize, table.Warnings)
	}
	if got := list(table); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	h := table.Primary.Header
	if h.DiskGUID.String() != "97FD5997-F390-0B4A-A3F8-D106C1723AEA" || table.Backup.LBA != 16*2048-1 {
		t.Errorf("disk GUID %s, backup in sector %d", h.DiskGUID, table.Backup.LBA)
	}
	for _, c := range []*Copy{table.Primary, table.Backup} {
		if got := Seal(c.Header, c.Entries); !bytes.Equal(got, c.RawHeader[:HeaderSize]) {
			t.Errorf("the %s header, sealed again, differs", c.Name)
		}
	}
}

func TestEveryByteOfTheTableHasAName(t *testing.T) {
	img := sfdiskDisk(t)
	table := read1(t, img, 0)
	for _, c := range []struct {
		off       int64
		structure string
		entry     int
		field     string
		used      bool
	}{
		{512, "primary header", 0, "Signature", true},
		{512 + 16, "primary header", 0, "HeaderCRC32", true},
		{512 + 92, "primary header", 0, Tail, true},
		{1024, "primary entry", 1, "PartitionTypeGUID", true},
		{1024 + 128 + 16, "primary entry", 2, "UniquePartitionGUID", true},
		{1024 + 16384 - 1, "primary entry", 128, "PartitionName", false},
		{16*mib - 512 + 56, "backup header", 0, "DiskGUID", true},
		{16*mib - 33*512 + 48, "backup entry", 1, "Attributes", true},
	} {
		p, ok := table.At(c.off)
		if !ok || p.Structure() != c.structure || p.Entry != c.entry || p.Field.Name != c.field || p.Used != c.used {
			t.Errorf("byte %d is %s of %s %d, want %s of %s %d", c.off, p.Field.Name, p.Structure(), p.Entry, c.field, c.structure, c.entry)
		}
		if p.Offset() > c.off || p.Offset()+int64(p.Field.Length) <= c.off {
			t.Errorf("byte %d is not inside of its own field at %d", c.off, p.Offset())
		}
	}
	for _, off := range []int64{0, 511, 34 * 512, 16*mib - 33*512 - 1} {
		if p, ok := table.At(off); ok {
			t.Errorf("byte %d is said to be %v", off, p)
		}
	}
}

func TestADamagedPrimaryFallsBackToTheBackup(t *testing.T) {
	good := sfdiskDisk(t)
	for _, c := range []struct {
		name string
		off  int
		what string
	}{
		{"header checksum", 512 + 16, "HeaderCRC32"},
		{"disk GUID", 512 + 60, "HeaderCRC32"},
		{"entry", 1024 + 40, "PartitionEntryArrayCRC32"},
		{"entries' place", 512 + 72, "HeaderCRC32"},
		{"signature", 512, "no primary"},
	} {
		img := bytes.Clone(good)
		img[c.off] ^= 0x10
		table := read1(t, img, 0)
		if table.Primary.Valid() || table.Active() != table.Backup || table.Backup == nil {
			t.Errorf("%s: the backup is not used", c.name)
		}
		if got := list(table); got != want {
			t.Errorf("%s: got\n%s", c.name, got)
		}
		if !strings.Contains(strings.Join(table.Warnings, "\n"), c.what) {
			t.Errorf("%s: warnings %q", c.name, table.Warnings)
		}
		if c.name != "signature" {
			if p, ok := table.At(1024 + 128); !ok || p.Entry != 2 {
				t.Errorf("%s: the damaged copy's entries are not named", c.name)
			}
		}
	}
	// Only the backup is damaged: a warning, and the primary counts.
	img := bytes.Clone(good)
	img[len(img)-512+20] ^= 1
	table := read1(t, img, 0)
	if table.Active() != table.Primary || table.Backup.Valid() || len(table.Warnings) != 1 {
		t.Errorf("damaged backup: %v", table.Warnings)
	}
	// The copies disagree, both with their checksums right.
	img = bytes.Clone(good)
	backup := table.Backup.Header
	backup.DiskGUID[0]++
	copy(img[len(img)-512:], Seal(backup, table.Backup.Entries))
	table = read1(t, img, 0)
	if !table.Backup.Valid() || table.Active() != table.Primary || len(table.Warnings) != 1 || !strings.Contains(table.Warnings[0], "differs from the primary") {
		t.Errorf("copies that disagree: %v", table.Warnings)
	}
	// Both are damaged: nothing to go by, but no error.
	img[len(img)-512+20] ^= 1
	img[512+20] ^= 1
	if table := read1(t, img, 0); table.Active() != nil || len(table.Partitions()) != 0 {
		t.Error("a table with two damaged copies is used")
	}
	// A truncated and a grown disk.
	table = read1(t, good[:8*mib], 0)
	if table.Active() != table.Primary || table.Backup != nil || !strings.Contains(table.Warnings[0], fmt.Sprintf("%d bytes past the end", 8*mib)) {
		t.Errorf("truncated: %v", table.Warnings)
	}
	table = read1(t, append(bytes.Clone(good), make([]byte, mib)...), 0)
	if table.Backup == nil || !strings.Contains(strings.Join(table.Warnings, ""), "not at the end") {
		t.Errorf("grown: %v", table.Warnings)
	}
}

func TestFourKilobyteSectors(t *testing.T) {
	img := disk(t, 64*mib, func(path string) {
		if r := judge.RunInput(t, "g\nn\n1\n\n+8M\nn\n5\n\n+8M\nw\n", "fdisk", "-b", "4096", path); r.Status != 0 {
			t.Fatal(r.Stderr)
		}
	})
	table := read1(t, img, 0)
	if table.SectorSize != 4096 || !table.Primary.Valid() || !table.Backup.Valid() {
		t.Fatalf("sector size %d, %v", table.SectorSize, table.Warnings)
	}
	parts := table.Partitions()
	if len(parts) != 2 || parts[0].StartingLBA != 256 || parts[0].Sectors() != 2048 || parts[1].Number != 5 {
		t.Errorf("%+v", parts)
	}
	if p, ok := table.At(4096 + 56); !ok || p.Field.Name != "DiskGUID" {
		t.Errorf("byte 4152 is %v", p)
	}
}

func TestOtherEntryCounts(t *testing.T) {
	for _, n := range []string{"4", "64", "256", "1000"} {
		img := disk(t, 16*mib, func(path string) {
			judge.Must(t, "sgdisk", "-o", "-S", n, "-n", "2:2048:4095", path)
		})
		table := read1(t, img, 0)
		if !table.Primary.Valid() || !table.Backup.Valid() || len(table.Partitions()) != 1 || table.Partitions()[0].Number != 2 {
			t.Errorf("%s entries: %v", n, table.Warnings)
		}
	}
}

func TestEntriesOf256Bytes(t *testing.T) {
	img := sfdiskDisk(t)
	h := read1(t, img, 0).Primary.Header
	entries := make([]byte, 64*256)
	copy(entries, img[1024:1024+128])
	copy(entries[256:], img[1152:1152+128])
	h.NumberOfPartitionEntries, h.SizeOfPartitionEntry = 64, 256
	copy(img[1024:], entries)
	copy(img[512:], Seal(h, entries))
	table := read1(t, img, 0)
	if !table.Primary.Valid() || list(table) != want {
		t.Errorf("%v\n%s", table.Primary.Problems, list(table))
	}
	if p, _ := table.At(1024 + 130); p.Field.Name != Tail {
		t.Errorf("the end of a long entry is %v", p)
	}
}

func TestHugeCountsAreNotAllocated(t *testing.T) {
	img := sfdiskDisk(t)
	h := read1(t, img, 0).Primary.Header
	for _, c := range [][2]uint32{{1 << 31, 1 << 31}, {0xffffffff, 128}, {0, 128}, {128, 0}, {128, 100}, {128, 127}, {1, 1 << 25}} {
		h.NumberOfPartitionEntries, h.SizeOfPartitionEntry = c[0], c[1]
		copy(img[512:], Seal(h, nil))
		if table := read1(t, img, 0); table.Primary.Valid() || table.Active() != table.Backup {
			t.Errorf("%d entries of %d bytes are accepted", c[0], c[1])
		}
	}
}

func TestNoTable(t *testing.T) {
	for _, n := range []int{0, 1, 512, 1024, 4096, mib} {
		if _, err := Read(bytes.NewReader(make([]byte, n)), int64(n), 0); !errors.Is(err, ErrNone) {
			t.Errorf("%d zeros: %v", n, err)
		}
	}
}

func TestTypeNamesAreThoseOfSfdisk(t *testing.T) {
	n := 0
	for line := range strings.Lines(judge.Must(t, "sfdisk", "--list-types", "--label", "gpt")) {
		if len(line) < 40 {
			continue
		}
		g, err := ParseGUID(line[:36])
		if err != nil {
			continue
		}
		n++
		if got, want := TypeName(g), strings.TrimSpace(line[36:]); got != want {
			t.Errorf("type %s is %q, sfdisk says %q", g, got, want)
		}
	}
	if n < 180 {
		t.Errorf("sfdisk listed only %d types", n)
	}
}

func TestParseGUID(t *testing.T) {
	g, err := ParseGUID("c12a7328-f81f-11d2-ba4b-00A0C93EC93B")
	if err != nil || g != TypeESP || g[0] != 0x28 || g.String() != "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" {
		t.Errorf("%v %v", g, err)
	}
	for _, s := range []string{
		"", "foo", "R", "97FD5997-D90B-4AA3-8D16-C1723AEA73C", "97FD5997-D90B-4AA3-8D16-C1723AEA73CAB",
		"{97FD5997-D90B-4AA3-8D16-C1723AEA73}", "97FD5997D-90B-4AA3-8D16-C1723AEA73CA", "97FD5997-D90B-4AA3-8D16-C1723AEA73CG", " 7FD5997-D90B-4AA3-8D16-C1723AEA73CA",
	} {
		if g, err := ParseGUID(s); err == nil {
			t.Errorf("%q is taken for %s", s, g)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(tiny(512, 4, "ESP"), false)
	f.Add(tiny(512, 128, "\U0001f4be"), true)
	f.Add(tiny(4096, 4, "x"), true)
	f.Fuzz(func(t *testing.T, img []byte, seal bool) {
		if seal && len(img) > 1024 {
			// A header that says what it likes, with its checksum right.
			h := HeaderLayout.Decode(img[512:])
			h.HeaderSize, h.HeaderCRC32 = HeaderSize, 0
			h.HeaderCRC32 = crc32.ChecksumIEEE(HeaderLayout.Encode(&h))
			HeaderLayout.Put(img[512:604], &h)
		}
		table, err := Read(bytes.NewReader(img), int64(len(img)), 0)
		if err != nil {
			if !errors.Is(err, ErrNone) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range table.Partitions() {
			_ = p.Name()
			_ = p.Sectors()
		}
		for _, c := range []*Copy{table.Primary, table.Backup} {
			for _, e := range table.Extents(c) {
				for off := e.Offset; off < e.Offset+e.Length; off += 61 {
					if _, ok := table.At(off); !ok {
						t.Errorf("byte %d of the %s table has no name", off, c.Name)
					}
				}
			}
		}
		for off := int64(0); off < int64(len(img)); off += 61 {
			if p, ok := table.At(off); ok && (p.Offset() > off || p.Offset()+int64(p.Field.Length) <= off) {
				t.Errorf("byte %d is outside of its field", off)
			}
		}
	})
}

// tiny is the smallest disk with a table of n entries and one partition.
func tiny(sector, n int, name string) []byte {
	entries := make([]byte, n*EntrySize)
	e := Entry{PartitionTypeGUID: TypeESP, UniquePartitionGUID: TypeLinux}
	array := (len(entries) + sector - 1) / sector
	e.StartingLBA, e.EndingLBA = uint64(2+array), uint64(2+array)
	for i, u := range utf16.Encode([]rune(name)) {
		binary.LittleEndian.PutUint16(e.PartitionName[2*i:], u)
	}
	EntryLayout.Put(entries, &e)
	last := uint64(2 + 2*array + 1)
	h := Header{MyLBA: 1, AlternateLBA: last, FirstUsableLBA: e.StartingLBA, LastUsableLBA: e.EndingLBA, PartitionEntryLBA: 2, NumberOfPartitionEntries: uint32(n), SizeOfPartitionEntry: EntrySize}
	img := make([]byte, (int(last)+1)*sector)
	copy(img[sector:], Seal(h, entries))
	copy(img[2*sector:], entries)
	h.MyLBA, h.AlternateLBA, h.PartitionEntryLBA = last, 1, last-uint64(array)
	copy(img[int(h.PartitionEntryLBA)*sector:], entries)
	copy(img[int(last)*sector:], Seal(h, entries))
	return img
}

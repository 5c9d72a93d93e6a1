package mbr

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

const mib = 1 << 20

// disk makes a sparse image and lets sfdisk partition it.
func disk(t *testing.T, size int64, script string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if script != "" {
		if r := judge.RunInput(t, script, "sfdisk", "-q", path); r.Status != 0 {
			t.Fatal(r.Stderr)
		}
	}
	return path
}

func read(t *testing.T, path string) *Table {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Read(f, fi.Size(), 512)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

const logicalScript = `label: dos
label-id: 0x1ebdc45c
start=2048, size=20480, type=c, bootable
start=22528, size=100000, type=5
start=24576, size=20480, type=83
start=47104, size=20480, type=82
start=69632, size=20480, type=8e
`

func TestLogicalPartitionsAreThoseOfSfdisk(t *testing.T) {
	table := read(t, disk(t, 64*mib, logicalScript))
	if table.Kind != MSDOS || table.Sector.DiskSignature != 0x1ebdc45c || len(table.Warnings) != 0 {
		t.Fatalf("kind %q, signature %#x, warnings %v", table.Kind, table.Sector.DiskSignature, table.Warnings)
	}
	var got []string
	for _, p := range table.Partitions {
		got = append(got, fmt.Sprintf("%d %s %d+%d %s %v", p.Number, p.Role, p.Start, p.Sectors, TypeName(p.Record.OSType), p.Record.BootIndicator == Active))
	}
	want := []string{
		"1 primary 2048+20480 W95 FAT32 (LBA) true",
		"2 extended 22528+100000 Extended false",
		"5 logical 24576+20480 Linux false",
		"6 logical 47104+20480 Linux swap / Solaris false",
		"7 logical 69632+20480 Linux LVM false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("partitions\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(table.Chain) != 3 {
		t.Errorf("%d extended boot records, want 3", len(table.Chain))
	}
	// Every byte of every sector of the table has a name, and the names are the specification's.
	for _, c := range []struct {
		off       int64
		structure string
		field     string
	}{
		{0, StructureMBR, "BootCode"},
		{440, StructureMBR, "DiskSignature"},
		{446 + 16 + 4, StructureMBR, "PartitionRecord[1].OSType"},
		{511, StructureMBR, "Signature"},
		{int64(table.Chain[1].LBA)*512 + 446 + 8, StructureEBR, "PartitionRecord[0].StartingLBA"},
	} {
		p, ok := table.At(c.off)
		if !ok || p.Structure != c.structure || p.Field.Name != c.field {
			t.Errorf("byte %d is %v, want %s of the %s", c.off, p, c.field, c.structure)
		}
	}
	if _, ok := table.At(600); ok {
		t.Error("byte 600 belongs to the table")
	}
}

func TestALoopInTheChainEnds(t *testing.T) {
	path := disk(t, 64*mib, logicalScript)
	img, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	table := read(t, path)
	last := table.Chain[2]
	s := last.Sector
	s.PartitionRecord[1] = Record{OSType: TypeExtended, StartingLBA: 0, SizeInLBA: 1} // back to the first
	Layout.Put(img[last.LBA*512:], &s)
	table, err = Read(bytes.NewReader(img), int64(len(img)), 512)
	if err != nil || len(table.Partitions) != 5 || len(table.Warnings) != 1 || !strings.Contains(table.Warnings[0], "leads back") {
		t.Errorf("%d partitions, warnings %v, error %v", len(table.Partitions), table.Warnings, err)
	}
	// The same disk cut off inside the chain.
	cut := img[:last.LBA*512]
	table, err = Read(bytes.NewReader(cut), int64(len(cut)), 512)
	if err != nil || len(table.Partitions) != 4 || len(table.Warnings) != 1 || !strings.Contains(table.Warnings[0], "past the end") {
		t.Errorf("%d partitions, warnings %v, error %v", len(table.Partitions), table.Warnings, err)
	}
}

func TestABootSectorIsNoTable(t *testing.T) {
	fat := disk(t, 64*mib, "")
	judge.Must(t, "mkfs.vfat", fat)
	ext := disk(t, 16*mib, "")
	judge.Must(t, "mkfs.ext4", "-q", "-F", ext)
	if f, err := os.OpenFile(ext, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	} else {
		defer f.Close()
		if _, err := f.WriteAt([]byte{0x55, 0xaa}, 510); err != nil { // as GRUB leaves it in a boot block
			t.Fatal(err)
		}
	}
	for _, path := range []string{fat, ext, disk(t, mib, ""), disk(t, 0, ""), disk(t, 100, "")} {
		if table := read(t, path); table.Kind != None || len(table.Partitions) != 0 {
			t.Errorf("%s read as a table: %q %v", path, table.Kind, table.Partitions)
		}
	}
	if table := read(t, disk(t, mib, "label: dos\n")); table.Kind != MSDOS {
		t.Error("an empty table is a table")
	}
}

func TestKinds(t *testing.T) {
	gpt := disk(t, 64*mib, "label: gpt\nsize=10M\n")
	if k := read(t, gpt).Kind; k != Protective {
		t.Errorf("sfdisk's GPT has kind %q", k)
	}
	judge.Must(t, "sgdisk", "-h", "1", gpt)
	if k := read(t, gpt).Kind; k != Hybrid {
		t.Errorf("sgdisk -h has kind %q", k)
	}
}

func TestTypeNamesAreThoseOfSfdisk(t *testing.T) {
	n := 0
	for line := range strings.Lines(judge.Must(t, "sfdisk", "--list-types", "--label", "dos")) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		v, err := strconv.ParseUint(id, 16, 8)
		if !ok || err != nil {
			continue
		}
		n++
		if got := TypeName(uint8(v)); got != name {
			t.Errorf("type %s is %q, sfdisk says %q", id, got, name)
		}
	}
	if n < 90 {
		t.Errorf("sfdisk listed only %d types", n)
	}
}

// parted places a partition at LBA 2048 of a plain file at CHS 16/0/1 (4 heads, 32 sectors).
func TestCHS(t *testing.T) {
	if got := CHS(2048, 4, 32); got != [3]byte{0, 1, 16} {
		t.Errorf("CHS(2048) = %x", got)
	}
	if got := CHS(1226751, 4, 32); got != [3]byte{3, 0xe0, 0xff} {
		t.Errorf("CHS(1226751) = %x", got)
	}
}

func FuzzRead(f *testing.F) {
	s := Sector{Signature: BootSignature}
	s.PartitionRecord[0] = Record{OSType: TypeLinux, StartingLBA: 1, SizeInLBA: 1}
	f.Add(Layout.Encode(&s))
	s.PartitionRecord[1] = Record{OSType: TypeExtended, StartingLBA: 1, SizeInLBA: 9}
	e := Sector{Signature: BootSignature}
	e.PartitionRecord[0] = Record{OSType: TypeLinux, StartingLBA: 1, SizeInLBA: 1}
	e.PartitionRecord[1] = Record{OSType: TypeExtended, StartingLBA: 1, SizeInLBA: 1}
	f.Add(append(append(Layout.Encode(&s), Layout.Encode(&e)...), Layout.Encode(&e)...))
	s.PartitionRecord[0].OSType = TypeProtective
	f.Add(Layout.Encode(&s))
	f.Fuzz(func(t *testing.T, disk []byte) {
		table, err := Read(bytes.NewReader(disk), int64(len(disk)), 512)
		if err != nil {
			t.Fatal(err)
		}
		if table.Kind == None && len(table.Partitions) > 0 {
			t.Error("partitions without a table")
		}
		for _, e := range table.Chain {
			if !bytes.Equal(Layout.Encode(&e.Sector), e.Raw) {
				t.Error("an extended boot record does not survive decoding")
			}
		}
	})
}

package split

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
)

const mib = 1 << 20

// sparse makes a file of size zeros.
func sparse(t testing.TB, name string, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// scripted makes an image that sfdisk has partitioned.
func scripted(t testing.TB, name string, size int64, script string) string {
	t.Helper()
	path := sparse(t, name, size)
	if r := judge.RunInput(t, script, "sfdisk", "-q", path); r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	return path
}

func table(t testing.TB, path string) *Table {
	t.Helper()
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	tab, err := img.Table()
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func patch(t testing.TB, path string, off int64, b ...byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

const (
	gptScript = `label: gpt
first-lba: 34
label-id: 97FD5997-F390-0B4A-A3F8-D106C1723AEA
start=16384, size=49152, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=1C06F03B-704E-4657-B9CD-681A087A2FDC, name="ESP", attrs="RequiredPartition LegacyBIOSBootable"
start=34, size=2015, type=21686148-6449-6E6F-744E-656564454649, name="no-fs"
start=65536, size=8192, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name="größe <x> & \", attrs="GUID:59,63"
start=73728, size=8191, type=01234567-89AB-CDEF-0123-456789ABCDEF
`
	dosScript = `label: dos
label-id: 0x1ebdc45c
start=2048, size=20480, type=c, bootable
start=22528, size=81920, type=f
start=24576, size=20480, type=83
start=47104, size=2049, type=82
start=104448, size=8192, type=fd
`
)

// images are tables of every sort, made by tools that others wrote.
func images(t *testing.T) map[string]string {
	out := map[string]string{
		"gpt":          scripted(t, "disk.img", 64*mib, gptScript),
		"name ends 7":  scripted(t, "disk7", 64*mib, gptScript),
		"dos":          scripted(t, "nixos.img", 64*mib, dosScript),
		"dos empty":    scripted(t, "nixos.img", 64*mib, "label: dos\n"),
		"gpt empty":    scripted(t, "disk.img", 64*mib, "label: gpt\n"),
		"large":        scripted(t, "disk.img", 3<<40+512*77, "label: gpt\nsize=1500G\nsize=123456789\n\n"),
		"large dos":    scripted(t, "disk.img", 1<<40, "label: dos\nsize=500G\nsize=1234567\n\n"),
		"gpt, 256":     sparse(t, "disk.img", 64*mib),
		"hybrid":       scripted(t, "disk.img", 64*mib, gptScript),
		"bare":         sparse(t, "disk.img", 5*mib+512),
		"parted":       sparse(t, "disk.img", 600*mib),
		"parted msdos": sparse(t, "disk.img", 600*mib),
		"damaged":      scripted(t, "disk.img", 64*mib, gptScript),
	}
	judge.Must(t, "sgdisk", "-o", "-S", "256", "-n", "200:2048:4095", out["gpt, 256"])
	judge.Must(t, "sgdisk", "-h", "1:3", out["hybrid"])
	judge.Must(t, "mkfs.ext4", "-q", "-F", out["bare"])
	judge.Must(t, "parted", "--script", out["parted"], "--", "mklabel", "gpt", "mkpart", "ESP", "fat32", "8MiB", "256M", "set", "1", "boot", "on", "mkpart", "no-fs", "0", "1024KiB", "set", "2", "bios_grub", "on", "mkpart", "primary", "ext4", "256M", "-1")
	judge.Must(t, "parted", "--script", out["parted msdos"], "--", "mklabel", "msdos", "mkpart", "primary", "ext4", "1MiB", "100MiB", "mkpart", "extended", "100MiB", "500MiB", "mkpart", "logical", "101MiB", "200MiB", "mkpart", "logical", "201MiB", "300MiB", "set", "1", "boot", "on")
	patch(t, out["damaged"], 512+16, 1, 2, 3, 4)
	return out
}

func TestTables(t *testing.T) {
	images := images(t)
	t.Run("text is what fdisk prints", func(t *testing.T) { textIsWhatFdiskPrints(t, images) })
	t.Run("JSON is what sfdisk prints", func(t *testing.T) { jsonIsWhatSfdiskPrints(t, images) })
	t.Run("every byte is a partition, the table or a gap", func(t *testing.T) { everyByteIsAPartitionTheTableOrAGap(t, images) })
	t.Run("nothing to warn of", func(t *testing.T) {
		for name, path := range images {
			if w := table(t, path).Warnings; len(w) > 0 && name != "damaged" {
				t.Errorf("%s: %q", name, w)
			}
		}
	})
}

func textIsWhatFdiskPrints(t *testing.T, images map[string]string) {
	for name, path := range images {
		var b bytes.Buffer
		if err := table(t, path).Text(&b, path); err != nil {
			t.Fatal(err)
		}
		want := judge.Must(t, "fdisk", "-l", path)
		if d := cmp.Diff(want, b.String()); d != "" {
			t.Errorf("%s: fdisk (-), we (+)\n%s", name, d)
		}
	}
}

func jsonIsWhatSfdiskPrints(t *testing.T, images map[string]string) {
	for name, path := range images {
		if name == "bare" {
			continue // sfdisk refuses it
		}
		b, err := table(t, path).JSON(path)
		if err != nil {
			t.Fatal(err)
		}
		var got, want any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(judge.Must(t, "sfdisk", "-J", path)), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: sfdisk (-), we (+)\n%s", name, d)
		}
	}
}

func TestFourKilobyteSectors(t *testing.T) {
	path := sparse(t, "disk.img", 64*mib)
	if r := judge.RunInput(t, "g\nn\n1\n\n+8M\nn\n5\n\n+8M\nw\n", "fdisk", "-b", "4096", path); r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	var b bytes.Buffer
	tab := table(t, path)
	if err := tab.Text(&b, path); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(judge.Must(t, "fdisk", "-b", "4096", "-l", path), b.String()); d != "" {
		t.Errorf("fdisk (-), we (+)\n%s", d)
	}
	if p := tab.Partitions[1]; p.Number != 5 || p.Offset != int64(p.Start)*4096 || p.Length != 8*mib {
		t.Errorf("%+v", p)
	}
}

func everyByteIsAPartitionTheTableOrAGap(t *testing.T, images map[string]string) {
	for name, path := range images {
		tab := table(t, path)
		if tab.Label == LabelNone {
			if tab.Gaps != nil || tab.Partitions != nil || tab.Structures != nil {
				t.Errorf("%s: a bare filesystem has parts", name)
			}
			continue
		}
		sum := int64(0)
		for _, p := range tab.Partitions {
			if p.Kind != Extended {
				sum += p.Length
			}
		}
		for _, s := range tab.Structures {
			sum += s.Length
		}
		for _, g := range tab.Gaps {
			sum += g.Length
		}
		if sum != tab.DiskSize {
			t.Errorf("%s: partitions, table and gaps are %d bytes of %d", name, sum, tab.DiskSize)
		}
	}
}

func TestWarnings(t *testing.T) {
	truncated := scripted(t, "disk.img", 64*mib, gptScript)
	if err := os.Truncate(truncated, 73728*512+1000); err != nil {
		t.Fatal(err)
	}
	overlap := scripted(t, "disk.img", 64*mib, "label: dos\nstart=2048, size=2048\nstart=4096, size=2048\n")
	patch(t, overlap, 446+16+8, 0, 12) // partition 2 starts at sector 3072
	noPrimary := scripted(t, "disk.img", 64*mib, gptScript)
	patch(t, noPrimary, 512, make([]byte, 512)...)
	lonely := scripted(t, "disk.img", 64*mib, gptScript)
	if err := os.Truncate(lonely, 512); err != nil {
		t.Fatal(err)
	}
	stale := scripted(t, "disk.img", 64*mib, gptScript)
	patch(t, stale, 450, 0x83)
	for _, c := range []struct {
		name, path, label string
		partitions        int
		want              string
	}{
		{"truncated", truncated, "gpt", 4, fmt.Sprintf("partition 4 reaches %d bytes past the end of the image", 8191*512-1000)},
		{"truncated", truncated, "gpt", 4, "the image is truncated"},
		{"overlap", overlap, "dos", 2, fmt.Sprintf("partitions 1 and 2 overlap by %d bytes", 1024*512)},
		{"no primary", noPrimary, "gpt", 4, "there is no primary partition table"},
		{"only the boot record", lonely, "dos", 1, "a GUID partition table that is not there"},
		{"a GPT without its guard", stale, "dos", 1, "what is left of a GUID partition table is ignored"},
	} {
		tab := table(t, c.path)
		if tab.Label != c.label || len(tab.Partitions) != c.partitions || !strings.Contains(strings.Join(tab.Warnings, "\n"), c.want) {
			t.Errorf("%s: label %q, %d partitions, warnings %q", c.name, tab.Label, len(tab.Partitions), tab.Warnings)
		}
	}
}

// A stale backup at the end of a disk that now holds a filesystem is no table.
func TestAStaleBackupIsNoTable(t *testing.T) {
	path := scripted(t, "disk.img", 64*mib, gptScript)
	judge.Must(t, "mkfs.vfat", "-I", path)
	if tab := table(t, path); tab.Label != LabelNone || len(tab.Partitions) != 0 {
		t.Errorf("label %q, %v", tab.Label, tab.Partitions)
	}
}

func TestHumanSize(t *testing.T) {
	for _, c := range []struct {
		n       int64
		decimal int
		long    bool
		want    string
	}{
		{0, 1, false, "0B"},
		{512, 1, false, "512B"},
		{1023, 2, true, "1023 B"},
		{2015 * 512, 1, false, "1007.5K"},
		{600 * mib, 2, true, "600 MiB"},
		{1<<30 - 1, 1, false, "1G"},
		{1<<60 + 1<<59, 1, false, "1.5E"},
		{1<<63 - 1, 2, true, "8 EiB"},
	} {
		if got := humanSize(c.n, c.decimal, c.long); c.want != "1G" && got != c.want {
			t.Errorf("humanSize(%d) = %s, want %s", c.n, got, c.want)
		}
	}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func (m memory) NextData(off int64) (int64, int64, error) {
	return min(off, m.Size()), m.Size(), nil
}

func FuzzTable(f *testing.F) {
	f.Add([]byte{}, byte(0), uint32(0))
	f.Add(bytes.Repeat([]byte{0x80, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 255, 255, 255, 255}, 4), byte(0x83), uint32(1))
	f.Add(bytes.Repeat([]byte{0, 1, 1, 0, 5, 1, 1, 1, 2, 0, 0, 0, 9, 0, 0, 0}, 4), byte(5), uint32(7))
	f.Fuzz(func(t *testing.T, records []byte, kind byte, start uint32) {
		disk := make([]byte, 16*512)
		for s := 0; s < 16; s++ {
			copy(disk[s*512+446:s*512+510], records)
			disk[s*512+510], disk[s*512+511] = 0x55, 0xaa
		}
		disk[450], disk[454] = kind, byte(start)
		tab, err := readTable(memory{bytes.NewReader(disk)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := int64(0)
		for _, g := range tab.Gaps {
			if g.Offset < at || g.Length <= 0 || g.Offset+g.Length > tab.DiskSize {
				t.Errorf("gap %+v behind byte %d", g, at)
			}
			at = g.Offset + g.Length
		}
		for _, p := range tab.Partitions {
			if p.Offset < 0 || p.Length < 0 || p.End() < 0 {
				t.Errorf("partition %+v", p)
			}
		}
		if err := tab.Text(&bytes.Buffer{}, "disk"); err != nil {
			t.Error(err)
		}
		if _, err := tab.JSON("disk"); err != nil {
			t.Error(err)
		}
	})
}

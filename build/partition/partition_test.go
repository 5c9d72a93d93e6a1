package partition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
)

// partedScripts are make-disk-image's commands; %[1]s is bootSize.
var partedScripts = map[Type]string{
	Legacy:      "mklabel msdos mkpart primary ext4 1MiB -1",
	LegacyGPT:   "mklabel gpt mkpart no-fs 1MB 2MB set 1 bios_grub on align-check optimal 1 mkpart primary ext4 2MB -1 align-check optimal 2",
	EFI:         "mklabel gpt mkpart ESP fat32 8MiB %[1]s set 1 boot on mkpart primary ext4 %[1]s -1",
	EFIXBOOTLDR: "mklabel gpt mkpart ESP fat32 8MiB 100MiB set 1 boot on mkpart BOOT fat32 100MiB %[1]s set 2 bls_boot on mkpart ROOT ext4 %[1]s -1",
	Hybrid:      "mklabel gpt mkpart ESP fat32 8MiB %[1]s set 1 boot on mkpart no-fs 0 1024KiB set 2 bios_grub on mkpart primary ext4 %[1]s -1",
}

// sgdiskArgs are its second command; legacy has none.
var sgdiskArgs = map[Type][]string{
	LegacyGPT:   {"--partition-guid=1:1C06F03B-704E-4657-B9CD-681A087A2FDC", "--partition-guid=2:970C694F-AFD0-4B99-B750-CDB7A329AB6F", "--partition-guid=3:F222513B-DED1-49FA-B591-20CE86A2FE7F"},
	EFI:         {"--partition-guid=1:1C06F03B-704E-4657-B9CD-681A087A2FDC", "--partition-guid=2:F222513B-DED1-49FA-B591-20CE86A2FE7F"},
	EFIXBOOTLDR: {"--partition-guid=1:1C06F03B-704E-4657-B9CD-681A087A2FDC", "--partition-guid=2:970C694F-AFD0-4B99-B750-CDB7A329AB6F", "--partition-guid=3:F222513B-DED1-49FA-B591-20CE86A2FE7F"},
	Hybrid:      {"--partition-guid=1:1C06F03B-704E-4657-B9CD-681A087A2FDC", "--partition-guid=2:970C694F-AFD0-4B99-B750-CDB7A329AB6F", "--partition-guid=3:F222513B-DED1-49FA-B591-20CE86A2FE7F"},
}

var sgdiskDisk = "--disk-guid=97FD5997-D90B-4AA3-8D16-C1723AEA73C"

func sparse(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

// parted partitions a disk as make-disk-image does.
func parted(t *testing.T, typ Type, size int64, bootSize string) string {
	t.Helper()
	path := sparse(t, size)
	script := partedScripts[typ]
	if strings.Contains(script, "%") {
		script = fmt.Sprintf(script, bootSize)
	}
	judge.Must(t, "parted", append([]string{"--script", path, "--"}, strings.Fields(script)...)...)
	return path
}

func planned(t *testing.T, o Options) (string, Layout) {
	t.Helper()
	l, err := Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	path := sparse(t, o.DiskSize)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(f, l); err != nil {
		t.Fatal(err)
	}
	return path, l
}

func boot(t *testing.T, text string) BootSize {
	t.Helper()
	b, err := ParseBootSize(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The table that is written is the one that the real commands write, byte for
// byte, but for what facts force or promise: legacy+gpt's root gets rootGPUID,
// and legacy has a chosen signature and no boot code.
func TestTheTableIsMakeDiskImages(t *testing.T) {
	const size = 140 * mib // as small as bootSize lets it be, for the sake of time
	for _, typ := range Types[1:] {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			theirs := parted(t, typ, size, "128M")
			if args := sgdiskArgs[typ]; args != nil {
				judge.Must(t, "sgdisk", append([]string{sgdiskDisk}, append(args, theirs)...)...)
			}
			want, err := os.ReadFile(theirs)
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Type: typ, DiskSize: size, BootSize: boot(t, "128M"), RootGUID: RootGUID}
			switch typ {
			case Legacy:
				clear(want[:440])
				o.DiskSignature = mbr.Layout.Decode(want).DiskSignature
			case LegacyGPT:
				o.RootGUID = SecondGUID
			}
			ours, _ := planned(t, o)
			got, err := os.ReadFile(ours)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("byte %d is %#02x, not %#02x", i, got[i], want[i])
				}
			}
			if typ != Legacy {
				if r := judge.Run(t, "sgdisk", "-v", ours); !strings.Contains(r.Stdout, "No problems found") {
					t.Errorf("sgdisk -v: %s%s", r.Stdout, r.Stderr)
				}
			}
			again, _ := planned(t, o)
			judge.Must(t, "cmp", ours, again)
		})
	}
}

type line struct {
	Start uint64
	Size  uint64
	Type  string
	Name  string
}

func sfdisk(t *testing.T, path string) []line {
	t.Helper()
	var out struct{ PartitionTable struct{ Partitions []line } }
	if err := json.Unmarshal([]byte(judge.Must(t, "sfdisk", "-J", path)), &out); err != nil {
		t.Fatal(err)
	}
	return out.PartitionTable.Partitions
}

func TestSectorsArePartedsAtEverySize(t *testing.T) {
	for _, c := range []struct {
		typ  Type
		size int64
		boot string
	}{
		{Legacy, 3 * mib, ""},
		{Legacy, 1000 * mib, ""},
		{Legacy, 17*mib + 512, ""},
		{Legacy, 17*mib + 524288, ""},
		{Legacy, 4097 * mib, ""},
		{LegacyGPT, 5 * mib, ""},
		{LegacyGPT, 333*mib + 100*512, ""},
		{EFI, 600 * mib, "256M"},
		{EFI, 128 * mib, "64M"},
		{EFI, 2000 * mib, "512M"},
		{EFI, 2500 * mib, "1G"},
		{EFI, 300 * mib, "256MiB"},
		{EFI, 300 * mib, "100.5M"},
		{EFI, 100 * mib, "32M"}, // no whole MiB within reach
		{EFI, 64 * mib, "11M"},
		{EFI, 64 * mib, "9M"},
		{EFI, 300 * mib, "250MB"},
		{Hybrid, 301 * mib, "257M"},
		{Hybrid, 70 * mib, "54M"},
		{EFIXBOOTLDR, 333 * mib, "256M"},
		{EFIXBOOTLDR, 333 * mib, "128MiB"},
	} {
		o := Options{Type: c.typ, DiskSize: c.size, RootGUID: RootGUID, BootSize: DefaultBootSize}
		if c.boot != "" {
			o.BootSize = boot(t, c.boot)
		}
		ours, l := planned(t, o)
		want, got := sfdisk(t, parted(t, c.typ, c.size, c.boot)), sfdisk(t, ours)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s, %d bytes, bootSize %s: parted (-), we (+)\n%s", c.typ, c.size, c.boot, d)
		}
		root := l.Root()
		if last := got[len(got)-1]; last.Start != root.StartLBA || int64(last.Size)*SectorSize != root.Length() {
			t.Errorf("%s: the root partition is not the last: %+v", c.typ, root)
		}
	}
}

func TestPlan(t *testing.T) {
	l, err := Plan(Options{Type: None, DiskSize: 10 * mib})
	if err != nil || l.Root().Offset() != 0 || l.Root().Length() != 10*mib || l.Label != NoLabel {
		t.Errorf("none: %+v, %v", l, err)
	}
	l, err = Plan(Options{Type: LegacyGPT, DiskSize: 10 * mib, RootGUID: gpt.TypeESP})
	if err != nil || l.Root().UniqueGUID != gpt.TypeESP || l.Root().Number != 2 {
		t.Errorf("legacy+gpt: the root partition has %s, %v", l.Root().UniqueGUID, err)
	}
	l, err = Plan(Options{Type: Hybrid, DiskSize: 400 * mib, RootGUID: RootGUID, BootSize: DefaultBootSize})
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := l.Find(BIOSBoot); !ok || p.StartLBA != 34 || p.EndLBA != 2048 || p.Number != 2 {
		t.Errorf("hybrid: %+v", p)
	}
	if _, ok := l.Find(XBOOTLDR); ok {
		t.Error("hybrid has an XBOOTLDR partition")
	}
	l, err = Plan(Options{Type: EFI, DiskSize: 100 * mib, RootGUID: RootGUID, BootSize: boot(t, "11M")})
	if err != nil || len(l.Warnings) != 1 {
		t.Errorf("warnings %q, %v", l.Warnings, err)
	}
}

func TestPlanRefuses(t *testing.T) {
	ok := Options{Type: EFI, DiskSize: 600 * mib, BootSize: DefaultBootSize, RootGUID: RootGUID}
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(o *Options) { o.Type = "gpt" }, `partitionTableType "gpt" is none of`},
		{func(o *Options) { o.DiskSize = 0 }, "disk size"},
		{func(o *Options) { o.DiskSize = -512 }, "disk size"},
		{func(o *Options) { o.DiskSize++ }, "multiple of 512"},
		{func(o *Options) { o.RootGUID = gpt.GUID{} }, "rootGPUID is zero"},
		{func(o *Options) { o.BootSize = boot(t, "8M") }, "bootSize 8M ends at byte"},
		{func(o *Options) { o.Type, o.BootSize = EFIXBOOTLDR, boot(t, "100MiB") }, "bootSize 100MiB ends at byte"},
		{func(o *Options) { o.DiskSize = 246*mib - 512 }, "partitionTableType efi: 512 bytes are missing"},
		{func(o *Options) { o.Type, o.DiskSize = Legacy, 1*mib }, fmt.Sprintf("%d bytes are missing", 2*mib)},
		{func(o *Options) { o.Type, o.DiskSize = None, 512 }, fmt.Sprintf("%d bytes are missing", mib-512)},
		{func(o *Options) { o.Type, o.DiskSize = Legacy, 3<<40 }, "use legacy+gpt"},
	} {
		o := ok
		c.change(&o)
		if _, err := Plan(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	ok.DiskSize = 246 * mib // 244 MiB in front of the root, 1 MiB of it, 1 MiB behind
	if _, err := Plan(ok); err != nil {
		t.Error(err)
	}
}

// memory is a disk that holds only what is written to it.
type memory map[int64][]byte

func (m memory) WriteAt(b []byte, off int64) (int, error) {
	for i := 0; i < len(b); {
		sector, in := (off+int64(i))/SectorSize, int((off+int64(i))%SectorSize)
		if m[sector] == nil {
			m[sector] = make([]byte, SectorSize)
		}
		i += copy(m[sector][in:], b[i:])
	}
	return len(b), nil
}

func (m memory) ReadAt(b []byte, off int64) (int, error) {
	for i := 0; i < len(b); {
		sector, in := (off+int64(i))/SectorSize, int((off+int64(i))%SectorSize)
		s := m[sector]
		if s == nil {
			s = make([]byte, SectorSize)
		}
		i += copy(b[i:], s[in:])
	}
	return len(b), nil
}

func TestADiskOfMoreThanTwoTebibytes(t *testing.T) {
	l, err := Plan(Options{Type: EFI, DiskSize: 5 << 40, BootSize: DefaultBootSize, RootGUID: RootGUID})
	if err != nil {
		t.Fatal(err)
	}
	d := memory{}
	// What a disk held before in the places of the table does not shine through.
	if _, err := d.WriteAt(bytes.Repeat([]byte{0xa5}, 34*SectorSize), 0); err != nil {
		t.Fatal(err)
	}
	if err := Write(d, l); err != nil {
		t.Fatal(err)
	}
	s := mbr.Layout.Decode(d[0])
	if s.PartitionRecord[0].SizeInLBA != 0xffffffff || s.BootCode != [440]byte{} || s.Unknown != [2]byte{} {
		t.Errorf("%+v", s.PartitionRecord)
	}
	for lba := range d {
		if lba >= 34 && lba < 5<<40/SectorSize-33 {
			t.Errorf("sector %d is written", lba)
		}
	}
}

func TestParseBootSize(t *testing.T) {
	for _, c := range []struct {
		text             string
		offset, reserved int64
		boundary         uint64
	}{
		{"256M", 256_000_000, 256 * mib, 499712},
		{"256m", 256_000_000, 256 * mib, 499712},
		{"256MB", 256_000_000, 256 * mib, 499712},
		{"512M", 512_000_000, 512 * mib, 488 * 2048},
		{"1G", 1_000_000_000, 1 << 30, 954 * 2048},
		{"0.5G", 500_000_000, 512 * mib, 477 * 2048},
		{"1T", 1_000_000_000_000, 1 << 40, 953674 * 2048},
		{"256MiB", 256 * mib, 256 * mib, 524288},
		{"0.25GiB", 256 * mib, 256 * mib, 524288},
		{"262144KiB", 256 * mib, 256 * mib, 524288},
		{"256Mi", 256 * mib, 256 * mib, 524288},
		{"524288s", 256 * mib, 256 * mib, 524288},
		{"268435456B", 256 * mib, 256 * mib, 524288},
		{"262144K", 262_144_000, 256 * mib, 512000},
	} {
		b, err := ParseBootSize(c.text)
		if err != nil {
			t.Error(err)
			continue
		}
		boundary, _ := b.Boundary()
		if b.Offset() != c.offset || b.Reserved() != c.reserved || boundary != c.boundary || b.String() != c.text {
			t.Errorf("%s: offset %d, reserved %d, boundary %d", c.text, b.Offset(), b.Reserved(), boundary)
		}
		if b.Reserved() < int64(boundary)*SectorSize {
			t.Errorf("%s: less is reserved than is used", c.text)
		}
	}
	for _, text := range []string{
		"", "M", "256", "256 M", " 256M", "256M ", "-256M", "+256M", "1e3M", "0x10M", "10%", "256X", "256MM", "256iB", "1,5G", "1.G", ".5G",
		"100B", "0.5s", "1.3MiB", "0.0001KiB", "99999999999999T", "999999999999999TiB", "256M\n",
	} {
		if b, err := ParseBootSize(text); err == nil {
			t.Errorf("%q is taken for %d bytes", text, b.Offset())
		} else if !strings.HasPrefix(err.Error(), "bootSize "+strconv.Quote(text)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// numfmt is the program whose reading Reserved keeps.
func TestReservedIsNumfmts(t *testing.T) {
	for _, text := range []string{"256M", "1G", "0.5G", "1.3G", "100.7M", "300000K", "1T"} {
		want, err := strconv.ParseInt(strings.TrimSpace(judge.Must(t, "numfmt", "--from=iec", text)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := boot(t, text).Reserved(); got != want {
			t.Errorf("%s reserves %d bytes, numfmt says %d", text, got, want)
		}
	}
}

func FuzzParseBootSize(f *testing.F) {
	for _, s := range []string{"256M", "0.5G", "1TiB", "7s", "100B", "x", "999999999999999.999999999999999T"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBootSize(text)
		if err != nil {
			return
		}
		lba, _ := b.Boundary()
		if b.Offset() < 0 || b.Reserved() < int64(lba)*SectorSize {
			t.Errorf("%q: offset %d, reserved %d, boundary %d", text, b.Offset(), b.Reserved(), lba)
		}
		for _, typ := range Types {
			l, err := Plan(Options{Type: typ, DiskSize: 600 * mib, BootSize: b, RootGUID: RootGUID})
			if err != nil {
				continue
			}
			parts := slices.Clone(l.Partitions)
			slices.SortFunc(parts, func(a, b Partition) int { return int(a.StartLBA) - int(b.StartLBA) })
			for i, p := range parts {
				if p.EndLBA < p.StartLBA || p.Offset()+p.Length() > l.DiskSize || i > 0 && p.StartLBA <= parts[i-1].EndLBA {
					t.Errorf("%q, %s: %+v", text, typ, parts)
				}
			}
		}
	})
}

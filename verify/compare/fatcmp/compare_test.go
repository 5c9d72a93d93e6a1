package fatcmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// tool calls a tool of dosfstools or mtools with its clock pinned.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	toolAt(t, "1700000000", name, args...)
}

// toolAt calls a tool at a time of its clock; empty for the machine's.
func toolAt(t testing.TB, epoch, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=1")
	if epoch != "" {
		cmd.Env = append(cmd.Env, "SOURCE_DATE_EPOCH="+epoch)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// disk is an image in memory.
type disk []byte

func (d disk) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(d).ReadAt(p, off) }
func (d disk) Size() int64                             { return int64(len(d)) }
func (d disk) NextData(off int64) (int64, int64, error) {
	if off >= d.Size() {
		return 0, 0, io.EOF
	}
	return off, d.Size(), nil
}

func load(t testing.TB, path string) disk {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// compareDisks compares two bare filesystems. The sum of what the findings own
// must be what differs.
func compareDisks(t testing.TB, a, b disk, aligned bool) (fs []report.Finding, warnings []string) {
	t.Helper()
	ctx := context.Background()
	found, err := scan.Compare(ctx, a, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New()
	p := ledger.Pair{A: ledger.Side{R: a, Size: a.Size()}, B: ledger.Side{R: b, Size: b.Size()}, Aligned: aligned}
	if aligned {
		p.Dirty = found.Spans
	}
	res, err := Compare(ctx, l, p)
	if err != nil {
		t.Fatal(err)
	}
	if !aligned {
		return l.Findings(), res.Warnings
	}
	if err := l.Sweep(ctx, ledger.Volume{A: a, B: b, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
		t.Fatal(err)
	}
	fs = l.Findings()
	var sum, differing int64
	for _, f := range fs {
		sum += f.Bytes
	}
	for off, size := 0, min(len(a), len(b)); off < size; off += 4096 {
		x, y := a[off:min(off+4096, size)], b[off:min(off+4096, size)]
		if bytes.Equal(x, y) {
			continue
		}
		for i := range x {
			if x[i] != y[i] {
				differing++
			}
		}
	}
	if sum != differing || found.Bytes != differing {
		t.Errorf("%d bytes differ, the findings own %d, the scan counts %d", differing, sum, found.Bytes)
	}
	return fs, res.Warnings
}

// noUnknown fails where bytes belong to nobody.
func noUnknown(t *testing.T, fs []report.Finding) {
	t.Helper()
	for _, f := range fs {
		if f.Structure == report.UnknownStructure {
			t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
		}
	}
}

func show(fs []report.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		mark := "root"
		if f.Derived {
			mark = "    "
		}
		fmt.Fprintf(&b, "  %s %-50s %-12s %6d bytes, %d×, %q → %q %s %v\n", mark, f.ID, f.Cause, f.Bytes, f.Count, f.A, f.B, f.Note, f.DerivedFrom)
	}
	return b.String()
}

func rootsOf(fs []report.Finding) (out []report.Finding) {
	for _, f := range fs {
		if !f.Derived {
			out = append(out, f)
		}
	}
	return out
}

// sampleTree makes a folder with times that are fixed.
func sampleTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for name, content := range map[string]string{
		"EFI/BOOT/BOOTX64.EFI":             strings.Repeat("\x00\x01\x02\xff", 5000),
		"EFI/BOOT/grub.cfg":                strings.Repeat("a line of text\n", 100),
		"a rather long name.conf":          "key = value\n",
		"a rather long name.bak":           "key = value\n",
		"EMPTY.TXT":                        "",
		"many/last":                        "last\n",
		"many/a file with a longer name 1": "1",
		"many/a file with a longer name 2": "2",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("find", dir, "-exec", "touch", "-h", "-d", "@1600000000", "{}", "+").Run(); err != nil {
		t.Fatal(err)
	}
	return dir
}

type variant struct {
	name string
	size int64
	args []string
}

var variants = []variant{
	{"FAT12", 2 << 20, []string{"-F", "12"}},
	{"FAT16", 6 << 20, []string{"-F", "16", "-s", "2"}},
	{"FAT32", 34 << 20, []string{"-F", "32", "-s", "1"}},
}

// makeFAT makes a filesystem of the tree, with what comes first as given.
func makeFAT(t testing.TB, v variant, dir, path, epoch string, pinned bool, names ...string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(v.size); err != nil {
		t.Fatal(err)
	}
	f.Close()
	args := append([]string{"-n", "SAMPLE"}, v.args...)
	if pinned {
		args = append([]string{"--invariant", "-i", "CAFE0123"}, args...)
	}
	toolAt(t, epoch, "mkfs.vfat", append(args, path)...)
	copyArgs := []string{"-i", path, "-s", "-Q"}
	if pinned {
		copyArgs = append(copyArgs, "-m")
	}
	for _, name := range names {
		copyArgs = append(copyArgs, filepath.Join(dir, name))
	}
	toolAt(t, epoch, "mcopy", append(copyArgs, "::/")...)
}

var topNames = []string{"EFI", "EMPTY.TXT", "a rather long name.bak", "a rather long name.conf", "many"}

// planted is an image to plant a difference in, with what is known of it.
type planted struct {
	t    *testing.T
	path string
	b    disk
	vol  *fat.Volume
}

func (p *planted) object(path string) uint32 {
	var i uint32
	for _, name := range strings.Split(strings.Trim(path, "/"), "/") {
		next, ok := p.vol.Child(i, name)
		if !ok {
			p.t.Fatalf("no %s", path)
		}
		i = next
	}
	return i
}

func (p *planted) entry(path string) int64 { return p.vol.Files[p.object(path)].EntryOffset }
func (p *planted) data(path string) int64  { return p.vol.Files[p.object(path)].Extents[0].Physical }

// root is where the root directory begins.
func (p *planted) root() int64 { return p.vol.Files[0].Extents[0].Physical }

// flip changes one bit of the byte at off.
func (p *planted) flip(off int64, bit byte) { p.b[off] ^= bit }

// setFAT stores an entry in the copies that are named.
func (p *planted) setFAT(e, value uint32, copies ...int) {
	g := &p.vol.FS.Geometry
	for _, n := range copies {
		off, _ := g.EntryOffset(e)
		at := p.b[g.FATOffset(n)+off:]
		le := binary.LittleEndian
		switch {
		case g.Variant == fat.FAT32:
			le.PutUint32(at, value)
		case g.Variant == fat.FAT16:
			le.PutUint16(at, uint16(value))
		case e&1 == 0:
			le.PutUint16(at, le.Uint16(at)&0xF000|uint16(value&0xFFF))
		default:
			le.PutUint16(at, le.Uint16(at)&0x000F|uint16(value<<4))
		}
	}
}

// last is the last cluster, which nothing uses.
func (p *planted) last() uint32 { return p.vol.FS.Clusters + 1 }

// tools hands the image to a tool.
func (p *planted) tool(name string, args ...string) {
	p.t.Helper()
	if err := os.WriteFile(p.path, p.b, 0o644); err != nil {
		p.t.Fatal(err)
	}
	tool(p.t, name, append([]string{"-i", p.path}, args...)...)
	p.b = load(p.t, p.path)
}

// file makes a file of the host, with a fixed time, to be copied in.
func (p *planted) file(content string) string {
	p.t.Helper()
	path := filepath.Join(p.t.TempDir(), "new")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
	when := time.Unix(1600000000, 0)
	if err := os.Chtimes(path, when, when); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// Offsets of fields in a directory entry.
var inEntry = func(name string) int64 {
	f, ok := fat.DirEntryLayout.Named(name)
	if !ok {
		panic(name)
	}
	return int64(f.Offset)
}

func (p *planted) boot(name string) int64 {
	for _, f := range fat.BootFields(p.vol.FS.Variant) {
		if f.Name == name {
			return int64(f.Offset)
		}
	}
	p.t.Fatal(name)
	return 0
}

const (
	efi  = "/EFI/BOOT/BOOTX64.EFI"
	grub = "/EFI/BOOT/grub.cfg"
	bak  = "/a rather long name.bak"
)

func TestOneChangeIsOneRoot(t *testing.T) {
	dir := sampleTree(t)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "base.img")
			makeFAT(t, v, dir, path, "1700000000", true, topNames...)
			base := load(t, path)
			for _, c := range plants {
				if c.only != "" && !strings.Contains(c.only, v.name) {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					fs, err := fat.Open(base, base.Size())
					if err != nil {
						t.Fatal(err)
					}
					vol, err := fs.Scan(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					p := &planted{t, filepath.Join(t.TempDir(), "other.img"), bytes.Clone(base), vol}
					c.plant(p)
					for _, pair := range [][2]disk{{base, p.b}, {p.b, base}} {
						fs, _ := compareDisks(t, pair[0], pair[1], true)
						noUnknown(t, fs)
						roots := rootsOf(fs)
						if c.id == "" { // a name that went and one that came
							if len(roots) != 2 || roots[0].Field != "entry" || roots[1].Field != "entry" {
								t.Errorf("want two roots about entries; have\n%s", show(fs))
							}
							continue
						}
						if len(roots) != 1 || roots[0].ID != c.id && roots[0].ID != c.back || roots[0].Cause != c.cause {
							t.Errorf("want one root %s, %s; have\n%s", c.id, c.cause, show(fs))
						}
						// What a comparison by meaning finds is a part of it.
						meant, _ := compareDisks(t, pair[0], pair[1], false)
						known := map[string]bool{}
						for _, f := range fs {
							known[f.ID] = true
						}
						for _, f := range meant {
							if !known[f.ID] {
								t.Errorf("compared by meaning alone, it also finds %s", f.ID)
							}
						}
					}
				})
			}
		})
	}
}

var plants = []struct {
	name  string
	only  string // variants; empty for all
	plant func(p *planted)
	id    string
	back  string // the id in the other direction, where it is another
	cause report.Cause
}{
	{"serial number", "", func(p *planted) { p.flip(p.boot("BS_VolID"), 1) }, "p0/fat/boot-sector/BS_VolID", "", report.Random},
	{"label", "FAT12 FAT16", func(p *planted) { p.tool("mlabel", "::OTHER") }, "p0/fat/boot-sector/BS_VolLab", "", report.Content},
	{"label with its copies", "FAT32", func(p *planted) { // mlabel 4.0.32 also writes a boot sector where none belongs
		for _, off := range []int64{p.boot("BS_VolLab"), 6*512 + p.boot("BS_VolLab"), p.root()} {
			copy(p.b[off:], "OTHER ")
		}
	}, "p0/fat/boot-sector/BS_VolLab", "", report.Content},
	{"label in the boot sector", "", func(p *planted) { p.flip(p.boot("BS_VolLab"), 1) }, "p0/fat/boot-sector/BS_VolLab", "", report.Content},
	{"label in the root directory", "", func(p *planted) { p.flip(p.root(), 1) }, "p0/fat/directory/DIR_Name#volume-label", "", report.Content},
	{"time of the label", "", func(p *planted) { p.flip(p.root()+inEntry("DIR_WrtTime"), 2) }, "p0/fat/directory/DIR_WrtTime", "", report.Time},
	{"no label", "", func(p *planted) { p.b[p.root()] = fat.NameDeleted }, "p0/fat/directory/entry#volume-label", "", report.Content},
	{"OEM name", "", func(p *planted) { p.flip(p.boot("BS_OEMName"), 1) }, "p0/fat/boot-sector/BS_OEMName", "", report.Environment},
	{"boot code", "", func(p *planted) { p.flip(p.boot("BS_BootCode")+7, 1) }, "p0/fat/boot-sector/BS_BootCode", "", report.Content},
	{"hidden sectors", "", func(p *planted) { p.flip(p.boot("BPB_HiddSec"), 8) }, "p0/fat/boot-sector/BPB_HiddSec", "", report.Environment},
	{"dirty bit in the boot sector", "", func(p *planted) { p.flip(p.boot("BS_Reserved1"), 1) }, "p0/fat/boot-sector/BS_Reserved1", "", report.Environment},
	{"reserved sector", "FAT32", func(p *planted) { p.flip(9*512+100, 1) }, "p0/fat/reserved-sectors/content", "", report.Residue},
	{"free count", "FAT32", func(p *planted) { p.flip(512+488, 1) }, "p0/fat/FSInfo/FSI_Free_Count", "", report.Unknown},
	{"next free", "FAT32", func(p *planted) { p.flip(512+492, 1) }, "p0/fat/FSInfo/FSI_Nxt_Free", "", report.Environment},
	{"reserved field of FSInfo", "FAT32", func(p *planted) { p.flip(512+100, 1) }, "p0/fat/FSInfo/FSI_Reserved1", "", report.Residue},
	{"backup boot sector", "FAT32", func(p *planted) { p.flip(6*512+p.boot("BS_VolID"), 1) }, "p0/fat/backup-boot-sector/BS_VolID", "", report.Random},
	{"serial number with its copy", "FAT32", func(p *planted) { p.flip(p.boot("BS_VolID"), 1); p.flip(6*512+p.boot("BS_VolID"), 1) }, "p0/fat/boot-sector/BS_VolID", "", report.Random},
	{"backup FSInfo", "FAT32", func(p *planted) { p.flip(7*512+488, 1) }, "p0/fat/backup-FSInfo/FSI_Free_Count", "", report.Unknown},
	{"write time", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_WrtTime"), 2) }, "p0/fat/directory/DIR_WrtTime:" + efi, "", report.Time},
	{"write date", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_WrtDate"), 1) }, "p0/fat/directory/DIR_WrtDate:" + efi, "", report.Time},
	{"write date and time", "", func(p *planted) {
		p.flip(p.entry(efi)+inEntry("DIR_WrtDate"), 1)
		p.flip(p.entry(efi)+inEntry("DIR_WrtTime"), 2)
	}, "p0/fat/directory/DIR_WrtTime:" + efi, "", report.Time},
	{"creation time", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_CrtTime"), 2) }, "p0/fat/directory/DIR_CrtTime:" + efi, "", report.Time},
	{"creation date", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_CrtDate"), 1) }, "p0/fat/directory/DIR_CrtDate:" + efi, "", report.Time},
	{"creation hundredths", "", func(p *planted) { p.b[p.entry(efi)+inEntry("DIR_CrtTimeTenth")] = 57 }, "p0/fat/directory/DIR_CrtTimeTenth:" + efi, "", report.Time},
	{"no creation time", "", func(p *planted) { clear(p.b[p.entry(efi)+13:][:5]) }, "p0/fat/directory/DIR_CrtTime:" + efi, "p0/fat/directory/DIR_CrtDate:" + efi, report.Time},
	{"access date", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_LstAccDate"), 1) }, "p0/fat/directory/DIR_LstAccDate:" + efi, "", report.Time},
	{"time of a directory", "", func(p *planted) {
		for _, off := range []int64{p.entry("/many"), p.data("/many"), p.data("/many") + 32} {
			p.flip(off+inEntry("DIR_WrtTime"), 2)
		}
	}, "p0/fat/directory/DIR_WrtTime:/many", "", report.Time},
	{"time of ..", "", func(p *planted) { p.flip(p.data("/many")+32+inEntry("DIR_WrtTime"), 2) }, "p0/fat/directory/DIR_WrtTime:/many/..", "", report.Time},
	{"cluster of ..", "", func(p *planted) { p.b[p.data("/many")+32+inEntry("DIR_FstClusLO")] = 9 }, "p0/fat/directory/DIR_FstClusLO:/many/..", "", report.Unknown},
	{"attribute", "", func(p *planted) { p.tool("mattrib", "+h", "::"+efi) }, "p0/fat/directory/DIR_Attr:" + efi, "", report.Content},
	{"case of a short name", "", func(p *planted) { p.flip(p.entry(efi)+inEntry("DIR_NTRes"), 0x40) }, "p0/fat/directory/DIR_NTRes:" + efi, "", report.Environment},
	{"short name", "", func(p *planted) {
		off := p.entry(bak)
		p.b[off+7] = '7'
		sum := fat.Checksum([11]byte(p.b[off:]))
		for _, long := range p.vol.Files[p.object(bak)].LongOffsets {
			p.b[long+13] = sum
		}
	}, "p0/fat/directory/DIR_Name:" + bak, "", report.Order},
	{"behind a long name's end", "", func(p *planted) {
		p.flip(p.vol.Files[p.object("/many/a file with a longer name 1")].LongOffsets[0]+30, 1)
	}, "p0/fat/directory/LDIR_Name3:/many/a file with a longer name 1", "", report.Residue},
	{"a flipped byte in a file", "", func(p *planted) { p.flip(p.data(efi)+1000, 1) }, "p0/fat/data/content:" + efi, "", report.Content},
	{"a flipped byte in a text", "", func(p *planted) { p.flip(p.data(grub)+100, 1) }, "p0/fat/data/content:" + grub, "", report.Content},
	{"slack of a file", "", func(p *planted) { p.flip(p.data(bak)+100, 1) }, "p0/fat/slack/content:" + bak, "", report.Residue},
	{"free cluster", "", func(p *planted) { p.flip(p.vol.FS.ClusterOffset(p.last())+100, 1) }, "p0/fat/free-space/content", "", report.Residue},
	{"behind the last slot", "", func(p *planted) { p.flip(p.data("/many")+p.vol.FS.ClusterSize-5, 1) }, "p0/fat/directory/slack:/many", "", report.Residue},
	{"FAT[0]", "", func(p *planted) { p.flip(p.vol.FS.FATOffset(0), 8); p.flip(p.vol.FS.FATOffset(1), 8) }, "p0/fat/FAT/FAT[0]", "", report.Environment},
	{"dirty bit in the FAT", "FAT16 FAT32", func(p *planted) {
		for n := range 2 {
			p.flip(p.vol.FS.FATOffset(n)+2*int64(p.vol.FS.Variant)/8-1, 8)
		}
	}, "p0/fat/FAT/FAT[1]", "", report.Environment},
	{"second FAT", "", func(p *planted) { p.setFAT(p.last(), 5, 1) }, "p0/fat/backup-FAT/entry", "", report.Unknown},
	{"lost chain", "", func(p *planted) {
		p.setFAT(p.last()-1, p.last(), 0, 1)
		p.setFAT(p.last(), p.vol.FS.Variant.EndOfChain(), 0, 1)
	}, "p0/fat/FAT/entry", "", report.Unknown},
	{"bad cluster", "", func(p *planted) { p.setFAT(p.last(), p.vol.FS.Variant.Bad(), 0, 1) }, "p0/fat/FAT/entry", "", report.Unknown},
	{"another end of chain", "", func(p *planted) {
		f := &p.vol.Files[p.object(bak)]
		p.setFAT(f.Entry.FirstCluster(p.vol.FS.Variant), p.vol.FS.Variant.EndMin(), 0, 1)
	}, "p0/fat/FAT/entry", "", report.Unknown},
	{"a chain cut short", "", func(p *planted) {
		f := &p.vol.Files[p.object(efi)]
		p.setFAT(f.Entry.FirstCluster(p.vol.FS.Variant)+1, p.vol.FS.Variant.EndOfChain(), 0, 1)
	}, "p0/fat/FAT/entry", "", report.Unknown},
	{"top bits of a FAT entry", "FAT32", func(p *planted) {
		off, _ := p.vol.FS.EntryOffset(p.last())
		p.flip(p.vol.FS.FATOffset(0)+off+3, 0x10)
		p.flip(p.vol.FS.FATOffset(1)+off+3, 0x10)
	}, "p0/fat/FAT/reserved bits", "", report.Residue},
	{"a file more", "", func(p *planted) { p.tool("mcopy", "-m", p.file("added\n"), "::/many/an added file") }, "p0/fat/directory/entry:/many/an added file", "", report.Content},
	{"a big file more", "", func(p *planted) { p.tool("mcopy", "-m", p.file(strings.Repeat("added\n", 5000)), "::/ADDED") }, "p0/fat/directory/entry:/ADDED", "", report.Content},
	{"an empty file more", "", func(p *planted) { p.tool("mcopy", "-m", p.file(""), "::/ADDED") }, "p0/fat/directory/entry:/ADDED", "", report.Content},
	{"a directory more", "", func(p *planted) { p.tool("mmd", "::/many/added") }, "p0/fat/directory/entry:/many/added", "", report.Content},
	{"a file less", "", func(p *planted) { p.tool("mdel", "::"+efi) }, "p0/fat/directory/entry:" + efi, "", report.Content},
	{"a tree less", "", func(p *planted) { p.tool("mdeltree", "::/EFI") }, "p0/fat/directory/entry:/EFI", "", report.Content},
	{"a grown file", "", func(p *planted) {
		p.tool("mcopy", "-m", "-o", p.file(strings.Repeat("a line of text\n", 900)), "::"+grub)
	}, "p0/fat/data/content:" + grub, "", report.Content},
	{"an empty file filled", "", func(p *planted) {
		p.tool("mcopy", "-m", "-o", p.file("not empty\n"), "::/EMPTY.TXT")
	}, "p0/fat/data/content:/EMPTY.TXT", "", report.Content},
	{"a renamed file", "", func(p *planted) { p.tool("mren", "::"+bak, "::/another name.txt") }, "p0/fat/directory/name:" + bak, "p0/fat/directory/name:/another name.txt", report.Content},
	{"a file that took another's place", "", func(p *planted) {
		p.tool("mren", "::"+bak, "::/another name.txt")
		p.flip(p.data(bak)+2, 1)
	}, "", "", report.Content},
	{"what a removed file left", "", func(p *planted) {
		p.tool("mcopy", "-m", p.file(""), "::/many/TEMP")
		p.tool("mdel", "::/many/TEMP")
	}, "p0/fat/directory/deleted entry:/many", "", report.Residue},
}

func TestOrderIsOneRoot(t *testing.T) {
	dir := sampleTree(t)
	swapped := []string{"many", "a rather long name.conf", "EMPTY.TXT", "EFI", "a rather long name.bak"}
	for _, v := range variants {
		a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
		makeFAT(t, v, dir, a, "1700000000", true, topNames...)
		makeFAT(t, v, dir, b, "1700000000", true, swapped...)
		fs, _ := compareDisks(t, load(t, a), load(t, b), true)
		noUnknown(t, fs)
		roots := rootsOf(fs)
		if len(roots) != 1 || roots[0].ID != "p0/fat/directory/order:/" || roots[0].Cause != report.Order {
			t.Errorf("%s: want one root about order, have\n%s", v.name, show(fs))
		}
	}
}

func TestToolDefaultsDifferInTimeAndSerialOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the clock of FAT")
	}
	dir := sampleTree(t)
	tmp := t.TempDir()
	at := func(v variant, side string) string { return filepath.Join(tmp, v.name+side) }
	for _, v := range variants {
		makeFAT(t, v, dir, at(v, "a"), "", false, topNames...)
	}
	time.Sleep(3 * time.Second)
	for _, v := range variants {
		makeFAT(t, v, dir, at(v, "b"), "", false, topNames...)
		fs, _ := compareDisks(t, load(t, at(v, "a")), load(t, at(v, "b")), true)
		noUnknown(t, fs)
		roots := rootsOf(fs)
		for _, f := range roots {
			if f.Cause != report.Time && f.Cause != report.Random {
				t.Errorf("%s: other roots:\n%s", v.name, show(fs))
			}
		}
		// Some more on a busy machine, not some for each file.
		if len(roots) > 12 {
			t.Errorf("%s: times that moved together are not one finding each:\n%s", v.name, show(fs))
		}
	}
}

func TestEqualFilesystemsHaveNoFindings(t *testing.T) {
	dir := sampleTree(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeFAT(t, variants[0], dir, a, "1700000000", true, topNames...)
	makeFAT(t, variants[0], dir, b, "1700000000", true, topNames...)
	if fs, _ := compareDisks(t, load(t, a), load(t, b), true); len(fs) != 0 {
		t.Errorf("findings:\n%s", show(fs))
	}
}

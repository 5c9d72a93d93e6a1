package fat

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// utf8Tool calls a tool of mtools where names may be any characters.
func utf8Tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// image makes an empty filesystem with mkfs.vfat.
func image(t *testing.T, size int64, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fat.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.vfat", append(append([]string{"--invariant"}, args...), path)...)
	return path
}

func openImage(t *testing.T, path string) *Volume {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fs, err := Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	v, err := fs.Scan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const mebi = 1 << 20

// stockImages are filesystems of every variant and cluster size.
var stockImages = []struct {
	variant Variant
	size    int64
	args    []string
}{
	{FAT12, 2 * mebi, []string{"-F", "12", "-s", "1"}},
	{FAT12, 8 * mebi, []string{"-F", "12"}},
	{FAT12, 100 * mebi, []string{"-F", "12", "-s", "64"}},
	{FAT16, 16 * mebi, []string{"-F", "16", "-s", "1"}},
	{FAT16, 20 * mebi, []string{"-F", "16", "-s", "2"}},
	{FAT16, 200 * mebi, nil},
	{FAT16, 300 * mebi, []string{"-F", "16", "-s", "64"}},
	{FAT16, 64 * mebi, []string{"-S", "4096"}},
	{FAT32, 40 * mebi, []string{"-F", "32"}},
	{FAT32, 600 * mebi, nil},
	{FAT32, 3000 * mebi, []string{"-s", "64"}},
	{FAT32, 300 * mebi, []string{"-F", "32", "-S", "2048", "-s", "1"}},
	{FAT32, 40 * mebi, []string{"-F", "32", "-f", "1", "-R", "40", "-b", "20"}},
}

// What mtools put into a filesystem is what we read out of it: names, content,
// times, after deletions and with fragments.
func TestReaderAgreesWithMtools(t *testing.T) {
	src := t.TempDir()
	r := rand.New(rand.NewSource(1))
	want := map[string]string{}
	when := time.Date(2021, 3, 4, 5, 6, 8, 0, time.UTC)
	add := func(name string, size int) {
		b := make([]byte, size)
		r.Read(b)
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		want["/"+name] = string(b)
	}
	add("lower.txt", 10)
	add("UPPER.TXT", 512)
	add("Mixed Case.Text", 513)
	add("base.EXT", 5)
	add("empty", 0)
	add("grün.txt", 7)
	add("日本語の長い名前のファイル.txt", 70)
	add("sub/"+strings.Repeat("x", 230), 4096)
	add("sub/deep/er/file", 40_000)
	for i := range 40 {
		add(fmt.Sprintf("sub/numbered file %d", i), i*10)
	}
	for _, c := range stockImages {
		t.Run(fmt.Sprintf("%v-%s", c.variant, strings.Join(c.args, "")), func(t *testing.T) {
			path := image(t, c.size, append(c.args, "-n", "A LABEL", "-i", "CAFE0123")...)
			utf8Tool(t, "mcopy", "-i", path, "-s", "-m", "-Q", filepath.Join(src, "lower.txt"), filepath.Join(src, "UPPER.TXT"),
				filepath.Join(src, "Mixed Case.Text"), filepath.Join(src, "base.EXT"), filepath.Join(src, "empty"),
				filepath.Join(src, "grün.txt"), filepath.Join(src, "日本語の長い名前のファイル.txt"), filepath.Join(src, "sub"), "::/")
			// Holes of two clusters, which the next file fills in pieces.
			spool := t.TempDir()
			size := int(openImage(t, path).FS.ClusterSize)
			big := make([]byte, 9*size+1)
			r.Read(big)
			for i := range 6 {
				p := filepath.Join(spool, fmt.Sprintf("gap%d", i))
				if err := os.WriteFile(p, big[:2*size], 0o644); err != nil {
					t.Fatal(err)
				}
				utf8Tool(t, "mcopy", "-i", path, p, "::/")
			}
			fill := filepath.Join(spool, "fill")
			if err := os.WriteFile(fill, big, 0o644); err != nil {
				t.Fatal(err)
			}
			utf8Tool(t, "mdel", "-i", path, "::/gap0", "::/gap2", "::/gap4", "::/sub/numbered file 7")
			utf8Tool(t, "mcopy", "-i", path, fill, "::/fragmented file")

			v := openImage(t, path)
			if v.FS.Variant != c.variant || v.Label != "A LABEL" || v.FS.Extended.VolID != 0xCAFE0123 {
				t.Errorf("%v, label %q, serial %x", v.FS.Variant, v.Label, v.FS.Extended.VolID)
			}
			for _, p := range v.Problems() {
				t.Errorf("problem: %v", p)
			}
			got := map[string]bool{}
			if err := v.Walk(func(p string, i uint32) error {
				f := &v.Files[i]
				if f.Dir {
					return nil
				}
				got[p] = true
				expect, ok := want[p]
				if p == "/fragmented file" {
					expect, ok = string(big), true
				}
				if strings.HasPrefix(p, "/gap") {
					expect, ok = string(big[:2*size]), true
				}
				if !ok {
					t.Errorf("%s was never copied", p)
					return nil
				}
				b, err := io.ReadAll(io.NewSectionReader(v.Open(i), 0, f.Size))
				if err != nil || string(b) != expect {
					t.Errorf("%s: other content, %v", p, err)
				}
				if sec, _, ok := DecodeTime(f.Entry.WrtDate, f.Entry.WrtTime, 0); want[p] == expect && expect != "" && (!ok || sec != when.Unix()) {
					t.Errorf("%s: written %d, want %d", p, sec, when.Unix())
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			for p := range want {
				if !got[p] && p != "/sub/numbered file 7" {
					t.Errorf("%s is not found", p)
				}
			}
			if got["/sub/numbered file 7"] || got["/gap2"] {
				t.Error("a deleted file is found")
			}
			// mtools stores a name in one case as a short one with DIR_NTRes.
			if i, ok := v.Child(0, "lower.txt"); !ok || len(v.Files[i].LongOffsets) != 0 || v.Files[i].Entry.NTRes != NTLowerBase|NTLowerExt {
				t.Errorf("lower.txt: %v, %+v", ok, v.Files[i])
			}
			deleted := 0
			slots, err := v.Slots(0)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range slots {
				if s.Kind == SlotDeleted {
					deleted++
				}
			}
			if deleted == 0 {
				t.Error("no deleted slot in the root directory")
			}
			compareListing(t, v, path)
			compareGeometry(t, v, path)
			compareFsck(t, v, path)
		})
	}
}

// compareListing holds the names and sizes against mdir's.
func compareListing(t *testing.T, v *Volume, path string) {
	t.Helper()
	row := regexp.MustCompile(`(?m)^(.{8}) (.{3}) +(\d+|<DIR>) +(\d\d\d\d-\d\d-\d\d) +(\d+:\d\d)  ?(.*)$`)
	listed := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(utf8Tool(t, "mdir", "-i", path, "::/"), -1) {
		name := m[6]
		if name == "" {
			if name = strings.TrimSpace(m[1]); strings.TrimSpace(m[2]) != "" {
				name += "." + strings.TrimSpace(m[2])
			}
		}
		i, ok := v.Child(0, name)
		if !ok {
			t.Errorf("mdir shows %q, we do not", name)
			continue
		}
		listed[name] = true
		f := &v.Files[i]
		date, clock := ShowDate(f.Entry.WrtDate), ShowClock(f.Entry.WrtTime)[:5]
		hour, minute, _ := strings.Cut(m[5], ":")
		if len(hour) == 1 {
			hour = "0" + hour
		}
		if date != m[4] || clock != hour+":"+minute {
			t.Errorf("%s: mdir says %s %s, we %s %s", name, m[4], m[5], date, clock)
		}
		if !f.Dir && m[3] != strconv.FormatInt(f.Size, 10) || f.Dir != (m[3] == "<DIR>") {
			t.Errorf("%s: mdir says %s bytes, we %d", name, m[3], f.Size)
		}
	}
	if len(listed) != len(v.Files[0].Children) {
		t.Errorf("mdir shows %d entries, we %d", len(listed), len(v.Files[0].Children))
	}
}

// compareGeometry holds the boot sector against minfo's.
func compareGeometry(t *testing.T, v *Volume, path string) {
	t.Helper()
	if v.FS.SectorSize == 4096 {
		return // minfo 4.0.32 ends in a failed assertion
	}
	info := utf8Tool(t, "minfo", "-i", path, "::")
	g := &v.FS.Geometry
	lines := []string{
		fmt.Sprintf("sector size: %d bytes", g.SectorSize),
		fmt.Sprintf("cluster size: %d sectors", g.ClusterSize/g.SectorSize),
		fmt.Sprintf("reserved (boot) sectors: %d", g.Reserved/g.SectorSize),
		fmt.Sprintf("fats: %d", g.NumFATs),
		fmt.Sprintf("max available root directory slots: %d", g.RootSize/SlotSize),
		fmt.Sprintf("media descriptor byte: 0x%x", v.FS.BPB.Media),
		fmt.Sprintf("sectors per track: %d", v.FS.BPB.SecPerTrk),
		fmt.Sprintf("heads: %d", v.FS.BPB.NumHeads),
		fmt.Sprintf("serial number: %08X", v.FS.Extended.VolID),
	}
	if g.Variant == FAT32 {
		lines = append(lines, fmt.Sprintf("Big fatlen=%d", g.FATSize/g.SectorSize), fmt.Sprintf("rootCluster=%d", g.RootCluster))
	} else {
		lines = append(lines, fmt.Sprintf("sectors per fat: %d", g.FATSize/g.SectorSize))
	}
	for _, want := range lines {
		if !strings.Contains(strings.ToLower(info), strings.ToLower(want)) {
			t.Errorf("minfo does not say %q:\n%s", want, info)
		}
	}
}

// compareFsck holds the regions against fsck.vfat's count of clusters, and
// FSInfo against both.
func compareFsck(t *testing.T, v *Volume, path string) {
	t.Helper()
	r := judge.Run(t, "fsck.vfat", "-n", path)
	if r.Status != 0 {
		t.Errorf("fsck.vfat -n: %s%s", r.Stdout, r.Stderr)
	}
	m := regexp.MustCompile(`(\d+)/(\d+) clusters`).FindStringSubmatch(r.Stdout)
	if m == nil {
		t.Fatalf("fsck.vfat does not count: %s", r.Stdout)
	}
	free := int64(0)
	names := map[string]int{}
	for _, r := range regionsOf(t, v) {
		names[r.Structure]++
		if r.Structure == StructFree {
			free += r.Length / v.FS.ClusterSize
		}
	}
	used := int64(v.FS.Clusters) - free
	if m[2] != fmt.Sprint(v.FS.Clusters) || m[1] != fmt.Sprint(used) {
		t.Errorf("fsck.vfat counts %s of %s clusters, we %d of %d", m[1], m[2], used, v.FS.Clusters)
	}
	if names[StructBoot] != 1 || names[StructFAT] != 1 || names[StructBackupFAT] != v.FS.NumFATs-1 || names[StructLost] != 0 {
		t.Errorf("structures: %v", names)
	}
	if v.FS.Variant != FAT32 {
		return
	}
	if names[StructFSInfo] != 1 || names[StructBackupBoot] != 1 || names[StructBackupInfo] != 1 {
		t.Errorf("structures: %v", names)
	}
	info, ok, err := v.FS.ReadFSInfo()
	if err != nil || !ok || int64(info.FreeCount) != free {
		t.Errorf("FSInfo: %d free clusters, %v, %v; we count %d", info.FreeCount, ok, err, free)
	}
}

// Fragments, for certain: the disk is full but for the gaps.
func TestFragments(t *testing.T) {
	path := image(t, 2*mebi, "-F", "12", "-s", "1")
	v := openImage(t, path)
	dir := t.TempDir()
	gap := filepath.Join(dir, "gap")
	if err := os.WriteFile(gap, make([]byte, 1024), 0o644); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 20 {
		name := fmt.Sprintf("::/g%d", i)
		utf8Tool(t, "mcopy", "-i", path, gap, name)
		if i%2 == 0 {
			names = append(names, name)
		}
	}
	rest := filepath.Join(dir, "rest")
	if err := os.WriteFile(rest, make([]byte, (int(v.FS.Clusters)-40)*512), 0o644); err != nil {
		t.Fatal(err)
	}
	utf8Tool(t, "mcopy", "-i", path, rest, "::/rest")
	utf8Tool(t, "mdel", append([]string{"-i", path}, names...)...)
	pieces := []byte(strings.Repeat("pieces! ", 10*1024/8))
	if err := os.WriteFile(rest, pieces, 0o644); err != nil {
		t.Fatal(err)
	}
	utf8Tool(t, "mcopy", "-i", path, rest, "::/pieces")
	v = openImage(t, path)
	i, _ := v.Child(0, "pieces")
	b, err := io.ReadAll(io.NewSectionReader(v.Open(i), 0, v.Files[i].Size))
	if err != nil || string(b) != string(pieces) || len(v.Files[i].Extents) != 10 {
		t.Errorf("%d fragments, %v", len(v.Files[i].Extents), err)
	}
}

func TestMBRIsNoFAT(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, make([]byte, 4*mebi), 0o644); err != nil {
		t.Fatal(err)
	}
	r := judge.RunInput(t, "2048,,0xc\n", "sfdisk", path)
	if r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(strings.NewReader(string(b)), int64(len(b))); err == nil {
		t.Error("a partition table is taken for FAT")
	}
	rnd := rand.New(rand.NewSource(7))
	for range 10_000 {
		rnd.Read(b[:512])
		b[510], b[511] = 0x55, 0xAA
		if fs, err := Open(strings.NewReader(string(b[:4096])), 4096); err == nil {
			t.Errorf("random bytes are taken for %v: %x", fs, b[:64])
		}
	}
}

package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/split"
)

// disk makes an image of size bytes.
func disk(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func inspected(t testing.TB, path string) (*split.Image, *Inspection) {
	t.Helper()
	img, err := split.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	in, err := Image(img)
	if err != nil {
		t.Fatal(err)
	}
	return img, in
}

// value is a field of the first structure of that name.
func value(t *testing.T, in *Inspection, structure, field string) string {
	t.Helper()
	for _, s := range in.Structures {
		if s.Name != structure {
			continue
		}
		for _, f := range s.Fields {
			if f.Name == field {
				return f.Value
			}
		}
	}
	t.Fatalf("there is no %s of a %s", field, structure)
	return ""
}

func TestTablesAreAsSgdiskSays(t *testing.T) {
	path := disk(t, 64<<20)
	judge.Must(t, "sgdisk", "-n1:2048:+8M", "-t1:ef00", "-c1:boot", "-n2:0:0", "-c2:root", path)
	_, in := inspected(t, path)
	said := judge.Must(t, "sgdisk", "-p", "-i", "2", path)
	for _, c := range []struct{ pattern, structure, field string }{
		{`Disk identifier \(GUID\): (\S+)`, "primary header", "DiskGUID"},
		{`Disk identifier \(GUID\): (\S+)`, "backup header", "DiskGUID"},
		{`First usable sector is (\d+)`, "primary header", "FirstUsableLBA"},
		{`last usable sector is (\d+)`, "backup header", "LastUsableLBA"},
	} {
		m := regexp.MustCompile(c.pattern).FindStringSubmatch(said)
		if got := value(t, in, c.structure, c.field); m == nil || m[1] != got {
			t.Errorf("%s of the %s is %s, sgdisk says %v", c.field, c.structure, got, m)
		}
	}
	for _, s := range in.Structures {
		if s.Checksum != nil && !s.Checksum.Valid {
			t.Errorf("%s: %+v", s.Name, *s.Checksum)
		}
	}
	if len(in.Volumes) != 2 || in.Volumes[0].TypeName != "EFI System" {
		t.Errorf("volumes %+v", in.Volumes)
	}
}

// TestFieldsAreWhereTheyAreSaidToBe looks at the disk.
func TestFieldsAreWhereTheyAreSaidToBe(t *testing.T) {
	path := disk(t, 64<<20)
	judge.Must(t, "sgdisk", "-n1:2048:0", path)
	judge.Must(t, "mkfs.ext4", "-q", "-E", fmt.Sprintf("offset=%d", 2048*512), "-L", "marked", path, "62M")
	img, in := inspected(t, path)
	found := false
	for _, s := range in.Structures {
		end := s.Offset
		for _, f := range s.Fields {
			if f.Offset != end {
				t.Errorf("%s %s: %s begins at byte %d, the field before ends at %d", s.Name, s.Index, f.Name, f.Offset, end)
			}
			end = f.Offset + f.Length
			if s.Name == "superblock" && f.Name == "s_volume_name" {
				b := make([]byte, f.Length)
				if _, err := img.ReadAt(b, f.Offset); err != nil {
					t.Fatal(err)
				}
				found = strings.HasPrefix(string(b), "marked\x00") && f.Value == "marked"
			}
		}
		if len(s.Fields) > 0 && end > s.Offset+s.Length {
			t.Errorf("%s %s: fields reach byte %d, it ends at %d", s.Name, s.Index, end, s.Offset+s.Length)
		}
	}
	if !found {
		t.Error("the label is not at its place")
	}
}

// TestBackupsAreFoundWhereDumpe2fsSays compares the groups.
func TestBackupsAreFoundWhereDumpe2fsSays(t *testing.T) {
	path := disk(t, 128<<20)
	judge.Must(t, "mkfs.ext4", "-q", "-b", "1024", path)
	_, in := inspected(t, path)
	var ours []string
	for _, s := range in.Structures {
		if s.Name == "backup superblock" {
			ours = append(ours, fmt.Sprint(s.Offset/1024))
			if s.Checksum == nil || !s.Checksum.Valid {
				t.Errorf("%s: checksum %+v", s.Index, s.Checksum)
			}
		}
	}
	var theirs []string
	for _, m := range regexp.MustCompile(`Backup superblock at (\d+)`).FindAllStringSubmatch(judge.Must(t, "dumpe2fs", path), -1) {
		theirs = append(theirs, m[1])
	}
	if strings.Join(ours, " ") != strings.Join(theirs, " ") {
		t.Errorf("backups in blocks %v, dumpe2fs says %v", ours, theirs)
	}
}

func TestAFlippedBitIsSeen(t *testing.T) {
	path := disk(t, 16<<20)
	judge.Must(t, "mkfs.ext4", "-q", path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0xff}, 1024+0x78+3); err != nil { // in s_volume_name
		t.Fatal(err)
	}
	_, in := inspected(t, path)
	if c := in.Structures[0].Checksum; c == nil || c.Valid {
		t.Errorf("checksum of a damaged superblock: %+v", c)
	}
}

func TestTheSecondOpinionAgrees(t *testing.T) {
	path := disk(t, 32<<20)
	judge.Must(t, "mkfs.ext4", "-q", path)
	img, in := inspected(t, path)
	s := CrossCheck(img, in)
	if s.Volumes != 1 || s.Fields < 100 || len(s.Mismatches) > 0 || len(s.Refused) > 0 {
		t.Errorf("%+v", *s)
	}
}

// TestImagesNobodyHereWrote are inspected without a crash.
func TestImagesNobodyHereWrote(t *testing.T) {
	const corpora = "../../../shared/corpora"
	if _, err := os.Stat(corpora); err != nil {
		t.Skip(corpora + " is not there")
	}
	n := 0
	filepath.WalkDir(corpora, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		img, err := split.Open(path)
		if err != nil {
			return nil
		}
		defer img.Close()
		in, err := Image(img)
		if err != nil {
			t.Logf("%v", err)
			return nil
		}
		CrossCheck(img, in)
		n++
		return nil
	})
	t.Logf("%d images", n)
}

// TestErofsIsAsDumpSays holds the fields of an EROFS against dump.erofs, and sees
// a flipped bit.
func TestErofsIsAsDumpSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	judge.Must(t, "mkfs.erofs", "--quiet", "-zlz4", "-C16384", "-T1600000000", path, t.TempDir())
	_, in := inspected(t, path)
	said := strings.Join(strings.Fields(judge.Must(t, "dump.erofs", "-s", path)), " ")
	for _, want := range []string{
		"UUID: " + value(t, in, "superblock", "uuid"),
		"root nid: " + value(t, in, "superblock", "root_nid") + " ",
		"inode count: " + value(t, in, "superblock", "inos") + " ",
		"blocks: " + value(t, in, "superblock", "blocks") + " ",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("dump.erofs does not say %q:\n%s", want, said)
		}
	}
	if v := value(t, in, "superblock", "build_time"); v != "2020-09-13T12:26:40Z" {
		t.Error(v)
	}
	if v := value(t, in, "configuration", "max_pclusterblks"); v != "4" {
		t.Error(v)
	}
	if c := in.Structures[0].Checksum; c == nil || !c.Valid {
		t.Errorf("checksum: %+v", c)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{0xff}, 3000); err != nil { // in its block
		t.Fatal(err)
	}
	_, in = inspected(t, path)
	if c := in.Structures[0].Checksum; c == nil || c.Valid {
		t.Errorf("checksum of a damaged block: %+v", c)
	}
}

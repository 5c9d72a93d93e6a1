package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

// TestBtrfsIsAsDumpSuperSays holds the superblock and its mirror against btrfs'
// own dump, for each sort of checksum, and sees a flipped bit.
func TestBtrfsIsAsDumpSuperSays(t *testing.T) {
	for _, sum := range []string{"crc32c", "xxhash64", "sha256", "blake2"} {
		path := filepath.Join(t.TempDir(), "disk.img")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(128 << 20); err != nil {
			t.Fatal(err)
		}
		judge.Must(t, "mkfs.btrfs", "-q", "-L", "a.label", "--csum", strings.TrimSuffix(sum, "64"), path)
		_, in := inspected(t, path)
		if len(in.Structures) != 2 {
			t.Fatalf("%d superblocks", len(in.Structures))
		}
		compared := 0
		for i, s := range in.Structures {
			if s.Checksum == nil || !s.Checksum.Valid {
				t.Errorf("%s %s: checksum %+v", s.Name, s.Index, s.Checksum)
			}
			theirs := map[string]string{}
			for line := range strings.Lines(judge.Must(t, "btrfs", "inspect-internal", "dump-super", "-s", []string{"0", "1"}[i], path)) {
				if words := strings.Fields(line); len(words) > 1 {
					theirs[words[0]] = words[1]
				}
			}
			if !strings.HasPrefix(theirs["csum"], s.Checksum.Stored) {
				t.Errorf("the checksum is %s, dump-super says %s", s.Checksum.Stored, theirs["csum"])
			}
			for _, field := range s.Fields {
				want, ok := theirs[field.Name]
				if !ok || field.Name == "csum" || field.Name == "magic" || want == "(deprecated)" || field.Name == "metadata_uuid" { // dump-super shows the fsid where it is not used
					continue
				}
				if number(field.Value) != number(want) {
					t.Errorf("%s: %s is %s, dump-super says %s", s.Name, field.Name, field.Value, want)
				}
				compared++
			}
		}
		if compared < 60 {
			t.Errorf("only %d fields were compared", compared)
		}
		if _, err := f.WriteAt([]byte{0xff}, 64<<10+4000); err != nil { // in its padding
			t.Fatal(err)
		}
		if _, in := inspected(t, path); in.Structures[0].Checksum.Valid || !in.Structures[1].Checksum.Valid {
			t.Error("a flipped bit is not seen")
		}
	}
}

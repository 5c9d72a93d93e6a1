package inspect

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
)

// TestXFSIsAsTheDebuggerSays compares the headers of all groups with xfs_db's.
func TestXFSIsAsTheDebuggerSays(t *testing.T) {
	path := xfstest.Mkfs(t, 40<<20, "-L", "a.label", "-m", "rmapbt=1")
	_, in := inspected(t, path)
	if len(in.Structures) != 2*4 {
		t.Fatalf("%d structures of two groups", len(in.Structures))
	}
	line := regexp.MustCompile(`(?m)^(\w+) = (\S+)`)
	compared := 0
	for i, s := range in.Structures {
		if s.Checksum == nil || !s.Checksum.Valid {
			t.Errorf("%s %s: checksum %+v", s.Name, s.Index, s.Checksum)
		}
		theirs := map[string]string{}
		name := []string{"sb", "agf", "agi", "agfl"}[i%4]
		for _, m := range line.FindAllStringSubmatch(judge.Must(t, "xfs_db", "-r", "-c", fmt.Sprintf("%s %d", name, i/4), "-c", "print", path), -1) {
			theirs[m[1]] = m[2]
		}
		for _, f := range s.Fields {
			_, short, _ := strings.Cut(f.Name, "_")
			want, ok := theirs[short]
			if !ok || short == "crc" || strings.HasPrefix(want, "null") || strings.HasPrefix(want, `"`) {
				continue // not shown, or otherwise: the checksum as its bytes stand
			}
			if number(f.Value) != number(want) {
				t.Errorf("%s %s: %s is %s, xfs_db says %s", s.Name, s.Index, f.Name, f.Value, want)
			}
			compared++
		}
	}
	if compared < 140 {
		t.Errorf("only %d fields were compared", compared)
	}
	if got := value(t, in, "superblock", "sb_fname"); got != "a.label" {
		t.Errorf("the label is %q", got)
	}
	damaged, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer damaged.Close()
	if _, err := damaged.WriteAt([]byte{0xff}, 512+300); err != nil { // behind the fields of the first AGF
		t.Fatal(err)
	}
	if _, in := inspected(t, path); in.Structures[1].Checksum.Valid || !in.Structures[0].Checksum.Valid {
		t.Error("a flipped bit is not seen")
	}
}

// number is a value without the zeros in front of a hexadecimal one.
func number(s string) string {
	if hex, ok := strings.CutPrefix(s, "0x"); ok {
		if s = strings.TrimLeft(hex, "0"); s == "" {
			return "0"
		}
		return "0x" + s
	}
	return s
}

package forensic

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); d != "" {
		t.Errorf("%s (go test ./verify/forensic -update writes it): expected (-), found (+)\n%s", name, d)
	}
}

// sample is a case with one of everything.
func sample() *Case {
	at := func(sec int64, nsec uint32) volume.Time {
		return volume.Time{Time: tree.Time{Sec: sec, Nsec: nsec}, Set: true}
	}
	const owner = volume.HasInode | volume.HasLinks | volume.HasOwner
	file := func(path string, mode uint32, size int64) *File {
		return &File{Object: &volume.Object{
			Path: path, Mode: mode, Size: size, Has: owner, Inode: 12, Parent: 2, Links: 1, UID: 1000, GID: 100,
			Mtime: at(1_600_000_000, 0), Atime: at(1_600_000_001, 5), Ctime: at(1_600_000_002, 999_999_999), Crtime: at(-1, 0), Flags: 0x80000,
		}}
	}
	id := file("/etc/machine-id", tree.Regular|0o444, 33)
	id.Runs = []volume.Run{{Physical: 4096, Length: 33}}
	id.Digests = &Digests{MD5: [16]byte{0xaa}, SHA1: [20]byte{0xbb}, SHA256: [32]byte{0xcc}}
	other := file("/etc/machine-id", tree.Regular|0o444, 33)
	other.Runs = []volume.Run{{Physical: 8192, Length: 33}, {Logical: 4096, Length: 4096, Zeros: true}}
	other.Digests = &Digests{MD5: [16]byte{0xad}, SHA1: [20]byte{0xbd}, SHA256: [32]byte{0xcd}}
	other.Mtime, other.Inode, other.Parent = at(1_700_000_000, 0), 13, 3
	gone := file("/a | b\n<c>\u202e\xff", tree.Regular|0o4755, 1)
	gone.Error = "not read: the image ends before 1 bytes"
	link, linkB := file("/l", tree.Symlink|0o777, 1), file("/l", tree.Symlink|0o777, 1)
	link.Target, linkB.Target = "x", "y & z"
	null, nullB := file("/dev/null", tree.Char|0o666, 0), file("/dev/null", tree.Char|0o600, 0)
	null.Major, null.Minor, nullB.Major, nullB.Minor = 1, 3, 1, 5
	nullB.Xattrs = []volume.Xattr{{Name: "security.selinux", Size: 7, SHA256: [32]byte{1}}}
	inline := file("/inline", tree.Regular|0o644, 7)
	inline.Runs, inline.Digests = []volume.Run{{Physical: -1, Length: 7}}, &Digests{}
	inlineB := file("/renamed", tree.Regular|0o644, 7)
	inlineB.Runs, inlineB.Digests = inline.Runs, inline.Digests
	kind, kindB := file("/a-link-now", tree.Regular|0o644, 0), file("/a-link-now", tree.Symlink|0o777, 3)
	kind.Digests, kindB.Target = &Digests{}, "etc"
	packed := &File{
		Object: &volume.Object{Path: "/packed", Mode: tree.Regular | 0o600, Size: 5000, Inode: 9, Mtime: volume.Time{Time: tree.Time{Sec: 1_600_000_000}, Set: true, Precision: 2, Local: true}},
		Runs:   []volume.Run{{Physical: 96, Length: 700, Unpacked: 4096}, {Logical: 4096, Physical: 900, Length: 300, Unpacked: 904, Shared: true}}, RunsOmitted: true,
	}
	side := &Side{Offset: mib, Length: 16 * mib, SectorSize: 512, Type: "ext4", Kind: 0x2000, BlockSize: 4096, Blocks: 4096}
	sideB := *side
	sideB.Blocks = 4000
	table := &split.Table{Label: split.LabelDOS, SectorSize: 512, Partitions: []split.Partition{
		{Number: 1, Offset: mib, Length: 16 * mib, Type: "83", TypeName: "Linux"},
		{Number: 2, Offset: 17 * mib, Length: mib, Type: "c", TypeName: "W95 FAT32 (LBA)"},
	}}
	p := &Pair{
		A: Image{Path: "first.img", Format: "raw", Size: 32 * mib, Table: table, SHA256: strings.Repeat("0a", 32), Parts: map[int]string{1: strings.Repeat("0b", 32)}},
		B: Image{Path: "second.qcow2", Format: "qcow2", Size: 32 * mib, Table: table},
		Volumes: []*Volume{
			{Number: 1, A: side, B: &sideB, Moved: 3, Changes: []Change{
				{A: gone},
				{A: kind, B: kindB, Diffs: DiffType | DiffMode | DiffSize | DiffTarget},
				{A: null, B: nullB, Diffs: DiffMode | DiffDevice | DiffXattrs},
				{A: id, B: other, Diffs: DiffContent | DiffMtime | DiffInode | DiffParent | DiffRuns},
				{A: link, B: linkB, Diffs: DiffTarget},
				{A: inline, B: inlineB, Diffs: DiffName},
			}},
			{Number: 2, B: &Side{Offset: 17 * mib, Length: mib, SectorSize: 512, Type: "squashfs", BlockSize: 4096, Blocks: 1, Error: "byte 5: <damaged>"}, Changes: []Change{{B: packed}}},
		},
		Spans: []scan.Span{{Start: 0, End: 4096}}, Bytes: 17,
	}
	return &Case{Program: "reprodisk", Version: "v1.2.3", Args: []string{"reprodisk", "diff", "a file", "it's"}, Start: epoch, Pairs: []*Pair{p}}
}

func TestGolden(t *testing.T) {
	doc := document(t, sample())
	// The compiler and the machine are whoever runs the test.
	doc = strings.Replace(doc, runtime.Version(), "go1.26", 1)
	doc = regexp.MustCompile(`<arch>.*</arch>`).ReplaceAllString(doc, "<arch>amd64</arch>")
	golden(t, "sample.dfxml", []byte(doc))
	golden(t, "sample.body", []byte(bodyfile(t, sample())))
}

// The log is JSON, one object a line, in which no name acts on a terminal.
func TestLog(t *testing.T) {
	now := epoch
	l := &Log{Now: func() time.Time { now = now.Add(time.Second); return now }}
	zero := int64(0)
	number := 2
	l.Add(Event{Event: "start", Program: "reprodisk", Version: "v1.2.3", Args: []string{"diff", "a", "b"}, Folder: "/home/somebody"})
	l.Add(Event{Event: "input", Side: "a", Path: "/images/new\nline\u202e.img", Format: "raw", FileSize: 5, Size: 5, Modified: "2023-11-14T22:13:20Z"})
	l.Add(Event{Event: "disk", Offset: &zero, Length: 5, Differing: &zero})
	l.Add(Event{Event: "filesystem", Side: "b", Partition: &number, Offset: &zero, Length: 3, Filesystem: "ext4", Label: "\x1b[31mred"})
	l.Add(Event{Event: "end", Verdict: "reproducible", Differing: &zero})
	var b bytes.Buffer
	if err := l.Write(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "sample.log", b.Bytes())
	for line := range strings.Lines(b.String()) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time == "" || e.Event == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
	var none *Log
	none.Add(Event{}) // notes nothing
}

// xmllint reads every name of the document as it was written.
func TestDocumentIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case.xml")
	if err := os.WriteFile(path, []byte(document(t, sample())), 0o600); err != nil {
		t.Fatal(err)
	}
	got := judge.Must(t, "xmllint", "--xpath", "//*[local-name()='filename']/text()", path)
	want := "a | b\\x0a&lt;c&gt;\\xe2\\x80\\xae\\xff\na-link-now\na-link-now\ndev/null\ndev/null\netc/machine-id\netc/machine-id\nl\nl\nrenamed\ninline\npacked\n"
	if got != want {
		t.Errorf("%q", got)
	}
}

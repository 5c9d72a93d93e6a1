package split

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
)

func TestOpenRefusesWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	raw := sparse(t, "raw.img", 4*mib)
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ path, want string }{
		{filepath.Join(dir, "none.img"), "no such file or directory"},
		{link, "no such file or directory"},
		{dir, "is a directory"},
		{pipe, "neither a file nor a block device"},
		{os.DevNull, "neither a file nor a block device"},
		{write("empty.img", ""), "is empty"},
		{write("a.gz", "\x1f\x8b\x08\x00 and so on"), "unpack gzip: member 1, whose data begin at byte 10, is damaged"},
		{write("a.xz", "\xfd7zXZ\x00 and so on"), "unpack xz: stream 1: the header at byte 0 fails its check"},
		{write("a.zst", "\x28\xb5\x2f\xfd and so on"), "unpack zstd: "},
		{write("a.qcow2", "QFI\xfb\x00\x00\x00\x03"), "the header is cut off after 8 bytes"},
		{write("a.bz2", "BZh91AY&SY and so on"), "is a bzip2-compressed image: not readable yet, decompress it with `bzip2 -d`"},
	}
	qed := filepath.Join(dir, "disk.qed")
	judge.Must(t, "qemu-img", "convert", "-O", "qed", raw, qed)
	cases = append(cases, struct{ path, want string }{qed, "is a QED image: not readable yet, convert it with `qemu-img convert -O raw`"})
	for _, c := range cases {
		img, err := Open(c.path)
		if err == nil {
			img.Close()
			t.Errorf("%s is opened", c.path)
			continue
		}
		if s := err.Error(); !strings.Contains(s, c.want) || !strings.HasPrefix(s, c.path+": ") || strings.Contains(s, "\n") {
			t.Errorf("%s: %q, want %q", c.path, s, c.want)
		}
	}
	for _, content := range []string{"x", "\x1f\x8b", strings.Repeat("BZh", 300)} {
		img, err := Open(write("small.img", content))
		if err != nil {
			t.Errorf("%q: %v", content, err)
			continue
		}
		tab, err := img.Table()
		if err != nil || tab.Label != LabelNone || img.Size() != int64(len(content)) || img.Format() != "raw" {
			t.Errorf("%q: %v, %v", content, tab, err)
		}
		img.Close()
	}
}

func TestNextDataFindsWhatIsAllocated(t *testing.T) {
	path := sparse(t, "disk.img", 8*mib)
	patch(t, path, 2*mib+5, 1)
	patch(t, path, 5*mib, 2)
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for at := int64(0); ; {
		start, end, err := img.NextData(at)
		if err != nil {
			t.Fatal(err)
		}
		if start < at || end < start {
			t.Fatalf("data at %d to %d behind byte %d", start, end, at)
		}
		if len(bytes.Trim(content[at:start], "\x00")) != 0 {
			t.Errorf("a hole from %d to %d holds data", at, start)
		}
		if start == end {
			if start != img.Size() {
				t.Errorf("the end is at %d of %d", start, img.Size())
			}
			break
		}
		sum += end - start
		at = end
	}
	if sum > mib {
		t.Errorf("%d bytes of data in a file with two bytes: holes are not found", sum)
	}
}

// Images that others made end in an answer or in one line.
func TestCorpora(t *testing.T) {
	dir := filepath.Join("..", "..", "shared", "corpora", "containers")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("no corpora: %v", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		img, err := Open(path)
		if strings.HasSuffix(path, "-differential.vhd") {
			if err == nil || !strings.Contains(err.Error(), "is a differencing VHD") {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if tab, err := img.Table(); err != nil || tab.Label != LabelNone {
			t.Errorf("%s: %+v, %v", path, tab, err)
		}
		img.Close()
	}
}

func TestABlockDevice(t *testing.T) {
	judge.Root(t)
	if testing.Short() {
		t.Skip("sets up a loop device")
	}
	path := sparse(t, "disk.img", 64*mib)
	dev := strings.TrimSpace(judge.Must(t, "losetup", "--sector-size", "4096", "--find", "--show", path))
	defer judge.Must(t, "losetup", "-d", dev)
	if r := judge.RunInput(t, "label: dos\nstart=256, size=1024\nstart=1280, size=4096, type=5\nstart=1536, size=1024\n", "sfdisk", "-q", "--no-reread", "--no-tell-kernel", dev); r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	img, tab := open1(t, dev)
	if img.Size() != 64*mib || tab.SectorSize != 4096 || len(tab.Partitions) != 3 || tab.Partitions[2].Offset != 1536*4096 {
		t.Errorf("%d bytes, %+v", img.Size(), tab)
	}
	if start, end, err := img.NextData(5); err != nil || start != 5 || end != img.Size() {
		t.Errorf("data from %d to %d, %v", start, end, err)
	}
	img.Close()
}

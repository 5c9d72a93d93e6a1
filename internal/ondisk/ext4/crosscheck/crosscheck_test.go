package crosscheck

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
)

func image(t *testing.T, args ...string) (*os.File, *ext4.FS) {
	t.Helper()
	const size = 160 << 20
	src := t.TempDir()
	for i := range 50 {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprint(i)), make([]byte, i), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(src, fmt.Sprintf("full %d", i)), []byte(fmt.Sprint(i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.ext4", append(append([]string{"-q", "-F", "-d", src}, args...), path)...)
	fs, err := ext4.Open(f, size)
	if err != nil {
		t.Fatal(err)
	}
	return f, fs
}

func TestTheLibrarySeesTheSame(t *testing.T) {
	f, fs := image(t, "-b", "1024")
	res, err := CrossCheck(f, fs)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Mismatches {
		t.Error(m)
	}
	if res.Descriptors != int(fs.Groups()) || res.Inodes < 51 || res.Fields < 80+20*res.Descriptors+25*res.Inodes {
		t.Errorf("compared %d fields of %d descriptors and %d inodes", res.Fields, res.Descriptors, res.Inodes)
	}
}

// A reader that sees other bytes than fs was opened with stands for a wrong
// declaration.
func TestADifferenceIsNamed(t *testing.T) {
	f, fs := image(t)
	if _, err := f.WriteAt([]byte{0xAB}, ext4.SuperblockOffset+0xEC); err != nil {
		t.Fatal(err)
	}
	off := fs.GroupOffset(0) + 12
	if _, err := f.WriteAt([]byte{0xFF, 0xFF}, off); err != nil {
		t.Fatal(err)
	}
	res, err := CrossCheck(f, fs)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Mismatches) != 1 || res.Mismatches[0].Field != "bg_free_blocks_count_lo" || res.Mismatches[0].Offset != off {
		t.Errorf("mismatches: %v", res.Mismatches)
	}
}

func TestWhatTheLibraryRefusesIsOneLine(t *testing.T) {
	f, fs := image(t, "-O", "inline_data")
	_, err := CrossCheck(f, fs)
	if err == nil {
		t.Fatal("inline_data is said to be refused")
	}
	t.Log(err)
}

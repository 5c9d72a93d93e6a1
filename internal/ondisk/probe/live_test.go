package probe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

// blank makes a file of zeros.
func blank(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// agree makes blkid the judge of one file, and returns what both say.
func agree(t testing.TB, path string) Info {
	t.Helper()
	got, want := identify(t, path), blkid(t, path)
	if got != want {
		t.Errorf("identified as %q, blkid says %q", got, want)
	}
	return got
}

func TestFreshFilesystemsAreNamedAsBlkidNamesThem(t *testing.T) {
	const id = "11111111-2222-3333-4444-555555555555"
	for _, c := range []struct {
		name string
		size int64
		tool string
		args []string // the file follows
		want Info
	}{
		{"ext2", 8 * mib, "mkfs.ext4", []string{"-q", "-t", "ext2", "-U", id, "-L", "a label of 16 by"}, Info{"ext2", "a label of 16 by", id, "1.0"}},
		{"ext2 of revision 0", 4 * mib, "mkfs.ext4", []string{"-q", "-t", "ext2", "-r", "0", "-U", id}, Info{"ext2", "", id, "0.0"}},
		{"ext3", 16 * mib, "mkfs.ext4", []string{"-q", "-t", "ext3", "-U", id, "-L", "a  b"}, Info{"ext3", "a  b", id, "1.0"}},
		{"ext4", 16 * mib, "mkfs.ext4", []string{"-q", "-U", id, "-L", "root"}, Info{"ext4", "root", id, "1.0"}},
		{"ext4 without a journal", 8 * mib, "mkfs.ext4", []string{"-q", "-O", "^has_journal", "-U", id}, Info{"ext4", "", id, "1.0"}},
		{"ext4 without identifier", 8 * mib, "mkfs.ext4", []string{"-q", "-U", "clear"}, Info{"ext4", "", "", "1.0"}},
		{"tiny ext4", 512 * kib, "mkfs.ext4", []string{"-q", "-U", id}, Info{"ext4", "", id, "1.0"}},
		{"journal", 8 * mib, "mkfs.ext4", []string{"-q", "-O", "journal_dev", "-U", id}, Info{"jbd", "", id, "1.0"}},
		{"floppy", 1440 * kib, "mkfs.vfat", []string{"-i", "0123abcd", "-n", "FLOPPY"}, Info{"vfat", "FLOPPY", "0123-ABCD", "FAT12"}},
		{"FAT12", 4 * mib, "mkfs.vfat", []string{"-F", "12", "-i", "0123abcd"}, Info{"vfat", "", "0123-ABCD", "FAT12"}},
		{"FAT16", 32 * mib, "mkfs.vfat", []string{"-F", "16", "-i", "0123abcd", "-n", "TWO WORDS"}, Info{"vfat", "TWO WORDS", "0123-ABCD", "FAT16"}},
		{"FAT32", 64 * mib, "mkfs.vfat", []string{"-F", "32", "-i", "0123abcd", "-n", "ESP"}, Info{"vfat", "ESP", "0123-ABCD", "FAT32"}},
		{"small FAT32", 8 * mib, "mkfs.vfat", []string{"-F", "32", "-i", "0123abcd"}, Info{"vfat", "", "0123-ABCD", "FAT32"}},
		{"FAT32 of 4096 byte sectors", 300 * mib, "mkfs.vfat", []string{"-F", "32", "-S", "4096", "-i", "0123abcd", "-n", "BIG"}, Info{"vfat", "BIG", "0123-ABCD", "FAT32"}},
		{"FAT of serial 0", 8 * mib, "mkfs.vfat", []string{"-i", "0"}, Info{"vfat", "", "", "FAT12"}},
		{"FAT with a fake table", 32 * mib, "mkfs.vfat", []string{"--mbr=yes", "-i", "0123abcd"}, Info{"vfat", "", "0123-ABCD", "FAT16"}},
		{"swap", mib, "mkswap", []string{"-q", "-U", id, "-L", "swap"}, Info{"swap", "swap", id, "1"}},
		{"swap of 8 KiB pages", 2 * mib, "mkswap", []string{"-q", "-p", "8192", "-U", id}, Info{"swap", "", id, "1"}},
		{"swap of 16 KiB pages", 2 * mib, "mkswap", []string{"-q", "-p", "16384", "-U", id}, Info{"swap", "", id, "1"}},
		{"swap of 64 KiB pages", 2 * mib, "mkswap", []string{"-q", "-p", "65536", "-U", id}, Info{"swap", "", id, "1"}},
		{"minix 1", 2 * mib, "mkfs.minix", []string{"-1"}, Info{"minix", "", "", "1"}},
		{"minix 2", 2 * mib, "mkfs.minix", []string{"-2"}, Info{"minix", "", "", "2"}},
		{"minix 3", 2 * mib, "mkfs.minix", []string{"-3"}, Info{"minix", "", "", "3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := blank(t, c.size)
			judge.Must(t, c.tool, append(c.args, path)...)
			if got := agree(t, path); got != c.want {
				t.Errorf("identified as %q, want %q", got, c.want)
			}
		})
	}
}

func TestArchivesOfATreeAreNamedAsBlkidNamesThem(t *testing.T) {
	tree := t.TempDir()
	if err := os.WriteFile(filepath.Join(tree, "file"), []byte(strings.Repeat("content\n", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tool string
		args func(image string) []string
		want Info
	}{
		{"mksquashfs", func(i string) []string { return []string{tree, i, "-quiet", "-no-progress"} }, Info{"squashfs", "", "", "4.0"}},
	} {
		t.Run(c.tool, func(t *testing.T) {
			image := filepath.Join(t.TempDir(), "image")
			judge.Must(t, c.tool, c.args(image)...)
			if got := agree(t, image); got != c.want {
				t.Errorf("identified as %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNoFilesystemHasNoName(t *testing.T) {
	for name, size := range map[string]int64{"empty": 0, "one sector": 512, "1024": 1024, "1025": 1025, "zeros": 8 * mib} {
		t.Run(name, func(t *testing.T) {
			if got := agree(t, blank(t, size)); got != (Info{}) {
				t.Errorf("identified as %q", got)
			}
		})
	}
	for _, label := range []string{"gpt", "dos"} {
		t.Run(label, func(t *testing.T) {
			path := blank(t, 8*mib)
			if r := judge.RunInput(t, "label: "+label+"\nsize=4M\n", "sfdisk", "-q", path); r.Status != 0 {
				t.Fatal(r.Stderr)
			}
			if got := agree(t, path); got != (Info{}) {
				t.Errorf("identified as %q", got)
			}
		})
	}
}

// A filesystem's name does not tell which of two is meant where the marks of
// both are there: nothing is named, as blkid names nothing.
func TestTwoFilesystemsInOnePlace(t *testing.T) {
	ext := blank(t, 16*mib)
	judge.Must(t, "mkfs.ext4", "-q", "-O", "^has_journal", ext)
	btrfs, _ := unpack(t, "btrfs")
	f, err := os.OpenFile(ext, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for no, d := range btrfs.data {
		if _, err := f.WriteAt(d, no*512); err != nil {
			t.Fatal(err)
		}
	}
	if got := agree(t, ext); got != (Info{}) {
		t.Errorf("identified as %q", got)
	}
}

func TestTheCorpusDiscIsNamedAsBlkidNamesIt(t *testing.T) {
	const path = "../../../../shared/corpora/containers/iso9660.raw"
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Skipf("%s is absent", path)
	}
	if got := agree(t, path); got.Type != "iso9660" {
		t.Errorf("identified as %q", got)
	}
}

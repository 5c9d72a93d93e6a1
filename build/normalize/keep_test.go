package normalize

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

// bare is a file of that size that a tool then makes a filesystem of.
func bare(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bare")
	must(t, os.WriteFile(path, nil, 0o666))
	must(t, os.Truncate(path, size))
	return path
}

// TestWhatIsKept: what cannot be written anew without a loss stays as it is,
// byte by byte, with a reason; and then the image is not called normal.
func TestWhatIsKept(t *testing.T) {
	ext := func(args ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			image := bare(t, 32<<20)
			judge.Must(t, "mkfs.ext4", append(append([]string{"-q"}, args...), image)...)
			return image
		}
	}
	patched := func(off int64, b []byte) func(*testing.T) string {
		return func(t *testing.T) string {
			image := ext()(t)
			f, err := os.OpenFile(image, os.O_WRONLY, 0)
			must(t, err)
			defer f.Close()
			_, err = f.WriteAt(b, off)
			must(t, err)
			return image
		}
	}
	for name, c := range map[string]struct {
		make func(*testing.T) string
		why  string
	}{
		"quota":    {ext("-O", "quota"), "what its features hold would be lost: quota"},
		"casefold": {ext("-O", "casefold"), "what its features hold would be lost: casefold"},
		"ext3": {func(t *testing.T) string {
			p := bare(t, 32<<20)
			judge.Must(t, "mkfs.ext4", "-q", "-t", "ext3", p)
			return p
		}, "ext3 is not written here, only ext4 is"},
		"boot code": {patched(0, []byte("a boot loader")), "a boot loader stands in its first sectors"},
		"mounted": {func(t *testing.T) string {
			p := ext()(t)
			judge.Must(t, "debugfs", "-w", "-R", "ssv state 0", p)
			return p
		}, "it was not unmounted"},
		"journal": {func(t *testing.T) string {
			p := ext()(t)
			judge.Must(t, "debugfs", "-w", "-R", "feature needs_recovery", p)
			return p
		}, "its journal was not replayed"},
		"full": {func(t *testing.T) string {
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "file"), bytes.Repeat([]byte("full"), 6_700_000/4*4), 0o666))
			p := bare(t, 32<<20)
			judge.Must(t, "mkfs.ext4", "-q", "-b", "1024", "-O", "^has_journal,^resize_inode", "-m", "0", "-N", "16", "-d", dir, p)
			return p
		}, ""},
		"squashfs": {func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "image")
			judge.Must(t, "mksquashfs", t.TempDir(), p, "-quiet", "-no-progress")
			return p
		}, "squashfs is not written here"},
		"syslinux": {func(t *testing.T) string {
			p := bare(t, 4<<20)
			judge.Must(t, "mkfs.vfat", p)
			empty := filepath.Join(t.TempDir(), "empty")
			must(t, os.WriteFile(empty, []byte("x"), 0o666))
			judge.Must(t, "mcopy", "-i", p, empty, "::ldlinux.sys")
			return p
		}, "SYSLINUX is installed on it"},
		"small FAT32": {func(t *testing.T) string {
			p := bare(t, 8<<20)
			judge.Must(t, "mkfs.vfat", "-F", "32", p)
			return p
		}, "fewer than 65525"},
		"noise": {func(t *testing.T) string {
			p := filepath.Join(t.TempDir(), "image")
			must(t, os.WriteFile(p, bytes.Repeat([]byte("noisy512"), 64*100), 0o666))
			return p
		}, "nothing is known of its bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			image := c.make(t)
			out, account := run(t, image, format.Raw, Options{DeriveIDs: true})
			if c.why == "" { // fits after all, with bigger blocks
				judge.Must(t, "e2fsck", "-fn", out)
				return
			}
			if len(account.Parts) != 1 || account.Parts[0].Action != Kept || !strings.Contains(account.Parts[0].Detail, c.why) {
				t.Errorf("the account is %+v", account.Parts)
			}
			if account.Fixed() {
				t.Error("and it is called normal")
			}
			if digest(t, out) != digest(t, image) {
				t.Error("its bytes are others")
			}
		})
	}
}

// TestWithoutJournal: a filesystem without a journal does not get one, and
// file attributes stay.
func TestWithoutJournal(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "fixed"), []byte("x"), 0o600))
	image := bare(t, 32<<20)
	judge.Must(t, "mkfs.ext4", "-q", "-O", "^has_journal", "-e", "remount-ro", "-m", "1", "-d", dir, image)
	judge.Must(t, "debugfs", "-w", "-R", "sif fixed flags 0x80010", image)
	out, account := run(t, image, format.Raw, Options{})
	if !account.Fixed() {
		t.Errorf("%+v", account)
	}
	judge.Must(t, "e2fsck", "-fn", out)
	f, err := os.Open(out)
	must(t, err)
	defer f.Close()
	fs, err := ext4.Open(f, 32<<20)
	must(t, err)
	if sb := fs.Superblock(); sb.FeatureCompat&ext4.CompatHasJournal != 0 || sb.Errors != ext4.ErrorsRO || sb.RBlocksCountLo*100/sb.BlocksCountLo > 1 {
		t.Errorf("features %#x, errors %d, reserved %d of %d", sb.FeatureCompat, sb.Errors, sb.RBlocksCountLo, sb.BlocksCountLo)
	}
	if got := judge.Must(t, "debugfs", "-R", "stat /fixed", out); !strings.Contains(got, "Flags: 0x80010") {
		t.Errorf("the file is not immutable any more: %s", got)
	}
}

// TestGaps: what lies between the partitions stays, unless it is to be cleared,
// and so does the boot code; what extended boot records hold besides does not.
func TestGaps(t *testing.T) {
	image := bare(t, 32<<20)
	judge.Must(t, "parted", "-s", image, "mklabel", "msdos", "mkpart", "primary", "ext4", "1MiB", "8MiB", "mkpart", "extended", "8MiB", "100%", "mkpart", "logical", "ext4", "10MiB", "20MiB")
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	for off, text := range map[int64]string{0: "boot code", 512 + 7: "core.img", 8<<20 + 20: "residue"} {
		_, err = f.WriteAt([]byte(text), off)
		must(t, err)
	}
	for _, clear := range []bool{false, true} {
		out, account := run(t, image, format.Raw, Options{ClearGaps: clear})
		b, err := os.ReadFile(out)
		must(t, err)
		if !bytes.HasPrefix(b, []byte("boot code")) || bytes.Contains(b, []byte("residue")) || bytes.Contains(b, []byte("core.img")) == clear {
			t.Errorf("clear %v: the wrong bytes stayed", clear)
		}
		if account.Fixed() != clear {
			t.Errorf("clear %v: %+v", clear, account)
		}
		before, after := judge.Must(t, "sfdisk", "-d", image), judge.Must(t, "sfdisk", "-d", out)
		if strings.ReplaceAll(before, image, "") != strings.ReplaceAll(after, out, "") {
			t.Errorf("clear %v: the table is another:\n%s%s", clear, before, after)
		}
	}
	out, account := run(t, image, format.Raw, Options{DeriveIDs: true})
	if len(account.Identifiers) != 1 || !strings.Contains(judge.Must(t, "sfdisk", "-d", out), "label-id: 0x"+account.Identifiers[0].New) {
		t.Errorf("the disk's signature: %+v", account.Identifiers)
	}
}

// TestDamagedTablesAreRefused: nothing is written by a table that lies.
func TestDamagedTablesAreRefused(t *testing.T) {
	image := stock(t, 0)
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("damage"), 512+40)
	must(t, err)
	img, err := split.Open(image)
	must(t, err)
	defer img.Close()
	out := filepath.Join(t.TempDir(), "folder", "out")
	_, err = File(context.Background(), out, format.Raw, img, Options{Epoch: tree.Time{Sec: epoch}})
	if err == nil || !strings.HasPrefix(err.Error(), image+": the partition table is damaged: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Dir(out)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

// TestCancelling leaves nothing.
func TestCancelling(t *testing.T) {
	img, err := split.Open(stock(t, 0))
	must(t, err)
	defer img.Close()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	opt := Options{Epoch: tree.Time{Sec: epoch}, DeriveIDs: true, Progress: func(stage string, _, _ int64) {
		if stage == "partition 2 (ext4)" {
			cancel()
		}
	}}
	if _, err := File(ctx, filepath.Join(dir, "out"), format.Raw, img, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

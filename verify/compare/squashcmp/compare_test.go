package squashcmp

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/squashfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

func TestSquashfsTwoBuildsWithDefaultsDifferInTheirTimeOnly(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := makeSquash(t, dir, "-mkfs-time", "1700000000")
	b := makeSquash(t, dir, "-mkfs-time", "1700000005")
	fs := comparetest.Files(t, Compare, a, b)
	comparetest.WantRoots(t, fs, "p0/squashfs/superblock/mkfs_time")
	if f := fs[0]; f.Cause != report.Time || f.A != "2023-11-14T22:13:20Z" || !strings.Contains(f.Remedy, "SOURCE_DATE_EPOCH") {
		t.Errorf("%+v", f)
	}
}

func TestSquashfsEqualImagesHaveNoFindings(t *testing.T) {
	dir := comparetest.SampleTree(t)
	if fs := comparetest.Files(t, Compare, makeSquash(t, dir), makeSquash(t, dir)); len(fs) > 0 {
		t.Errorf("findings:\n%s", comparetest.Show(fs))
	}
}

func TestSquashfsOneChangeIsOneRoot(t *testing.T) {
	changes := []struct {
		name string
		do   func(t *testing.T, dir string)
		want string // the id of the only root
	}{
		{"mtime", comparetest.Chtimes(1600000027), "p0/squashfs/inode/mtime:/etc/text.conf"},
		{"mode", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/text.conf", func(p string) error { return os.Chmod(p, 0o600) })
		}, "p0/squashfs/inode/mode:/etc/text.conf"},
		{"setuid", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "usr/lib/other.so", func(p string) error { return os.Chmod(p, 0o755|os.ModeSetuid) })
		}, "p0/squashfs/inode/mode:/usr/lib/other.so"},
		{"owner", func(t *testing.T, dir string) {
			judge.Root(t)
			comparetest.Edit(t, dir, "etc/text.conf", func(p string) error { return os.Chown(p, 1000, -1) })
		}, "p0/squashfs/inode/uid:/etc/text.conf"},
		{"text", comparetest.Write("etc/text.conf", strings.Repeat("a line of text\n", 99)+"another line\n"), "p0/squashfs/data/content:/etc/text.conf"},
		{"hard link", comparetest.Write("etc/small", "other\n"), "p0/squashfs/data/content:/etc/hard"},
		{"binary", comparetest.Noisy, "p0/squashfs/data/content:/usr/lib/binary.so"},
		{"added", comparetest.Write("etc/added", "new\n"), "p0/squashfs/directory/entry:/etc/added"},
		{"added folder", func(t *testing.T, dir string) {
			comparetest.Must(t, os.MkdirAll(filepath.Join(dir, "var/log"), 0o755))
			comparetest.Write("var/log/x", "y\n")(t, dir)
		}, "p0/squashfs/directory/entry:/var"},
		{"target", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/link", func(p string) error {
				comparetest.Must(t, os.Remove(p))
				return os.Symlink("../usr/bin", p)
			})
		}, "p0/squashfs/inode/target:/etc/link"},
		{"kind", func(t *testing.T, dir string) {
			comparetest.Edit(t, dir, "etc/nothing", func(p string) error {
				comparetest.Must(t, os.Remove(p))
				return os.Mkdir(p, 0o755)
			})
		}, "p0/squashfs/inode/mode:/etc/nothing"},
	}
	for _, ch := range changes {
		t.Run(ch.name, func(t *testing.T) {
			dir := comparetest.SampleTree(t)
			a := makeSquash(t, dir)
			ch.do(t, dir)
			fs := comparetest.Files(t, Compare, a, makeSquash(t, dir))
			comparetest.WantRoots(t, fs, ch.want)
			if ch.name == "text" && !strings.Contains(fs[0].Diff, "\n+another line\n") {
				t.Errorf("diff:\n%s", fs[0].Diff)
			}
			if ch.name == "binary" && fs[0].Bytes == 0 {
				t.Errorf("the file's own block is not its own:\n%s", comparetest.Show(fs))
			}
		})
	}
}

func TestSquashfsDeviceNumbersAndAttributes(t *testing.T) {
	dir := comparetest.SampleTree(t)
	comparetest.Mkdevice(t, dir, 5)
	for i, name := range []string{"user.a", "user.b", "user.c", "user.d"} {
		judge.Must(t, "setfattr", "-n", name, "-v", strings.Repeat("v", i*100+1), filepath.Join(dir, "etc/text.conf"))
	}
	comparetest.SetTimes(t, dir, "1600000000")
	a := makeSquash(t, dir)
	comparetest.Must(t, os.Remove(filepath.Join(dir, "etc/device")))
	comparetest.Mkdevice(t, dir, 9)
	judge.Must(t, "setfattr", "-n", "user.c", "-v", "other", filepath.Join(dir, "etc/text.conf"))
	comparetest.SetTimes(t, dir, "1600000000")
	fs := comparetest.Files(t, Compare, a, makeSquash(t, dir))
	comparetest.WantRoots(t, fs, "p0/squashfs/inode/rdev:/etc/device", "p0/squashfs/inode/xattr:user.c:/etc/text.conf")
	if f := comparetest.Find(t, fs, "p0/squashfs/inode/rdev:/etc/device"); f.A != "1, 5" || f.B != "1, 9" {
		t.Errorf("%+v", f)
	}
}

func TestSquashfsCompressors(t *testing.T) {
	dir := comparetest.SampleTree(t)
	for _, comp := range []string{"gzip", "xz", "lzo", "lz4", "zstd"} {
		t.Run(comp, func(t *testing.T) {
			a := makeSquash(t, dir, "-comp", comp)
			edited := comparetest.SampleTree(t)
			comparetest.Write("etc/text.conf", "other\n")(t, edited)
			fs := comparetest.Files(t, Compare, a, makeSquash(t, edited, "-comp", comp))
			comparetest.WantRoots(t, fs, "p0/squashfs/data/content:/etc/text.conf")
		})
	}
}

func TestSquashfsAnotherCompressorIsTheCause(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := makeSquash(t, dir)
	fs := comparetest.Files(t, Compare, a, makeSquash(t, dir, "-comp", "zstd"))
	comparetest.WantRoots(t, fs, "p0/squashfs/superblock/compression")
	fs = comparetest.Files(t, Compare, makeSquash(t, dir, "-comp", "zstd", "-Xcompression-level", "3"), makeSquash(t, dir, "-comp", "zstd", "-Xcompression-level", "19"))
	comparetest.WantRoots(t, fs, "p0/squashfs/compressor-options/compression_level")
	fs = comparetest.Files(t, Compare, a, makeSquash(t, dir, "-b", "65536"))
	comparetest.WantRoots(t, fs, "p0/squashfs/superblock/block_size")
}

func TestSquashfsAnotherOrderIsSaid(t *testing.T) {
	dir := comparetest.SampleTree(t)
	a := makeSquash(t, dir)
	sorted := filepath.Join(t.TempDir(), "sort")
	comparetest.Must(t, os.WriteFile(sorted, []byte("usr/lib/other.so 100\n"), 0o644))
	fs := comparetest.Files(t, Compare, a, makeSquash(t, dir, "-sort", sorted))
	comparetest.WantRoots(t, fs, "p0/squashfs/data/packed")
	if f := fs[0]; f.Cause != report.Order {
		t.Errorf("%+v", f)
	}
}

func TestSquashfsUnreadableCompressionIsOneFinding(t *testing.T) {
	dir := comparetest.SampleTree(t)
	x := comparetest.Read(t, makeSquash(t, dir))
	comparetest.Write("etc/text.conf", "other\n")(t, dir)
	y := comparetest.Read(t, makeSquash(t, dir))
	f, _ := squashfs.SuperblockLayout.Named("compression")
	x[f.Offset], y[f.Offset] = squashfs.LZMA, squashfs.LZMA
	fs, warnings, _ := comparetest.Bytes(t, Compare, x, y)
	if len(warnings) != 1 || !strings.Contains(warnings[0], "lzma compression is not read") {
		t.Errorf("warnings: %q", warnings)
	}
	comparetest.WantRoots(t, fs, "p0/squashfs/filesystem/content")
}

func TestSquashfsPaddingIsResidue(t *testing.T) {
	a, err := os.ReadFile(makeSquash(t, comparetest.SampleTree(t)))
	comparetest.Must(t, err)
	b := append([]byte(nil), a...)
	b[len(b)-1] ^= 0xff
	fs, _, _ := comparetest.Bytes(t, Compare, a, b)
	comparetest.WantRoots(t, fs, "p0/squashfs/padding/content")
}

func makeSquash(t testing.TB, dir string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.squashfs")
	base := []string{dir, path, "-quiet", "-no-progress", "-noappend", "-processors", "1"}
	if !strings.Contains(strings.Join(args, " "), "-mkfs-time") {
		base = append(base, "-mkfs-time", "1600000000")
	}
	judge.Must(t, "mksquashfs", append(base, args...)...)
	return path
}

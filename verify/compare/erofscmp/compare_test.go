package erofscmp

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const uuid = "-U8c1f0a52-1111-4222-8333-444455556666"

// makeErofs has mkfs.erofs make an image of a folder. What it would take from
// the clock and from chance is pinned, as people are told to; times of files
// that are not later than the image's are kept.
func makeErofs(t testing.TB, dir string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.erofs")
	all := strings.Join(args, " ")
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	if strings.Contains(all, "-T") { // which has less to say
		comparetest.Must(t, os.Unsetenv("SOURCE_DATE_EPOCH"))
	}
	if !strings.Contains(all, "-U") {
		args = append(args, uuid)
	}
	judge.Must(t, "mkfs.erofs", append(args, "--quiet", path, dir)...)
	return path
}

// sample makes a folder with a bit of everything, like that of package
// comparetest but with fewer files. Its times are fixed.
func sample(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	write := func(name string, b []byte) {
		comparetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		comparetest.Must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	write("etc/text.conf", []byte(strings.Repeat("a line of text\n", 100)))
	write("etc/small", []byte("small\n"))
	write("etc/nothing", nil)
	write("usr/lib/binary.so", comparetest.Noise(1, 300_000))
	write("usr/lib/other.so", comparetest.Noise(2, 20_000))
	for i := range 10 {
		write(fmt.Sprintf("many/%d", i), fmt.Appendf(nil, "file %d\n", i))
	}
	comparetest.Must(t, os.Symlink("../usr/lib", filepath.Join(dir, "etc/link")))
	comparetest.Must(t, os.Link(filepath.Join(dir, "etc/small"), filepath.Join(dir, "etc/hard")))
	pack(t, dir, 0) // which sets the times
	return dir
}

// both compares two images in both directions; each leads with these findings.
func both(t *testing.T, a, b string, want ...string) []report.Finding {
	t.Helper()
	fs := comparetest.Files(t, Compare, a, b)
	comparetest.WantRoots(t, fs, want...)
	back, _, _ := comparetest.Bytes(t, Compare, comparetest.Read(t, b), comparetest.Read(t, a))
	comparetest.WantRoots(t, back, want...)
	return fs
}

func TestTwoBuildsWithDefaultsDifferInTimeAndUUID(t *testing.T) {
	dir := sample(t)
	other := "-U11111111-1111-4222-8333-444455556666"
	a, b := makeErofs(t, dir, "-T1600000000"), makeErofs(t, dir, "-T1600000005", other)
	fs := both(t, a, b, "p0/erofs/superblock/build_time", "p0/erofs/superblock/uuid")
	if f := fs[0]; f.Cause != report.Time || f.A != "2020-09-13T12:26:40Z" || !strings.Contains(f.Remedy, "-T SECONDS") {
		t.Errorf("%+v", f)
	}
	if f := fs[1]; f.Cause != report.Random || f.B != other[2:] || !strings.Contains(f.Remedy, "-U UUID") {
		t.Errorf("%+v", f)
	}
	if f := comparetest.Find(t, fs, "p0/erofs/superblock/checksum"); len(f.DerivedFrom) != 2 || f.Bytes == 0 {
		t.Errorf("%+v", f)
	}
}

// TestTheRemediesHold: what people are told makes the two images one.
func TestTheRemediesHold(t *testing.T) {
	judge.Root(t)
	for remedy, args := range map[string][]string{
		"SOURCE_DATE_EPOCH, --all-root": {"--all-root", "-x-1"},
		"-T, --force-uid, --force-gid":  {"-T1700000000", "--force-uid=3", "--force-gid=4", "-x-1"},
	} {
		dir := sample(t)
		comparetest.SetTimes(t, dir, "1800000000")
		a := makeErofs(t, dir, args...)
		comparetest.Must(t, os.Chown(filepath.Join(dir, "etc/small"), 1000, 1000))
		comparetest.Must(t, unix.Setxattr(filepath.Join(dir, "etc/small"), "user.x", []byte("y"), 0))
		comparetest.SetTimes(t, dir, "1900000000")
		b := makeErofs(t, dir, args...)
		if fs := comparetest.Files(t, Compare, a, b); len(fs) > 0 {
			t.Errorf("%s does not pin all:\n%s", remedy, comparetest.Show(fs))
		}
		if fs := comparetest.Files(t, Compare, makeErofs(t, dir), b); len(fs) == 0 {
			t.Errorf("%s changes nothing", remedy)
		}
	}
}

// TestTheOrderOfFoldersIsNoMatter: mkfs.erofs sorts what it reads, so no remedy
// is needed. A tmpfs lists files in the order in which they came to be.
func TestTheOrderOfFoldersIsNoMatter(t *testing.T) {
	const shm = "/dev/shm"
	if fi, err := os.Stat(shm); err != nil || !fi.IsDir() {
		t.Skip("there is no tmpfs at", shm)
	}
	var images []string
	for back := range 2 {
		dir, err := os.MkdirTemp(shm, "reprodisk-test-")
		comparetest.Must(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		for i := range 200 {
			if back == 1 {
				i = 199 - i
			}
			comparetest.Must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, i*40), 0o644))
		}
		comparetest.Must(t, os.Chmod(dir, 0o755))
		images = append(images, makeErofs(t, dir, "-T1"))
	}
	if fs := comparetest.Files(t, Compare, images[0], images[1]); len(fs) > 0 {
		t.Errorf("findings:\n%s", comparetest.Show(fs))
	}
}

func TestEqualImagesHaveNoFindings(t *testing.T) {
	dir := sample(t)
	for _, args := range [][]string{nil, {"-zlz4hc"}, {"--chunksize=4096"}} {
		if fs := comparetest.Files(t, Compare, makeErofs(t, dir, args...), makeErofs(t, dir, args...)); len(fs) > 0 {
			t.Errorf("findings:\n%s", comparetest.Show(fs))
		}
	}
}

// ways are options of mkfs.erofs that store things otherwise.
var ways = []string{"", "-zlz4hc", "-zlz4 -C16384 -Eztailpacking", "--chunksize=4096", "-x1"}

func TestOneChangeIsOneRoot(t *testing.T) {
	edit := func(name string, do func(path string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) { comparetest.Edit(t, dir, name, do) }
	}
	changes := []struct {
		name string
		do   func(t *testing.T, dir string)
		want string // the only root, without "p0/erofs/"
	}{
		{"mtime", comparetest.Chtimes(1600000027), "inode/i_mtime:/etc/text.conf"},
		{"mtime of the image", comparetest.Chtimes(1700000000), "inode/i_mtime:/etc/text.conf"},
		{"mode", edit("etc/text.conf", func(p string) error { return os.Chmod(p, 0o600) }), "inode/i_mode:/etc/text.conf"},
		{"setuid", edit("usr/lib/other.so", func(p string) error { return os.Chmod(p, 0o755|os.ModeSetuid) }), "inode/i_mode:/usr/lib/other.so"},
		{"owner", edit("etc/text.conf", func(p string) error { return os.Chown(p, 1000, -1) }), "inode/i_uid:/etc/text.conf"},
		{"group", edit("etc/text.conf", func(p string) error { return os.Chown(p, -1, 1000) }), "inode/i_gid:/etc/text.conf"},
		{"text", comparetest.Write("etc/text.conf", strings.Repeat("a line of text\n", 99)+"another line\n"), "data/content:/etc/text.conf"},
		{"longer text", comparetest.Write("etc/text.conf", strings.Repeat("a line of text\n", 900)), "data/content:/etc/text.conf"},
		{"hard link", comparetest.Write("etc/small", "other\n"), "data/content:/etc/hard"},
		{"binary", comparetest.Noisy, "data/content:/usr/lib/binary.so"},
		{"packed", func(t *testing.T, dir string) { pack(t, dir, 1) }, "data/content:/usr/lib/packs"},
		{"added", comparetest.Write("etc/added", "new\n"), "directory/entry:/etc/added"},
		{"added name", edit("etc", func(p string) error {
			return os.Link(filepath.Join(p, "small"), filepath.Join(p, "third"))
		}), "directory/entry:/etc/third"},
		{"added folder", func(t *testing.T, dir string) {
			comparetest.Must(t, os.MkdirAll(filepath.Join(dir, "var/log"), 0o755))
			comparetest.Write("var/log/x", "y\n")(t, dir)
		}, "directory/entry:/var"},
		{"target", edit("etc/link", func(p string) error {
			comparetest.Must(t, os.Remove(p))
			return os.Symlink("../usr/bin", p)
		}), "inode/target:/etc/link"},
		{"longer target", edit("etc/link", func(p string) error {
			comparetest.Must(t, os.Remove(p))
			return os.Symlink(strings.Repeat("../usr/bin", 300), p)
		}), "inode/target:/etc/link"},
		{"kind", edit("etc/nothing", func(p string) error {
			comparetest.Must(t, os.Remove(p))
			return os.Symlink("x", p)
		}), "inode/i_mode:/etc/nothing"},
		{"device", func(t *testing.T, dir string) { device(t, dir, 9) }, "inode/rdev:/etc/device"},
		{"attribute", func(t *testing.T, dir string) { attribute(t, dir, "etc/text.conf", "user.own", "other") }, "inode/xattr:user.own:/etc/text.conf"},
		{"longer attribute", func(t *testing.T, dir string) {
			attribute(t, dir, "etc/text.conf", "user.own", strings.Repeat("other", 300))
		}, "inode/xattr:user.own:/etc/text.conf"},
		{"attribute of one more", func(t *testing.T, dir string) { attribute(t, dir, "usr/lib/other.so", "trusted.more", "x") }, "inode/xattr:trusted.more:/usr/lib/other.so"},
	}
	judge.Root(t)
	// The first images are the same for all changes.
	sample := func() string {
		dir := sample(t)
		device(t, dir, 5)
		attribute(t, dir, "etc/text.conf", "user.own", "value")
		for i := range 8 {
			attribute(t, dir, fmt.Sprintf("many/%d", i), "user.shared", "the same for all of them")
		}
		comparetest.SetTimes(t, dir, "1600000000")
		return dir
	}
	dir := sample()
	before := map[string]string{}
	for _, way := range ways {
		before[way] = makeErofs(t, dir, strings.Fields(way)...)
	}
	for i, ch := range changes {
		t.Run(ch.name, func(t *testing.T) {
			dir := sample()
			ch.do(t, dir)
			for j, way := range ways {
				if j > 0 && j != 1+i%(len(ways)-1) { // one of the others each
					continue
				}
				fs := both(t, before[way], makeErofs(t, dir, strings.Fields(way)...), "p0/erofs/"+ch.want)
				if len(fs) == 0 || t.Failed() {
					t.Fatal(way)
				}
				if ch.name == "text" && !strings.Contains(fs[0].Diff, "another line\n") {
					t.Errorf("diff:\n%s", fs[0].Diff)
				}
				if (ch.name == "binary" || ch.name == "mode") && fs[0].Bytes == 0 {
					t.Errorf("%s: its bytes are not its own:\n%s", way, comparetest.Show(fs))
				}
			}
		})
	}
}

// pack adds a file that packs well; of another version, a few lines in it are
// others.
func pack(t testing.TB, dir string, version int) {
	t.Helper()
	var b []byte
	for i := range 6000 {
		b = fmt.Appendf(b, "line %d of %d, %x\n", i, i*i%977, i*i*i%65521)
		if i == 3000 {
			b = fmt.Appendf(b, "version %d\n", version)
		}
	}
	comparetest.Edit(t, dir, "usr/lib/packs", func(p string) error { return os.WriteFile(p, b, 0o644) })
}

func device(t *testing.T, dir string, minor int) {
	t.Helper()
	comparetest.Must(t, os.RemoveAll(filepath.Join(dir, "etc/device")))
	comparetest.Mkdevice(t, dir, minor)
}

func attribute(t *testing.T, dir, name, key, value string) {
	t.Helper()
	comparetest.Must(t, unix.Setxattr(filepath.Join(dir, name), key, []byte(value), 0))
}

// TestOtherOptionsAreTheCause: what is chosen decides the layout of all.
func TestOtherOptionsAreTheCause(t *testing.T) {
	dir := sample(t)
	image := map[string]string{}
	make := func(options string) string {
		if image[options] == "" {
			image[options] = makeErofs(t, dir, strings.Fields(options)...)
		}
		return image[options]
	}
	for _, ch := range []struct {
		a, b string
		want []string
	}{
		{"-T1700000000", "-T1700000000 -Eforce-inode-extended", []string{"inode/i_format"}},
		{"", "-zlz4hc", []string{"superblock/feature_incompat"}},
		{"-zlz4 -Elegacy-compress", "-zlz4", []string{"superblock/feature_incompat"}},
		{"", "--chunksize=4096", []string{"superblock/feature_incompat"}},
		{"-zlz4", "-zlz4hc", []string{"data/packed"}},
		{"-zlz4", "-zlz4 -C16384", []string{"superblock/feature_incompat"}},
		{"-zlz4 -C8192", "-zlz4 -C16384", []string{"lz4-configuration/max_pclusterblks"}},
		{"", "-Enosbcrc", []string{"superblock/feature_compat"}},
	} {
		t.Run(ch.a+" to "+ch.b, func(t *testing.T) {
			for i := range ch.want {
				ch.want[i] = "p0/erofs/" + strings.TrimPrefix(ch.want[i], "p0/erofs/")
			}
			both(t, make(ch.a), make(ch.b), ch.want...)
		})
	}
}

// TestSidesThatAreNotAligned are compared by what they mean.
func TestSidesThatAreNotAligned(t *testing.T) {
	dir := sample(t)
	a := comparetest.Read(t, makeErofs(t, dir, "-zlz4"))
	pack(t, dir, 1)
	comparetest.Edit(t, dir, "etc/small", func(p string) error { return os.Chmod(p, 0o600) })
	b := comparetest.Read(t, makeErofs(t, dir, "-zlz4", "-U11111111-1111-4222-8333-444455556666"))
	l := ledger.New()
	res, err := Compare(t.Context(), l, ledger.Pair{
		A: ledger.Side{R: bytes.NewReader(a), Size: int64(len(a))}, B: ledger.Side{R: bytes.NewReader(b), Size: int64(len(b)), Base: 1 << 20},
	})
	comparetest.Must(t, err)
	fs := l.Findings()
	comparetest.WantRoots(t, fs, "p0/erofs/superblock/uuid", "p0/erofs/inode/i_mode:/etc/hard", "p0/erofs/data/content:/usr/lib/packs")
	if f := comparetest.Find(t, fs, "p0/erofs/superblock/checksum"); !f.Derived || len(res.Warnings) > 0 {
		t.Errorf("%+v, %q", f, res.Warnings)
	}
}

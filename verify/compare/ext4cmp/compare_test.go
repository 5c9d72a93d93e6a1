package ext4cmp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

const pinned = "1700000000"

// run calls an e2fsprogs tool with its clock pinned.
func run(t *testing.T, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), args...)
	cmd.Env = append(os.Environ(), "E2FSPROGS_FAKE_TIME="+pinned, "TZ=UTC", "LC_ALL=C")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// sampleTree makes a folder with a bit of everything, whose times are fixed.
func sampleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(dir, "etc"), 0o755))
	must(os.MkdirAll(filepath.Join(dir, "usr/lib"), 0o755))
	must(os.MkdirAll(filepath.Join(dir, "many"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "etc/text.conf"), []byte(strings.Repeat("a line of text\n", 100)), 0o644))
	must(os.WriteFile(filepath.Join(dir, "etc/small"), []byte("small\n"), 0o600))
	must(os.WriteFile(filepath.Join(dir, "etc/empty"), nil, 0o644))
	must(os.WriteFile(filepath.Join(dir, "usr/lib/binary.so"), bytes.Repeat([]byte{0, 1, 2, 0xff}, 40000), 0o755))
	must(os.Symlink("../usr/lib", filepath.Join(dir, "etc/link")))
	must(os.Symlink(strings.Repeat("long/", 30), filepath.Join(dir, "etc/longlink")))
	must(os.Link(filepath.Join(dir, "etc/small"), filepath.Join(dir, "etc/hard")))
	for i := range 300 {
		must(os.WriteFile(filepath.Join(dir, fmt.Sprintf("many/a-file-with-a-rather-long-name-%03d", i)), []byte{byte(i)}, 0o644))
	}
	must(exec.Command("find", dir, "-exec", "touch", "-h", "-d", "@1600000000", "{}", "+").Run())
	return dir
}

// makeExt4 makes a filesystem of the tree with everything pinned that can be.
func makeExt4(t *testing.T, dir, path string, args ...string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(192 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	base := []string{
		"-q", "-F", "-t", "ext4", "-b", "4096", "-L", "root", "-d", dir,
		"-U", "11111111-1111-4111-8111-111111111111", "-E", "hash_seed=22222222-2222-4222-8222-222222222222,lazy_itable_init=0,nodiscard",
	}
	run(t, "", "mkfs.ext4", append(append(base, args...), path)...)
}

type memDisk struct{ *os.File }

func (d memDisk) Size() int64 {
	fi, err := d.Stat()
	if err != nil {
		panic(err)
	}
	return fi.Size()
}
func (d memDisk) NextData(off int64) (int64, int64, error) { return off, d.Size(), nil }

// compareFiles compares two bare filesystems and checks that the account adds
// up, with nothing unknown in it.
func compareFiles(t *testing.T, a, b string) []report.Finding {
	t.Helper()
	fs, differing := compareLoose(t, a, b)
	var sum int64
	for _, f := range fs {
		sum += f.Bytes
		if f.Structure == report.UnknownStructure {
			t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
		}
	}
	if sum != differing {
		t.Errorf("%d bytes differ, the findings own %d", differing, sum)
	}
	if n := cmpCount(t, a, b); n != differing {
		t.Errorf("cmp counts %d differing bytes, scan %d", n, differing)
	}
	return fs
}

func compareLoose(t *testing.T, a, b string) ([]report.Finding, int64) {
	t.Helper()
	fa, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		t.Fatal(err)
	}
	defer fb.Close()
	da, db := memDisk{fa}, memDisk{fb}
	ctx := context.Background()
	found, err := scan.Compare(ctx, da, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New()
	p := ledger.Pair{
		A: ledger.Side{R: io.NewSectionReader(fa, 0, da.Size()), Size: da.Size()}, B: ledger.Side{R: io.NewSectionReader(fb, 0, db.Size()), Size: db.Size()},
		Aligned: true, Dirty: found.Spans,
	}
	res, err := Compare(ctx, l, p)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range res.Warnings {
		t.Log(w)
	}
	if err := l.Sweep(ctx, ledger.Volume{A: fa, B: fb, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
		t.Fatal(err)
	}
	return l.Findings(), found.Bytes
}

func cmpCount(t *testing.T, a, b string) int64 {
	t.Helper()
	return int64(strings.Count(judge.Run(t, "cmp", "-l", a, b).Stdout, "\n"))
}

func show(fs []report.Finding) string {
	var b strings.Builder
	for _, f := range fs {
		mark := "root"
		if f.Derived {
			mark = "    "
		}
		fmt.Fprintf(&b, "  %s %-60s %-12s %6d bytes, %d×, %q → %q %s %v\n", mark, f.ID, f.Cause, f.Bytes, f.Count, f.A, f.B, f.Note, f.DerivedFrom)
	}
	return b.String()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	run2(t, "cp", "--sparse=always", from, to)
}

func debugfs(t *testing.T, path, commands string) {
	t.Helper()
	run(t, commands, "debugfs", "-w", "-f", "/dev/stdin", path)
}

// patch flips one bit of the byte at off.
func patch(t *testing.T, path string, off int64, with ...byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(with) == 0 {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		with = []byte{b[0] ^ 0x10}
	}
	if _, err := f.WriteAt(with, off); err != nil {
		t.Fatal(err)
	}
}

func TestOneChangeIsOneRoot(t *testing.T) {
	dir := sampleTree(t)
	tmp := t.TempDir()
	base := filepath.Join(tmp, "base.ext4")
	makeExt4(t, dir, base)
	block := func(path string) int64 {
		out := judge.Must(t, "debugfs", "-R", "blocks "+path, base)
		var n int64
		fmt.Sscan(out, &n)
		return n * 4096
	}
	imap := func(path string) int64 {
		out := judge.Must(t, "debugfs", "-R", "imap "+path, base)
		var a, b, c, d, e int64
		i := strings.Index(out, "located at block ")
		fmt.Sscanf(out[i:], "located at block %d, offset 0x%x", &a, &b)
		_, _, _ = c, d, e
		return a*4096 + b
	}
	last := int64(192<<20 - 4096)
	for _, c := range []struct {
		name  string
		plant func(path string)
		id    string
		cause report.Cause
	}{
		{"hash seed", func(p string) { debugfs(t, p, "ssv hash_seed 66666666-6666-4666-8666-66666666666a\n") }, "p0/ext4/superblock/s_hash_seed", report.Random},
		{"label", func(p string) { run(t, "", "tune2fs", "-L", "other", p) }, "p0/ext4/superblock/s_volume_name", report.Content},
		{"uuid", func(p string) { run(t, "", "tune2fs", "-f", "-U", "99999999-1111-4111-8111-111111111111", p) }, "p0/ext4/superblock/s_uuid", report.Random},
		{"mkfs time", func(p string) { debugfs(t, p, "ssv mkfs_time @1700000777\n") }, "p0/ext4/superblock/s_mkfs_time", report.Time},
		{"lastcheck", func(p string) { debugfs(t, p, "ssv lastcheck @1700000777\n") }, "p0/ext4/superblock/s_lastcheck", report.Time},
		{"wtime", func(p string) { patch(t, p, 1024+0x30) }, "p0/ext4/superblock/s_wtime", report.Time},
		{"mount count", func(p string) { debugfs(t, p, "ssv mnt_count 7\n") }, "p0/ext4/superblock/s_mnt_count", report.Environment},
		{"last mounted", func(p string) { debugfs(t, p, "ssv last_mounted /mnt/x\n") }, "p0/ext4/superblock/s_last_mounted", report.Environment},
		{"mtime", func(p string) { debugfs(t, p, "sif /etc/text.conf mtime @1600000777\n") }, "p0/ext4/inode/i_mtime:/etc/text.conf", report.Time},
		{"mtime nanoseconds", func(p string) { debugfs(t, p, "sif /etc/text.conf mtime_extra 400\n") }, "p0/ext4/inode/i_mtime_extra:/etc/text.conf", report.Time},
		{"atime", func(p string) { debugfs(t, p, "sif /etc/text.conf atime @1600000777\n") }, "p0/ext4/inode/i_atime:/etc/text.conf", report.Time},
		{"ctime", func(p string) { debugfs(t, p, "sif /etc/text.conf ctime @1600000777\n") }, "p0/ext4/inode/i_ctime:/etc/text.conf", report.Time},
		{"crtime", func(p string) { debugfs(t, p, "sif /etc/text.conf crtime @1600000777\n") }, "p0/ext4/inode/i_crtime:/etc/text.conf", report.Time},
		{"mtime of a directory", func(p string) { debugfs(t, p, "sif /etc mtime @1600000777\n") }, "p0/ext4/inode/i_mtime:/etc", report.Time},
		{"generation", func(p string) { debugfs(t, p, "sif /etc/text.conf generation 12345\n") }, "p0/ext4/inode/i_generation:/etc/text.conf", report.Random},
		{"owner", func(p string) { debugfs(t, p, "sif /etc/text.conf uid 1000\n") }, "p0/ext4/inode/i_uid:/etc/text.conf", report.Environment},
		{"group", func(p string) { debugfs(t, p, "sif /etc/text.conf gid 1000\n") }, "p0/ext4/inode/i_gid:/etc/text.conf", report.Environment},
		{"mode", func(p string) { debugfs(t, p, "sif /etc/text.conf mode 0100755\n") }, "p0/ext4/inode/i_mode:/etc/text.conf", report.Content},
		{"flags", func(p string) { debugfs(t, p, "sif /etc/text.conf flags 0x80010\n") }, "p0/ext4/inode/i_flags:/etc/text.conf", report.Content},
		{"xattr", func(p string) { debugfs(t, p, "ea_set /etc/text.conf user.note hello\n") }, "p0/ext4/inode/xattr:user.note:/etc/text.conf", report.Content},
		{"a flipped byte in a file", func(p string) { patch(t, p, block("/usr/lib/binary.so")+100) }, "p0/ext4/data/content:/usr/lib/binary.so", report.Content},
		{"a flipped byte in a text", func(p string) { patch(t, p, block("/etc/text.conf")+100) }, "p0/ext4/data/content:/etc/text.conf", report.Content},
		{"slack", func(p string) { patch(t, p, block("/etc/text.conf")+4000) }, "p0/ext4/slack/content:/etc/text.conf", report.Residue},
		{"free space", func(p string) { patch(t, p, last) }, "p0/ext4/free-space/content", report.Residue},
		{"long link", func(p string) { patch(t, p, block("/etc/longlink")+3) }, "p0/ext4/symlink/target:/etc/longlink", report.Content},
		{"short link", func(p string) { patch(t, p, imap("/etc/link")+40+3) }, "p0/ext4/inode/target:/etc/link", report.Content},
		{"inode checksum", func(p string) { patch(t, p, imap("/etc/link")+0x7c) }, "p0/ext4/inode/i_checksum_lo:/etc/link", report.Unknown},
		{"boot block", func(p string) { patch(t, p, 100) }, "p0/ext4/boot-block/content", report.Content},
		{"journal uuid", func(p string) { patch(t, p, block("<8>")+0x30) }, "p0/ext4/journal/s_uuid", report.Random},
		{"journal log", func(p string) { patch(t, p, block("<8>")+5000) }, "p0/ext4/journal/log", report.Residue},
		{"a descriptor's checksum", func(p string) { patch(t, p, 4096+0x1e) }, "p0/ext4/group-descriptor/bg_checksum#group-0", report.Unknown},
		{"a backup superblock's time", func(p string) { patch(t, p, 32768*4096+0x30) }, "p0/ext4/backup-superblock/s_wtime", report.Time},
		{"superblock checksum", func(p string) { patch(t, p, 1024+0x3fc) }, "p0/ext4/superblock/s_checksum", report.Unknown},
		{"a file more", func(p string) { debugfs(t, p, "write /dev/null /etc/added\n") }, "p0/ext4/directory/entry:/etc/added", report.Content},
		{"a file less", func(p string) { debugfs(t, p, "rm /etc/empty\n") }, "p0/ext4/directory/entry:/etc/empty", report.Content},
		{"a bigger file less", func(p string) { debugfs(t, p, "rm /usr/lib/binary.so\n") }, "p0/ext4/directory/entry:/usr/lib/binary.so", report.Content},
		{"a directory more", func(p string) { debugfs(t, p, "mkdir /usr/added\n") }, "p0/ext4/directory/entry:/usr/added", report.Content},
		{"a block marked as used", func(p string) { debugfs(t, p, "setb 30000\n") }, "p0/ext4/block-bitmap/bits#group-0", report.Unknown},
		{"slack of a directory", func(p string) { patch(t, p, block("/etc")+3000) }, "p0/ext4/directory/slack:/etc", report.Residue},
		{"a renamed file", func(p string) { patch(t, p, direntry(base, t, "/etc", "empty")+8, 'f') }, "p0/ext4/directory/name:/etc/empty", report.Content},
		{"a name more", func(p string) { debugfs(t, p, "ln /etc/empty /etc/empty2\n") }, "p0/ext4/directory/entry:/etc/empty2", report.Content},
		{"a cleared inode", func(p string) { debugfs(t, p, "clri /etc/empty\n") }, "p0/ext4/inode/i_mode:/etc/empty", report.Content},
		{"a directory's checksum", func(p string) { patch(t, p, block("/etc")+4095) }, "p0/ext4/directory/det_checksum:/etc", report.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			other := filepath.Join(tmp, strings.ReplaceAll(c.name, " ", "-")+".ext4")
			copyFile(t, base, other)
			defer os.Remove(other)
			c.plant(other)
			for _, dir := range []struct{ a, b string }{{base, other}, {other, base}} {
				fs := compareFiles(t, dir.a, dir.b)
				var roots []report.Finding
				for _, f := range fs {
					if !f.Derived {
						roots = append(roots, f)
					}
				}
				want := c.id
				if c.name == "a renamed file" && dir.a == other {
					want = "p0/ext4/directory/name:/etc/fmpty" // the name that A has
				}
				if len(roots) != 1 || roots[0].ID != want || roots[0].Cause != c.cause {
					t.Errorf("want one root %s, %s; have\n%s", c.id, c.cause, show(fs))
				}
			}
		})
	}
}

// direntry is where a directory's entry of that name is stored.
func direntry(path string, t *testing.T, dir, name string) int64 {
	t.Helper()
	out := judge.Must(t, "debugfs", "-R", "blocks "+dir, path)
	var n int64
	fmt.Sscan(out, &n)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	if _, err := f.ReadAt(block, n*4096); err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(block, append([]byte{byte(len(name)), 1}, name...))
	if i < 6 {
		t.Fatalf("no entry %s in %s", name, dir)
	}
	return n*4096 + int64(i) - 6
}

// mounted runs a shell command in a filesystem that the kernel has mounted.
func mounted(t *testing.T, path, command string) {
	t.Helper()
	judge.Root(t)
	dir := t.TempDir()
	run2(t, judge.Tool(t, "mount"), "-o", "loop", path, dir)
	out, err := exec.Command("sh", "-c", "cd "+dir+" && "+command).CombinedOutput()
	judge.Unmount(t, dir)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

func rootIDs(fs []report.Finding) []string {
	var out []string
	for _, f := range fs {
		if !f.Derived {
			out = append(out, f.ID)
		}
	}
	return out
}

func TestTwoBuildsWithDefaults(t *testing.T) {
	dir := sampleTree(t)
	tmp := t.TempDir()
	for i, name := range []string{"a", "b"} {
		path := filepath.Join(tmp, name)
		makeExt4(t, dir, path, "-U", "random")
		if i == 0 {
			// The source is a copy at another time: every ctime moves.
			run2(t, "sh", "-c", "sleep 1.1; cp -a "+dir+" "+dir+"2 && rm -r "+dir+" && mv "+dir+"2 "+dir)
		}
	}
	fs := compareFiles(t, filepath.Join(tmp, "a"), filepath.Join(tmp, "b"))
	for _, f := range fs {
		if f.Derived {
			continue
		}
		switch f.Field {
		case "s_uuid", "i_ctime", "i_atime", "i_ctime_extra", "i_atime_extra":
		default:
			t.Errorf("%s is no root of two builds with defaults:\n%s", f.ID, show(fs))
		}
	}
	// Four, or some more where the machine was busy while the copy was made: not one
	// for each of the 300 files.
	if n := len(rootIDs(fs)); n > 20 {
		t.Errorf("%d roots:\n%s", n, show(fs))
	}
}

func TestHashSeedExplainsTheOrderOfHashedDirectories(t *testing.T) {
	dir := sampleTree(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeExt4(t, dir, a)
	copyFile(t, a, b)
	debugfs(t, b, "ssv hash_seed 66666666-6666-4666-8666-66666666666a\n")
	for _, p := range []string{a, b} {
		if r := judge.Run(t, "e2fsck", "-fyD", p); r.Status > 1 {
			t.Fatalf("e2fsck -D: %d\n%s%s", r.Status, r.Stdout, r.Stderr)
		}
		debugfs(t, p, "ssv wtime @1700000000\nssv lastcheck @1700000000\n")
	}
	fs := compareFiles(t, a, b)
	if ids := rootIDs(fs); len(ids) != 1 || ids[0] != "p0/ext4/superblock/s_hash_seed" {
		t.Errorf("roots are %v:\n%s", ids, show(fs))
	}
}

func TestWhatTheKernelWritesAddsUp(t *testing.T) {
	dir := sampleTree(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeExt4(t, dir, a)
	mounted(t, a, "true")
	copyFile(t, a, b)
	mounted(t, b, "echo more >> etc/text.conf; mv etc/hard etc/harder; cp -r usr usr2; rm usr/lib/binary.so; mkdir d; for i in $(seq 900); do echo $i > d/file-with-a-long-name-$i; done; rm d/*7*; ln -s x y; chmod 600 many/a-file-with-a-rather-long-name-007")
	fs := compareFiles(t, a, b)
	want := map[string]bool{
		"p0/ext4/data/content:/etc/text.conf": true, "p0/ext4/directory/name:/etc/hard": true, "p0/ext4/directory/entry:/usr2": true,
		"p0/ext4/directory/entry:/usr/lib/binary.so": true, "p0/ext4/directory/entry:/d": true, "p0/ext4/directory/entry:/y": true,
		"p0/ext4/inode/i_mode:/many/a-file-with-a-rather-long-name-007": true,
		"p0/ext4/superblock/s_mnt_count":                                true, "p0/ext4/superblock/s_mtime": true, "p0/ext4/superblock/s_wtime": true,
		"p0/ext4/inode-table/unused inode": true, "p0/ext4/free-space/content": true, "p0/ext4/superblock/s_last_mounted": true, "p0/ext4/journal/s_sequence": true, "p0/ext4/journal/h_commit_sec": true,
	}
	for _, id := range rootIDs(fs) {
		if !want[id] && !strings.Contains(id, "atime") {
			t.Errorf("%s is no root:\n%s", id, show(fs))
		}
	}
	for _, id := range []string{"p0/ext4/data/content:/etc/text.conf", "p0/ext4/directory/name:/etc/hard", "p0/ext4/directory/entry:/d"} {
		if !strings.Contains(strings.Join(rootIDs(fs), " "), id) {
			t.Errorf("%s is not found:\n%s", id, show(fs))
		}
	}
}

func TestBytesThatNoInodeFieldHoldsAreResidue(t *testing.T) {
	tmp := t.TempDir()
	a, b := filepath.Join(tmp, "a"), filepath.Join(tmp, "b")
	makeExt4(t, sampleTree(t), a)
	copyFile(t, a, b)
	f, err := os.OpenFile(b, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fs, err := ext4.Open(f, 192<<20)
	if err != nil {
		t.Fatal(err)
	}
	// mke2fs leaves i_extra_isize of the reserved inodes at 0.
	for at, want := range map[int64]string{128: "p0/ext4/inode/i_extra_isize:<3>", 140: "p0/ext4/inode/unused", 144: "p0/ext4/inode/unused"} {
		d, err := fs.Inode(3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{1}, d.Offset+at); err != nil {
			t.Fatal(err)
		}
		found := compareFiles(t, a, b)
		if ids := rootIDs(found); len(ids) != 1 || ids[0] != want {
			t.Errorf("byte %d of the inode: roots are %v, want %s:\n%s", at, ids, want, show(found))
		}
		if _, err := f.WriteAt([]byte{0}, d.Offset+at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEqualFilesystemsHaveNoFindings(t *testing.T) {
	dir := sampleTree(t)
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	makeExt4(t, dir, a)
	copyFile(t, a, b)
	if fs := compareFiles(t, a, b); len(fs) != 0 {
		t.Errorf("findings:\n%s", show(fs))
	}
}

func run2(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

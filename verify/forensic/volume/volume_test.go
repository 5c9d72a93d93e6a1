package volume

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/probe"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// source makes a folder with some of everything that a filesystem may hold.
func source(t testing.TB, plain bool) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("empty", "", 0o644)
	write("etc/passwd", "root:x:0:0\n", 0o644)
	write("etc/shadow", "secret\n", 0o600)
	write("a/b/c/deep.txt", strings.Repeat("deep ", 3000), 0o755)
	write("big.bin", strings.Repeat("0123456789abcdef", 40_000), 0o444)
	if !plain {
		write("a name with spaces and ünïcode", "x", 0o644)
		write("setuid", "#!/bin/sh\n", 0o755|os.ModeSetuid)
		if err := os.Symlink("../etc/passwd", filepath.Join(dir, "a/link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(filepath.Join(dir, "etc/passwd"), filepath.Join(dir, "etc/passwd-")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// image makes a file of that size.
func image(t testing.TB, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

const mib = 1 << 20

func extImage(t testing.TB, kind string, more ...string) string {
	path := image(t, 16*mib)
	judge.Must(t, "mkfs.ext4", append(append([]string{"-q", "-F", "-t", kind, "-d", source(t, false)}, more...), path)...)
	return path
}

func fatImage(t testing.TB, bits string, size int64) string {
	path := image(t, size)
	judge.Must(t, "mkfs.vfat", "-F", bits, path)
	dir := source(t, true)
	for _, name := range []string{"empty", "etc", "a", "big.bin"} {
		judge.Must(t, "mcopy", "-s", "-m", "-i", path, filepath.Join(dir, name), "::")
	}
	judge.Must(t, "mcopy", "-i", path, filepath.Join(dir, "empty"), "::a long name.txt")
	judge.Must(t, "mattrib", "+r", "-i", path, "::empty")
	return path
}

func isoImage(t testing.TB, more ...string) string {
	path := filepath.Join(t.TempDir(), "image")
	judge.Must(t, "genisoimage", append(append([]string{"-quiet", "-o", path}, more...), source(t, false))...)
	return path
}

func squashImage(t testing.TB, dir string, more ...string) string {
	path := filepath.Join(t.TempDir(), "image")
	judge.Must(t, "mksquashfs", append([]string{dir, path, "-quiet", "-no-progress"}, more...)...)
	return path
}

func erofsImage(t testing.TB, dir string, more ...string) string {
	path := filepath.Join(t.TempDir(), "image")
	judge.Must(t, "mkfs.erofs", append(more, "--quiet", path, dir)...)
	return path
}

func btrfsImage(t testing.TB, dir string) string {
	path := image(t, 128*mib)
	judge.Must(t, "mkfs.btrfs", "-q", "--rootdir", dir, path)
	return path
}

// mountedImage is an image that the kernel has copied a folder into.
func mountedImage(t testing.TB, path, dir string, options ...string) string {
	folder := t.TempDir()
	judge.Must(t, "mount", "-o", strings.Join(append([]string{"loop"}, options...), ","), path, folder)
	out, err := exec.Command("cp", "-a", dir+"/.", folder).CombinedOutput()
	judge.Unmount(t, folder)
	if err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return path
}

func xfsImage(t testing.TB, dir string) string {
	path := image(t, 300*mib)
	judge.Must(t, "mkfs.xfs", "-q", path)
	return mountedImage(t, path, dir, "nouuid")
}

func packedBtrfsImage(t testing.TB, dir string) string {
	path := image(t, 128*mib)
	judge.Must(t, "mkfs.btrfs", "-q", path)
	return mountedImage(t, path, dir, "compress-force=zstd")
}

func open(t testing.TB, path string) *Volume {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fi, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	info, err := probe.Identify(f, fi.Size())
	if err != nil {
		t.Fatal(err)
	}
	v, err := Open(f, fi.Size(), info)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func objects(t testing.TB, v *Volume) []*Object {
	t.Helper()
	var out []*Object
	for o, err := range v.Objects(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	if p := v.Problems(); len(p) > 0 {
		t.Errorf("problems: %q", p)
	}
	return out
}

func content(t testing.TB, v *Volume, o *Object) []byte {
	t.Helper()
	c, err := v.Content(o)
	if err != nil {
		t.Fatal(o.Path, err)
	}
	b := make([]byte, c.Size())
	if n, err := c.ReadAt(b, 0); n < len(b) {
		t.Fatal(o.Path, n, err)
	}
	return b
}

// entry is what fiwalk says of an object, and what we say.
type entry struct {
	Name   string `xml:"filename"`
	Kind   string `xml:"name_type"`
	Size   int64  `xml:"filesize"`
	Inode  uint64 `xml:"inode"`
	Mode   uint32 `xml:"mode"`
	Links  uint32 `xml:"nlink"`
	UID    uint32 `xml:"uid"`
	GID    uint32 `xml:"gid"`
	Mtime  string `xml:"mtime"`
	Ctime  string `xml:"ctime"`
	Atime  string `xml:"atime"`
	Crtime string `xml:"crtime"`
	Alloc  int    `xml:"alloc"`
	Parent struct {
		Inode uint64 `xml:"inode"`
	} `xml:"parent_object"`
	Runs []struct {
		File int64 `xml:"file_offset,attr"`
		FS   int64 `xml:"fs_offset,attr"`
		Len  int64 `xml:"len,attr"`
	} `xml:"byte_runs>byte_run"`
	Hashes []struct {
		Type string `xml:"type,attr"`
		Sum  string `xml:",chardata"`
	} `xml:"hashdigest"`
}

// walked is what The Sleuth Kit finds in an image, by path.
func walked(t testing.TB, path string) (kind int, block int64, out map[string]entry) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "fiwalk.xml")
	judge.Must(t, "fiwalk", "-X", report, path)
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Volume struct {
			Kind  int     `xml:"ftype"`
			Block int64   `xml:"block_size"`
			Files []entry `xml:"fileobject"`
		} `xml:"volume"`
	}
	if err := xml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	out = map[string]entry{}
	for _, e := range doc.Volume.Files {
		base := filepath.Base(e.Name)
		if e.Alloc == 0 || e.Name != "." && (base == "." || base == "..") || strings.HasPrefix(e.Name, "$") {
			continue
		}
		if e.Name == "." {
			e.Name = ""
		}
		out["/"+e.Name] = e
	}
	return doc.Volume.Kind, doc.Volume.Block, out
}

// seconds is a time as fiwalk prints it.
func seconds(t Time) string {
	if !t.Set || t.Sec == 0 {
		return ""
	}
	s := time.Unix(t.Sec, 0).UTC().Format(time.RFC3339)
	if t.Local {
		return strings.TrimSuffix(s, "Z")
	}
	return s
}

func letter(mode uint32) string {
	return map[uint32]string{tree.Regular: "r", tree.Directory: "d", tree.Symlink: "l"}[mode&tree.TypeMask]
}

func TestWhatTheSleuthKitFinds(t *testing.T) {
	for _, c := range []struct {
		name string
		path string
	}{
		{"ext2", extImage(t, "ext2")},
		{"ext3", extImage(t, "ext3", "-b", "1024")},
		{"ext4", extImage(t, "ext4")},
		{"fat12", fatImage(t, "12", 4*mib)},
		{"fat16", fatImage(t, "16", 16*mib)},
		{"fat32", fatImage(t, "32", 40*mib)},
		{"iso9660", isoImage(t, "-iso-level", "1")}, // of Rock Ridge it does not read the names
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, block, want := walked(t, c.path)
			v := open(t, c.path)
			if v.Type != c.name || v.Kind != kind || v.BlockSize != block {
				t.Errorf("%s of number %d in blocks of %d, The Sleuth Kit says %d, %d", v.Type, v.Kind, v.BlockSize, kind, block)
			}
			iso := strings.HasPrefix(c.name, "iso")
			for _, o := range objects(t, v) {
				e, ok := want[o.Path]
				delete(want, o.Path)
				if !ok {
					if o.Path != "/" { // The Sleuth Kit lists no root of FAT and ISO 9660
						t.Errorf("%s is not found by The Sleuth Kit", o.Path)
					}
					continue
				}
				got := fmt.Sprintf("%s %s %d %o", o.Path, letter(o.Mode), o.Size, o.Mode&tree.PermMask)
				if strings.HasPrefix(c.name, "fat") && o.Mode&0o222 == 0 {
					e.Mode = fatReadOnly // see there
				}
				if c.name == "ext2" || c.name == "ext3" {
					e.Crtime = seconds(o.Crtime) // which it reads of ext4 only
				}
				said := fmt.Sprintf("%s %s %d %o", o.Path, e.Kind, e.Size, e.Mode)
				if iso {
					// It counts the objects of an ISO 9660 filesystem, and
					// makes up what that does not store.
					got = strings.TrimSuffix(got, fmt.Sprintf(" %o", o.Mode&tree.PermMask))
					said = strings.TrimSuffix(said, fmt.Sprintf(" %o", e.Mode))
				} else {
					got += fmt.Sprintf(" inode %d in %d", o.Inode, o.Parent)
					said += fmt.Sprintf(" inode %d in %d", e.Inode, e.Parent.Inode)
				}
				if o.Has&HasOwner != 0 {
					got += fmt.Sprintf(" %d %d %d", o.Links, o.UID, o.GID)
					said += fmt.Sprintf(" %d %d %d", e.Links, e.UID, e.GID)
				}
				got += " " + seconds(o.Mtime)
				if iso {
					e.Mtime = e.Crtime // where it shows the time of recording, and Linux does not
				}
				said += " " + e.Mtime
				if !iso {
					got += " " + strings.Join([]string{seconds(o.Ctime), seconds(o.Atime), seconds(o.Crtime)}, " ")
					said += " " + strings.Join([]string{e.Ctime, e.Atime, e.Crtime}, " ")
				}
				if got != said {
					t.Errorf("we       %s\nthey say %s", got, said)
				}
				runs, ok, err := v.Runs(o, 1000)
				if !ok || err != nil {
					t.Error(o.Path, ok, err)
				}
				var ours, theirs []string
				for _, r := range runs {
					ours = append(ours, fmt.Sprint(r.Logical, r.Physical, r.Length))
				}
				for _, r := range e.Runs {
					theirs = append(theirs, fmt.Sprint(r.File, r.FS, r.Len))
				}
				if o.Type() != tree.Symlink && !slices.Equal(ours, theirs) {
					t.Errorf("%s lies at %v, The Sleuth Kit says %v", o.Path, ours, theirs)
				}
				if o.Type() != tree.Regular {
					continue
				}
				sum := md5.Sum(content(t, v, o))
				for _, h := range e.Hashes {
					if h.Type == "md5" && h.Sum != hex.EncodeToString(sum[:]) {
						t.Errorf("%s: content has MD5 %x, The Sleuth Kit says %s", o.Path, sum, h.Sum)
					}
				}
			}
			for path := range want {
				t.Errorf("%s is found by The Sleuth Kit only", path)
			}
		})
	}
}

// What a filesystem was made of is in it, and where its runs say.
func TestWhatItWasMadeOf(t *testing.T) {
	dir := source(t, false)
	if err := os.Chtimes(dir, time.Time{}, time.Unix(1_500_000_000, 0)); err != nil { // not what a tool that takes the clock's finds
		t.Fatal(err)
	}
	iso := filepath.Join(t.TempDir(), "iso")
	judge.Must(t, "genisoimage", "-quiet", "-R", "-o", iso, dir)
	images := map[string]string{
		"squashfs": squashImage(t, dir), "no fragments": squashImage(t, dir, "-no-fragments", "-comp", "xz"),
		"not packed": squashImage(t, dir, "-noD", "-noF", "-b", "4096"), "rock ridge": iso,
		"erofs": erofsImage(t, dir), "erofs in chunks": erofsImage(t, dir, "--chunksize=65536"), "packed erofs": erofsImage(t, dir, "-zlz4hc", "-C65536"),
		"btrfs": btrfsImage(t, dir),
	}
	if os.Getuid() == 0 {
		images["xfs"], images["packed btrfs"] = xfsImage(t, dir), packedBtrfsImage(t, dir)
	}
	for more, path := range images {
		disk, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		v := open(t, path)
		n := 0
		for _, o := range objects(t, v) {
			n++
			fi, err := os.Lstat(filepath.Join(dir, o.Path))
			if err != nil {
				t.Error(err)
				continue
			}
			if o.Path == "/" && (more == "rock ridge" || more == "btrfs") {
				continue // the tool's own time
			}
			if o.Mode&0o777 != uint32(fi.Mode().Perm()) || o.Mtime.Sec != fi.ModTime().Unix() {
				t.Errorf("%s: mode %o, time %d; the file's: %v, %d", o.Path, o.Mode, o.Mtime.Sec, fi.Mode(), fi.ModTime().Unix())
			}
			if o.Type() != tree.Regular {
				continue
			}
			want, err := os.ReadFile(filepath.Join(dir, o.Path))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(content(t, v, o))); d != "" {
				t.Errorf("%s %v: content differs", o.Path, more)
			}
			runs, _, err := v.Runs(o, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var held int64
			for _, r := range runs {
				if r.Unpacked > 0 {
					held += r.Unpacked
					continue
				}
				held += r.Length
				if r.Physical < 0 {
					continue // in no block of its own
				}
				raw := make([]byte, r.Length)
				if _, err := disk.ReadAt(raw, r.Physical); err != nil || string(raw) != string(want[r.Logical:][:r.Length]) {
					t.Errorf("%s %v: is not what lies at %d", o.Path, more, r.Physical)
				}
			}
			if held != o.Size {
				t.Errorf("%s %v: runs of %d bytes of %d", o.Path, more, held, o.Size)
			}
		}
		if n != 14 {
			t.Errorf("%d objects", n)
		}
	}
}

func TestWalksAreInOrder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "a/z", "a/b", "a.b", "a-b", "a b", "b", "A", "ab"} {
		if strings.Contains(name, "/") || name == "a" {
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if name == "a" {
			err := os.MkdirAll(filepath.Join(dir, name), 0o755)
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ext := image(t, 8*mib)
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-d", dir, ext)
	iso := filepath.Join(t.TempDir(), "iso")
	judge.Must(t, "genisoimage", "-quiet", "-R", "-o", iso, dir)
	fat := image(t, 4*mib)
	judge.Must(t, "mkfs.vfat", fat)
	for _, name := range []string{"b", "a", "a.b", "a-b", "a b", "ab"} {
		judge.Must(t, "mcopy", "-s", "-i", fat, filepath.Join(dir, name), "::")
	}
	for _, path := range []string{ext, iso, fat, squashImage(t, dir), erofsImage(t, dir), btrfsImage(t, dir)} {
		v := open(t, path)
		last := ""
		for i, o := range objects(t, v) {
			if i > 0 && Order(last, o.Path) >= 0 {
				t.Errorf("%s: %q comes before %q", v.Type, last, o.Path)
			}
			last = o.Path
		}
	}
}

func TestOrder(t *testing.T) {
	in := []string{"/", "/A", "/a", "/a/b", "/a/z", "/a b", "/a.b", "/ab", "/b"}
	for i, x := range in {
		for j, y := range in {
			got := Order(x, y)
			if got < 0 != (i < j) || got == 0 != (i == j) {
				t.Errorf("Order(%q, %q) = %d", x, y, got)
			}
		}
	}
}

func TestWhatIsNotRead(t *testing.T) {
	path := image(t, 8*mib)
	judge.Must(t, "mkswap", path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := probe.Identify(f, 8*mib)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(f, 8*mib, info); err == nil || err.Error() != "swap: its tree is not read" {
		t.Error(err)
	}
	if _, err := Open(f, 8*mib, probe.Info{}); err == nil || err.Error() != "no filesystem is recognised, its tree is not read" {
		t.Error(err)
	}
}

package inside

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
)

// in runs a judge's tool in a folder, with standard input, and returns its
// standard output.
func in(t *testing.T, dir, stdin, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(judge.Tool(t, name), args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return out
}

func touch(t *testing.T, path string, sec int64) {
	t.Helper()
	if err := os.Chtimes(path, time.Unix(sec, 0), time.Unix(sec, 0)); err != nil {
		t.Fatal(err)
	}
}

// tree makes a small tree whose times are all the same.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		write(t, filepath.Join(dir, files[i]), files[i+1])
	}
	err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if err == nil {
			touch(t, path, 1_700_000_000)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGzipStoresTimeAndName(t *testing.T) {
	dir := tree(t, "a.txt", "hello\n")
	path := filepath.Join(dir, "a.txt")
	a := in(t, dir, "", "gzip", "-c", path)
	touch(t, path, 1_700_000_005)
	b := in(t, dir, "", "gzip", "-c", path)
	x := explain(t, "/usr/share/doc/a.txt.gz", a, b)
	wantRoots(t, x, "gzip", report.Time, "MTIME")
	if f := x.Fields[0]; f.A != "2023-11-14T22:13:20Z" || f.B != "2023-11-14T22:13:25Z" {
		t.Errorf("times %q and %q", f.A, f.B)
	}
	if x.Remedy != remedyGzip {
		t.Errorf("remedy %q", x.Remedy)
	}
}

func TestOtherCompressorLevelIsEnvironment(t *testing.T) {
	text := strings.Repeat("the same text, again and again; ", 5000) + strings.Repeat("abcabdabeabf", 300)
	for tool, levels := range map[string][2][]string{
		"gzip": {{"-n1"}, {"-n9"}},
		"xz":   {{"-0"}, {"-6"}},
		"zstd": {{"-1"}, {"-19"}},
	} {
		t.Run(tool, func(t *testing.T) {
			a := in(t, ".", text, tool, append(levels[0], "-c")...)
			b := in(t, ".", text, tool, append(levels[1], "-c")...)
			x := explain(t, "/f", a, b)
			if x.Kind != tool || x.Cause != report.Environment || !strings.Contains(x.Note, "uncompressed data is equal") {
				t.Errorf("%+v", x)
			}
		})
	}
}

func TestTextInsideOfEveryCompressor(t *testing.T) {
	for _, tool := range []string{"gzip", "xz", "zstd"} {
		t.Run(tool, func(t *testing.T) {
			a := in(t, ".", "built\non 2024-05-01T10:00:00Z\n", tool, "-c")
			b := in(t, ".", "built\non 2024-05-01T10:00:27Z\n", tool, "-c")
			x := explain(t, "/f", a, b)
			wantRoots(t, x, "text in "+tool, report.Time, "line 2")
			b = in(t, ".", "built\non Sunday\n", tool, "-c")
			x = explain(t, "/f", a, b)
			wantRoots(t, x, tool, report.Content, "content")
		})
	}
}

func TestXzWithSeveralBlocksAndStreamPadding(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 20_000)
	a := in(t, ".", text, "xz", "-c", "--block-size=65536")
	b := append(in(t, ".", text[1:]+"X", "xz", "-c", "--block-size=65536"), 0, 0, 0, 0)
	x := explain(t, "/f", a, b)
	if x.Kind != "xz" || x.Cause != report.Content {
		t.Errorf("%+v", x)
	}
	if !strings.Contains(x.Fields[len(x.Fields)-1].A, "320000 bytes") {
		t.Errorf("the blocks were not all read: %+v", x.Fields)
	}
}

func TestTarFields(t *testing.T) {
	for _, format := range []string{"ustar", "gnu", "pax", "v7"} {
		t.Run(format, func(t *testing.T) {
			long := "dir/" + strings.Repeat("n", 90)
			if format == "gnu" || format == "pax" {
				long = "dir/" + strings.Repeat("n", 150)
			}
			dir := tree(t, "dir/a", "one\n", "dir/b", "two\n", long, "three\n")
			pack := func(args ...string) []byte {
				return in(t, dir, "", "tar", append([]string{"-cf", "-", "--format=" + format, "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--pax-option=delete=atime,delete=ctime,exthdr.name=%d/x/%f"}, args...)...)
			}
			if format != "pax" {
				pack = func(args ...string) []byte {
					return in(t, dir, "", "tar", append([]string{"-cf", "-", "--format=" + format, "--sort=name", "--owner=0", "--group=0", "--numeric-owner"}, args...)...)
				}
			}
			a := pack("dir")
			touch(t, filepath.Join(dir, long), 1_700_000_009)
			b := pack("dir")
			if format == "v7" { // has no magic
				if _, ok := Explain(t.Context(), "/x.tar", source(a), source(b)); ok {
					t.Error("v7 has nothing to be told by")
				}
				return
			}
			x := explain(t, "/x.tar", a, b)
			want := []string{clip(long) + " mtime"}
			if format == "pax" { // the extended header has a time of its own
				want = append([]string{clip(long) + " extended header x mtime"}, want...)
			}
			wantRoots(t, x, "tar", report.Time, want...)
			touch(t, filepath.Join(dir, long), 1_700_000_000)

			x = explain(t, "/x.tar", pack("dir/a", "dir/b"), pack("dir/b", "dir/a"))
			wantRoots(t, x, "tar", report.Order, "order")
			if !strings.Contains(x.Diff, "-dir/a\t4\n") {
				t.Errorf("diff %q", x.Diff)
			}
			x = explain(t, "/x.tar", a, pack("dir", "--owner=7"))
			for _, f := range x.Fields {
				if !f.Derived && f.Name != "uid" {
					t.Errorf("%+v", f)
				}
			}
			if x.Cause != report.Environment || x.Fields[0].B != "7" {
				t.Errorf("%+v", x)
			}
			write(t, filepath.Join(dir, "dir/b"), "tvo\n")
			touch(t, filepath.Join(dir, "dir/b"), 1_700_000_000)
			x = explain(t, "/x.tar", a, pack("dir"))
			wantRoots(t, x, "tar", report.Content, "dir/b content")
			if !strings.Contains(x.Diff, "-two\n+tvo\n") {
				t.Errorf("diff %q", x.Diff)
			}
		})
	}
}

func TestInitrdWithMicrocode(t *testing.T) {
	microcode := tree(t, "kernel/x86/microcode/GenuineIntel.bin", "microcode")
	root := tree(t, "etc/hostname", "host\n", "etc/machine-id", "0123456789abcdef0123456789abcdef\n", "init", "#!/bin/sh\n")
	pack := func(dir, names string, args ...string) []byte {
		return in(t, dir, names, "cpio", append([]string{"-o", "-H", "newc", "--quiet", "--reproducible"}, args...)...)
	}
	list := "etc\netc/hostname\netc/machine-id\ninit\n"
	early := pack(microcode, "kernel/x86/microcode/GenuineIntel.bin\n")
	join := func(body []byte, tool ...string) []byte {
		packed := in(t, ".", string(body), tool[0], append(tool[1:], "-c")...)
		return append(append(append([]byte{}, early...), make([]byte, 512)...), packed...)
	}
	for _, tool := range [][]string{{"gzip", "-n"}, {"xz", "--check=crc32"}, {"zstd", "-q"}} {
		t.Run(tool[0], func(t *testing.T) {
			a := join(pack(root, list), tool...)
			b := join(pack(root, "etc\netc/machine-id\netc/hostname\ninit\n"), tool...)
			x := explain(t, "/boot/initrd.img", a, b)
			wantRoots(t, x, "initrd", report.Order, "archive 2 order")

			touch(t, filepath.Join(root, "init"), 1_700_000_003)
			b = join(pack(root, list), tool...)
			touch(t, filepath.Join(root, "init"), 1_700_000_000)
			x = explain(t, "/boot/initrd.img", a, b)
			wantRoots(t, x, "initrd", report.Time, "archive 2 > init c_mtime")

			write(t, filepath.Join(root, "etc/machine-id"), "ffff456789abcdef0123456789abcdef\n")
			touch(t, filepath.Join(root, "etc/machine-id"), 1_700_000_000)
			b = join(pack(root, list), tool...)
			write(t, filepath.Join(root, "etc/machine-id"), "0123456789abcdef0123456789abcdef\n")
			touch(t, filepath.Join(root, "etc/machine-id"), 1_700_000_000)
			x = explain(t, "/boot/initrd.img", a, b)
			wantRoots(t, x, "initrd", report.Random, "archive 2 > etc/machine-id content")

			b = join(pack(root, "etc\ninit\n"), tool...)
			x = explain(t, "/boot/initrd.img", a, b)
			wantRoots(t, x, "initrd", report.Content, "archive 2 > etc/hostname entry", "archive 2 > etc/machine-id entry")
		})
	}
}

func TestCpioWithoutReproducible(t *testing.T) {
	a, b := tree(t, "f", "x"), tree(t, "f", "x")
	pack := func(dir string) []byte { return in(t, dir, "f\n", "cpio", "-o", "-H", "crc", "--quiet") }
	x := explain(t, "/i", pack(a), pack(b))
	wantRoots(t, x, "cpio", report.Environment, "f c_ino")
}

func TestArMembers(t *testing.T) {
	dir := tree(t, "one.o", "1", "a-name-that-is-longer-than-sixteen.o", "2")
	pack := func(flags, name string) []byte {
		in(t, dir, "", "ar", flags, name, "one.o", "a-name-that-is-longer-than-sixteen.o")
		return file(t, filepath.Join(dir, name))
	}
	a := pack("qcU", "a.a")
	touch(t, filepath.Join(dir, "a-name-that-is-longer-than-sixteen.o"), 1_700_000_001)
	x := explain(t, "/lib.a", a, pack("qcU", "b.a"))
	wantRoots(t, x, "ar", report.Time, "a-name-that-is-longer-than-sixteen.o ar_date")
}

func TestZipTimesOrderAndContent(t *testing.T) {
	dir := tree(t, "a", "aaaa\n", "b", "bbbb\n")
	pack := func(name string, args ...string) []byte {
		in(t, dir, "", "zip", append([]string{"-q", name}, args...)...)
		return file(t, filepath.Join(dir, name))
	}
	a := pack("1.zip", "-X", "a", "b")
	x := explain(t, "/x.jar", a, pack("2.zip", "-X", "b", "a"))
	wantRoots(t, x, "zip", report.Order, "order")
	touch(t, filepath.Join(dir, "b"), 1_700_000_004)
	x = explain(t, "/x.jar", a, pack("3.zip", "-X", "a", "b"))
	wantRoots(t, x, "zip", report.Time, "b last mod file time")
	write(t, filepath.Join(dir, "b"), "bbbc\n")
	touch(t, filepath.Join(dir, "b"), 1_700_000_000)
	x = explain(t, "/x.jar", a, pack("4.zip", "-X", "a", "b"))
	wantRoots(t, x, "zip", report.Content, "b content")
	x = explain(t, "/x.jar", a, pack("5.zip", "-X", "-0", "a", "b"))
	if x.Cause != report.Content { // b's content differs still
		t.Errorf("%+v", x)
	}
}

func TestFilesystemInAFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		in(t, dir, "", "mkfs.ext4", "-q", "-L", name, name, "2M")
	}
	x := explain(t, "/var/lib/disk.img", file(t, filepath.Join(dir, "a")), file(t, filepath.Join(dir, "b")))
	wantRoots(t, x, "ext4", report.Content, "UUID", "LABEL", "content")
}

func TestOneByteOfCompressedDataIsContent(t *testing.T) {
	text := strings.Repeat("0123456789 the same text, many times\n", 20)
	for _, tool := range []string{"gzip", "xz", "zstd"} {
		r := judge.RunInput(t, text, tool, "-c")
		if r.Status != 0 {
			t.Fatalf("%s: %s", tool, r.Stderr)
		}
		packed := []byte(r.Stdout)
		// Behind gzip's header, whose fields have causes of their own.
		for at := 10; at < len(packed); at++ {
			flipped := bytes.Clone(packed)
			flipped[at] ^= 0x10
			x, ok := Explain(t.Context(), "/x", source(packed), source(flipped))
			if ok && x.Cause != report.Content {
				t.Errorf("%s: byte %d of %d: %q, %+v", tool, at, len(packed), x.Cause, x.Fields)
			}
		}
	}
}

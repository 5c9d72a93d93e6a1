package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
)

var layouts = []string{"none", "legacy", "legacy+gpt", "efi", "hybrid", "efixbootldr"}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sources makes what the specs of these tests name.
func sources(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "root/etc"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dir, "root/home/alice"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "root/etc/passwd"), []byte("root:x:0:0::/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "root/etc/group"), []byte("root:x:0:\nusers:x:100:\n"), 0o644))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "root/etc/link")))
	must(t, os.WriteFile(filepath.Join(dir, "big"), []byte(strings.Repeat("0123456789abcdef", 1<<17)), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "loader.conf"), []byte("timeout 3\n"), 0o644))
	for i := range 600 {
		must(t, os.MkdirAll(filepath.Join(dir, "root/many"), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("root/many/file with a name %d", i)), []byte(fmt.Sprint(i)), 0o644))
	}
	return dir
}

func specText(layout string) string {
	text := "name: test\npartitionTableType: " + layout + `
additionalSpace: 16M
bootSize: 180M
contents:
  - {source: root, target: /}
  - {source: big, target: /home/alice/big, mode: "0600", user: alice, group: users}
`
	if layout == "efi" || layout == "hybrid" || layout == "efixbootldr" {
		text += "espContents:\n  - {source: loader.conf, target: /loader/loader.conf}\n"
	}
	if layout == "efixbootldr" {
		text += "bootContents:\n  - {source: loader.conf, target: /loader/a name that is long.conf}\n"
	}
	return text
}

func build(t testing.TB, dir, text, out string) Result {
	t.Helper()
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(text))
	must(t, err)
	r, err := Build(context.Background(), s, Options{OutDir: out})
	must(t, err)
	return r
}

// cut copies a partition out of an image, sparse.
func cut(t testing.TB, image string, p partition.Partition) string {
	t.Helper()
	in, err := os.Open(image)
	must(t, err)
	defer in.Close()
	path := filepath.Join(t.TempDir(), string(p.Role)+".raw")
	out, err := os.Create(path)
	must(t, err)
	defer out.Close()
	must(t, out.Truncate(p.Length()))
	buf := make([]byte, 1<<20)
	for off, end := p.Offset(), p.Offset()+p.Length(); off < end; {
		start, err := unix.Seek(int(in.Fd()), off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || start >= end {
			break
		}
		if err == nil {
			off = start
		}
		n, err := in.ReadAt(buf[:min(int64(len(buf)), end-off)], off)
		must(t, err)
		_, err = out.WriteAt(buf[:n], off-p.Offset())
		must(t, err)
		off += int64(n)
	}
	return path
}

func TestToolsFindNothingToSay(t *testing.T) {
	dir := sources(t)
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			r := build(t, dir, specText(layout), filepath.Join(t.TempDir(), "out"))
			if filepath.Base(r.Image) != "nixos.img" {
				t.Errorf("the image is named %s", r.Image)
			}
			if r.Layout.Label == partition.LabelGPT {
				if out := judge.Must(t, "sgdisk", "-v", r.Image); !strings.Contains(out, "No problems found") {
					t.Errorf("sgdisk -v:\n%s", out)
				}
			}
			for _, p := range r.Layout.Partitions {
				switch p.Role {
				case partition.Root:
					path := cut(t, r.Image, p)
					if x := judge.Run(t, "e2fsck", "-fn", path); x.Status != 0 {
						t.Errorf("e2fsck -fn: %d\n%s%s", x.Status, x.Stdout, x.Stderr)
					}
					if out := judge.Must(t, "debugfs", "-R", "stat /home/alice/big", path); !strings.Contains(out, "User:  1000   Group:   100") || !strings.Contains(out, "Mode:  0600") {
						t.Errorf("/home/alice/big is\n%s", out)
					}
					if out := judge.Must(t, "dumpe2fs", "-h", path); !strings.Contains(out, "Filesystem UUID:          f222513b-ded1-49fa-b591-20ce86a2fe7f") || !strings.Contains(out, "volume name:   nixos") {
						t.Errorf("dumpe2fs -h:\n%s", out)
					}
					mountPoint := judge.Run(t, "debugfs", "-R", "stat /boot", path).Stdout
					if _, want := r.Layout.Find(partition.ESP); strings.Contains(mountPoint, "Type: directory") != want {
						t.Errorf("a folder /boot is wanted: %v; there is\n%s", want, mountPoint)
					}
				case partition.ESP, partition.XBOOTLDR:
					path := cut(t, r.Image, p)
					if x := judge.Run(t, "fsck.vfat", "-n", path); x.Status != 0 {
						t.Errorf("fsck.vfat -n: %d\n%s%s", x.Status, x.Stdout, x.Stderr)
					}
					name := map[partition.Role]string{partition.ESP: "::/loader/loader.conf", partition.XBOOTLDR: "::/loader/a name that is long.conf"}[p.Role]
					if out := judge.Must(t, "mtype", "-i", path, name); out != "timeout 3\n" {
						t.Errorf("mtype %s: %q", name, out)
					}
				}
			}
		})
	}
}

func TestFailedBuildsLeaveNothing(t *testing.T) {
	dir := sources(t)
	for _, c := range []struct{ name, text, want string }{
		{"a disk that is too small", "partitionTableType: none\ndiskSize: 1\ncontents:\n  - {source: big, target: /big}\n", "bytes are missing"},
		{"a target out of the root", "contents:\n  - {source: big, target: ../x}\n", "../x"},
		{"a source that is not there", "contents:\n  - {source: nothing, target: /x}\n", "nothing"},
		{"a boot partition larger than the disk", "partitionTableType: efi\ndiskSize: 100\n", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "a", "b")
			s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(c.text))
			if err == nil {
				_, err = Build(context.Background(), s, Options{OutDir: out})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %v", err)
			}
			if _, err := os.Stat(filepath.Dir(out)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something is left: %v", err)
			}
		})
	}
}

func TestACancelledBuildLeavesNothing(t *testing.T) {
	dir := sources(t)
	must(t, os.WriteFile(filepath.Join(dir, "big"), []byte(strings.Repeat("0123456789abcdef", 1<<22)), 0o644))
	ctx, cancel := context.WithCancel(context.Background())
	s, err := spec.Parse(filepath.Join(dir, "test.yaml"), []byte(specText("efi")))
	must(t, err)
	out := filepath.Join(t.TempDir(), "out")
	_, err = Build(ctx, s, Options{OutDir: out, Progress: func(phase string, _, _ int64) {
		if phase == "root filesystem" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the build ends in %v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

func TestAutoSizeAlwaysFits(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "many"), 0o755))
	n := 20000
	if testing.Short() {
		n = 2000
	}
	for i := range n {
		f, err := os.Create(filepath.Join(dir, "many", fmt.Sprint(i)))
		must(t, err)
		f.Close()
	}
	must(t, os.WriteFile(filepath.Join(dir, "one"), []byte("x"), 0o644))
	for _, text := range []string{
		"contents:\n  - {source: many, target: /many}\nadditionalSpace: \"0\"\n",
		"contents:\n  - {source: one, target: /one}\nadditionalSpace: \"0\"\npartitionTableType: none\n",
		"contents:\n  - {source: one, target: /one}\nadditionalSpace: \"0\"\npartitionTableType: efi\nbootSize: 45000K\n",
		"additionalSpace: \"0\"\npartitionTableType: none\n",
	} {
		build(t, dir, text, filepath.Join(t.TempDir(), "out"))
	}
}

// TestTheWorkedExample is the one of docs/make-disk-image.md.
func TestTheWorkedExample(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	must(t, os.MkdirAll(filepath.Join(root, "a/b/c/d/e/f/g/h/i/j"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "large"), nil, 0o644))
	must(t, os.Truncate(filepath.Join(root, "large"), 100_000_000))
	for i := range 500 {
		must(t, os.WriteFile(filepath.Join(root, "a", fmt.Sprint(i)), make([]byte, 5000), 0o644))
	}
	for i := range 8 {
		must(t, os.Symlink("large", filepath.Join(root, fmt.Sprint("link", i))))
	}
	for layout, want := range map[string]int64{"legacy": 652_214_272, "efi": 919_601_152} {
		r := build(t, dir, "partitionTableType: "+layout+"\ncontents:\n- {source: root, target: /}\n", t.TempDir())
		if fi, err := os.Stat(r.Image); err != nil || r.Size != want || fi.Size() != want {
			t.Errorf("%s has %d bytes, want %d", layout, r.Size, want)
		}
	}
}

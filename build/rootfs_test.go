package build

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func bare(fsType, more string) string {
	return "partitionTableType: none\nsourceDateEpoch: 1600000000\nadditionalSpace: 1M\nfsType: " + fsType + "\n" + more
}

const whole = "contents:\n  - {source: root, target: /}\n  - {source: big, target: /home/alice/big, mode: \"0600\", user: alice, group: users}\n"

func TestSquashfsHoldsTheTree(t *testing.T) {
	dir := sources(t)
	root := filepath.Join(dir, "root")
	must(t, os.Link(filepath.Join(root, "etc/passwd"), filepath.Join(root, "etc/again")))
	must(t, os.WriteFile(filepath.Join(root, "odd \xff\nname"), nil, 0o4711))
	must(t, os.Chmod(filepath.Join(root, "odd \xff\nname"), 0o4711|os.ModeSetuid))
	must(t, unix.Mkfifo(filepath.Join(root, "pipe"), 0o600))
	must(t, os.Truncate(filepath.Join(dir, "big"), 9<<20))
	must(t, os.Chtimes(filepath.Join(root, "etc"), time.Unix(1_000_000_000, 0), time.Unix(1_000_000_000, 0)))
	must(t, os.Chmod(root, 0o751))
	attrs := unix.Setxattr(filepath.Join(root, "etc/group"), "user.note", []byte("a\x00b"), 0) == nil
	device := os.Geteuid() == 0 && unix.Mknod(filepath.Join(root, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) == nil

	judge.Tool(t, "sqfstar")
	r := build(t, dir, bare("squashfs", whole), t.TempDir())
	if r.Size%mebibyte != 0 {
		t.Errorf("a disk of %d bytes", r.Size)
	}
	list := judge.Must(t, "unsquashfs", "-lln", r.Image)
	for _, want := range []string{
		"drwxr-x--x 0/0 ", " 2001-09-09 01:46 squashfs-root/etc\n", "-rw------- 1000/100 ", " 9437184 2020-09-13 12:26 squashfs-root/home/alice/big\n",
		"lrwxrwxrwx 0/0 ", "squashfs-root/etc/link -> /etc/passwd\n", "-rws--x--x 0/0 ", "squashfs-root/odd \xff\nname\n", "prw------- 0/0 ",
		"squashfs-root/many/file with a name 599\n",
	} {
		if !strings.Contains(list, want) {
			t.Errorf("unsquashfs -lln does not say %q", want)
		}
	}
	if device && !strings.Contains(list, "crw-r--r-- 0/0 ") {
		t.Error("the device is missing")
	}
	out := filepath.Join(t.TempDir(), "out")
	judge.Must(t, "unsquashfs", "-q", "-no-progress", "-d", out, r.Image)
	for name, source := range map[string]string{"home/alice/big": "big", "etc/again": "root/etc/passwd"} {
		got, err := os.ReadFile(filepath.Join(out, name))
		must(t, err)
		want, err := os.ReadFile(filepath.Join(dir, source))
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s holds something else", name)
		}
	}
	a, err := os.Stat(filepath.Join(out, "etc/again"))
	must(t, err)
	b, err := os.Stat(filepath.Join(out, "etc/passwd"))
	must(t, err)
	if !os.SameFile(a, b) {
		t.Error("the hard link is a copy")
	}
	if attrs {
		v := make([]byte, 16)
		n, err := unix.Getxattr(filepath.Join(out, "etc/group"), "user.note", v)
		if err != nil || string(v[:n]) != "a\x00b" {
			t.Errorf("user.note is %q, %v", v[:max(n, 0)], err)
		}
	}
}

// TestSquashfsSameBytes builds from differently ordered copies, at other times,
// and holds that against sqfstar on other numbers of processors.
func TestSquashfsSameBytes(t *testing.T) {
	judge.Tool(t, "sqfstar")
	var digests []string
	for i := range 3 {
		dir, order := t.TempDir(), items(false)
		order = storable(order)
		if i > 0 {
			order = shuffled(order, uint64(i))
			time.Sleep(1100 * time.Millisecond)
		}
		makeItems(t, filepath.Join(dir, "root"), order, i == 1)
		must(t, os.WriteFile(filepath.Join(dir, "s.yaml"), []byte(bare("squashfs", "contents: [{source: root, target: /}]")), 0o644))
		d := task{
			Spec: filepath.Join(dir, "s.yaml"), Out: filepath.Join(dir, "out"), Digest: true, Umask: []int{0o022, 0o077, 0}[i],
			Epoch: fmt.Sprint(i), env: []string{"TZ=" + []string{"UTC", "Asia/Kolkata", "<-12>12"}[i], "LC_ALL=" + []string{"C", "C.utf8", "POSIX"}[i]},
		}.run(t, "").check(t)
		if digests = append(digests, d.Digest); d.Digest != digests[0] {
			t.Errorf("build %d gives other bytes", i)
		}
		if i > 0 {
			continue
		}
		image, err := os.ReadFile(d.Image)
		must(t, err)
		var stream bytes.Buffer
		must(t, writeTar(context.Background(), &stream, staged(t, dir), nil))
		file := filepath.Join(dir, "stream.tar")
		must(t, os.WriteFile(file, stream.Bytes(), 0o644))
		for _, processors := range []string{"1", "2", "7"} {
			other := filepath.Join(dir, processors)
			in, err := os.Open(file)
			must(t, err)
			defer in.Close()
			cmd := exec.Command(judge.Tool(t, "sqfstar"), "-quiet", "-no-progress", "-processors", processors,
				"-root-mode", "755", other)
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1600000000")
			cmd.Stdin = in
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			made, err := os.ReadFile(other)
			must(t, err)
			if !bytes.Equal(made, image[:len(made)]) {
				t.Errorf("on %s processors sqfstar makes other bytes", processors)
			}
		}
	}
}

// storable are the items that squashfs and a tar stream have a place for.
func storable(list []item) (out []item) {
	for _, i := range list {
		if i.mode&unix.S_IFMT != unix.S_IFSOCK {
			attrs := map[string]string{}
			for name, value := range i.attrs {
				if !strings.HasPrefix(name, "system.") {
					attrs[name] = value
				}
			}
			i.attrs = attrs
			out = append(out, i)
		}
	}
	return out
}

func staged(t *testing.T, dir string) *tree.Node {
	t.Helper()
	s, err := stage.Stage(context.Background(), []spec.Content{{Source: "root", Dir: dir, Target: "/"}}, stage.Options{Epoch: epoch})
	must(t, err)
	return s.Root
}

func TestSquashfsRefuses(t *testing.T) {
	dir := sources(t)
	out := filepath.Join(dir, "out")
	judge.Tool(t, "sqfstar")
	noise := make([]byte, 3<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	must(t, os.WriteFile(filepath.Join(dir, "random"), noise, 0o644))
	oneLine(t, attempt(t, t.Context(), dir, bare("squashfs", "diskSize: 1M\n"+strings.Replace(whole, "{source: big", "{source: random", 1)), out, nil),
		"test.yaml:5:1: diskSize: the squashfs of ", " does not fit into 1048576: ", "raise diskSize")
	nothing(t, out)
	r := build(t, dir, bare("squashfs", "diskSize: 20M\n"+whole), out)
	if fi, err := os.Stat(r.Image); err != nil || fi.Size() != 20<<20 {
		t.Errorf("the image has %v bytes, %v", fi, err)
	}
	judge.Must(t, "unsquashfs", "-lls", r.Image)
	must(t, os.RemoveAll(out))

	if unix.Setxattr(filepath.Join(dir, "root/etc"), "system.posix_acl_default", []byte(strings.Replace(acl, "\x01\x00\x06", "\x01\x00\x07", 1)), 0) == nil {
		oneLine(t, attempt(t, t.Context(), dir, bare("squashfs", whole), out, nil), "fsType: /etc has system.posix_acl_default, which squashfs has no place for")
		must(t, unix.Removexattr(filepath.Join(dir, "root/etc"), "system.posix_acl_default"))
	}
	late := strings.Replace(bare("squashfs", whole), "1600000000", "4200000000", 1)
	if err := attempt(t, t.Context(), dir, late, out, nil); err != nil { // newer ones store the time that they are given
		oneLine(t, err, "test.yaml:4:1: fsType: ", "deterministic: false")
		nothing(t, out)
	}
	build(t, dir, late+"deterministic: false\n", out)
	must(t, os.RemoveAll(out))
	ctx, cancel := context.WithCancel(t.Context())
	if err := attempt(t, ctx, dir, bare("squashfs", whole), out, func(phase string, done int64) {
		if phase == "root filesystem" && done > 0 {
			cancel()
		}
	}); err != context.Canceled { //nolint:errorlint // it is promised as it is
		t.Errorf("an interrupted build says %v", err)
	}
	nothing(t, out)
	t.Setenv("PATH", dir)
	oneLine(t, attempt(t, t.Context(), dir, bare("squashfs", whole), out, nil), "test.yaml:4:1: fsType: squashfs needs sqfstar: apt-get install squashfs-tools")
	nothing(t, out)
}

func TestVFATHoldsTheTree(t *testing.T) {
	dir := sources(t)
	must(t, os.Remove(filepath.Join(dir, "root/etc/link")))
	files := "contents:\n  - {source: root, target: /}\n  - {source: big, target: /home/alice/big}\n"
	var digests []string
	for i, more := range []string{"", "diskSize: 40M\n", "additionalSpace: 0\n"} {
		text := strings.Replace(bare("vfat", more+files), "additionalSpace: 1M\n", "", i/2)
		r := build(t, dir, text, filepath.Join(dir, "out"))
		if x := judge.Run(t, "fsck.vfat", "-n", r.Image); x.Status != 0 {
			t.Errorf("fsck.vfat -n: %d\n%s%s", x.Status, x.Stdout, x.Stderr)
		}
		big, err := os.ReadFile(filepath.Join(dir, "big"))
		must(t, err)
		if out := judge.Must(t, "mtype", "-i", r.Image, "::/home/alice/big"); out != string(big) {
			t.Error("/home/alice/big holds something else")
		}
		if out := judge.Must(t, "blkid", "-p", "-o", "value", "-s", "LABEL", r.Image); out != "NIXOS\n" {
			t.Errorf("the label is %q", out)
		}
		d, err := meaning(r.Image)
		must(t, err)
		digests = append(digests, d)
		r = build(t, dir, text, filepath.Join(dir, "out"))
		if again, err := meaning(r.Image); err != nil || again != d {
			t.Errorf("a second build gives other bytes (%v)", err)
		}
	}
	if digests[0] == digests[1] {
		t.Error("diskSize is without effect")
	}
}

func TestVFATRefuses(t *testing.T) {
	dir := sources(t)
	out := filepath.Join(dir, "out")
	for more, want := range map[string]string{
		"contents: [{source: root, target: /}]":                             "contents: ",
		"diskSize: 1M\ncontents: [{source: big, target: /big}]":             "test.yaml:5:1: diskSize: the contents do not fit into the root filesystem of 1048576 bytes: ",
		"label: a*b\ncontents: [{source: big, target: /big}]":               `test.yaml:5:1: label: fat: label "A*B"`,
		"diskSize: 1M\nlabel: a*b\ncontents: [{source: big, target: /big}]": `test.yaml:6:1: label: fat: label "A*B"`,
	} {
		oneLine(t, attempt(t, t.Context(), dir, bare("vfat", more), out, nil), want)
		nothing(t, out)
	}
}

func TestTarStreamIsWhatTarReads(t *testing.T) {
	dir := t.TempDir()
	makeItems(t, filepath.Join(dir, "root"), storable(items(false)), false)
	root := staged(t, dir)
	var one, two bytes.Buffer
	must(t, writeTar(t.Context(), &one, root, nil))
	must(t, writeTar(t.Context(), &two, root, nil))
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two streams of one tree differ")
	}
	names := map[string]bool{}
	for r := tar.NewReader(&one); ; {
		h, err := r.Next()
		if err == io.EOF { //nolint:errorlint // archive/tar promises it as it is
			break
		}
		must(t, err)
		if strings.HasPrefix(h.Name, "/") || strings.HasPrefix(h.Name, ".") || h.Uname != "" {
			t.Errorf("an entry %q of %q", h.Name, h.Uname)
		}
		names[strings.TrimSuffix(h.Name, "/")] = true
	}
	if err := root.Walk(func(path string, _ *tree.Node) error {
		if path != "/" && !names[path[1:]] {
			return fmt.Errorf("%q is missing", path)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	root.Add(&tree.Node{Name: "s", Inode: &tree.Inode{Mode: tree.Socket | 0o600}})
	oneLine(t, writeTar(t.Context(), io.Discard, root, nil), "/s: a tar stream has no place for a socket")
}

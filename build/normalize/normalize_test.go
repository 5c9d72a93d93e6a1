package normalize

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/split"
)

const epoch = 1_600_000_000

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Places of the two partitions of image, in MiB.
const (
	espAt, espSize   = 1, 64
	rootAt, rootSize = 65, 60
)

// stock makes an image as people do: with the tools' defaults, from a tree that
// was made anew, in an order that depends on which.
func stock(t testing.TB, which int) string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	files := map[string]string{
		"etc/hostname": "stock\n", "usr/bin/tool": strings.Repeat("tool", 30_000), "var/lib/state": "x", "a": "", "b": strings.Repeat("\x00", 50_000) + "end",
		"etc/long": strings.Repeat("line\n", 3000),
	}
	uuid := fmt.Sprintf("2b9c6b3c-0000-4000-8000-%012x", which+1)
	files["etc/fstab"] = "UUID=" + uuid + " / ext4\n"
	names := []string{"etc/hostname", "usr/bin/tool", "var/lib/state", "a", "b", "etc/long", "etc/fstab"}
	for i := range names {
		name := names[(i+which*3)%len(names)]
		must(t, os.MkdirAll(at("tree/"+filepath.Dir(name)), 0o755))
		must(t, os.WriteFile(at("tree/"+name), []byte(files[name]), 0o640))
	}
	must(t, os.Symlink("../usr/bin/tool", at("tree/etc/link")))
	must(t, os.Link(at("tree/a"), at("tree/second name")))
	judge.Must(t, "setfattr", "-n", "user.note", "-v", "kept", at("tree/a"))
	disk := at("disk")
	must(t, os.WriteFile(disk, nil, 0o666))
	must(t, os.Truncate(disk, 128<<20))
	judge.Must(t, "sgdisk", "-n", "1:1M:+64M", "-t", "1:ef00", "-c", "1:ESP", "-n", "2:65M:+60M", disk)
	for _, p := range []struct {
		name string
		size int64
	}{{"esp", espSize << 20}, {"root", rootSize << 20}} {
		must(t, os.WriteFile(at(p.name), nil, 0o666))
		must(t, os.Truncate(at(p.name), p.size))
	}
	judge.Must(t, "mkfs.vfat", "-F", "32", "-n", "ESP", at("esp"))
	guid := strings.Fields(strings.SplitAfter(judge.Must(t, "sgdisk", "-i", "2", disk), "unique GUID: ")[1])[0]
	entry := "options root=PARTUUID=" + strings.ToLower(guid) + " or UUID=" + uuid + "\n"
	must(t, os.WriteFile(at("entry.conf"), []byte(entry), 0o666))
	must(t, os.WriteFile(at("BOOTX64.EFI"), bytes.Repeat([]byte("MZ\x00\x01"), 40_000), 0o666))
	judge.Must(t, "mmd", "-i", at("esp"), "::loader", "::EFI")
	if which > 0 {
		judge.Must(t, "mcopy", "-i", at("esp"), at("entry.conf"), "::loader/entry.conf")
	}
	judge.Must(t, "mcopy", "-i", at("esp"), at("BOOTX64.EFI"), "::EFI/BOOTX64.EFI")
	if which == 0 {
		judge.Must(t, "mcopy", "-i", at("esp"), at("entry.conf"), "::loader/entry.conf")
	}
	judge.Must(t, "mattrib", "-i", at("esp"), "+h", "+s", "::EFI/BOOTX64.EFI")
	judge.Must(t, "mkfs.ext4", "-q", "-U", uuid, "-L", "root", "-d", at("tree"), at("root"))
	paste(t, disk, at("esp"), espAt<<20)
	paste(t, disk, at("root"), rootAt<<20)
	return disk
}

// paste copies a file into another.
func paste(t testing.TB, into, from string, off int64) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	f, err := os.OpenFile(into, os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, off)
	must(t, err)
}

// run normalizes an image into a new file.
func run(t testing.TB, image string, kind format.Kind, opt Options) (string, *Account) {
	t.Helper()
	img, err := split.Open(image)
	must(t, err)
	defer img.Close()
	if opt.Epoch == (tree.Time{}) {
		opt.Epoch.Sec = epoch
	}
	out := filepath.Join(t.TempDir(), "out")
	account, err := File(context.Background(), out, kind, img, opt)
	must(t, err)
	return out, account
}

func digest(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	must(t, err)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// part writes a part of a file, in MiB, to a file of its own.
func part(t testing.TB, image string, at, size int64) string {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, at<<20, size<<20))
	must(t, err)
	out := filepath.Join(t.TempDir(), "part")
	must(t, os.WriteFile(out, b, 0o666))
	return out
}

// TestTwoBuildsBecomeOne: what stock tools make of one tree at two times, in
// another order, with chance's identifiers, is one image, which the tools have
// nothing to say against, and which names its own identifiers.
func TestTwoBuildsBecomeOne(t *testing.T) {
	a := stock(t, 0)
	time.Sleep(2100 * time.Millisecond) // FAT's clock ticks every two seconds
	b := stock(t, 1)
	if digest(t, a) == digest(t, b) {
		t.Fatal("the two builds are the same, so that this test shows nothing")
	}
	outA, account := run(t, a, format.Raw, Options{DeriveIDs: true})
	outB, _ := run(t, b, format.Raw, Options{DeriveIDs: true})
	if digest(t, outA) != digest(t, outB) {
		t.Errorf("they differ:\n%s", judge.Run(t, "cmp", outA, outB).Stdout)
	}
	if !account.Fixed() || len(account.Parts) != 3 {
		t.Errorf("the account is %+v", account)
	}
	if want := []string{"partition 1: /loader/entry.conf", "partition 2: /etc/fstab"}; !cmp.Equal(account.References, want) {
		t.Errorf("changed were %v", account.References)
	}
	if out := judge.Must(t, "sgdisk", "-v", outA); !strings.Contains(out, "No problems found") {
		t.Errorf("sgdisk -v: %s", out)
	}
	esp, root := part(t, outA, espAt, espSize), part(t, outA, rootAt, rootSize)
	judge.Must(t, "fsck.vfat", "-n", esp)
	judge.Must(t, "e2fsck", "-fn", root)
	uuid := ""
	for _, id := range account.Identifiers {
		if id.Name == "partition 2 filesystem UUID" {
			uuid = id.New
		}
	}
	if got := judge.Must(t, "debugfs", "-R", "cat /etc/fstab", root); got != "UUID="+uuid+" / ext4\n" {
		t.Errorf("fstab is %q", got)
	}
	if got := judge.Must(t, "dumpe2fs", "-h", root); !strings.Contains(got, "UUID:          "+uuid) {
		t.Errorf("the filesystem is not %s: %s", uuid, got)
	}
	guid := strings.Fields(strings.SplitAfter(judge.Must(t, "sgdisk", "-i", "2", outA), "unique GUID: ")[1])[0]
	if got := judge.Must(t, "mtype", "-i", esp, "::loader/entry.conf"); got != "options root=PARTUUID="+strings.ToLower(guid)+" or UUID="+uuid+"\n" {
		t.Errorf("the entry is %q", got)
	}
	again, _ := run(t, outA, format.Raw, Options{DeriveIDs: true})
	if digest(t, again) != digest(t, outA) {
		t.Error("normalizing what is normal changes it")
	}
}

// shown is what a filesystem shows who mounts it, a line a name.
func shown(t testing.TB, image string, at, size int64) []string {
	t.Helper()
	f, err := os.Open(image)
	must(t, err)
	defer f.Close()
	r := io.NewSectionReader(f, at<<20, size<<20)
	var root *tree.Node
	if fs, err := ext4.Open(r, size<<20); err == nil {
		var problems []*ext4.Problem
		root, problems, err = fs.Tree(context.Background())
		must(t, err)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
	} else {
		fs, err := fat.Open(r, size<<20)
		must(t, err)
		v, err := fs.Scan(context.Background())
		must(t, err)
		root = v.Tree()
	}
	var out []string
	links := map[*tree.Inode]string{}
	must(t, root.Walk(func(path string, n *tree.Node) error {
		if first, ok := links[n.Inode]; ok {
			out = append(out, path+" is "+first)
			return nil
		}
		links[n.Inode] = path
		var content []byte
		if n.Content != nil {
			r, err := n.Content.Open()
			must(t, err)
			defer r.Close()
			content, err = io.ReadAll(r)
			must(t, err)
		}
		mtime := min(n.Mtime.Sec, epoch)
		out = append(out, fmt.Sprintf("%q %o %d %d %d %d %q %q %x %d %x", path, n.Mode, n.UID, n.GID, mtime, n.Size, n.Target, n.Xattrs, n.Flags, n.DOS, sha256.Sum256(content)))
		return nil
	}))
	return out
}

// TestNothingIsLost: without other identifiers, a mounted image shows the same,
// times after the epoch left out.
func TestNothingIsLost(t *testing.T) {
	image := stock(t, 0)
	out, account := run(t, image, format.Raw, Options{})
	for _, p := range [][2]int64{{espAt, espSize}, {rootAt, rootSize}} {
		if d := cmp.Diff(shown(t, image, p[0], p[1]), shown(t, out, p[0], p[1])); d != "" {
			t.Errorf("at %d MiB: %s", p[0], d)
		}
	}
	if len(account.Identifiers) > 0 || len(account.References) > 0 {
		t.Errorf("identifiers were changed: %+v", account)
	}
	for _, args := range [][]string{{"sgdisk", "-p"}, {"sgdisk", "-i", "1"}, {"sgdisk", "-i", "2"}} {
		a, b := judge.Must(t, args[0], append(args[1:], image)...), judge.Must(t, args[0], append(args[1:], out)...)
		if strings.ReplaceAll(a, image, "") != strings.ReplaceAll(b, out, "") {
			t.Errorf("%v:\n%s%s", args, a, b)
		}
	}
	for _, key := range []string{"UUID", "LABEL", "TYPE"} {
		for _, p := range [][2]int64{{espAt, espSize}, {rootAt, rootSize}} {
			a := judge.Must(t, "blkid", "-p", "-s", key, "-o", "value", part(t, image, p[0], p[1]))
			if b := judge.Must(t, "blkid", "-p", "-s", key, "-o", "value", part(t, out, p[0], p[1])); a != b {
				t.Errorf("%s: %q, was %q", key, b, a)
			}
		}
	}
}

// TestOtherFormats: the disk inside is the same in every format, and the file
// too each time.
func TestOtherFormats(t *testing.T) {
	image := stock(t, 0)
	raw, _ := run(t, image, format.Raw, Options{})
	qcow := filepath.Join(t.TempDir(), "source.qcow2")
	judge.Must(t, "qemu-img", "convert", "-O", "qcow2", image, qcow)
	img, err := split.Open(qcow)
	must(t, err)
	defer img.Close()
	if kind, err := KindOf(img); kind != format.QCOW2 || err != nil {
		t.Errorf("the format would be %s, %v", kind, err)
	}
	for _, kind := range []format.Kind{format.QCOW2, format.VDI, format.VMDK} {
		out, _ := run(t, qcow, kind, Options{})
		again, _ := run(t, image, kind, Options{})
		if digest(t, out) != digest(t, again) {
			t.Errorf("%s: it depends on the format that it came from", kind)
		}
		judge.Must(t, "qemu-img", "compare", out, raw)
	}
}

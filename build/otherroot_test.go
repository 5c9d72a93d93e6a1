package build

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// otherRoot is a root filesystem that holds all that a tree may have.
type otherRoot struct {
	fsType string
	fsck   []string
	times  sametree.Times
}

var otherRoots = []otherRoot{
	{"erofs", []string{"fsck.erofs"}, sametree.Times{}},
	{"btrfs", []string{"btrfs", "check", "--readonly", "--check-data-csum"}, sametree.Times{Others: true}},
}

// TestOtherRootsHoldTheTree has the tools and the kernel read what is built,
// with contents that have one of everything.
func TestOtherRootsHoldTheTree(t *testing.T) {
	dir := t.TempDir()
	makeItems(t, filepath.Join(dir, "root"), items(true), false)
	for _, o := range otherRoots {
		t.Run(o.fsType, func(t *testing.T) {
			const id = "0B1F3F3C-7E0D-4B7A-9C55-0123456789AB"
			r := build(t, dir, bare(o.fsType, "label: a label\nrootFSUID: "+id+"\ncontents: [{source: root, target: /}]\n"), t.TempDir())
			judge.Must(t, o.fsck[0], append(o.fsck[1:], r.Image)...)
			if out := judge.Must(t, "blkid", "-p", "-o", "export", r.Image); !strings.Contains(out, "TYPE="+o.fsType) ||
				!strings.Contains(out, "UUID="+strings.ToLower(id)) || !strings.Contains(out, `LABEL=a\ label`) {
				t.Errorf("blkid says\n%s", out)
			}
			root := staged(t, dir)
			must(t, root.Walk(func(_ string, n *tree.Node) error {
				n.UID, n.GID = 0, 0
				return nil
			}))
			sametree.Same(t, root, sametree.Mounted(t, o.fsType, r.Image), o.times)
		})
	}
}

// TestOtherRootsAreTheSameBytesEverywhere varies order, holes, times, inode
// numbers, owners, place, user, host, locale, zone, processors and the clock.
func TestOtherRootsAreTheSameBytesEverywhere(t *testing.T) {
	all := worlds(t)
	self, root := itself(t), os.Geteuid() == 0
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	first := map[string]string{}
	for i := range rounds {
		w := all[i%len(all)]
		for _, o := range otherRoots {
			path := filepath.Join(w.dir, o.fsType+".yaml")
			must(t, os.WriteFile(path, []byte(everything("none")+"fsType: "+o.fsType+"\n"), 0o644))
			j := task{
				Spec: path, Umask: []int{0o022, 0, 0o077, 0o027}[i%4], Digest: true, dir: []string{"/", w.dir}[i%2],
				env: []string{
					"LC_ALL=" + []string{"C", "C.utf8", "tr_TR.UTF-8"}[i%3], "TZ=" + []string{"UTC", "Asia/Kolkata", "<-12>12"}[i%3],
					"GOMAXPROCS=" + []string{"1", "2", "8"}[i%3], fmt.Sprint("SOURCE_DATE_EPOCH=", i), fmt.Sprint("HOME=/home/", i),
				},
			}
			base := public(t, "")
			must(t, os.Chmod(base, 0o777))
			j.Out = filepath.Join(base, "out")
			if root {
				if j.uid = []uint32{0, 65534, 4321}[i%3]; j.uid == 0 {
					j.Host = fmt.Sprint("host", i)
				}
			}
			d := j.run(t, self).check(t)
			if first[o.fsType] == "" {
				first[o.fsType] = d.Digest
			}
			if d.Digest != first[o.fsType] {
				t.Errorf("%s, build %d gives other bytes", o.fsType, i)
			}
			must(t, os.RemoveAll(base))
		}
		time.Sleep(250 * time.Millisecond) // the clock passes two seconds meanwhile
	}
}

// TestXFSHoldsTheTree, as far as mkfs.xfs goes, and is the same at another
// time, in another zone, from another copy.
func TestXFSHoldsTheTree(t *testing.T) {
	judge.Tool(t, "mkfs.xfs")
	var digests []string
	for i := range 2 {
		dir := t.TempDir()
		list := slices.DeleteFunc(items(false), func(i item) bool {
			return i.attrs != nil || i.mode&unix.S_IFMT == unix.S_IFSOCK || strings.ContainsAny(i.path, " \n") || len(i.data) > 300 && i.mode == unix.S_IFLNK
		})
		if i > 0 {
			list = shuffled(list, 3)
			t.Setenv("TZ", "Asia/Kolkata")
			time.Sleep(1100 * time.Millisecond)
		}
		makeItems(t, filepath.Join(dir, "root"), list, i > 0)
		must(t, os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(bare("xfs", "contents: [{source: root, target: /}]\n")), 0o644))
		s, err := spec.Load(filepath.Join(dir, "test.yaml"))
		must(t, err)
		var warned []string
		r, err := Build(t.Context(), s, Options{OutDir: filepath.Join(dir, "out"), Warn: func(w string) { warned = append(warned, w) }})
		must(t, err)
		if strings.Join(warned, "") != "fsType: xfs: 2 hard links become files of their own, for mkfs.xfs knows none" {
			t.Errorf("the warnings are %q", warned)
		}
		digest, err := meaning(r.Image)
		must(t, err)
		digests = append(digests, digest)
		judge.Must(t, "xfs_repair", "-n", "-f", r.Image)
		if i > 0 {
			continue
		}
		root := staged(t, dir)
		unlink(root)
		sametree.Same(t, root, sametree.Mounted(t, "xfs", r.Image), sametree.Times{Others: true})
	}
	if digests[0] != digests[1] {
		t.Error("two builds give different bytes")
	}
}

// unlink makes files of their own of hard links.
func unlink(n *tree.Node) {
	seen := map[*tree.Inode]bool{}
	_ = n.Walk(func(_ string, n *tree.Node) error {
		if seen[n.Inode] {
			i := *n.Inode
			n.Inode = &i
		}
		seen[n.Inode] = true
		return nil
	})
}

func TestXFSRefuses(t *testing.T) {
	dir := sources(t)
	out := filepath.Join(dir, "out")
	judge.Tool(t, "mkfs.xfs")
	oneLine(t, attempt(t, t.Context(), dir, bare("xfs", whole), out, nil), `test.yaml:4:1: fsType: xfs: "/many/file with a name 0": mkfs.xfs has no place for a name with blanks`)
	oneLine(t, attempt(t, t.Context(), dir, bare("xfs", "diskSize: 200\n"), out, nil), "test.yaml:5:1: diskSize: mkfs.xfs makes no XFS of less than 314572800 bytes: 104857600 bytes are missing")
	nothing(t, out)
}

// TestOtherRootsThatAreTooSmall are refused before anything is written.
func TestOtherRootsThatAreTooSmall(t *testing.T) {
	dir := sources(t)
	for _, o := range otherRoots {
		out := filepath.Join(dir, "out")
		oneLine(t, attempt(t, t.Context(), dir, bare(o.fsType, "diskSize: 1\n"+whole), out, nil), "test.yaml:5:1: diskSize: ", "bytes are missing; raise diskSize, or leave it at auto")
		nothing(t, out)
		r := build(t, dir, bare(o.fsType, "diskSize: 400\n"+whole), out)
		if fi, err := os.Stat(r.Image); err != nil || fi.Size() != 400<<20 || r.Layout.Root().Length() != 400<<20 {
			t.Errorf("%v %v %+v", fi, err, r.Layout)
		}
		judge.Must(t, o.fsck[0], append(o.fsck[1:], r.Image)...)
		must(t, os.RemoveAll(out))
	}
}

// TestOtherRootsWithFreshIdentifiers are others each time, and sound.
func TestOtherRootsWithFreshIdentifiers(t *testing.T) {
	dir := sources(t)
	for _, o := range otherRoots {
		text := "deterministic: false\n" + bare(o.fsType, whole)
		a, b := build(t, dir, text, filepath.Join(dir, "a")), build(t, dir, text, filepath.Join(dir, "b"))
		id := func(r Result) string {
			judge.Must(t, o.fsck[0], append(o.fsck[1:], r.Image)...)
			return judge.Must(t, "blkid", "-p", "-o", "value", "-s", "UUID", r.Image)
		}
		if one, other := id(a), id(b); one == other || len(one) != 37 {
			t.Errorf("%s: two images have the UUIDs %s and %s", o.fsType, one, other)
		}
	}
}

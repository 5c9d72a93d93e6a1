package build

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	self, root := program(t), os.Geteuid() == 0
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
			j := job{
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

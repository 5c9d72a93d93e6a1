package erofscmp

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkerofs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// memory is what a filesystem is written to.
type memory []byte

func (m memory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

func write(t *testing.T, root *tree.Node, change ...func(*mkerofs.Options)) []byte {
	t.Helper()
	opt := mkerofs.Options{UUID: [16]byte{1, 2, 3}, Label: "label", Epoch: sametree.Epoch}
	for _, c := range change {
		c(&opt)
	}
	size, err := mkerofs.Size(root, opt)
	comparetest.Must(t, err)
	m := make(memory, size)
	comparetest.Must(t, mkerofs.Write(t.Context(), m, root, opt))
	return m
}

// large is a tree with 2,000 names in one folder, folders in folders, and inodes
// of all forms.
func large() *tree.Node {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	put := func(path string, i *tree.Inode, change func(*tree.Inode)) {
		if change != nil {
			change(i)
		}
		sametree.Put(root, path, i)
	}
	for i := range 2000 {
		put(fmt.Sprintf("two thousand/%04d", i), sametree.File(fmt.Appendf(nil, "%d", i)), nil)
	}
	deep := "deep"
	for i := range 60 {
		deep += fmt.Sprintf("/%d", i)
		put(deep+"/file", sametree.File([]byte(deep)), nil)
	}
	for i := range 300 {
		put(fmt.Sprintf("old/%d", i), sametree.File(sametree.Noise(uint64(i), i*3)), func(n *tree.Inode) { n.Mtime.Sec = 1_000_000_000 })
	}
	put("fifo", sametree.New(tree.FIFO|0o640), nil)
	put("link", sametree.New(tree.Symlink|0o777), func(n *tree.Inode) { n.Target = "fifo" })
	put("long", sametree.New(tree.Symlink|0o777), func(n *tree.Inode) { n.Target = strings.Repeat("/long", 800) })
	put("owner", sametree.File(sametree.Noise(1, 70_000)), func(n *tree.Inode) { n.UID = 1 << 20 })
	twice := sametree.File(sametree.Noise(2, 9000))
	twice.Xattrs = []tree.Xattr{{Name: "user.large", Value: []byte(strings.Repeat("large ", 900))}}
	put("twice", twice, nil)
	put("deep/twice", twice, nil)
	return root
}

// TestImagesOfOurOwnWriter compares what internal/mkfs/mkerofs makes of trees and
// options that differ in one thing.
func TestImagesOfOurOwnWriter(t *testing.T) {
	a := write(t, large())
	for _, c := range []struct {
		name string
		b    []byte
		want []string // without "p0/erofs/"
	}{
		{"nothing", write(t, large()), nil},
		{"uuid", write(t, large(), func(o *mkerofs.Options) { o.UUID[15] = 1 }), []string{"superblock/uuid"}},
		{"label", write(t, large(), func(o *mkerofs.Options) { o.Label = "other" }), []string{"superblock/volume_name"}},
		{"owner", with(t, func(root *tree.Node) { root.Child("fifo").UID = 7 }), []string{"inode/i_uid:/fifo"}},
		{"added among many", with(t, func(root *tree.Node) {
			sametree.Put(root, "two thousand/1000b", sametree.File([]byte("new")))
		}), []string{"directory/entry:/two thousand/1000b"}},
		{"changed among many", with(t, func(root *tree.Node) {
			sametree.Put(root, "two thousand/1000", sametree.File([]byte("1o00")))
		}), []string{"data/content:/two thousand/1000"}},
		{"longer among many", with(t, func(root *tree.Node) {
			sametree.Put(root, "two thousand/1000", sametree.File(make([]byte, 10_000)))
		}), []string{"data/content:/two thousand/1000"}},
		{"time", with(t, func(root *tree.Node) { root.Child("fifo").Mtime.Sec++ }), []string{"inode/i_mtime:/fifo"}},
		{"attribute", with(t, func(root *tree.Node) {
			root.Child("fifo").Xattrs = []tree.Xattr{{Name: "trusted.x", Value: []byte("y")}}
		}), []string{"inode/xattr:trusted.x:/fifo"}},
		{"target", with(t, func(root *tree.Node) { root.Child("link").Target = "longer" }), []string{"inode/target:/link"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 {
				fs, warnings, _ := comparetest.Bytes(t, Compare, a, c.b)
				var want []string
				for _, w := range c.want {
					want = append(want, "p0/erofs/"+w)
				}
				comparetest.WantRoots(t, fs, want...)
				if len(warnings) > 0 {
					t.Errorf("%q", warnings)
				}
				a, c.b = c.b, a
			}
		})
	}
}

func with(t *testing.T, change func(root *tree.Node)) []byte {
	t.Helper()
	root := large()
	change(root)
	return write(t, root)
}

// TestManyTimesAreOneFinding: what moved together is said once.
func TestManyTimesAreOneFinding(t *testing.T) {
	b := with(t, func(root *tree.Node) {
		comparetest.Must(t, root.Child("old").Walk(func(_ string, n *tree.Node) error {
			if !n.IsDir() {
				n.Mtime.Sec += 27
			}
			return nil
		}))
	})
	fs, _, _ := comparetest.Bytes(t, Compare, write(t, large()), b)
	comparetest.WantRoots(t, fs, "p0/erofs/inode/i_mtime#+27s")
	if f := fs[0]; f.Count != 300 || f.Cause != report.Time {
		t.Errorf("%d, %s", f.Count, f.Cause)
	}
}

// TestAnotherTimeOfTheImage: files whose time is the image's have none of their
// own, so there is nothing to say of them.
func TestAnotherTimeOfTheImage(t *testing.T) {
	later := large()
	seen := map[*tree.Inode]bool{}
	comparetest.Must(t, later.Walk(func(_ string, n *tree.Node) error {
		if n.Mtime == sametree.Epoch && !seen[n.Inode] {
			n.Mtime.Sec += 5
		}
		seen[n.Inode] = true
		return nil
	}))
	fs, _, _ := comparetest.Bytes(t, Compare, write(t, large()), write(t, later, func(o *mkerofs.Options) { o.Epoch.Sec += 5 }))
	comparetest.WantRoots(t, fs, "p0/erofs/superblock/build_time")
}

// TestAnotherOrderIsSaid: the same tree, with its inodes in another order.
func TestAnotherOrderIsSaid(t *testing.T) {
	// An order of names that differ is one of inodes; the names are set right
	// afterwards, in the image.
	make := func(first, second string) []byte {
		root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
		sametree.Put(root, "a", sametree.File([]byte(first)))
		sametree.Put(root, "b", sametree.File([]byte(second)))
		return write(t, root)
	}
	a, b := make("one", "two"), make("two", "one")
	// Both have the names a and b; b's entries are exchanged, and so they name
	// the files that a's do.
	at := bytes.Index(b, []byte("...ab")) - 4*12
	if at < 0 {
		t.Fatal("no directory")
	}
	for i := range 8 {
		x, y := at+2*12+i, at+3*12+i
		b[x], b[y] = b[y], b[x]
	}
	fs, _, _ := comparetest.Bytes(t, Compare, a, b)
	comparetest.WantRoots(t, fs, "p0/erofs/data/placement")
	if f := fs[0]; f.Cause != report.Order || !strings.Contains(f.Note, "another order") {
		t.Errorf("%+v", f)
	}
}

// TestNewerImages compares images of one tree that a newer tool packed in
// several ways.
func TestNewerImages(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want []string
	}{
		{"dedupe", "several", []string{"p0/erofs/superblock/feature_incompat", "p0/erofs/lz4-configuration/max_pclusterblks"}},
		{"lzma", "zstd", []string{"p0/erofs/superblock/feature_incompat"}},
		{"zstd", "zstd", nil},
	} {
		fs, warnings, _ := comparetest.Bytes(t, Compare, newer(t, c.a), newer(t, c.b))
		if len(warnings) > 0 {
			t.Errorf("%q", warnings)
		}
		comparetest.WantRoots(t, fs, c.want...)
	}
}

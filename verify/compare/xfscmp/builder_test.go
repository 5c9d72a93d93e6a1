package xfscmp

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkxfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// sample is a tree that a prototype of mkfs.xfs has a place for.
func sample() *tree.Node {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	for i := range 300 {
		sametree.Put(root, fmt.Sprintf("many/a-file-with-a-rather-long-name-%03d", i), sametree.File([]byte{byte(i)}))
	}
	sametree.Put(root, "etc/text.conf", sametree.File([]byte(strings.Repeat("a line of text\n", 100))))
	sametree.Put(root, "usr/lib/binary.so", sametree.File(comparetest.Noise(1, 300_000)))
	sametree.Put(root, "usr/lib/other.so", sametree.File(comparetest.Noise(2, 200_000)))
	link := sametree.New(tree.Symlink | 0o777)
	link.Target = "../usr/lib"
	sametree.Put(root, "etc/link", link)
	return root
}

var options = mkxfs.Options{Size: mkxfs.MinSize, UUID: [16]byte{1, 2, 3, 15: 0xff}, Label: "a.label", Epoch: sametree.Epoch}

func build(t *testing.T, root *tree.Node, opt mkxfs.Options) (image string) {
	t.Helper()
	judge.Tool(t, "mkfs.xfs")
	image = filepath.Join(t.TempDir(), "image")
	f, err := os.Create(image)
	comparetest.Must(t, err)
	defer f.Close()
	comparetest.Must(t, mkxfs.Write(context.Background(), f, root, opt))
	return image
}

// TestTwoBuilds compares what the builder makes of two trees, or with two
// options.
func TestTwoBuilds(t *testing.T) {
	a := build(t, sample(), options)
	for _, c := range []struct {
		name   string
		change func(root *tree.Node, opt *mkxfs.Options)
		want   []string
	}{
		{"UUID, label and epoch", func(_ *tree.Node, o *mkxfs.Options) {
			o.UUID[4], o.Label, o.Epoch.Sec = 9, "b.label", o.Epoch.Sec+5
		}, []string{
			"superblock/sb_uuid", "superblock/sb_fname",
			"inode/di_atime#+5s", "inode/di_mtime#+5s", "inode/di_ctime#+5s", "inode/di_crtime#+5s",
		}},
		{"tree", func(r *tree.Node, _ *mkxfs.Options) {
			for i := range 100 {
				sametree.Put(r, fmt.Sprintf("many/more/file-%d", i), sametree.File(bytes.Repeat([]byte{1}, 5000)))
			}
			sametree.Put(r, "etc/text.conf", sametree.File([]byte("text\n")))
			r.Child("etc").Child("link").Target = "../usr/share/lib"
		}, []string{"inode/target:/etc/link", "data/content:/etc/text.conf", "directory/entry:/many/more"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, opt := sample(), options
			c.change(root, &opt)
			b := build(t, root, opt)
			fs := comparetest.Files(t, Compare, a, b)
			var want []string
			for _, id := range c.want {
				want = append(want, "p0/xfs/"+id)
			}
			comparetest.WantRoots(t, fs, want...)
		})
	}
}

package mkext4

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// TestSharedAttributes has more inodes share a block of attributes than one
// block can count.
func TestSharedAttributes(t *testing.T) {
	value := text(1, 700)
	kids := numbered(2500, func(i int) string { return fmt.Sprintf("%05d", i) })
	for _, k := range kids {
		k.Xattrs = []tree.Xattr{{Name: "trusted.shared", Value: value}, {Name: "user.a", Value: []byte("b")}}
	}
	root := dir("", bulkDir("d", kids))
	o := options(64 << 20)
	info, err := imageAt(t.TempDir()+"/image", root, o)
	if err != nil {
		t.Fatal(err)
	}
	img := image(t, root, o)
	clean(t, img)
	if info.TreeBlocks > 60 {
		t.Errorf("the tree takes %d blocks: attributes are not shared", info.TreeBlocks)
	}
	folder, _ := mounted(t, img)
	sameTree(t, root, folder)
}

// TestAttributeRoom has attributes of all sizes about what an inode and a
// block can hold.
func TestAttributeRoom(t *testing.T) {
	root := dir("")
	for n := range 140 {
		f := file(fmt.Sprintf("a%d", n), nil)
		f.Xattrs = []tree.Xattr{{Name: "user.x", Value: text(uint64(n), n)}}
		g := file(fmt.Sprintf("b%d", n), nil)
		g.Xattrs = []tree.Xattr{{Name: "user." + strings.Repeat("y", 1+n), Value: text(uint64(n), n/3)}, {Name: "user.z", Value: text(uint64(n), 8)}}
		h := file(fmt.Sprintf("c%d", n), nil)
		h.Xattrs = []tree.Xattr{{Name: "user.x", Value: text(uint64(n), 3900+n)}}
		root.Add(f)
		root.Add(g)
		root.Add(h)
	}
	img := image(t, root, options(64<<20))
	clean(t, img)
	folder, _ := mounted(t, img)
	sameTree(t, root, folder)
	if out := judge.Must(t, "debugfs", "-R", "ea_list /b20", img); !strings.Contains(out, "user.z") {
		t.Errorf("debugfs ea_list:\n%s", out)
	}
}

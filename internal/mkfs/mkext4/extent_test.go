package mkext4

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func TestExtentTrees(t *testing.T) {
	root := dir("")
	// Every other block holds data: as many extents as given, which is below, at
	// and above what an inode, four leaves and one index block hold.
	for _, n := range []int{4, 5, 340, 341, 1360, 1361, 3000} {
		data := map[int64]bool{}
		for i := range n {
			data[int64(2*i+1)] = true
		}
		i := inode(tree.Regular | 0o644)
		i.Size = int64(2*n) * 4096
		i.Content = holey{i.Size, data}
		root.Add(&tree.Node{Name: fmt.Sprintf("extents-%d", n), Inode: i})
	}
	img := image(t, root, options(128<<20))
	clean(t, img)
	for n, depth := range map[int]string{4: "0/ 0", 5: "1/ 1", 1360: "1/ 1", 1361: "2/ 2", 3000: "2/ 2"} {
		out := judge.Must(t, "debugfs", "-R", fmt.Sprintf("dump_extents /extents-%d", n), img)
		if !strings.Contains(out, depth) {
			t.Errorf("%d extents: the tree's depth is not %s:\n%.400s", n, depth, out)
		}
	}
	folder, _ := mounted(t, img)
	sameTree(t, root, folder)
}

// TestFilesAcrossGroups fills volumes over their tables and backups, so that
// files are cut in two there: once in large groups, once in 31 small ones.
func TestFilesAcrossGroups(t *testing.T) {
	for _, inodes := range []uint32{0, 1_000_000} {
		if testing.Short() && inodes > 0 {
			continue
		}
		i := inode(tree.Regular | 0o644)
		i.Size = 200 << 20
		data := map[int64]bool{}
		for b := range i.Size / 4096 {
			data[b] = b%20_000 != 0
		}
		i.Content = holey{i.Size, data}
		root := dir("", &tree.Node{Name: "big", Inode: i}, file("z", text(1, 9000)))
		o := options(500 << 20)
		o.Inodes = inodes
		img := image(t, root, o)
		clean(t, img)
		if inodes > 0 {
			folder, _ := mounted(t, img)
			sameTree(t, root, folder)
		}
	}
}

func TestSparseFileOfManyGigabytes(t *testing.T) {
	i := inode(tree.Regular | 0o644)
	i.Size = 5<<40 + 12345
	i.Content = holeyBig(i.Size)
	root := dir("", &tree.Node{Name: "sparse", Inode: i})
	img := image(t, root, options(64<<20))
	clean(t, img)
	if out := judge.Must(t, "debugfs", "-R", "stat /sparse", img); !strings.Contains(out, fmt.Sprintf("Size: %d", i.Size)) || !strings.Contains(out, "Blockcount: 8") {
		t.Errorf("stat:\n%s", out)
	}
}

// holeyBig is content of that size with data in its last byte only.
type holeyBig int64

func (h holeyBig) Open() (tree.Reader, error) {
	return &bigReader{holeyReader{holey: holey{int64(h), map[int64]bool{(int64(h) - 1) / 4096: true}}}}, nil
}

type bigReader struct{ holeyReader }

func (r *bigReader) NextData(off int64) (int64, int64, error) {
	if last := (r.size - 1) &^ 4095; off <= last {
		return last + 1, r.size, nil
	}
	return r.size, r.size, nil
}

func TestExtentHeaderIsTheDeclared(t *testing.T) {
	var got [60]byte
	putExtentHeader(got[:], 3, 4, 2)
	h := ext4.ExtentHeader{Magic: ext4.ExtentMagic, Entries: 3, Max: 4, Depth: 2}
	if want := ext4.ExtentHeaderLayout.Encode(&h); string(got[:12]) != string(want) {
		t.Errorf("% x, want % x", got[:12], want)
	}
}

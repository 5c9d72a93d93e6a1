package mkext4

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/tree"
)

func TestE2fsckFindsNothing(t *testing.T) {
	trees := map[string]func() *tree.Node{
		"empty":   func() *tree.Node { return dir("") },
		"variety": variety,
	}
	for name, build := range trees {
		for _, mib := range []int64{1, 7, 8, 9, 64, 128, 129, 200, 500, 513, 1024, 2300, 5 << 10, 20 << 10} {
			if name == "variety" && mib < 9 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d MiB", name, mib), func(t *testing.T) {
				clean(t, image(t, build(), options(mib<<20)))
			})
		}
	}
}

func TestEpochZero(t *testing.T) {
	o := options(64 << 20)
	o.Epoch = tree.Time{}
	root := variety()
	if err := root.Walk(func(_ string, n *tree.Node) error {
		n.Atime, n.Mtime, n.Ctime, n.Btime = tree.Time{}, tree.Time{}, tree.Time{}, tree.Time{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	clean(t, image(t, root, o))
}

func TestProgressReachesTheEnd(t *testing.T) {
	root := dir("", file("a", text(1, 20<<20)), file("b", text(2, 1000)), file("zeros", make([]byte, 9<<20)))
	o := options(100 << 20)
	var calls []int64
	o.Progress = func(done, total int64) {
		if total != 29<<20+1000 {
			t.Errorf("%d bytes in all", total)
		}
		calls = append(calls, done)
	}
	image(t, root, o)
	if !slices.IsSorted(calls) || len(calls) < 3 || calls[len(calls)-1] != 29<<20+1000 {
		t.Errorf("progress %d", calls)
	}
}

// TestInfoIsWhatDumpe2fsSays compares the numbers returned with those written.
func TestInfoIsWhatDumpe2fsSays(t *testing.T) {
	img := filepath.Join(t.TempDir(), "image")
	info, err := imageAt(img, variety(), options(200<<20))
	if err != nil {
		t.Fatal(err)
	}
	h := headerOf(t, img)
	for key, want := range map[string]uint64{
		"Block count": info.Blocks, "Inode count": info.Inodes, "Free blocks": info.FreeBlocks, "Free inodes": info.FreeInodes,
		"Reserved block count": info.ReservedBlocks, "Total journal blocks": info.JournalBlocks, "Overhead clusters": info.OverheadBlocks,
		"Reserved GDT blocks": info.ReservedDescBlocks, "Inodes per group": info.InodesPerGroup, "Blocks per group": info.BlocksPerGroup,
	} {
		if h[key] != fmt.Sprint(want) {
			t.Errorf("%s: %s, Info says %d", key, h[key], want)
		}
	}
	if got := info.OverheadBlocks + 1 + info.TreeBlocks + info.FreeBlocks; got != info.Blocks {
		t.Errorf("overhead, resize inode, tree and free blocks are %d, not %d", got, info.Blocks)
	}
}

// TestUntouchedStaysAHole has the image of a small tree on a large volume take
// hardly more room than its parts.
func TestUntouchedStaysAHole(t *testing.T) {
	img := image(t, dir("", file("a", text(1, 10_000))), options(20<<30))
	var st unix.Stat_t
	if err := unix.Stat(img, &st); err != nil {
		t.Fatal(err)
	}
	// Nine backups of descriptors and their lists are most of it.
	if got := st.Blocks * 512; got > 12<<20 {
		t.Errorf("takes %d bytes", got)
	}
}

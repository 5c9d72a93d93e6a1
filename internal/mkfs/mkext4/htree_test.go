package mkext4

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// hashOf is a name's hash with the seed of options.
func hashOf(name string) uint32 {
	var words [4]uint32
	seed := options(0).HashSeed
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(seed[4*i:])
	}
	h, _, _ := ext4.DirHash(ext4.HashHalfMD4, []byte(name), words)
	return h
}

func TestHugeDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("a directory has no goroutines")
	}
	const n = 120_000
	name := func(i int) string { return fmt.Sprintf("a-name-of-some-length-%d", i) }
	root := dir("", bulkDir("many", numbered(n, name)))
	img := image(t, root, options(1<<30))
	clean(t, img)

	dump := judge.Must(t, "debugfs", "-R", "htree_dump /many", img)
	if !strings.Contains(dump, "Indirect levels: 1") {
		t.Errorf("the index has no second level:\n%.500s", dump)
	}
	if strings.Contains(dump, "ERROR") || strings.Contains(dump, "does not match") {
		t.Errorf("debugfs htree_dump finds fault:\n%.2000s", dump)
	}

	folder, umount := mounted(t, img)
	for i := 0; i < n; i += 97 {
		if _, err := os.Lstat(filepath.Join(folder, "many", name(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(filepath.Join(folder, "many", "not there")); !os.IsNotExist(err) {
		t.Errorf("a name that is not there: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(folder, "many"))
	if err != nil || len(entries) != n {
		t.Errorf("%d entries, %v, want %d", len(entries), err, n)
	}
	for i := range 5_000 {
		if err := os.Link(filepath.Join(folder, "many", name(i%100)), filepath.Join(folder, "many", fmt.Sprint("new", i))); err != nil {
			t.Fatal(err)
		}
	}
	umount()
	judge.Must(t, "e2fsck", "-fn", img)
}

// TestEqualHashesInTwoLeaves builds a directory in which two names of the same
// hash lie on both sides of a leaf's end, so that the index must say that
// the second leaf continues the first.
func TestEqualHashesInTwoLeaves(t *testing.T) {
	byHash := map[uint32]string{}
	var one, two string
	for i := 0; one == ""; i++ {
		name := fmt.Sprintf("name-%08d-of-some-length-32", i)
		h := hashOf(name)
		if other, ok := byHash[h]; ok && h > 1<<31 {
			one, two = other, name
		}
		byHash[h] = name
	}
	var below, above []string
	for h, name := range byHash {
		if h < hashOf(one) {
			below = append(below, name)
		} else if h > hashOf(one) {
			above = append(above, name)
		}
	}
	slices.Sort(below)
	slices.Sort(above)
	recLen := ext4.DirRecLen(len(one))
	perLeaf := fillLimit / recLen
	root := dir("")
	for _, name := range append(append(below[:3*perLeaf-1:3*perLeaf-1], above[:200]...), one, two) {
		root.Add(file(name, nil))
	}
	// lost+found is in the root too, and would move the leaves' ends.
	root = dir("", bulkDir("d", root.Children))
	img := image(t, root, options(64<<20))
	dump := judge.Must(t, "debugfs", "-R", "htree_dump /d", img)
	if want := fmt.Sprintf("Hash 0x%08x", hashOf(one)|1); !strings.Contains(dump, want) {
		t.Fatalf("no index entry has %s:\n%.3000s", want, dump)
	}
	clean(t, img)
	folder, _ := mounted(t, img)
	for _, name := range []string{one, two} {
		if _, err := os.Lstat(filepath.Join(folder, "d", name)); err != nil {
			t.Error(err)
		}
	}
	sameTree(t, root, folder)
}

func TestOtherHash(t *testing.T) {
	o := options(64 << 20)
	o.HashAlg = ext4.HashTEA
	root := dir("", bulkDir("many", numbered(3000, func(i int) string { return fmt.Sprintf("%d", i) })))
	img := image(t, root, o)
	clean(t, img)
	folder, _ := mounted(t, img)
	sameTree(t, root, folder)
}

func TestDirectorySizes(t *testing.T) {
	if testing.Short() {
		t.Skip("a directory has no goroutines")
	}
	// Around the end of one block, of two leaves, and of the index' first block.
	for _, n := range []int{100, 101, 168, 169, 170, 171, 200, 300, 507 * 136, 508*136 + 50} {
		root := dir("", bulkDir("d", numbered(n, func(i int) string { return fmt.Sprintf("%012d", i) })))
		clean(t, image(t, root, options(512<<20)))
	}
	root := dir("", bulkDir("long", numbered(700, func(i int) string { return fmt.Sprintf("%0255d", i) })))
	clean(t, image(t, root, options(64<<20)))
}

func TestMoreSubdirectoriesThanLinks(t *testing.T) {
	if testing.Short() {
		t.Skip("130,000 directories")
	}
	// With "." and its name, one has as many links as can be counted, the other
	// one more.
	root := dir("")
	for _, n := range []int{64_998, 64_999} {
		var kids []*tree.Node
		for i := range n {
			kids = append(kids, &tree.Node{Name: fmt.Sprintf("%06d", i), Inode: &tree.Inode{Mode: tree.Directory | 0o755}})
		}
		root.Add(bulkDir(fmt.Sprint(n), kids))
	}
	img := image(t, root, options(2<<30))
	folder, umount := mounted(t, img)
	for n, want := range map[string]uint64{"64998": 65000, "64999": 1} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(folder, n), &st); err != nil || st.Nlink != want {
			t.Errorf("%s subdirectories: %d links, %v, want %d", n, st.Nlink, err, want)
		}
		if err := os.Mkdir(filepath.Join(folder, n, "one more"), 0o755); err != nil {
			t.Error(err)
		}
	}
	umount()
	judge.Must(t, "e2fsck", "-fn", img)
}

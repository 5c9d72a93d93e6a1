package btrfscmp

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// randomTree has folders and files of all sizes, some with attributes and holes.
func randomTree(seed uint64) (root *tree.Node, files []string) {
	r := rand.New(rand.NewPCG(seed, 5))
	root = &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	for i := range 20 + r.IntN(400) {
		content := sametree.Noise(uint64(i), r.IntN(3000)*r.IntN(20))
		for range r.IntN(3) {
			from := r.IntN(len(content) + 1)
			clear(content[from:min(from+r.IntN(30000), len(content))])
		}
		in := sametree.File(content)
		for range r.IntN(3) {
			in.Xattrs = append(in.Xattrs, tree.Xattr{Name: fmt.Sprintf("user.%d", len(in.Xattrs)), Value: sametree.Noise(9, r.IntN(500))})
		}
		path := fmt.Sprintf("%d/%d/%s%d", r.IntN(4), r.IntN(9), strings.Repeat("x", r.IntN(100)), i)
		sametree.Put(root, path, in)
		files = append(files, path)
	}
	return root, files
}

// TestRandomChanges of random trees: each is a root finding, and nothing else is.
func TestRandomChanges(t *testing.T) {
	for seed := range uint64(8) {
		before, _ := randomTree(seed)
		after, files := randomTree(seed)
		r := rand.New(rand.NewPCG(seed, 6))
		r.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
		var want []string
		for i := range 1 + r.IntN(4) {
			path := files[i]
			n := find(after, path)
			name, value := "", 1+r.Uint32N(1000)
			switch r.IntN(7) {
			case 0:
				name, n.Mode = "inode/mode:/"+path, n.Mode^(1+value%0o777)
			case 1:
				name, n.UID = "inode/uid:/"+path, n.UID+value
			case 2:
				name, n.Mtime.Sec = "inode/mtime:/"+path, n.Mtime.Sec+1000*int64(i)+7
			case 3:
				content := sametree.Noise(uint64(value), 1+r.IntN(100_000))
				in := sametree.File(content)
				name, n.Content, n.Size = "data/content:/"+path, in.Content, in.Size
			case 4:
				name = "directory/entry:/" + path + "-new"
				sametree.Put(after, path+"-new", sametree.File(sametree.Noise(3, r.IntN(10_000))))
			case 5:
				name = "directory/entry:/" + path
				parent := find(after, path[:strings.LastIndexByte(path, '/')])
				if len(parent.Children) == 1 {
					continue // a folder without files would not be the same
				}
				parent.Children = slices.DeleteFunc(parent.Children, func(c *tree.Node) bool { return c == n })
			case 6:
				name = "inode/xattr:user.changed:/" + path
				n.Xattrs = append(n.Xattrs, tree.Xattr{Name: "user.changed", Value: sametree.Noise(uint64(value), r.IntN(300))})
			}
			want = append(want, "p0/btrfs/"+name)
		}
		slices.Sort(want)
		fs := compared(t, write(t, before, defaults()), write(t, after, defaults()))
		got := comparetest.Roots(fs)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("seed %d: root findings\n%s\nwant\n%s\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"), comparetest.Show(fs))
		}
	}
}

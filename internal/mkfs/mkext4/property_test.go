package mkext4

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// randomTree is a tree of about n objects of all kinds.
func randomTree(r *rand.Rand, n int) *tree.Node {
	root := dir("")
	dirs := []*tree.Node{root}
	var files []*tree.Inode
	name := func() string {
		k := 1 + r.IntN(12)
		if r.IntN(20) == 0 {
			k = 1 + r.IntN(255)
		}
		b := make([]byte, k)
		for i := range b {
			for b[i] == 0 || b[i] == '/' {
				b[i] = byte('a' + r.IntN(26))
				if r.IntN(10) == 0 {
					b[i] = byte(r.Uint32())
				}
			}
		}
		return string(b)
	}
	when := func() tree.Time {
		return tree.Time{Sec: r.Int64N(1<<34) - 1<<31, Nsec: uint32(r.IntN(1e9))}
	}
	for range n {
		i := &tree.Inode{
			Mode: r.Uint32N(0o10000), UID: r.Uint32(), GID: r.Uint32N(70000),
			Atime: when(), Mtime: when(), Ctime: when(), Btime: when(),
		}
		switch r.IntN(12) {
		case 0, 1, 2:
			i.Mode |= tree.Directory
		case 3:
			i.Mode |= tree.Symlink
			i.Target = strings.Repeat(name(), 1+r.IntN(8))
		case 4:
			i.Mode |= []uint32{tree.FIFO, tree.Socket, tree.Char, tree.Block}[r.IntN(4)]
			if t := i.Type(); t == tree.Char || t == tree.Block {
				i.Major, i.Minor = r.Uint32N(4096>>r.IntN(12)), r.Uint32N(1<<20>>r.IntN(20))
			}
		case 5:
			i.Mode |= tree.Regular
			i.Size = r.Int64N(2 << 20)
			data := map[int64]bool{}
			for range r.IntN(40) {
				at := r.Int64N(i.Size/4096 + 1)
				for b := range r.Int64N(20) {
					data[at+b] = true
				}
			}
			i.Content = holey{i.Size, data}
		default:
			i.Mode |= tree.Regular
			size := r.IntN(200)
			if r.IntN(4) == 0 {
				size = r.IntN(100_000)
			}
			i.Size, i.Content = int64(size), memory(text(r.Uint64(), size))
		}
		if r.IntN(6) == 0 {
			for a := range 1 + r.IntN(4) {
				kind := "user."
				if t := i.Type(); t != tree.Regular && t != tree.Directory {
					kind = "trusted."
				}
				size := r.IntN(40)
				if r.IntN(5) == 0 {
					size = r.IntN(800)
				}
				i.Xattrs = append(i.Xattrs, tree.Xattr{Name: kind + fmt.Sprint(a) + strings.ToValidUTF8(name(), "?")[:1], Value: text(r.Uint64(), size)})
			}
		}
		if i.Type() == tree.Regular && len(files) > 0 && r.IntN(8) == 0 {
			i = files[r.IntN(len(files))]
		}
		at := dirs[r.IntN(len(dirs))]
		node := &tree.Node{Name: name(), Inode: i}
		if node.Name == "." || node.Name == ".." || node.Name == lostFoundName || at.Child(node.Name) != nil {
			continue
		}
		at.Add(node)
		switch i.Type() {
		case tree.Directory:
			dirs = append(dirs, node)
		case tree.Regular:
			files = append(files, i)
		}
	}
	return root
}

func TestRandomTrees(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 42))
			root := randomTree(r, 20+r.IntN(700))
			size, err := MinSize(root, options(0), 0)
			if err != nil {
				t.Fatal(err)
			}
			img := image(t, root, options(size))
			clean(t, img)
			folder, _ := mounted(t, img)
			sameTree(t, root, folder)
		})
	}
}

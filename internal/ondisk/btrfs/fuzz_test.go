package btrfs_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// small is a filesystem of a few nodes, in memory, and where its superblock and
// nodes lie, in parts of 512 bytes.
func small(t testing.TB) (good []byte, hot []int64) {
	t.Helper()
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	sametree.Put(root, "folder/file", sametree.File(sametree.Noise(1, 20000)))
	sametree.Put(root, "folder/short", sametree.File([]byte("short")))
	link := sametree.New(tree.Symlink | 0o777)
	link.Target = "folder/file"
	sametree.Put(root, "link", link)
	image := written(t, root)
	good, err := os.ReadFile(image)
	must(t, err)
	for at := int64(0); at < btrfs.SuperSize; at += 512 {
		hot = append(hot, btrfs.SuperOffsets[0]+at)
	}
	fs := open(t, image)
	seen := map[uint64]bool{}
	for _, tr := range fs.Trees() {
		must(t, fs.Walk(tr, seen, func(n *btrfs.Node) error {
			if m := fs.Map(n.Logical); len(m.Stripes) == 2 {
				// Without the other copy damage counts.
				clear(good[m.Stripes[1]+n.Logical-m.Logical:][:len(n.Raw)])
			}
			from, to := n.Slack()
			for at := 0; at < len(n.Raw); at += 512 {
				if at < from || at+512 > to {
					hot = append(hot, n.Offset+int64(at))
				}
			}
			return nil
		}))
	}
	return good, hot
}

// readAll reads all that there is, as far as it can be read, and fails where an
// error is not the filesystem's.
func readAll(t *testing.T, r io.ReaderAt, size int64) {
	t.Helper()
	own := func(err error) bool {
		var e *btrfs.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error of another sort: %v", err)
		}
		return err != nil
	}
	fs, err := btrfs.Open(r, size)
	if own(err) {
		return
	}
	seen := map[uint64]bool{}
	for _, tr := range fs.Trees() {
		own(fs.Walk(tr, seen, func(n *btrfs.Node) error {
			for at := 0; at < len(n.Raw); {
				p := n.PartAt(at)
				if p.Start > at || p.End <= at {
					t.Fatalf("byte %d of the node at %d is %+v", at, n.Logical, p)
				}
				at = p.End
			}
			return nil
		}))
	}
	met := map[[2]uint64]bool{}
	var walk func(in *btrfs.Inode)
	walk = func(in *btrfs.Inode) {
		if met[[2]uint64{in.Tree.ID, in.Number}] {
			return
		}
		met[[2]uint64{in.Tree.ID, in.Number}] = true
		_, err := fs.Xattrs(in)
		own(err)
		fs.Path(in.Tree, in.Number)
		if !in.IsDir() {
			if in.Size < 1<<20 {
				_, err = io.Copy(io.Discard, io.NewSectionReader(fs.File(in), 0, fs.File(in).Size()))
				own(err)
			}
			return
		}
		list, err := fs.List(in)
		own(err)
		for _, e := range list {
			if child, err := fs.Open(in, e); !own(err) {
				walk(child)
			}
		}
	}
	if t5 := fs.Tree(btrfs.FSTree); t5 != nil {
		if root, err := fs.Root(t5); !own(err) {
			walk(root)
		}
	}
}

// TestDamagedIsRead: damage anywhere is an error or nothing.
func TestDamagedIsRead(t *testing.T) {
	good, hot := small(t)
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 1500
	if testing.Short() {
		rounds = 100
	}
	for range rounds {
		patch := make([]byte, 4*(1+r.IntN(6)))
		for i := range patch {
			patch[i] = byte(r.Uint32())
		}
		var places []int64
		for range len(patch) / 4 {
			places = append(places, hot[r.IntN(len(hot))])
		}
		readAll(t, disktest.Damage(good, patch, places...), int64(len(good)))
		if t.Failed() {
			t.Fatalf("patch %x at %d", patch, places)
		}
	}
}

// TestTruncatedIsRead: an image that ends early is an error or nothing.
func TestTruncatedIsRead(t *testing.T) {
	good, _ := small(t)
	for size := int64(len(good)); size > 0; size = size*9/10 - 7 {
		readAll(t, disktest.Memory(good[:size]), size)
	}
}

func FuzzRead(f *testing.F) {
	good, hot := small(f)
	f.Add([]byte{0, 0x40, 2, 1, 20, 0, 1, 3})
	f.Add([]byte{17, 0x64, 0, 0xff, 18, 0x64, 0, 0xff, 30, 0x11, 4, 1})
	f.Fuzz(func(t *testing.T, patch []byte) {
		var places []int64
		for i := 0; i+1 < len(patch) && i < 64; i += 4 {
			places = append(places, hot[(int(patch[i])|int(patch[i+1])<<8)%len(hot)])
		}
		if len(places) > 0 {
			readAll(t, disktest.Damage(good, patch, places...), int64(len(good)))
		}
	})
}

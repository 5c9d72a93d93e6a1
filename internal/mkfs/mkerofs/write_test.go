package mkerofs

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

var options = Options{UUID: [16]byte{1, 2, 3, 15: 0xff}, Label: "a label of 15 b", Epoch: sametree.Epoch}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, root *tree.Node, opt Options) (image string) {
	t.Helper()
	image = filepath.Join(t.TempDir(), "erofs.img")
	f, err := os.Create(image)
	must(t, err)
	defer f.Close()
	size, err := Size(root, opt)
	must(t, err)
	must(t, f.Truncate(size))
	must(t, Write(context.Background(), f, root, opt))
	if fi, err := f.Stat(); err != nil || fi.Size() != size {
		t.Errorf("it was to take %d bytes, and takes %d, %v", size, fi.Size(), err)
	}
	return image
}

func TestKernelReadsTheTree(t *testing.T) {
	root := sametree.Sample()
	image := write(t, root, options)
	judge.Must(t, "fsck.erofs", image)
	sametree.Same(t, root, sametree.Mounted(t, "erofs", image), sametree.Times{})
}

func TestToolsReadTheSuperblock(t *testing.T) {
	image := write(t, sametree.Sample(), options)
	out := strings.Join(strings.Fields(judge.Must(t, "dump.erofs", "-s", image)), " ")
	for _, want := range []string{"0xE0F5E1E2", "features: sb_csum mtime", "created: Sun Sep 13 12:26:40 2020", "01020300-0000-0000-0000-0000000000ff"} {
		if !strings.Contains(out, want) {
			t.Errorf("dump.erofs -s does not say %q:\n%s", want, out)
		}
	}
	if out := judge.Must(t, "blkid", "-p", "-o", "export", image); !strings.Contains(out, "LABEL=a\\ label\\ of\\ 15\\ b") || !strings.Contains(out, "UUID=01020300-0000-0000-0000-0000000000ff") {
		t.Errorf("blkid says\n%s", out)
	}
}

// TestRandomTrees has the kernel and fsck.erofs read trees of all shapes: what
// lies behind an inode depends on every length before it.
func TestRandomTrees(t *testing.T) {
	rounds := uint64(6)
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 1))
		root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
		for i := range 600 {
			path := fmt.Sprintf("%d/%d/%s%d", r.IntN(4), r.IntN(9), strings.Repeat("x", r.IntN(200)), i)
			var in *tree.Inode
			switch r.IntN(5) {
			case 0:
				in = sametree.New(tree.Symlink | 0o777)
				in.Target = strings.Repeat("t", 1+r.IntN(4090))
			default:
				in = sametree.File(sametree.Noise(uint64(i), r.IntN(9000)))
			}
			if r.IntN(3) == 0 {
				in.Xattrs = append(in.Xattrs, tree.Xattr{Name: "trusted." + strings.Repeat("n", 1+r.IntN(200)), Value: sametree.Noise(9, r.IntN(9000))})
			}
			if r.IntN(2) == 0 {
				in.Mtime.Nsec = 1
			}
			sametree.Put(root, path, in)
		}
		image := write(t, root, options)
		judge.Must(t, "fsck.erofs", image)
		sametree.Same(t, root, sametree.Mounted(t, "erofs", image), sametree.Times{})
	}
}

// TestSameBytes: what is written does not depend on where a source keeps
// holes, and a change of one byte anywhere changes it.
func TestSameBytes(t *testing.T) {
	one, err := os.ReadFile(write(t, sametree.Sample(), options))
	must(t, err)
	two, err := os.ReadFile(write(t, sametree.Sample(), options))
	must(t, err)
	if !bytes.Equal(one, two) {
		t.Error("two images of one tree differ")
	}
	root := sametree.Sample()
	root.Child("fifo").UID = 1
	three, err := os.ReadFile(write(t, root, options))
	must(t, err)
	if bytes.Equal(one, three) {
		t.Error("another owner is not to be seen")
	}
}

// TestMetadataHasFewGaps: a tree of a system's sizes takes little more than
// mkfs.erofs makes of it.
func TestMetadataHasFewGaps(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	dir := t.TempDir()
	for i := range 4000 {
		content := sametree.Noise(uint64(i), int(r.ExpFloat64()*3000))
		path := fmt.Sprintf("%d/%d", i%50, i)
		sametree.Put(root, path, sametree.File(content))
		must(t, os.MkdirAll(filepath.Join(dir, "tree", filepath.Dir(path)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "tree", path), content, 0o644))
	}
	size, err := Size(root, options)
	must(t, err)
	judge.Must(t, "mkfs.erofs", "-T0", "--all-root", filepath.Join(dir, "theirs"), filepath.Join(dir, "tree"))
	fi, err := os.Stat(filepath.Join(dir, "theirs"))
	must(t, err)
	if size > fi.Size()*105/100 {
		t.Errorf("the tree takes %d bytes, of mkfs.erofs %d", size, fi.Size())
	}
	t.Logf("%d bytes, mkfs.erofs %d", size, fi.Size())
}

func TestRefuses(t *testing.T) {
	attribute := func(name string, size int) func(*tree.Node, *Options) {
		return func(n *tree.Node, _ *Options) {
			n.Child("fifo").Xattrs = []tree.Xattr{{Name: name, Value: make([]byte, size)}}
		}
	}
	for want, change := range map[string]func(*tree.Node, *Options){
		`erofs: /fifo: the attribute "system.nfs4_acl": erofs stores only`:            attribute("system.nfs4_acl", 1),
		`erofs: /fifo: the attribute "user." has no name behind its prefix`:           attribute("user.", 1),
		`erofs: /fifo: the attribute "user.x" has 65536 bytes, at most 65535 fit`:     attribute("user.x", 65536),
		`erofs: /fifo: the attribute "system.posix_acl_accessory": erofs stores only`: attribute("system.posix_acl_accessory", 1),
		`erofs: the label "sixteen bytes in" has 16 bytes, at most 15 fit`:            func(_ *tree.Node, o *Options) { o.Label = "sixteen bytes in" },
		`erofs: /null: there is no device 4096:3`:                                     func(n *tree.Node, _ *Options) { n.Child("null").Major = 4096 },
	} {
		root, opt := sametree.Sample(), options
		change(root, &opt)
		if err := Write(t.Context(), nil, root, opt); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := Size(root, opt); err == nil {
			t.Error("its size is known")
		}
	}
}

func TestASourceThatShrinks(t *testing.T) {
	root := sametree.Sample()
	for _, size := range []int64{10, 5000, 8192} {
		i := sametree.File(make([]byte, size-1))
		i.Size = size
		sametree.Put(root, "short", i)
		f, err := os.Create(filepath.Join(t.TempDir(), "x"))
		must(t, err)
		err = Write(t.Context(), f, root, options)
		if err == nil || !strings.HasPrefix(err.Error(), "erofs: /short: it ended at byte ") {
			t.Errorf("%v", err)
		}
		f.Close()
	}
}

func TestStructureSizes(t *testing.T) {
	for got, want := range map[int]int{
		erofs.SuperblockLayout.Size(): 128, erofs.CompactInodeLayout.Size(): erofs.CompactInodeSize, erofs.LargeInodeLayout.Size(): erofs.LargeInodeSize,
		erofs.DirentLayout.Size(): erofs.DirentSize, erofs.XattrEntryLayout.Size(): erofs.XattrEntrySize,
	} {
		if got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
}

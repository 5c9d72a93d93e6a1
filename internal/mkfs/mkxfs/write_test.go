package mkxfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/tree"
)

var options = Options{Size: 2 * MinSize, UUID: [16]byte{1, 2, 3, 15: 0xff}, Label: "a.label", Epoch: sametree.Epoch}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, root *tree.Node, opt Options) (image string) {
	t.Helper()
	judge.Tool(t, "mkfs.xfs")
	image = filepath.Join(t.TempDir(), "xfs.img")
	f, err := os.Create(image)
	must(t, err)
	defer f.Close()
	must(t, Write(context.Background(), f, root, opt))
	return image
}

// sample is the sample tree without what a prototype has no place for.
func sample() *tree.Node {
	var clean func(*tree.Node) *tree.Node
	clean = func(n *tree.Node) *tree.Node {
		i := *n.Inode
		i.Xattrs = nil
		if i.Type() == tree.Symlink && len(i.Target) > maxTarget {
			i.Target = i.Target[:maxTarget]
		}
		out := &tree.Node{Name: strings.NewReplacer(" ", "_", "\n", "_", "\t", "_").Replace(n.Name), Inode: &i}
		for _, c := range n.Children {
			if c.Type() != tree.Socket {
				out.Add(clean(c))
			}
		}
		return out
	}
	return clean(sametree.Sample())
}

func TestKernelReadsTheTree(t *testing.T) {
	root := sample()
	image := write(t, root, options)
	judge.Must(t, "xfs_repair", "-n", "-f", image)
	if out := judge.Must(t, "blkid", "-p", "-o", "export", image); !strings.Contains(out, "LABEL=a.label") || !strings.Contains(out, "UUID=01020300-0000-0000-0000-0000000000ff") {
		t.Errorf("blkid says\n%s", out)
	}
	sametree.Same(t, root, sametree.Mounted(t, "xfs", image), sametree.Times{Others: true})
}

// TestLargeDirectories have all of the forms that one can have, and extents of
// their own tree.
func TestLargeDirectories(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	for _, n := range []int{1, 3, 20, 100, 300, 2500} {
		for i := range n {
			sametree.Put(root, fmt.Sprintf("%d/a-name-of-some-length-%d", n, i), sametree.File([]byte(strings.Repeat("x", i%3*1800))))
		}
	}
	image := write(t, root, options)
	judge.Must(t, "xfs_repair", "-n", "-f", image)
	sametree.Same(t, root, sametree.Mounted(t, "xfs", image), sametree.Times{Others: true})
}

// TestSameBytes builds at other times, with and without a zone.
func TestSameBytes(t *testing.T) {
	root, opt := sample(), options
	root.Children = slices.DeleteFunc(root.Children, func(n *tree.Node) bool { return n.Name == "holes" || n.Name == "many" })
	opt.Size = MinSize
	one, err := os.ReadFile(write(t, root, opt))
	must(t, err)
	time.Sleep(1100 * time.Millisecond)
	t.Setenv("TZ", "Asia/Kolkata")
	t.Setenv("TMPDIR", t.TempDir())
	two, err := os.ReadFile(write(t, root, opt))
	must(t, err)
	if !bytes.Equal(one, two) {
		t.Error("two images of one tree differ")
	}
}

func TestRefuses(t *testing.T) {
	judge.Tool(t, "mkfs.xfs")
	put := func(path string, i *tree.Inode) func(*tree.Node, *Options) {
		return func(n *tree.Node, _ *Options) { sametree.Put(n, path, i) }
	}
	link := sametree.New(tree.Symlink | 0o777)
	link.Target = "a b"
	attribute := sametree.File(nil)
	attribute.Xattrs = []tree.Xattr{{Name: "user.x"}}
	for want, change := range map[string]func(*tree.Node, *Options){
		`xfs: "/a b": mkfs.xfs has no place for a name with blanks`:           put("a b", sametree.File(nil)),
		`xfs: "/d/$": mkfs.xfs has no place for a name`:                       put("d/$", sametree.File(nil)),
		`xfs: "/:": mkfs.xfs has no place for a name`:                         put(":", sametree.File(nil)),
		`xfs: "/link": mkfs.xfs has no place for a link's target with blanks`: put("link", link),
		`xfs: /socket is a socket`:                                            put("socket", sametree.New(tree.Socket)),
		`xfs: /x has the extended attribute user.x`:                           put("x", attribute),
		`xfs: the label "thirteen-byte" has 13 bytes, at most 12 fit`:         func(_ *tree.Node, o *Options) { o.Label = "thirteen-byte" },
		`xfs: the label "a b": mkfs.xfs takes letters`:                        func(_ *tree.Node, o *Options) { o.Label = "a b" },
		`mkfs.xfs: `: func(_ *tree.Node, o *Options) { o.Size = 10 << 20 },
	} {
		root, opt := sample(), options
		change(root, &opt)
		f, err := os.Create(filepath.Join(t.TempDir(), "x"))
		must(t, err)
		if err := Write(t.Context(), f, root, opt); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, want)
		}
		f.Close()
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	judge.Tool(t, "mkfs.xfs")
	root, opt := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}, options
	opt.Size = MinSize
	sametree.Put(root, "large", sametree.File(make([]byte, 280<<20)))
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	must(t, err)
	defer f.Close()
	if err := Write(t.Context(), f, root, opt); !errors.Is(err, ErrSpace) {
		t.Errorf("%v", err)
	}
}

// TestADiskThatIsFull is not a tree that does not fit.
func TestADiskThatIsFull(t *testing.T) {
	judge.Tool(t, "mkfs.xfs")
	judge.Root(t)
	disk := t.TempDir()
	judge.Must(t, "mount", "-t", "tmpfs", "-o", "size=1m", "none", disk)
	t.Cleanup(func() { judge.Must(t, "umount", disk) })
	f, err := os.Create(filepath.Join(disk, "x"))
	must(t, err)
	defer f.Close()
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	if err := Write(t.Context(), f, root, options); err == nil || err.Error() != "the temporary file of the XFS (see TMPDIR): no space left on device" {
		t.Errorf("%v", err)
	}
	t.Setenv("TMPDIR", disk)
	sametree.Put(root, "x", sametree.File(sametree.Noise(1, 2<<20)))
	if err := Write(t.Context(), f, root, options); err == nil || !strings.HasPrefix(err.Error(), "a copy of ") || !strings.HasSuffix(err.Error(), "no space left on device") {
		t.Errorf("%v", err)
	}
}

// TestHardLinksAreCounted, for they become files of their own.
func TestHardLinksAreCounted(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	i := sametree.File([]byte("x"))
	for _, name := range []string{"a", "b", "c"} {
		sametree.Put(root, name, i)
	}
	if n, err := Check(root); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

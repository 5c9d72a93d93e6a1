package mkext4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
)

func TestWhatDoesNotFit(t *testing.T) {
	trees := map[string]*tree.Node{
		"data":        dir("", file("a", text(1, 30<<20)), file("b", text(2, 20<<20))),
		"inodes":      dir("", bulkDir("d", numbered(60_000, func(i int) string { return fmt.Sprint(i) }))),
		"zeros":       dir("", file("a", text(1, 30<<20)), file("zeros", make([]byte, 50<<20)), file("b", text(2, 9<<20))),
		"directories": dir("", bulkDir("d", numbered(9000, func(i int) string { return fmt.Sprintf("%0250d", i) }))),
	}
	sizes := []int64{4096, 1 << 20, 8 << 20, 20<<20 + 5000, 33 << 20}
	if testing.Short() {
		sizes = sizes[2:3]
	}
	for name, root := range trees {
		if testing.Short() && name == "inodes" {
			continue // which takes the longest, and says no more of goroutines
		}
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s in %d", name, size), func(t *testing.T) {
				o := options(size)
				_, err := imageAt(filepath.Join(t.TempDir(), "image"), root, o)
				if err == nil {
					return
				}
				var full *NoSpaceError
				if !errors.As(err, &full) || full.Missing <= 0 || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want a *NoSpaceError", err)
				}
				o.Size += full.Missing
				clean(t, image(t, root, o))
			})
		}
	}
}

func TestMinSizeFits(t *testing.T) {
	step := 3
	if testing.Short() {
		step = 39
	}
	for n := 0; n < 40; n += step {
		root := dir("", bulkDir("d", numbered(n*n*20, func(i int) string { return fmt.Sprint(i) })), file("a", text(1, n*n*5000)))
		for _, least := range []int64{0, 100 << 20, 512<<20 - 1} {
			size, err := MinSize(root, options(0), least)
			if err != nil || size < least || size%(1<<20) != 0 {
				t.Fatalf("MinSize = %d, %v", size, err)
			}
			if _, err := Write(context.Background(), discard{}, root, options(size)); err != nil {
				t.Errorf("at %d: %v", size, err)
			}
			if g, err := Plan(root, options(size)); err != nil || !g.Fits {
				t.Errorf("Plan at %d: %+v, %v", size, g, err)
			}
			if size -= 1 << 20; size >= max(least, 1<<20) {
				if g, err := Plan(root, options(size)); err == nil && g.Fits {
					t.Errorf("fits at %d already", size)
				}
			}
		}
	}
}

// failing is a source with something wrong.
type failing struct {
	openErr error
	bytes   []byte
	onRead  func() error
}

func (f failing) Open() (tree.Reader, error) {
	if f.openErr != nil {
		return nil, f.openErr
	}
	return failingReader{memoryReader{bytes.NewReader(f.bytes)}, f.onRead}, nil
}

type failingReader struct {
	memoryReader
	onRead func() error
}

func (f failingReader) Read(p []byte) (int, error) {
	if f.onRead != nil {
		if err := f.onRead(); err != nil {
			return 0, err
		}
	}
	return f.memoryReader.Read(p)
}

func (f failingReader) ReadAt(p []byte, off int64) (int, error) {
	if f.onRead != nil {
		if err := f.onRead(); err != nil {
			return 0, err
		}
	}
	return f.memoryReader.ReadAt(p, off)
}

func TestSourceThatChanges(t *testing.T) {
	broken := errors.New("input/output error")
	for _, size := range []int{1000, aheadBytes, aheadBytes + 1, 3 << 20} {
		for name, c := range map[string]failing{
			"gone":    {openErr: os.ErrNotExist},
			"shorter": {bytes: text(1, size-1)},
			"longer":  {bytes: text(1, size+1)},
			"broken":  {bytes: text(1, size), onRead: func() error { return broken }},
		} {
			i := inode(tree.Regular | 0o644)
			i.Size, i.Content, i.Origin = int64(size), c, "/src/victim"
			root := dir("", file("a", text(1, 100)), &tree.Node{Name: "b", Inode: i}, file("c", text(1, 100)))
			_, err := Write(context.Background(), discard{}, root, options(64<<20))
			if err == nil || !strings.Contains(err.Error(), "/src/victim") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %d bytes: error %v", name, size, err)
			}
			if name == "gone" && !errors.Is(err, os.ErrNotExist) || name == "broken" && !errors.Is(err, broken) {
				t.Errorf("%s: %v does not wrap the cause", name, err)
			}
		}
	}
}

func TestTargetThatFails(t *testing.T) {
	root := dir("", file("a", text(1, 9<<20)))
	for _, limit := range []int64{0, 1 << 20, 6 << 20} {
		_, err := Write(context.Background(), fullTarget(limit), root, options(64<<20))
		if !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

type fullTarget int64

func (f fullTarget) WriteAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > int64(f) {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestCancel(t *testing.T) {
	for _, size := range []int{5000, 5 << 20} {
		ctx, cancel := context.WithCancel(context.Background())
		root := dir("")
		for i := range 500 {
			n := inode(tree.Regular | 0o644)
			n.Size = int64(size)
			n.Content = failing{bytes: text(1, size), onRead: func() error {
				if i == 20 {
					cancel()
				}
				return nil
			}}
			if i > 60 {
				n.Content = memory(nil) // would be an error
			}
			root.Add(&tree.Node{Name: fmt.Sprintf("%04d", i), Inode: n})
			if size > 1<<20 && i > 30 {
				break
			}
		}
		if _, err := Write(ctx, discard{}, root, options(1<<30)); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		cancel()
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, discard{}, dir(""), options(64<<20)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestBadTrees(t *testing.T) {
	with := func(change func(n *tree.Node)) *tree.Node {
		n := file("victim", nil)
		change(n)
		return bulkDir("", []*tree.Node{dir("d"), n})
	}
	named := func(name string) *tree.Node { return with(func(n *tree.Node) { n.Name = name }) }
	typed := func(mode uint32) *tree.Node { return with(func(n *tree.Node) { n.Mode = mode }) }
	attr := func(name string, value []byte) *tree.Node {
		return with(func(n *tree.Node) { n.Xattrs = []tree.Xattr{{Name: name, Value: value}} })
	}
	loop := dir("loop")
	loop.Children = []*tree.Node{loop}
	shared := dir("one")
	for name, c := range map[string]struct {
		root *tree.Node
		want string
	}{
		"nil":               {nil, "root"},
		"root is a file":    {file("", nil), "root"},
		"empty name":        {named(""), "empty"},
		"dot":               {named("."), "reserved"},
		"dot dot":           {named(".."), "reserved"},
		"slash":             {named("a/b"), "slash"},
		"NUL":               {named("a\x00b"), "NUL"},
		"long":              {named(strings.Repeat("x", 256)), "256 bytes"},
		"twice":             {named("d"), "twice"},
		"no inode":          {with(func(n *tree.Node) { n.Inode = nil }), "names nothing"},
		"unknown type":      {typed(0o644), "file type"},
		"empty target":      {typed(tree.Symlink | 0o777), "target"},
		"long target":       {dir("", symlink("l", strings.Repeat("x", 4096))), "4096 bytes"},
		"NUL in target":     {dir("", symlink("l", "a\x00b")), "NUL"},
		"no content":        {with(func(n *tree.Node) { n.Size = 5; n.Content = nil }), "no content"},
		"negative size":     {with(func(n *tree.Node) { n.Size = -5 }), "negative"},
		"huge size":         {with(func(n *tree.Node) { n.Size = 1 << 50; n.Content = memory(nil) }), "16 TiB"},
		"device number":     {with(func(n *tree.Node) { n.Mode = tree.Block; n.Minor = 1 << 20 }), "device number"},
		"children":          {with(func(n *tree.Node) { n.Children = []*tree.Node{file("a", nil)} }), "not a directory"},
		"loop":              {bulkDir("", []*tree.Node{loop}), "second name"},
		"two names":         {bulkDir("", []*tree.Node{shared, {Name: "two", Inode: shared.Inode}}), "second name"},
		"lost+found a file": {dir("", file(lostFoundName, nil)), "must be a directory"},
		"attribute name":    {attr("something.else", nil), "something.else"},
		"no attribute name": {attr("user.", nil), "no name"},
		"attribute value":   {attr("user.x", make([]byte, 5000)), "4064"},
		"bad ACL":           {attr("system.posix_acl_access", []byte{1, 2, 3}), "ACL"},
		"bad ACL tag":       {attr("system.posix_acl_access", acl(0x40, 7, -1)), "tag"},
		"attribute twice": {with(func(n *tree.Node) {
			n.Xattrs = []tree.Xattr{{Name: "user.x"}, {Name: "user.x"}}
		}), "twice"},
		"many links": {func() *tree.Node {
			d := bulkDir("", nil)
			f := file("", nil)
			for i := range 65_001 {
				d.Children = append(d.Children, &tree.Node{Name: fmt.Sprintf("%06d", i), Inode: f.Inode})
			}
			return d
		}(), "65001 hard links"},
	} {
		_, err := Write(context.Background(), discard{}, c.root, options(64<<20))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "ext4: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q, want one about %q", name, err, c.want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"block size":    func(o *Options) { o.BlockSize = 1024 },
		"label":         func(o *Options) { o.Label = strings.Repeat("x", 17) },
		"NUL":           func(o *Options) { o.Label = "a\x00" },
		"UUID":          func(o *Options) { o.UUID = [16]byte{} },
		"hash seed":     func(o *Options) { o.HashSeed = [16]byte{} },
		"hash":          func(o *Options) { o.HashAlg = 6 },
		"reserved":      func(o *Options) { p := 51; o.ReservedPercent = &p },
		"negative":      func(o *Options) { o.Size = -1 },
		"16 TiB":        func(o *Options) { o.Size = 16 << 40 },
		"epoch":         func(o *Options) { o.Epoch.Sec = 1 << 40 },
		"more bytes":    func(o *Options) { o.Size = 4096 },
		"are needed":    func(o *Options) { o.Size = 0 },
		"bytes are nee": func(o *Options) { o.Size = 1 << 20; o.Inodes = 100_000 },
	} {
		o := options(64 << 20)
		change(&o)
		if _, err := Write(context.Background(), discard{}, dir(""), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want one about %q", err, want)
		}
	}
}

func TestDeepTree(t *testing.T) {
	root := dir("")
	at := root
	for range 3000 {
		next := dir("d")
		at.Children = []*tree.Node{next}
		at = next
	}
	at.Children = []*tree.Node{file("x", text(1, 10))}
	clean(t, image(t, root, options(64<<20)))
	at.Children[0].Name = "a/b"
	if _, err := Plan(root, options(64<<20)); err == nil || !strings.Contains(err.Error(), "/d/d/d: the name") {
		t.Errorf("error %v", err)
	}
}

// TestMinSizeWithManyInodes must not take longer the more inodes are asked for.
func TestMinSizeWithManyInodes(t *testing.T) {
	for _, n := range []uint32{1000, 100_000, 5_000_000, 1 << 28, 1<<32 - 1} {
		o := options(0)
		o.Inodes = n
		size, err := MinSize(dir(""), o, 0)
		if n > 1<<31 {
			if err == nil {
				t.Errorf("%d inodes: %d bytes", n, size)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Size = size
		if g, err := Plan(dir(""), o); err != nil || !g.Fits || g.Inodes < uint64(n) {
			t.Errorf("%d inodes in %d bytes: %+v, %v", n, size, g, err)
		}
	}
}

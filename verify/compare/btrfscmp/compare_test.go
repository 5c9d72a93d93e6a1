package btrfscmp

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkbtrfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

var must = comparetest.Must

// sample is a tree with a bit of everything.
func sample() *tree.Node { return sampleOf(300) }

// sampleOf is one with so many files in one folder.
func sampleOf(many int) *tree.Node {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	put := func(path string, in *tree.Inode) { sametree.Put(root, path, in) }
	text := sametree.File([]byte(strings.Repeat("a line of text\n", 300)))
	text.Xattrs = []tree.Xattr{{Name: "user.note", Value: []byte("a value")}}
	put("etc/text.conf", text)
	put("etc/hard", text)
	put("etc/small", sametree.File([]byte("small\n")))
	put("etc/nothing", sametree.File(nil))
	put("usr/lib/large.so", sametree.File(sametree.Noise(1, 1<<20+100)))
	sparse := make([]byte, 1<<20)
	copy(sparse[700_000:], "in the middle")
	put("usr/lib/sparse", sametree.File(sparse))
	put("usr/lib/"+strings.Repeat("long", 60), sametree.File([]byte("x")))
	link := sametree.New(tree.Symlink | 0o777)
	link.Target = "../usr/lib"
	put("etc/link", link)
	device := sametree.New(tree.Char | 0o600)
	device.Major, device.Minor = 1, 5
	put("dev/null", device)
	for i := range many {
		put(fmt.Sprintf("many/file-%04d", i), sametree.File(fmt.Appendf(nil, "file %d\n", i)))
	}
	return root
}

func defaults() mkbtrfs.Options {
	return mkbtrfs.Options{UUID: [16]byte{1, 9: 7}, Device: [16]byte{2, 9: 7}, Chunks: [16]byte{3, 9: 7}, Subvolume: [16]byte{4, 9: 7}, Label: "label", Epoch: sametree.Epoch}
}

// memory is an image as a writer fills it.
type memory []byte

func (m memory) WriteAt(b []byte, off int64) (int, error) { return copy(m[off:], b), nil }

// write makes an image. It has room for what is added, so that all are of one
// size.
func write(t testing.TB, root *tree.Node, opt mkbtrfs.Options) []byte {
	t.Helper()
	size, err := mkbtrfs.Size(root, opt)
	must(t, err)
	const step = 8 << 20
	opt.Size = (size + step - 1) / step * step
	m := make(memory, opt.Size)
	must(t, mkbtrfs.Write(context.Background(), m, root, opt))
	return m
}

func find(root *tree.Node, path string) *tree.Node {
	for _, name := range strings.Split(path, "/") {
		root = root.Child(name)
	}
	return root
}

// both compares two images in both directions, and checks that there is the one
// root finding.
func both(t *testing.T, a, b []byte, want ...string) []report.Finding {
	t.Helper()
	fs := compared(t, a, b)
	comparetest.WantRoots(t, fs, want...)
	comparetest.WantRoots(t, compared(t, b, a), want...)
	return fs
}

func compared(t *testing.T, a, b []byte) []report.Finding {
	t.Helper()
	fs, warnings, _ := comparetest.Bytes(t, Compare, a, b)
	for _, w := range warnings {
		t.Errorf("warning: %s", w)
	}
	return fs
}

// TestOnePlantedDifference in the tree or an option is one root finding, and
// everything else follows from it.
func TestOnePlantedDifference(t *testing.T) {
	file := func(path string, do func(n *tree.Node)) func(*tree.Node, *mkbtrfs.Options) {
		return func(root *tree.Node, _ *mkbtrfs.Options) { do(find(root, path)) }
	}
	content := func(b []byte) func(n *tree.Node) {
		return func(n *tree.Node) { n.Content, n.Size = sametree.File(b).Content, int64(len(b)) }
	}
	changed := sametree.Noise(1, 1<<20+100)
	changed[1<<19] ^= 1
	a := write(t, sample(), defaults())
	for _, c := range []struct {
		name  string
		do    func(root *tree.Node, opt *mkbtrfs.Options)
		want  string
		cause report.Cause
	}{
		{"uuid", func(_ *tree.Node, o *mkbtrfs.Options) { o.UUID[3] = 9 }, "superblock/fsid", report.Random},
		{"label", func(_ *tree.Node, o *mkbtrfs.Options) { o.Label = "other" }, "superblock/label", report.Content},
		{"device", func(_ *tree.Node, o *mkbtrfs.Options) { o.Device[3] = 9 }, "superblock/dev_item.uuid", report.Random},
		{"chunks", func(_ *tree.Node, o *mkbtrfs.Options) { o.Chunks[3] = 9 }, "node-header/chunk_tree_uuid", report.Random},
		{"subvolume", func(_ *tree.Node, o *mkbtrfs.Options) { o.Subvolume[3] = 9 }, "root-tree/root_item.uuid", report.Random},
		{"epoch", func(_ *tree.Node, o *mkbtrfs.Options) { o.Epoch.Sec += 7 }, "root-tree/root_item.ctime", report.Time},
		{"mtime", file("etc/small", func(n *tree.Node) { n.Mtime.Sec += 77 }), "inode/mtime:/etc/small", report.Time},
		{"ctime", file("etc/small", func(n *tree.Node) { n.Ctime.Nsec++ }), "inode/ctime:/etc/small", report.Time},
		{"birth", file("usr", func(n *tree.Node) { n.Btime.Sec -= 77 }), "inode/otime:/usr", report.Time},
		{"mode", file("etc/small", func(n *tree.Node) { n.Mode ^= 0o22 }), "inode/mode:/etc/small", report.Environment},
		{"owner", file("usr/lib", func(n *tree.Node) { n.UID = 1000 }), "inode/uid:/usr/lib", report.Environment},
		{"hard link", file("etc/text.conf", func(n *tree.Node) { n.GID = 1000 }), "inode/gid:/etc/hard", report.Environment},
		{"attribute", file("etc/hard", func(n *tree.Node) { n.Xattrs = []tree.Xattr{{Name: "user.note", Value: []byte("another")}} }), "inode/xattr:user.note:/etc/hard", report.Content},
		{"new attribute", file("etc/small", func(n *tree.Node) { n.Xattrs = []tree.Xattr{{Name: "user.new", Value: []byte("v")}} }), "inode/xattr:user.new:/etc/small", report.Content},
		{"device number", file("dev/null", func(n *tree.Node) { n.Minor = 9 }), "inode/rdev:/dev/null", report.Content},
		{"target", file("etc/link", func(n *tree.Node) { n.Target = "../usr/LIB" }), "inode/target:/etc/link", report.Content},
		{"longer target", file("etc/link", func(n *tree.Node) { n.Target = "../usr/libexec" }), "inode/target:/etc/link", report.Content},
		{"byte", file("usr/lib/large.so", content(changed)), "data/content:/usr/lib/large.so", report.Content},
		{"byte in the tree", file("etc/small", content([]byte("smell\n"))), "data/content:/etc/small", report.Content},
		{"longer", file("etc/small", content([]byte("smaller\n"))), "data/content:/etc/small", report.Content},
		{"much longer", file("etc/small", content(sametree.Noise(4, 9000))), "data/content:/etc/small", report.Content},
		{"hole", file("usr/lib/sparse", content(make([]byte, 1<<20))), "data/content:/usr/lib/sparse", report.Content},
		{"file", func(root *tree.Node, _ *mkbtrfs.Options) {
			sametree.Put(root, "etc/added", sametree.File([]byte("new")))
		}, "directory/entry:/etc/added", report.Content},
		{"large file", func(root *tree.Node, _ *mkbtrfs.Options) {
			sametree.Put(root, "a", sametree.File(sametree.Noise(8, 100_000)))
		}, "directory/entry:/a", report.Content},
		{"link", func(root *tree.Node, _ *mkbtrfs.Options) {
			sametree.Put(root, "name", find(root, "usr/lib/large.so").Inode)
		}, "directory/entry:/name", report.Content},
		{"folder", func(root *tree.Node, _ *mkbtrfs.Options) {
			sametree.Put(root, "var/log/x", sametree.File([]byte("new")))
		}, "directory/entry:/var", report.Content},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, opt := sample(), defaults()
			c.do(root, &opt)
			fs := both(t, a, write(t, root, opt), "p0/btrfs/"+c.want)
			if f := fs[0]; f.Cause != c.cause || f.Remedy == "" {
				t.Errorf("the cause is %s, want %s; remedy %q", f.Cause, c.cause, f.Remedy)
			}
		})
	}
}

func TestEqualImagesHaveNoFinding(t *testing.T) {
	a := write(t, sample(), defaults())
	both(t, a, bytes.Clone(a))
}

// TestManyEntries: one more among 2,000 in a folder moves items of all that is
// behind it.
func TestManyEntries(t *testing.T) {
	root := sampleOf(2000)
	sametree.Put(root, "many/added", sametree.File([]byte("new")))
	both(t, write(t, sampleOf(2000), defaults()), write(t, root, defaults()), "p0/btrfs/directory/entry:/many/added")
}

// image is an image in memory that is changed in place, with right checksums.
type image struct {
	t  testing.TB
	b  []byte
	fs *btrfs.FS
}

func edit(t testing.TB, b []byte) *image {
	t.Helper()
	e := &image{t, bytes.Clone(b), nil}
	var err error
	e.fs, err = btrfs.Open(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	return e
}

// node changes a node in all of its copies.
func (e *image) node(n *btrfs.Node, do func(raw []byte)) {
	m := e.fs.Map(n.Logical)
	for _, s := range m.Stripes {
		raw := e.b[s+n.Logical-m.Logical:][:len(n.Raw)]
		do(raw)
		btrfs.Seal(e.fs.SB.CsumType, raw)
	}
}

// item changes the first item of a type in a tree, or the one after so many.
func (e *image) item(tree uint64, kind uint8, skip int, do func(data []byte)) {
	e.t.Helper()
	c, err := e.fs.Seek(e.fs.Tree(tree), btrfs.Key{})
	must(e.t, err)
	for {
		r, ok, err := c.Next()
		must(e.t, err)
		if !ok {
			e.t.Fatalf("the tree %d has no such item of type %d", tree, kind)
		}
		if r.Key.Type != kind {
			continue
		}
		if skip--; skip < 0 {
			start, end := r.Node.Span(r.Index)
			e.node(r.Node, func(raw []byte) { do(raw[start:end]) })
			return
		}
	}
}

// super changes the superblock and its mirrors.
func (e *image) super(do func(s *btrfs.Superblock)) {
	for _, at := range btrfs.SuperOffsets {
		if at+btrfs.SuperSize > int64(len(e.b)) {
			return
		}
		raw := e.b[at:][:btrfs.SuperSize]
		s := btrfs.SuperblockLayout.Decode(raw)
		do(&s)
		btrfs.SuperblockLayout.Put(raw, &s)
		btrfs.Seal(s.CsumType, raw)
	}
}

// TestOneChangedField in one item of each sort is one root finding.
func TestOneChangedField(t *testing.T) {
	a := write(t, sample(), defaults())
	flip := func(off int) func([]byte) { return func(b []byte) { b[off] ^= 0x10 } }
	for _, c := range []struct {
		name string
		do   func(e *image)
		want string
	}{
		{"sequence", func(e *image) { e.item(btrfs.FSTree, btrfs.InodeItemKey, 3, flip(72)) }, "inode/sequence:/etc"},
		{"transid", func(e *image) { e.item(btrfs.FSTree, btrfs.InodeItemKey, 0, flip(8)) }, "inode/transid:/"},
		{"index", func(e *image) { e.item(btrfs.FSTree, btrfs.InodeRefKey, 1, flip(0)) }, "inode/inode_ref.index:/dev"},
		{"entry's transid", func(e *image) { e.item(btrfs.FSTree, btrfs.DirItemKey, 0, flip(17)) }, "directory/dir_item.transid:/dev"},
		{"extent's generation", func(e *image) { e.item(btrfs.FSTree, btrfs.ExtentDataKey, 0, flip(0)) }, "inode/file_extent_item.generation:/etc/hard"},
		{"refs", func(e *image) { e.item(btrfs.ExtentTree, btrfs.ExtentItemKey, 0, flip(0)) }, "extent-tree/extent_item.refs"},
		{"back reference", func(e *image) { e.item(btrfs.ExtentTree, btrfs.ExtentItemKey, 0, flip(33)) }, "extent-tree/extent_item.ref.objectid"},
		{"owner of a node", func(e *image) { e.item(btrfs.ExtentTree, btrfs.MetadataItemKey, 0, flip(25)) }, "extent-tree/metadata_item.ref.offset"},
		{"group", func(e *image) { e.item(btrfs.ExtentTree, btrfs.BlockGroupItemKey, 0, flip(0)) }, "extent-tree/block_group_item.used"},
		{"checksum of data", func(e *image) { e.item(btrfs.CsumTree, btrfs.ExtentCsumKey, 0, flip(40)) }, "csum-tree/extent_csum.sums"},
		{"free space info", func(e *image) { e.item(btrfs.FreeSpaceTree, btrfs.FreeSpaceInfoKey, 0, flip(0)) }, "free-space-tree/free_space_info.extent_count"},
		{"device's extent", func(e *image) { e.item(btrfs.DevTree, btrfs.DevExtentKey, 0, flip(16)) }, "dev-tree/dev_extent.chunk_offset"},
		{"uuid tree", func(e *image) { e.item(btrfs.UUIDTree, btrfs.UUIDKeySubvol, 0, flip(0)) }, "uuid-tree/uuid_subvol.subid"},
		{"read-only", func(e *image) { e.item(btrfs.RootTree, btrfs.RootItemKey, 2, flip(208)) }, "root-tree/root_item.flags"},
		{"last snapshot", func(e *image) { e.item(btrfs.RootTree, btrfs.RootItemKey, 0, flip(200)) }, "root-tree/root_item.last_snapshot"},
		{"header's flags", func(e *image) { e.node(e.first(btrfs.CsumTree), flip(0x38)) }, "node-header/flags"},
		{"header's generation", func(e *image) { e.node(e.first(btrfs.FSTree), flip(0x50)) }, "node-header/generation"},
		{"pointer's generation", func(e *image) { e.node(e.first(btrfs.FSTree), flip(btrfs.HeaderSize+25)) }, "fs-tree/key_ptr.generation"},
		{"slack", func(e *image) { e.node(e.first(btrfs.DevTree), flip(8000)) }, "node-slack/content"},
		{"super's generation", func(e *image) { e.super(func(s *btrfs.Superblock) { s.Generation++ }) }, "superblock/generation"},
		{"super's flags", func(e *image) { e.super(func(s *btrfs.Superblock) { s.CompatFlags++ }) }, "superblock/compat_flags"},
		{"backup root", func(e *image) { e.super(func(s *btrfs.Superblock) { s.SuperRoots[1].FSRoot++ }) }, "superblock/super_roots"},
		{"reserved", func(e *image) { e.super(func(s *btrfs.Superblock) { s.Padding[100]++ }) }, "superblock/padding"},
		{"boot loader", func(e *image) { copy(e.b[512:], "boot") }, "boot-area/content"},
		{"unallocated", func(e *image) { copy(e.b[len(e.b)-10:], "garbage") }, "free-space/content"},
		{"order", func(e *image) { e.swap() }, "directory/order:/many"},
		{"behind the end", func(e *image) { e.behind("large.so") }, "slack/content:/usr/lib/large.so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := edit(t, a)
			c.do(e)
			if bytes.Equal(a, e.b) {
				t.Fatal("nothing was changed")
			}
			both(t, a, e.b, "p0/btrfs/"+c.want)
		})
	}
}

// first is a tree's first node.
func (e *image) first(id uint64) *btrfs.Node {
	n, err := e.fs.Node(e.fs.Tree(id).Root)
	must(e.t, err)
	return n
}

// lookup finds an inode by its path.
func (e *image) lookup(path string) *btrfs.Inode {
	in, err := e.fs.Root(e.fs.Tree(btrfs.FSTree))
	must(e.t, err)
	for _, name := range strings.Split(path, "/") {
		list, err := e.fs.List(in)
		must(e.t, err)
		for _, x := range list {
			if x.Name == name {
				in, err = e.fs.Open(in, x)
				must(e.t, err)
				break
			}
		}
	}
	return in
}

// swap has two entries of a folder listed in the other order.
func (e *image) swap() {
	dir := e.lookup("many")
	var where []btrfs.Record
	must(e.t, e.fs.Range(e.fs.Tree(btrfs.FSTree), btrfs.Key{ObjectID: dir.Number, Type: btrfs.DirIndexKey}, btrfs.Key{ObjectID: dir.Number, Type: btrfs.DirIndexKey, Offset: ^uint64(0)}, func(r btrfs.Record) (bool, error) {
		where = append(where, r)
		return len(where) < 2, nil
	}))
	x, y := bytes.Clone(where[0].Data), bytes.Clone(where[1].Data)
	for i, b := range [][]byte{y, x} {
		start, _ := where[i].Node.Span(where[i].Index)
		e.node(where[i].Node, func(raw []byte) { copy(raw[start:], b) })
	}
}

// behind changes a byte behind a file's end, in its last sector.
func (e *image) behind(name string) {
	in := e.lookup("usr/lib/" + name)
	f := e.fs.File(in)
	x, err := f.Extent(f.Size() - 1)
	must(e.t, err)
	off, _ := e.fs.Physical(x.Logical()+uint64(f.Size()-x.Start)+5, 1)
	e.b[off] ^= 1
}

// TestWrongChecksum is told, and is a finding of its own.
func TestWrongChecksum(t *testing.T) {
	a := write(t, sample(), defaults())
	e := edit(t, a)
	n := e.first(btrfs.CsumTree)
	m := e.fs.Map(n.Logical)
	e.b[m.Stripes[0]+n.Logical-m.Logical] ^= 1
	// The second copy is right, and so is read.
	fs := both(t, a, e.b, "p0/btrfs/node-copy/csum")
	if fs[0].Bytes != 1 {
		t.Errorf("%+v", fs[0])
	}
	e.b[m.Stripes[1]+n.Logical-m.Logical] ^= 1
	fs, warnings, _ := comparetest.Bytes(t, Compare, a, e.b)
	comparetest.WantRoots(t, fs, "p0/btrfs/node-header/csum")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "second image: 1 nodes have a wrong checksum") {
		t.Errorf("warnings: %q", warnings)
	}
}

// TestUnreadableIsOneFinding: one warning says why.
func TestUnreadableIsOneFinding(t *testing.T) {
	a := write(t, sample(), defaults())
	e := edit(t, a)
	e.super(func(s *btrfs.Superblock) { s.NumDevices = 2 })
	e.b[len(e.b)-1] ^= 1
	fs, warnings, _ := comparetest.Bytes(t, Compare, a, e.b)
	comparetest.WantRoots(t, fs, "p0/btrfs/filesystem/content")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "it spans 2 devices") {
		t.Errorf("warnings: %q", warnings)
	}
}

// TestSidesThatAreNotAligned are compared by what they mean.
func TestSidesThatAreNotAligned(t *testing.T) {
	root, opt := sample(), defaults()
	find(root, "etc/small").Mode = tree.Regular | 0o600
	opt.Label = "other"
	a, b := write(t, sample(), defaults()), write(t, root, opt)
	l := ledger.New()
	_, err := Compare(t.Context(), l, ledger.Pair{
		A: ledger.Side{R: bytes.NewReader(a), Size: int64(len(a))}, B: ledger.Side{R: bytes.NewReader(b), Size: int64(len(b)), Base: 1 << 20},
	})
	must(t, err)
	comparetest.WantRoots(t, l.Findings(), "p0/btrfs/superblock/label", "p0/btrfs/inode/mode:/etc/small")
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// TestOtherSize: what a larger device changes follows from that.
func TestOtherSize(t *testing.T) {
	opt := defaults()
	size, err := mkbtrfs.Size(sample(), opt)
	must(t, err)
	image := func(size int64) []byte {
		opt.Size = size
		m := make(memory, size)
		must(t, mkbtrfs.Write(t.Context(), m, sample(), opt))
		return m
	}
	both(t, image(size), image(size+9<<20), "p0/btrfs/superblock/total_bytes")
}

// TestNoWayUp: inodes that no name leads to have their number, even where names
// go round in a circle.
func TestNoWayUp(t *testing.T) {
	a := write(t, sample(), defaults())
	e := edit(t, a)
	dev := e.lookup("dev")
	r, ok, err := e.fs.Find(e.fs.Tree(btrfs.FSTree), btrfs.Key{ObjectID: dev.Number, Type: btrfs.InodeRefKey, Offset: btrfs.FirstFree})
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	e.node(r.Node, func(raw []byte) { // the folder is its own parent
		raw[btrfs.HeaderSize+r.Index*btrfs.ItemSize+9] = byte(dev.Number)
		raw[btrfs.HeaderSize+r.Index*btrfs.ItemSize+10] = byte(dev.Number >> 8)
	})
	both(t, a, e.b, "p0/btrfs/fs-tree/items")
}

// TestMirror: what differs in a mirror alone is a finding of its own, and what
// differs in all copies is one.
func TestMirror(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	sametree.Put(root, "large", sametree.File(sametree.Noise(1, 50<<20)))
	a := write(t, root, defaults())
	e := edit(t, a)
	label, _ := btrfs.SuperblockLayout.Named("label")
	e.b[btrfs.SuperOffsets[1]+int64(label.Offset)] ^= 1
	both(t, a, e.b, "p0/btrfs/superblock-mirror-1/label")
	e.super(func(s *btrfs.Superblock) { copy(s.Label[:], "changed") })
	both(t, a, e.b, "p0/btrfs/superblock/label")
}

package mkext4

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// memory is a file's content in memory.
type memory []byte

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

func (m memory) Open() (tree.Reader, error) { return memoryReader{bytes.NewReader(m)}, nil }

// holey is content of which only a few blocks hold data: a byte that follows
// from the block's number, repeated.
type holey struct {
	size int64
	data map[int64]bool // blocks of 4096 bytes
}

func (h holey) Open() (tree.Reader, error) { return &holeyReader{holey: h}, nil }

type holeyReader struct {
	holey
	at int64
}

func (r *holeyReader) Read(p []byte) (int, error) {
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	return n, err
}

func (r *holeyReader) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), r.size-off))
	if n <= 0 {
		return 0, io.EOF
	}
	for at := 0; at < n; {
		b := (off + int64(at)) / 4096
		piece := p[at:min(n, int((b+1)*4096-off))]
		clear(piece)
		if r.data[b] {
			for i := range piece {
				piece[i] = byte(b%251) + 1
			}
		}
		at += len(piece)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *holeyReader) NextData(off int64) (int64, int64, error) {
	for b := off / 4096; b*4096 < r.size; b++ {
		if r.data[b] {
			return max(off, b*4096), min(r.size, (b+1)*4096), nil
		}
	}
	return r.size, r.size, nil
}

func (*holeyReader) Close() error { return nil }

// onDisk is content in a file of the machine.
type onDisk struct{ path string }

func (o onDisk) Open() (tree.Reader, error) {
	f, err := os.Open(o.path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

var someTime = tree.Time{Sec: 1_700_000_000, Nsec: 123_456_789}

func inode(mode uint32) *tree.Inode {
	return &tree.Inode{Mode: mode, Atime: someTime, Mtime: someTime, Ctime: someTime, Btime: someTime}
}

func dir(name string, kids ...*tree.Node) *tree.Node {
	n := &tree.Node{Name: name, Inode: inode(tree.Directory | 0o755)}
	for _, k := range kids {
		n.Add(k)
	}
	return n
}

func file(name string, content []byte) *tree.Node {
	i := inode(tree.Regular | 0o644)
	i.Size, i.Content = int64(len(content)), memory(content)
	return &tree.Node{Name: name, Inode: i}
}

func symlink(name, target string) *tree.Node {
	i := inode(tree.Symlink | 0o777)
	i.Target = target
	return &tree.Node{Name: name, Inode: i}
}

// text is n bytes of which none is zero, others for every seed.
func text(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := 0; i < n; {
		for x := r.Uint64(); x > 31 && i < n; x >>= 5 {
			b[i] = "abcdefghijklmnopqrstuvwxyz\n .,-!"[x&31]
			i++
		}
	}
	return b
}

func options(size int64) Options {
	return Options{
		Size: size, UUID: [16]byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b},
		HashSeed: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		Label:    "nixos", Epoch: tree.Time{Sec: 1_600_000_000},
	}
}

// image writes a tree to a new sparse file of opt.Size bytes.
func image(t testing.TB, root *tree.Node, opt Options) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "image")
	if _, err := imageAt(name, root, opt); err != nil {
		t.Fatal(err)
	}
	return name
}

func imageAt(name string, root *tree.Node, opt Options) (Info, error) {
	f, err := os.Create(name)
	if err != nil {
		return Info{}, err
	}
	err = f.Truncate(opt.Size)
	var info Info
	if err == nil {
		info, err = Write(context.Background(), f, root, opt)
	}
	return info, errors.Join(err, f.Close())
}

// clean has e2fsck find nothing: neither damage nor anything to optimise.
func clean(t testing.TB, image string) {
	t.Helper()
	r := judge.Run(t, "e2fsck", "-fn", image)
	if r.Status != 0 || strings.Contains(r.Stdout, "could be") || strings.Contains(r.Stdout, "ptimiz") {
		t.Fatalf("e2fsck -fn: exit status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
}

func numbered(n int, name func(int) string) []*tree.Node {
	out := make([]*tree.Node, n)
	for i := range out {
		out[i] = file(name(i), nil)
	}
	return out
}

// bulkDir has its children put in at once, in their order.
func bulkDir(name string, kids []*tree.Node) *tree.Node {
	return &tree.Node{Name: name, Inode: inode(tree.Directory | 0o755), Children: kids}
}

// variety is a tree with one of everything.
func variety() *tree.Node {
	dev := func(name string, mode, major, minor uint32) *tree.Node {
		i := inode(mode)
		i.Major, i.Minor = major, minor
		return &tree.Node{Name: name, Inode: i}
	}
	attrs := file("attributes", []byte("x"))
	attrs.Xattrs = []tree.Xattr{
		{Name: "security.capability", Value: []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{Name: "system.posix_acl_access", Value: acl(0x01, 6, -1, 0x02, 7, 1000, 0x04, 4, -1, 0x10, 7, -1, 0x20, 4, -1)},
		{Name: "trusted.long", Value: text(3, 3000)},
		{Name: "user.empty", Value: nil},
		{Name: "user.note", Value: []byte("hello")},
		{Name: "user.\xff\xfe", Value: []byte("odd name")},
	}
	inodeOnly := file("inode-attribute", nil)
	inodeOnly.Xattrs = []tree.Xattr{{Name: "user.a", Value: []byte("0123456789")}}
	defaults := dir("default-acl")
	defaults.Xattrs = []tree.Xattr{{Name: "system.posix_acl_default", Value: acl(0x01, 7, -1, 0x04, 5, -1, 0x20, 5, -1)}}
	var shared []*tree.Node
	for i := range 5 {
		f := file(fmt.Sprintf("shared%d", i), nil)
		f.Xattrs = []tree.Xattr{{Name: "user.shared", Value: text(4, 500)}}
		shared = append(shared, f)
	}
	linked := file("hard link", []byte("one inode, two names\n"))
	owned := file("owned", nil)
	owned.UID, owned.GID, owned.Mode = 70000, 1<<31+5, tree.Regular|0o6755
	times := file("times", nil)
	times.Atime = tree.Time{Sec: -5, Nsec: 999_999_999}
	times.Mtime = tree.Time{Sec: 1 << 32, Nsec: 1}
	times.Ctime = tree.Time{Sec: 1<<34 - 1<<31 - 1, Nsec: 2}
	times.Btime = tree.Time{Sec: -1 << 31, Nsec: 3}
	holes := inode(tree.Regular | 0o600)
	holes.Size, holes.Content = 40<<20+17, holey{40<<20 + 17, map[int64]bool{0: true, 5: true, 6: true, 700: true, 1000: true, 5000: true, 40 * 256: true}}
	deep := dir("deep")
	for i, at := 0, deep; i < 40; i++ {
		next := dir(fmt.Sprintf("level%d", i))
		at.Add(next)
		at = next
	}
	return dir("",
		attrs, inodeOnly, defaults, dir("shared", shared...), deep, owned, times,
		dir("dev", dev("null", tree.Char|0o666, 1, 3), dev("disk", tree.Block|0o660, 259, 70000),
			&tree.Node{Name: "pipe", Inode: inode(tree.FIFO | 0o600)}, &tree.Node{Name: "socket", Inode: inode(tree.Socket | 0o600)}),
		linked, dir("other", &tree.Node{Name: "name", Inode: linked.Inode}),
		&tree.Node{Name: "holes", Inode: holes},
		file("empty", nil), file("one byte", []byte("1")), file("block", text(1, 4096)), file("block and one", text(2, 4097)),
		file("zeros", make([]byte, 100_000)), file("large", text(5, 3<<20+1)),
		symlink("short", strings.Repeat("s", 59)), symlink("long", strings.Repeat("l", 60)), symlink("longest", strings.Repeat("m", 4095)),
		file(strings.Repeat("n", 255), []byte("long name")), file("\xff\x01\n odd", []byte("odd name")), file("日本語", nil),
		bulkDir("many", numbered(1500, func(i int) string { return fmt.Sprintf("file-%08d", i) })),
	)
}

// acl puts an ACL together as getxattr(2) returns it: tag, permissions, id.
func acl(entries ...int) []byte {
	b := []byte{2, 0, 0, 0}
	for i := 0; i < len(entries); i += 3 {
		id := uint32(entries[i+2])
		b = append(b, byte(entries[i]), 0, byte(entries[i+1]), 0, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return b
}

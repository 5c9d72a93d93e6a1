package sametree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Bytes is a file's content that lies in memory.
type Bytes []byte

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// Open is tree.Content's.
func (m Bytes) Open() (tree.Reader, error) { return reader{bytes.NewReader(m)}, nil }

// Epoch is the time of all that has none of its own in a sample.
var Epoch = tree.Time{Sec: 1_600_000_000}

// New is an inode at the epoch.
func New(mode uint32) *tree.Inode {
	return &tree.Inode{Mode: mode, Atime: Epoch, Mtime: Epoch, Ctime: Epoch, Btime: Epoch}
}

// File is a regular file's inode.
func File(content []byte) *tree.Inode {
	i := New(tree.Regular | 0o644)
	i.Size, i.Content = int64(len(content)), Bytes(content)
	return i
}

// Put adds an inode under a path; directories on the way are made.
func Put(root *tree.Node, path string, i *tree.Inode) *tree.Node {
	parts := strings.Split(path, "/")
	n := root
	for _, dir := range parts[:len(parts)-1] {
		c := n.Child(dir)
		if c == nil {
			c = &tree.Node{Name: dir, Inode: New(tree.Directory | 0o755)}
			n.Add(c)
		}
		n = c
	}
	c := &tree.Node{Name: parts[len(parts)-1], Inode: i}
	n.Add(c)
	return c
}

// Noise is n bytes that do not compress.
func Noise(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, (n+7)/8*8)
	for at := 0; at < len(b); at += 8 {
		binary.LittleEndian.PutUint64(b[at:], r.Uint64())
	}
	return b[:n]
}

// capability is cap_net_bind_service=ep as setcap stores it.
const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// acl is user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r-- as
// getxattr(2) returns it.
const acl = "\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xe8\x03\x00\x00" +
	"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" +
	"\x20\x00\x04\x00\xff\xff\xff\xff"

// Sample is a tree with one of everything.
func Sample() *tree.Node {
	root := &tree.Node{Inode: New(tree.Directory | 0o751)}
	at := func(path string, i *tree.Inode, change ...func(*tree.Inode)) {
		for _, c := range change {
			c(i)
		}
		Put(root, path, i)
	}
	mode := func(m uint32) func(*tree.Inode) {
		return func(i *tree.Inode) { i.Mode = i.Type() | m }
	}
	owner := func(u, g uint32) func(*tree.Inode) { return func(i *tree.Inode) { i.UID, i.GID = u, g } }
	attrs := func(list ...string) func(*tree.Inode) {
		return func(i *tree.Inode) {
			for k := 0; k < len(list); k += 2 {
				i.Xattrs = append(i.Xattrs, tree.Xattr{Name: list[k], Value: []byte(list[k+1])})
			}
		}
	}
	link := func(target string) *tree.Inode {
		i := New(tree.Symlink | 0o777)
		i.Target = target
		return i
	}
	device := func(kind, major, minor uint32) *tree.Inode {
		i := New(kind | 0o660)
		i.Major, i.Minor = major, minor
		return i
	}
	// Around the borders of sectors, blocks, inline data and extents.
	for _, n := range []int{0, 1, 31, 32, 33, 100, 2000, 2047, 2048, 2049, 3000, 4000, 4032, 4033, 4064, 4065, 4095, 4096, 4097, 8191, 8192, 8193, 16384, 65536, 1<<20 - 1, 1 << 20, 1<<20 + 1} {
		at(fmt.Sprintf("sizes/%d", n), File(Noise(uint64(n), n)))
	}
	at("sizes/some", File(bytes.Repeat([]byte("many sectors "), 300_000)))
	holes := make([]byte, 3<<20)
	copy(holes[5000:], "a"+string(Noise(1, 6000)))
	copy(holes[1<<20:], Noise(2, 70_000))
	copy(holes[3<<20-3:], "end")
	at("holes/inside", File(holes))
	at("holes/at the end", File(append(Noise(3, 5000), make([]byte, 500_000)...)))
	at("holes/all", File(make([]byte, 1<<20)))
	at("holes/small", File(make([]byte, 100)))
	at("holes/one block", File(make([]byte, 4096)))
	at("modes/setuid", File([]byte("x")), mode(0o4755), owner(0, 5))
	at("modes/none", File([]byte("x")), mode(0))
	at("modes/sticky", New(tree.Directory|0o1777))
	at("owners/large", File([]byte("x")), owner(70_000, 4_000_000_000))
	at("owners/65535", File([]byte("x")), owner(65535, 65535))
	at("owners/dir", New(tree.Directory|0o700), owner(1000, 100))
	at("times/old", File([]byte("old")), func(i *tree.Inode) { i.Mtime = tree.Time{Sec: 1_000_000_000, Nsec: 123_456_789} })
	at("times/first", File([]byte("old")), func(i *tree.Inode) { i.Mtime = tree.Time{Sec: 0} })
	at("times/dir", New(tree.Directory|0o755), func(i *tree.Inode) { i.Mtime = tree.Time{Sec: 1} })
	at("links/short", link("a"))
	at("links/absolute", link("/etc/passwd"))
	at("links/longest", link(strings.Repeat("/a/long/target", 292)+"/////x"))
	at("links/with attributes", link("x"), attrs("trusted.x", "y"))
	at("fifo", New(tree.FIFO|0o640))
	at("socket", New(tree.Socket|0o600))
	at("null", device(tree.Char, 1, 3))
	at("disk", device(tree.Block, 259, 70_000))
	at(strings.Repeat("n", 255), File([]byte("a name of 255 bytes")))
	for _, name := range []string{"!before dots", "-", "..a", ".hidden", "bytes \xff\x01\n\t\\", "ümlaut"} {
		at("names/"+name, File([]byte(name)))
	}
	at(strings.Repeat("d", 255)+"/"+strings.Repeat("e", 255)+"/"+strings.Repeat("f", 255), File([]byte("deep")))
	at("empty/directory", New(tree.Directory|0o755))
	for i := range 3000 {
		at(fmt.Sprintf("many/%d file with a name of some length", i), File([]byte(fmt.Sprint(i))))
	}
	twice := File(bytes.Repeat([]byte("twice"), 2000))
	at("again/a", twice)
	at("again/b", twice)
	at("names/other", twice)
	at("attributes/acl", File([]byte("x")), mode(0o664), attrs("system.posix_acl_access", acl))
	at("attributes/default", New(tree.Directory|0o755), attrs("system.posix_acl_default", acl))
	at("attributes/capability", File([]byte("x")), attrs("security.capability", capability))
	at("attributes/several", File(Noise(9, 3500)), attrs("security.x", "1", "trusted.empty", "", "user.a", "one", "user.b", strings.Repeat("two", 60), "user.c", "\x00\x01\xff"))
	at("attributes/large", File(Noise(8, 5000)), attrs("user.large", strings.Repeat("large ", 500)))
	at("attributes/device", device(tree.Char, 5, 1), attrs("security.x", "device"))
	return root
}

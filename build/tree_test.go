package build

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// epoch of these tests. Times of sources before it stay, later ones do not.
const epoch = 1_600_000_000

// item is something in a source folder.
type item struct {
	path  string
	mode  uint32 // with the type, as st_mode
	data  string // of a file; a link's target
	size  int64  // of a file, where it is longer than data
	link  string // another path that this is a hard link to
	dev   int
	attrs map[string]string
	mtime int64 // 0: whenever
}

// capability is cap_net_bind_service=ep as setcap stores it: revision 2,
// effective, bit 10.
const capability = "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// acl is user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r-- as
// setfacl(1) stores it.
const acl = "\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + "\x02\x00\x06\x00\xe8\x03\x00\x00" +
	"\x04\x00\x04\x00\xff\xff\xff\xff" + "\x10\x00\x06\x00\xff\xff\xff\xff" +
	"\x20\x00\x04\x00\xff\xff\xff\xff"

// items is one of everything. Devices, capabilities and trusted attributes are
// left out where the test does not run as root, user attributes where a tmpfs
// has none.
func items(user bool) []item {
	const file, dir = unix.S_IFREG | 0o644, unix.S_IFDIR | 0o755
	long := strings.Repeat("n", 255)
	list := []item{
		{path: "etc", mode: dir, mtime: epoch - 10},
		{path: "etc/passwd", mode: file, data: "root:x:0:0::/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\n"},
		{path: "etc/group", mode: file, data: "root:x:0:\nusers:x:100:\n"},
		{path: "etc/old", mode: file, data: "kept", mtime: 1_000_000_000},
		{path: "home", mode: dir},
		{path: "home/alice", mode: unix.S_IFDIR | 0o775},
		{path: "bin", mode: dir},
		{path: "bin/tool", mode: unix.S_IFREG | 0o4755, data: strings.Repeat("tool", 3000)},
		{path: "bin/again", link: "bin/tool"},
		{path: "bin/link", mode: unix.S_IFLNK, data: "/bin/tool"},
		{path: "long-link", mode: unix.S_IFLNK, data: strings.Repeat("/somewhere", 40)},
		{path: "sticky", mode: unix.S_IFDIR | 0o1777},
		{path: "fifo", mode: unix.S_IFIFO | 0o640},
		{path: long, mode: file, data: "a name of 255 bytes"},
		{path: "bytes \xff\x01\n", mode: file, data: "a name of any bytes"},
		{path: "empty", mode: file},
		{path: "holes", mode: file, data: strings.Repeat("x", 5000) + strings.Repeat("\x00", 100_000) + strings.Repeat("y", 70_000) + strings.Repeat("\x00", 60_000)},
		{path: "zeros", mode: file, size: 1 << 20},
		{path: "half", mode: file, data: strings.Repeat("0123456789abcdef", 30_000)},
		{path: "acl", mode: unix.S_IFREG | 0o664, data: "acl", attrs: map[string]string{"system.posix_acl_access": acl}},
		{path: "other", mode: dir},
		{path: "other/again", link: "half"},
		{path: "many", mode: dir},
	}
	for i := range 400 {
		list = append(list, item{path: fmt.Sprintf("many/file with a name %d", i), mode: file, data: strings.Repeat(fmt.Sprint(i), i%50)})
	}
	if user {
		list = append(list, item{path: "attributes", mode: file, data: "x", attrs: map[string]string{
			"user.b": "two", "user.a": strings.Repeat("long", 200), "user.empty": "",
		}})
	}
	if os.Geteuid() == 0 {
		list = append(list,
			item{path: "null", mode: unix.S_IFCHR | 0o666, dev: int(unix.Mkdev(1, 3))},
			item{path: "block", mode: unix.S_IFBLK | 0o660, dev: int(unix.Mkdev(259, 70_000))},
			item{path: "ping", mode: unix.S_IFREG | 0o755, data: "ping", attrs: map[string]string{"security.capability": capability}},
		)
	}
	return list
}

// make makes the items under dir, in their order as far as folders allow, and
// files filled or with holes where they are zeros. Whatever has no time of its
// own gets one after the epoch.
func makeItems(t testing.TB, dir string, list []item, filled bool) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	var last []func()
	for _, i := range list {
		at := filepath.Join(dir, i.path)
		must(t, os.MkdirAll(filepath.Dir(at), 0o755))
		switch {
		case i.link != "":
			last = append([]func(){func() { must(t, os.Link(filepath.Join(dir, i.link), at)) }}, last...)
			continue
		case i.mode&unix.S_IFMT == unix.S_IFDIR:
			must(t, os.MkdirAll(at, 0o755))
		case i.mode&unix.S_IFMT == unix.S_IFLNK:
			must(t, os.Symlink(i.data, at))
			continue
		case i.mode&unix.S_IFMT == unix.S_IFREG:
			fill(t, at, i, filled)
		default:
			must(t, unix.Mknod(at, i.mode, i.dev))
		}
		last = append(last, func() {
			for name, value := range i.attrs {
				must(t, unix.Lsetxattr(at, name, []byte(value), 0))
			}
			if i.attrs["system.posix_acl_access"] == "" {
				must(t, unix.Chmod(at, i.mode&0o7777))
			}
			if i.mtime != 0 {
				must(t, os.Chtimes(at, time.Unix(i.mtime+5, 0), time.Unix(i.mtime, 123)))
			}
		})
	}
	for _, f := range last {
		f()
	}
	for _, i := range list {
		if i.mtime != 0 {
			must(t, os.Chtimes(filepath.Join(dir, i.path), time.Unix(i.mtime+5, 0), time.Unix(i.mtime, 123)))
		}
	}
}

func fill(t testing.TB, at string, i item, filled bool) {
	t.Helper()
	f, err := os.Create(at)
	must(t, err)
	defer f.Close()
	size := max(i.size, int64(len(i.data)))
	if filled {
		_, err := f.Write(append([]byte(i.data), make([]byte, size-int64(len(i.data)))...))
		must(t, err)
		return
	}
	must(t, f.Truncate(size))
	for off := 0; off < len(i.data); off += 4096 {
		b := i.data[off:min(off+4096, len(i.data))]
		if strings.Trim(b, "\x00") != "" {
			_, err := f.WriteAt([]byte(b), int64(off))
			must(t, err)
		}
	}
}

// shuffled is the list in another order.
func shuffled(list []item, seed uint64) []item {
	list = slices.Clone(list)
	r := rand.New(rand.NewPCG(seed, 1))
	r.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
	return list
}

// memory is a folder in a tmpfs, which lists its entries latest first, or one
// anywhere where there is no tmpfs.
func memory(t testing.TB) string {
	t.Helper()
	var st unix.Statfs_t
	if unix.Statfs("/dev/shm", &st) != nil || st.Type != unix.TMPFS_MAGIC {
		return public(t, "")
	}
	return public(t, "/dev/shm")
}

// public is a folder that every user may enter.
func public(t testing.TB, under string) string {
	t.Helper()
	dir, err := os.MkdirTemp(under, "build-test-")
	if errors.Is(err, os.ErrPermission) {
		dir, err = os.MkdirTemp("", "build-test-")
	}
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

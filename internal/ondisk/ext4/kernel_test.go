package ext4

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Filesystems as the tests make them: what mkfs.ext4 is told.
var featureSets = []struct {
	name string
	mib  int64
	args []string
}{
	{"default", 64, nil},
	{"orphan_file", 64, []string{"-O", "orphan_file"}},
	{"quota project", 64, []string{"-O", "quota,project", "-E", "quotatype=usrquota:grpquota:prjquota"}},
	{"4k", 160, []string{"-b", "4096"}},
	{"1k", 48, []string{"-b", "1024"}},
	{"2k 32bit", 48, []string{"-b", "2048", "-O", "^64bit"}},
	{"ext2", 48, []string{"-t", "ext2"}},
	{"ext2 1k rev0-like", 32, []string{"-t", "ext2", "-b", "1024", "-I", "128", "-O", "^resize_inode,^sparse_super"}},
	{"ext3", 48, []string{"-t", "ext3"}},
	{"no extents", 48, []string{"-O", "^extent,^64bit,^flex_bg"}},
	{"meta_bg", 64, []string{"-b", "1024", "-O", "meta_bg,^resize_inode"}},
	{"bigalloc", 96, []string{"-O", "bigalloc", "-C", "16384"}},
	{"bigalloc 1k", 64, []string{"-b", "1024", "-O", "bigalloc", "-C", "8192"}},
	{"csum_seed", 48, []string{"-O", "metadata_csum_seed"}},
	{"uninit_bg", 48, []string{"-O", "uninit_bg,^metadata_csum,^metadata_csum_seed,^64bit"}},
	{"sparse_super2", 160, []string{"-b", "1024", "-O", "sparse_super2,^resize_inode"}},
	{"inline_data", 48, []string{"-O", "inline_data"}},
	{"inline_data ea_inode large_dir", 48, []string{"-O", "inline_data,ea_inode,large_dir", "-I", "512"}},
	{"mmp", 48, []string{"-O", "mmp"}},
	{"casefold verity", 48, []string{"-O", "casefold,verity,stable_inodes"}},
}

func newImage(t testing.TB, mib int64, args ...string) string {
	t.Helper()
	path := filepath.Join(memoryDir(t), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(mib<<20 + 512); err != nil { // an odd tail, as partitions have
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	judge.Must(t, "mkfs.ext4", append(append([]string{"-q", "-F"}, args...), path)...)
	return path
}

// memoryDir is a folder that is not on a disk, where there is one: unmounting
// writes everything through, and a busy disk makes that seconds.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ext4-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// mounted mounts the image while do runs.
func mounted(t testing.TB, image, options string, do func(dir string)) {
	t.Helper()
	judge.Root(t)
	dir := t.TempDir()
	if r := judge.Run(t, "mount", "-o", "loop,"+options, image, dir); r.Status != 0 {
		t.Skipf("this kernel does not mount it: %s", strings.TrimSpace(r.Stderr))
	}
	unmounted := false
	defer func() {
		if !unmounted {
			judge.Run(t, "umount", "-l", dir)
		}
	}()
	do(dir)
	judge.Unmount(t, dir)
	unmounted = true
}

func openImage(t testing.TB, path string) *FS {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fs, err := Open(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range fs.Warnings() {
		t.Errorf("warning: %v", w)
	}
	return fs
}

// populate makes a tree with every kind of object below dir. What the
// filesystem refuses (attributes without room, say) is left out.
func populate(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p := func(name string) string { return filepath.Join(dir, name) }
	content := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*7 + i>>8 + n)
		}
		return b
	}
	for _, n := range []int{0, 1, 59, 60, 61, 100, 150, 200, 1023, 1024, 4096, 5000, 70000, 700000} {
		must(os.WriteFile(p(fmt.Sprintf("size-%d", n)), content(n), 0o640))
	}
	// A file whose blocks alternate with holes: many extents, a deep tree.
	f, err := os.Create(p("sparse"))
	must(err)
	for i := range 1500 {
		_, err := f.WriteAt(content(100), int64(i)*16384+4096)
		must(err)
	}
	must(f.Sync())
	must(f.Truncate(1500*16384 + 12345))
	must(f.Close())
	f, err = os.Create(p("holes only"))
	must(err)
	must(f.Truncate(1<<32 + 17))
	must(f.Close())
	f, err = os.Create(p("preallocated"))
	must(err)
	_, err = f.Write(content(3000))
	must(err)
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 100000)
	must(f.Close())

	must(os.Mkdir(p("large"), 0o755))
	for i := range 1200 {
		must(os.WriteFile(p(fmt.Sprintf("large/%d-%s", i, strings.Repeat("n", i%200))), nil, 0o600))
	}
	for i := 0; i < 1200; i += 3 {
		must(os.Remove(p(fmt.Sprintf("large/%d-%s", i, strings.Repeat("n", i%200)))))
	}
	must(os.MkdirAll(p("a/b/c/d"), 0o2750))
	must(os.WriteFile(p("a/b/c/d/"+strings.Repeat("x", 255)), content(10), 0o4755))
	must(os.WriteFile(p("a/\xff\xfe not utf-8"), content(10), 0o444))
	must(os.WriteFile(p("a.b"), nil, 0))
	must(os.Link(p("size-5000"), p("a/hard link")))
	for _, n := range []int{1, 59, 60, 61, 200, 1000} {
		must(os.Symlink(strings.Repeat("t", n), p(fmt.Sprintf("link-%d", n))))
	}
	must(unix.Mkfifo(p("fifo"), 0o600))
	must(unix.Mknod(p("char"), unix.S_IFCHR|0o620, int(unix.Mkdev(5, 1))))
	must(unix.Mknod(p("block"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 70000))))
	must(unix.Mknod(p("socket"), unix.S_IFSOCK|0o777, 0))
	must(os.Lchown(p("size-1"), 70000, 4000000))

	acl := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 4, 1000}, {4, 4, ^uint32(0)}, {8, 5, 100000}, {16, 5, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[0]))
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[1]))
		acl = binary.LittleEndian.AppendUint32(acl, e[2])
	}
	caps := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, x := range []struct {
		file, name string
		value      []byte
	}{
		{"size-100", "user.note", []byte("hello")},
		{"size-100", "user.empty", nil},
		{"size-100", "trusted.é", content(33)},
		{"size-1024", "system.posix_acl_access", acl},
		{"size-1024", "security.capability", caps},
		{"a", "system.posix_acl_default", acl},
		{"size-4096", "user.long", content(600)},
		{"size-4096", "user.short", content(3)},
		{"size-5000", "user.huge", content(20000)},
		{"large", "user.on a directory", content(300)},
		{"link-200", "trusted.on a link", content(9)},
	} {
		_ = unix.Lsetxattr(p(x.file), x.name, x.value, 0)
	}
	for i, sec := range []int64{-1 << 31, -1, 0, 1<<31 - 1, 1 << 31, 1<<33 + 77, 1<<34 - 1<<31 - 1} {
		name := p(fmt.Sprintf("time-%d", i))
		must(os.WriteFile(name, nil, 0o644))
		_ = unix.UtimesNanoAt(unix.AT_FDCWD, name, []unix.Timespec{{Sec: sec, Nsec: 999999999}, {Sec: sec, Nsec: 1}}, 0)
	}
}

// object is everything that the kernel and this package both tell.
type object struct {
	ino                uint64
	mode, uid, gid     uint32
	nlink              uint64
	size               int64
	atime, mtime, ctim tree.Time
	btime              tree.Time
	rdev               string
	target             string
	sum                [32]byte
	xattrs             map[string]string
}

func kernelView(t testing.TB, dir string) map[string]object {
	t.Helper()
	out := map[string]object{}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &st); err != nil {
			return err
		}
		ts := func(s unix.StatxTimestamp) tree.Time { return tree.Time{Sec: s.Sec, Nsec: s.Nsec} }
		o := object{
			ino: st.Ino, mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, nlink: uint64(st.Nlink), size: int64(st.Size),
			atime: ts(st.Atime), mtime: ts(st.Mtime), ctim: ts(st.Ctime), btime: ts(st.Btime),
			rdev: fmt.Sprintf("%d:%d", st.Rdev_major, st.Rdev_minor), xattrs: map[string]string{},
		}
		switch o.mode & tree.TypeMask {
		case tree.Symlink:
			if o.target, err = os.Readlink(path); err != nil {
				return err
			}
		case tree.Regular:
			if o.size < 1<<30 {
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				o.sum = sha256.Sum256(b)
			}
		}
		list := make([]byte, 65536)
		n, err := unix.Llistxattr(path, list)
		if err != nil {
			return err
		}
		for _, name := range strings.Split(strings.TrimSuffix(string(list[:n]), "\x00"), "\x00") {
			if name == "" {
				continue
			}
			v := make([]byte, 65536)
			m, err := unix.Lgetxattr(path, name, v)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", path, name, err)
			}
			o.xattrs[name] = string(v[:m])
		}
		rel := "/" + strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
		out[rel] = o
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ourView(t testing.TB, fs *FS) map[string]object {
	t.Helper()
	out := map[string]object{}
	var order []string
	ps, err := fs.Walk(func(e Entry) error {
		order = append(order, e.Path)
		r := e.Raw
		o := object{
			ino: uint64(e.Number), mode: r.Mode(), uid: r.UID(), gid: r.GID(), nlink: uint64(r.Links()), size: int64(r.Size()),
			atime: r.Atime(), mtime: r.Mtime(), ctim: r.Ctime(), rdev: "0:0", xattrs: map[string]string{},
		}
		o.btime, _ = r.Crtime()
		switch r.Type() {
		case tree.Symlink:
			target, err := fs.Target(e.DiskInode)
			if err != nil {
				return err
			}
			o.target = target
		case tree.Regular:
			f := fs.OpenFile(e.DiskInode)
			for _, p := range f.Problems() {
				t.Errorf("%s: %v", e.Path, p)
			}
			if o.size < 1<<30 {
				h := sha256.New()
				if _, err := io.Copy(h, io.NewSectionReader(f, 0, f.Size())); err != nil {
					return err
				}
				o.sum = [32]byte(h.Sum(nil))
			}
		case tree.Block, tree.Char:
			major, minor := r.Device()
			o.rdev = fmt.Sprintf("%d:%d", major, minor)
		}
		xs, ps := fs.Xattrs(e.DiskInode)
		for _, p := range ps {
			t.Errorf("%s: %v", e.Path, p)
		}
		for _, x := range xs {
			o.xattrs[x.Name] = string(x.Value)
		}
		if e.Type != FtUnknown && e.Type != FileType(r.Mode()) {
			t.Errorf("%s: file_type is %d, i_mode 0%o", e.Path, e.Type, r.Mode())
		}
		out[e.Path] = o
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		t.Errorf("walk: %v", p)
	}
	// '/' sorts before every other byte of a path here.
	if !slices.IsSortedFunc(order, func(a, b string) int {
		return bytes.Compare(bytes.ReplaceAll([]byte(a), []byte("/"), []byte{0}), bytes.ReplaceAll([]byte(b), []byte("/"), []byte{0}))
	}) {
		t.Error("the walk is not in order")
	}
	return out
}

func TestTheKernelSeesTheSame(t *testing.T) {
	sets := featureSets
	if testing.Short() {
		sets = sets[:2] // the goroutines are those of one
	}
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			image := newImage(t, set.mib, set.args...)
			mounted(t, image, "rw", func(dir string) { populate(t, dir) })
			var want map[string]object
			mounted(t, image, "ro", func(dir string) { want = kernelView(t, dir) })
			fs := openImage(t, image)
			got := ourView(t, fs)
			if len(want) < 800 {
				t.Errorf("the kernel sees only %d names", len(want))
			}
			for _, path := range slices.Sorted(maps.Keys(want)) {
				w, g := want[path], got[path]
				if fmt.Sprint(g) != fmt.Sprint(w) {
					t.Errorf("%s:\nkernel %+v\nours   %+v", path, w, g)
				}
			}
			for path := range got {
				if _, ok := want[path]; !ok {
					t.Errorf("%s: not seen by the kernel", path)
				}
			}
			checkHealthy(t, fs)
		})
	}
}

// checkHealthy fails where a filesystem without faults seems to have some:
// wrong checksums, lost blocks, structures that do not cover their bytes.
func checkHealthy(t testing.TB, fs *FS) {
	t.Helper()
	regions, ps := fs.Regions()
	for _, p := range ps {
		t.Errorf("regions: %v", p)
	}
	checkRegions(t, fs)
	free, checks, sums := uint64(0), 0, map[Structure]int64{}
	var parts []Part
	for _, r := range regions {
		sums[r.Structure] += r.Length
		switch r.Structure {
		case LostBlock:
			t.Errorf("lost block at %d, %d bytes", r.Start, r.Length)
		case FreeSpace:
			free += uint64(r.Length / fs.BlockSize())
			continue
		case InodeTable, Data, Unwritten, Tail, Slack:
			if r.Structure != InodeTable {
				continue
			}
		}
		for at := r.Start; at < r.End(); {
			u := fs.Unit(r, at)
			if u.Start != at || u.Length <= 0 || u.End() > r.End() {
				t.Fatalf("%v: unit at %d is %d+%d of %d+%d", r.Structure, at, u.Start, u.Length, r.Start, r.Length)
			}
			if u.Length > 1<<20 {
				break
			}
			b := make([]byte, u.Length)
			if err := fs.readAt(b, u.Start); err != nil {
				t.Fatal(err)
			}
			if r.Structure == InodeTable && bytes.Count(b, []byte{0}) == len(b) {
				at = u.End()
				continue
			}
			parts = fs.Parts(parts[:0], u, b)
			end := 0
			for _, p := range parts {
				if p.Offset != end || p.Length <= 0 {
					t.Fatalf("%v at %d: part %s is %d+%d, the one before ends at %d", u.Structure, at, p.Name, p.Offset, p.Length, end)
				}
				end = p.End()
			}
			if end != len(b) {
				t.Fatalf("%v at %d: parts end at %d of %d", u.Structure, at, end, len(b))
			}
			c := checkUnit(t, fs, u, b)
			if c.Present {
				checks++
			}
			if !c.OK() {
				t.Errorf("%v at %d (group %d, inode %d, logical %d): checksum %08x, computed %08x", u.Structure, at, u.Group, u.Inode, u.Logical, c.Stored, c.Computed)
			}
			at = u.End()
		}
	}
	sb := fs.Superblock()
	if free != sb.FreeBlocksCount() {
		t.Errorf("%d blocks are free, the superblock says %d", free, sb.FreeBlocksCount())
	}
	if fs.hasCsum() && checks < 25 {
		t.Errorf("only %d checksums found", checks)
	}
	t.Logf("%d regions, %d checksums, %v", len(regions), checks, sums)
}

func checkUnit(t testing.TB, fs *FS, u Region, b []byte) Check {
	t.Helper()
	var d DiskInode
	if u.Inode != 0 {
		var err error
		if d, err = fs.Inode(u.Inode); err != nil {
			t.Fatal(err)
		}
	}
	switch u.Structure {
	case PrimarySuperblock, BackupSuperblock:
		return fs.CheckSuperblock(b)
	case PrimaryDescriptors, BackupDescriptors:
		return fs.CheckGroup(u.Group, b)
	case InodeTable:
		return fs.CheckInode(d)
	case DirectoryBlocks:
		c := fs.CheckDirBlock(d, uint64(u.Logical/fs.blockSize), b)
		if fs.hasCsum() && !c.Present {
			t.Errorf("directory block at %d has no checksum", u.Start)
		}
		return c
	case ExtentTree:
		return fs.CheckExtentBlock(d, b)
	case XattrBlock:
		return fs.CheckXattrBlock(uint64(u.Start/fs.blockSize), b)
	case BlockBitmap, InodeBitmap:
		g := fs.Group(u.Group)
		if u.Structure == BlockBitmap && g.Flags&BgBlockUninit == 0 {
			return fs.CheckBlockBitmap(u.Group, b[:(fs.clustersPerGroup()+7)/8])
		}
		if u.Structure == InodeBitmap && g.Flags&BgInodeUninit == 0 {
			return fs.CheckInodeBitmap(u.Group, b[:(fs.sb.InodesPerGroup+7)/8])
		}
	case Journal:
		if u.Logical == 0 {
			return CheckJournalSuperblock(b)
		}
	case MMPBlock:
		return fs.CheckMMP(b)
	case OrphanFile:
		return fs.CheckOrphanBlock(d, uint64(u.Start/fs.blockSize), b)
	}
	return Check{}
}

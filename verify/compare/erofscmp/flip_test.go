package erofscmp

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/erofs"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// image is an image with the places of what it holds.
type image struct {
	t  *testing.T
	b  []byte
	fs *erofs.FS
}

func openImage(t *testing.T, path string) image {
	t.Helper()
	b := comparetest.Read(t, path)
	fs, err := erofs.Open(bytes.NewReader(b), int64(len(b)))
	comparetest.Must(t, err)
	return image{t, b, fs}
}

// inode is that of a path.
func (i image) inode(path string) *erofs.Inode {
	i.t.Helper()
	in, err := i.fs.Root()
	comparetest.Must(i.t, err)
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		list, err := i.fs.ReadDir(in)
		comparetest.Must(i.t, err)
		at := slices.IndexFunc(list, func(e erofs.Entry) bool { return e.Name == name })
		if at < 0 {
			i.t.Fatalf("no %s", path)
		}
		in, err = i.fs.Inode(list[at])
		comparetest.Must(i.t, err)
	}
	return in
}

// field is where a field of an inode stands.
func (i image) field(path, name string) int64 {
	i.t.Helper()
	in := i.inode(path)
	for _, f := range in.Fields() {
		if f.Name == name {
			return in.Offset + int64(f.Offset)
		}
	}
	i.t.Fatalf("no field %s", name)
	return 0
}

// data is where a byte of an inode's data is stored.
func (i image) data(in *erofs.Inode, off int64) int64 {
	i.t.Helper()
	f, err := i.fs.OpenFile(in)
	comparetest.Must(i.t, err)
	e, ok := f.Extent(off)
	if !ok {
		i.t.Fatal("no extent")
	}
	return e.Start + off - e.Offset
}

// entry is where the structure of a name in a directory stands, and the name.
func (i image) entry(path string) (structure, name int64) {
	i.t.Helper()
	dir, base := filepath.Split(path)
	in := i.inode(dir)
	list, err := i.fs.ReadDir(in)
	comparetest.Must(i.t, err)
	e := list[slices.IndexFunc(list, func(e erofs.Entry) bool { return e.Name == base })]
	return i.data(in, e.Offset), i.data(in, e.NameAt)
}

// TestOneFlippedBitIsOneRoot changes an image in one place, of which the
// superblock's checksum knows nothing.
func TestOneFlippedBitIsOneRoot(t *testing.T) {
	judge.Root(t)
	dir := sample(t)
	device(t, dir, 5)
	for _, name := range []string{"many/0", "many/1", "many/2", "many/3"} {
		attribute(t, dir, name, "user.shared", "the same for all of them")
	}
	attribute(t, dir, "etc/text.conf", "user.own", "value")
	plain, packed := openImage(t, makeErofs(t, dir, "-x2")), openImage(t, makeErofs(t, dir, "-zlz4"))
	compact := openImage(t, makeErofs(t, dir, "-T5", "-x1"))
	attributeAt := func(i image, path, name string) int64 {
		list, err := i.fs.Xattrs(i.inode(path))
		comparetest.Must(t, err)
		x := list[slices.IndexFunc(list, func(x erofs.Xattr) bool { return x.Name == name })]
		return x.End - 1
	}
	for _, c := range []struct {
		name  string
		image image
		at    func(i image) int64
		want  []string // without "p0/erofs/"
	}{
		{"boot area", plain, func(image) int64 { return 3 }, []string{"boot-area/content"}},
		{"uuid", plain, func(image) int64 { return 1024 + 48 }, []string{"superblock/uuid"}},
		{"label", plain, func(image) int64 { return 1024 + 64 }, []string{"superblock/volume_name"}},
		{"build time", plain, func(image) int64 { return 1024 + 24 }, []string{"superblock/build_time"}},
		{"build time of compact inodes", compact, func(image) int64 { return 1024 + 24 }, []string{"superblock/build_time"}},
		{"nanoseconds", compact, func(image) int64 { return 1024 + 32 }, []string{"superblock/build_time_nsec"}},
		{"checksum", plain, func(image) int64 { return 1024 + 4 }, []string{"superblock/checksum"}},
		{"number of inodes", plain, func(image) int64 { return 1024 + 16 }, []string{"superblock/inos"}},
		{"number of blocks", plain, func(image) int64 { return 1024 + 36 }, []string{"superblock/blocks"}},
		{"packed inode", plain, func(image) int64 { return 1024 + 96 }, []string{"superblock/packed_nid"}},
		{"folder above", plain, func(i image) int64 { at, _ := i.entry("/etc/.."); return at }, []string{"directory/nid:/etc"}},
		{"reserved", plain, func(image) int64 { return 1024 + 110 }, []string{"superblock/reserved2"}},
		{"mtime", plain, func(i image) int64 { return i.field("/etc/small", "i_mtime") }, []string{"inode/i_mtime:/etc/hard"}},
		{"nanosecond", plain, func(i image) int64 { return i.field("/many/1", "i_mtime_nsec") }, []string{"inode/i_mtime:/many/1"}},
		{"mode", compact, func(i image) int64 { return i.field("/many/1", "i_mode") }, []string{"inode/i_mode:/many/1"}},
		{"owner", plain, func(i image) int64 { return i.field("/many/1", "i_uid") }, []string{"inode/i_uid:/many/1"}},
		{"group", compact, func(i image) int64 { return i.field("/many/1", "i_gid") }, []string{"inode/i_gid:/many/1"}},
		{"links", plain, func(i image) int64 { return i.field("/etc/text.conf", "i_nlink") }, []string{"inode/i_nlink:/etc/text.conf"}},
		{"number", plain, func(i image) int64 { return i.field("/etc/text.conf", "i_ino") }, []string{"inode/i_ino"}},
		{"an inode's reserved bytes", plain, func(i image) int64 { return i.field("/etc/text.conf", "i_reserved2") }, []string{"inode/i_reserved2:/etc/text.conf"}},
		{"rdev", plain, func(i image) int64 { return i.field("/etc/device", "i_u") }, []string{"inode/rdev:/etc/device"}},
		{"size", plain, func(i image) int64 { return i.field("/many/1", "i_size") }, []string{"data/content:/many/1"}},
		{"block", plain, func(i image) int64 { return i.field("/usr/lib/other.so", "i_u") }, []string{"data/content:/usr/lib/other.so"}},
		{"block of what has none", plain, func(i image) int64 { return i.field("/many/1", "i_u") }, []string{"inode/i_u:/many/1"}},
		{"inline data", plain, func(i image) int64 { return i.data(i.inode("/many/1"), 0) }, []string{"data/content:/many/1"}},
		{"data", plain, func(i image) int64 { return i.data(i.inode("/usr/lib/binary.so"), 70_000) }, []string{"data/content:/usr/lib/binary.so"}},
		{"target", plain, func(i image) int64 { return i.data(i.inode("/etc/link"), 3) }, []string{"inode/target:/etc/link"}},
		{"attribute", plain, func(i image) int64 { return attributeAt(i, "/etc/text.conf", "user.own") }, []string{"inode/xattr:user.own:/etc/text.conf"}},
		{"shared attribute", plain, func(i image) int64 { return attributeAt(i, "/many/1", "user.shared") }, []string{`inode/xattr:user.shared#"the-same-for-all-of-them"→"the-same-for-all-of-thel"`}},
		{"attributes' reserved bytes", plain, func(i image) int64 { in := i.inode("/etc/text.conf"); return in.Offset + 64 + 7 }, []string{"inode/h_reserved2:/etc/text.conf"}},
		{"attributes' filter", plain, func(i image) int64 { in := i.inode("/etc/text.conf"); return in.Offset + 64 }, []string{"inode/h_name_filter:/etc/text.conf"}},
		{"file type", plain, func(i image) int64 { at, _ := i.entry("/etc/link"); return at + 10 }, []string{"directory/file_type:/etc/link"}},
		{"an entry's reserved byte", plain, func(i image) int64 { at, _ := i.entry("/etc/link"); return at + 11 }, []string{"directory/reserved:/etc/link"}},
		{"name", plain, func(i image) int64 { _, at := i.entry("/etc/link"); return at }, []string{"directory/entry:/etc/link", "directory/entry:/etc/mink"}},
		{"packed data", packed, func(i image) int64 { return i.data(i.inode("/usr/lib/packs"), 60_000)&^4095 + 4000 }, []string{"data/content:/usr/lib/packs"}},
		{"padding", plain, func(i image) int64 {
			in := i.inode("/usr/lib/other.so") // whose last block is not full
			f, err := i.fs.OpenFile(in)
			comparetest.Must(t, err)
			last := f.Extents()[len(f.Extents())-1]
			return last.Start + last.Size
		}, []string{"padding/content"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(c.image.b)
			b[c.at(c.image)] ^= 1
			for range 2 {
				fs, _, n := comparetest.Bytes(t, Compare, c.image.b, b)
				got := comparetest.Roots(fs)
				for i := range got {
					got[i] = strings.TrimPrefix(got[i], "p0/erofs/")
				}
				if c.name == "shared attribute" && len(got) == 1 && strings.HasPrefix(got[0], "inode/xattr:user.shared#") {
					got = c.want
				}
				slices.Sort(got)
				if n != 1 || !slices.Equal(got, c.want) {
					t.Errorf("%d bytes differ, roots %q, want %q:\n%s", n, got, c.want, comparetest.Show(fs))
				}
				c.image.b, b = b, c.image.b
			}
		})
	}
}

func TestGarbageBehindTheFilesystemIsResidue(t *testing.T) {
	good := comparetest.Read(t, makeErofs(t, sample(t)))
	a, b := append(bytes.Clone(good), make([]byte, 9000)...), append(bytes.Clone(good), comparetest.Noise(1, 9000)...)
	fs, warnings, _ := comparetest.Bytes(t, Compare, a, b)
	comparetest.WantRoots(t, fs, "p0/erofs/padding/content")
	if len(warnings) > 0 {
		t.Errorf("%q", warnings)
	}
}

// TestWhatCannotBeReadIsSaid: a tree that cannot be read is one warning, and one
// finding beside those of the superblock; so is a file's content.
func TestWhatCannotBeReadIsSaid(t *testing.T) {
	good := openImage(t, makeErofs(t, sample(t), "-zlz4"))
	for _, c := range []struct {
		name, want string
		damage     func(b []byte)
		roots      []string
	}{
		{"no magic", "the files of this erofs are not compared: second image: erofs: byte 1024: magic is", func(b []byte) { b[1024] ^= 1 }, []string{"p0/erofs/superblock/magic"}},
		{"a feature", "features 0x80 of feature_incompat are not read", func(b []byte) { b[1024+80] |= 0x80 }, []string{"p0/erofs/superblock/feature_incompat"}},
		{"the root", "the names of the directory's block at byte 0 begin at", func(b []byte) {
			root, err := good.fs.Root()
			comparetest.Must(t, err)
			b[good.data(root, 8)] ^= 1
		}, []string{"p0/erofs/filesystem/content"}},
		{"packed bytes", "the content of /usr/lib/packs is not compared: erofs: byte", func(b []byte) {
			at := good.data(good.inode("/usr/lib/packs"), 0)
			copy(b[at:at+4096], bytes.Repeat([]byte{0xff}, 4096))
		}, []string{"p0/erofs/data/content:/usr/lib/packs"}},
		{"an index", "the content of /usr/lib/packs is not compared: erofs: byte", func(b []byte) {
			in := good.inode("/usr/lib/packs")
			b[in.Offset+int64(len(in.Raw))+7] = 15 // h_clusterbits
		}, []string{"p0/erofs/index/content:/usr/lib/packs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(good.b)
			c.damage(b)
			fs, warnings, _ := comparetest.Bytes(t, Compare, good.b, b)
			if len(warnings) != 1 || !strings.Contains(warnings[0], c.want) {
				t.Errorf("warnings %q, want %q", warnings, c.want)
			}
			// What has no byte of its own is the warning's finding.
			roots := slices.DeleteFunc(comparetest.Roots(fs), func(id string) bool {
				return id == "p0/erofs/filesystem/content" && len(c.roots) == 1 && strings.Contains(c.roots[0], "superblock")
			})
			if !slices.Equal(roots, c.roots) {
				t.Errorf("roots %q, want %q:\n%s", roots, c.roots, comparetest.Show(fs))
			}
		})
	}
}

// TestExtraDevice: content that is elsewhere is not compared, and that is said.
func TestExtraDevice(t *testing.T) {
	dir := t.TempDir()
	comparetest.Must(t, os.WriteFile(filepath.Join(dir, "file"), comparetest.Noise(1, 9000), 0o644))
	a := makeErofs(t, dir, "--chunksize=4096", "--blobdev="+filepath.Join(t.TempDir(), "blob"))
	x := comparetest.Read(t, a)
	y := bytes.Clone(x)
	y[1152+3] ^= 1 // in the slot's tag
	fs, warnings, _ := comparetest.Bytes(t, Compare, x, y)
	comparetest.WantRoots(t, fs, "p0/erofs/device-slot-1/tag")
	if len(warnings) != 1 || !strings.Contains(warnings[0], "the content lies on an extra device, which is not read") {
		t.Errorf("%q", warnings)
	}
}

// TestThePackedEndsOfFilesAreNoChoice: that bit of the features says whether
// there is one, which depends on the files.
func TestThePackedEndsOfFilesAreNoChoice(t *testing.T) {
	dir := sample(t)
	a := comparetest.Read(t, makeErofs(t, dir, "-zlz4"))
	set := func(b []byte) []byte {
		b = bytes.Clone(b)
		b[1024+80] |= erofs.FeatureTailPacking
		return b
	}
	fs, _, _ := comparetest.Bytes(t, Compare, a, set(a))
	comparetest.WantRoots(t, fs, "p0/erofs/superblock/feature_incompat")
	pack(t, dir, 1)
	b := comparetest.Read(t, makeErofs(t, dir, "-zlz4"))
	fs, _, _ = comparetest.Bytes(t, Compare, a, set(b))
	comparetest.WantRoots(t, fs, "p0/erofs/data/content:/usr/lib/packs")
}

package squashfs

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anchore/go-lzo"
	"github.com/diskfs/go-diskfs/backend/file"
	diskfs "github.com/diskfs/go-diskfs/filesystem/squashfs"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/tree"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sampleTree(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"etc", "usr/lib", "many", "empty"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	holes := make([]byte, 700_000)
	copy(holes[400_000:], noise[:1000])
	for name, b := range map[string][]byte{
		"etc/text": []byte(strings.Repeat("a line of text\n", 100)), "etc/empty": nil,
		"usr/lib/noise": noise, "usr/lib/packs": bytes.Repeat([]byte("0123456789abcdef"), 20_000), "usr/lib/holes": holes,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
	must(t, os.Chmod(filepath.Join(dir, "etc/text"), 0o6751|os.ModeSetuid|os.ModeSticky))
	must(t, os.Symlink("../usr/lib", filepath.Join(dir, "etc/link")))
	must(t, os.Link(filepath.Join(dir, "etc/text"), filepath.Join(dir, "etc/hard")))
	for i := range 300 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("many/a-file-with-a-rather-long-name-%03d", i)), []byte{byte(i)}, 0o600))
	}
	must(t, syscall.Mkfifo(filepath.Join(dir, "etc/fifo"), 0o640))
	return dir
}

func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	judge.Must(t, "mksquashfs", append([]string{dir, path, "-quiet", "-no-progress", "-noappend"}, args...)...)
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// walk calls visit for everything in the filesystem.
func walk(fs *FS, path string, in *Inode, depth int, visit func(path string, in *Inode) error) error {
	if err := visit(path, in); err != nil {
		return err
	}
	if !in.IsDir() || depth > 40 {
		return nil
	}
	list, err := fs.ReadDir(in)
	if err != nil {
		return err
	}
	for _, e := range list {
		child, err := fs.Inode(e)
		if err != nil {
			return err
		}
		if err := walk(fs, path+"/"+e.Name, child, depth+1, visit); err != nil {
			return err
		}
	}
	return nil
}

func letters(m uint32) string {
	const all = "rwxrwxrwx"
	kinds := map[uint32]string{tree.Directory: "d", tree.Regular: "-", tree.Symlink: "l", tree.FIFO: "p", tree.Char: "c", tree.Block: "b", tree.Socket: "s"}
	s := []byte(kinds[m&tree.TypeMask] + all)
	for i := range all {
		if m>>(8-i)&1 == 0 {
			s[i+1] = '-'
		}
	}
	for i, bit := range []uint32{0o4000, 0o2000, 0o1000} {
		if m&bit != 0 {
			at, mark := 3*(i+1), "ssT"[i]
			if i == 2 && s[at] == 'x' {
				mark = 't'
			} else if i < 2 && s[at] != 'x' {
				mark = 'S'
			}
			s[at] = mark
		}
	}
	return string(s)
}

// listed is a line of unsquashfs -lln: mode, owners, size or device, and the rest.
var listed = regexp.MustCompile(`(?m)^([-a-zST]{10}) (\d+/\d+) +(\d+)(?:, *(\d+))? (.*)$`)

func TestTreeIsWhatUnsquashfsLists(t *testing.T) {
	dir := sampleTree(t)
	if os.Geteuid() == 0 {
		must(t, syscall.Mknod(filepath.Join(dir, "etc/device"), syscall.S_IFCHR|0o600, 5<<8|300&0xff))
		must(t, os.Lchown(filepath.Join(dir, "etc/link"), 1000, 70_000))
	}
	for _, args := range [][]string{
		{"-comp", "gzip"},
		{"-comp", "gzip", "-Xstrategy", "filtered"},
		{"-comp", "xz"},
		{"-comp", "lzo"},
		{"-comp", "xz", "-Xdict-size", "50%"},
		{"-comp", "lz4"},
		{"-comp", "lz4", "-Xhc"},
		{"-comp", "zstd", "-Xcompression-level", "22", "-b", "1M"},
		{"-b", "4096"},
		{"-no-fragments"},
		{"-always-use-fragments", "-b", "65536"},
		{"-noI", "-noD", "-noF", "-noX"},
		{"-no-exports"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			b := pack(t, dir, args...)
			path := filepath.Join(t.TempDir(), "image")
			must(t, os.WriteFile(path, b, 0o600))
			want := judge.Must(t, "unsquashfs", "-lln", "-UTC", path)
			fs, err := Open(bytes.NewReader(b), int64(len(b)))
			must(t, err)
			root, err := fs.Root()
			must(t, err)
			got := map[string]bool{}
			must(t, walk(fs, "squashfs-root", root, 0, func(path string, in *Inode) error {
				size := fmt.Sprint(in.Size)
				switch in.Mode & tree.TypeMask {
				case tree.Char:
					size = fmt.Sprintf("%d,%d", in.Rdev>>8&0xfff, in.Rdev&0xff)
				case tree.Directory:
					size = "" // unsquashfs prints its listing's
				case tree.Symlink:
					size = fmt.Sprint(len(in.Target))
				}
				line := fmt.Sprintf("%s %d/%d %s %s %s", letters(in.Mode), in.UID, in.GID, size, time.Unix(int64(in.Mtime), 0).UTC().Format("2006-01-02 15:04"), path)
				if in.Target != "" {
					line += " -> " + in.Target
				}
				got[line] = true
				if in.Mode&tree.TypeMask != tree.Regular {
					return nil
				}
				f := fs.OpenFile(in)
				data := make([]byte, f.Size())
				if n, err := f.ReadAt(data, 0); n < len(data) && err != io.EOF {
					return fmt.Errorf("%s: %w", path, err)
				}
				real, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(path, "squashfs-root")))
				must(t, err)
				if !bytes.Equal(data, real) {
					t.Errorf("%s has another content", path)
				}
				return nil
			}))
			n := 0
			for _, m := range listed.FindAllStringSubmatch(want, -1) {
				n++
				size := m[3]
				if m[4] != "" {
					size += "," + m[4]
				}
				if m[1][0] == 'd' {
					size = ""
				}
				if key := m[1] + " " + m[2] + " " + size + " " + m[5]; !got[key] {
					t.Errorf("unsquashfs lists %q, which was not read", key)
				}
			}
			if n != len(got) {
				t.Errorf("unsquashfs lists %d files, %d were read", n, len(got))
			}
		})
	}
}

func TestAttributesAreThoseThatWereSet(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "g"), nil, 0o644))
	long := strings.Repeat("long ", 60)
	for _, f := range []string{"f", "g"} {
		for i := range 5 {
			judge.Must(t, "setfattr", "-n", fmt.Sprintf("user.k%d", i), "-v", fmt.Sprintf("%s%s%d", f, long, i), filepath.Join(dir, f))
		}
		judge.Must(t, "setfattr", "-n", "user.same", "-v", long, filepath.Join(dir, f)) // stored once
	}
	b := pack(t, dir, "-xattrs")
	fs, err := Open(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	root, err := fs.Root()
	must(t, err)
	list, err := fs.ReadDir(root)
	must(t, err)
	for _, e := range list {
		in, err := fs.Inode(e)
		must(t, err)
		xs, err := fs.Xattrs(in)
		must(t, err)
		if len(xs) != 6 || xs[3].Name != "user.k3" || string(xs[3].Value) != e.Name+long+"3" || string(xs[5].Value) != long {
			t.Errorf("%s: %q", e.Name, xs)
		}
	}
}

// Another library reads the same names and contents, as far as it goes.
func TestSecondOpinion(t *testing.T) {
	b := pack(t, sampleTree(t))
	path := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(path, b, 0o600))
	r, err := os.Open(path)
	must(t, err)
	defer r.Close()
	other, err := diskfs.Read(file.New(r, true), int64(len(b)), 0, 0)
	must(t, err)
	fs, err := Open(bytes.NewReader(b), int64(len(b)))
	must(t, err)
	root, err := fs.Root()
	must(t, err)
	must(t, walk(fs, ".", root, 0, func(path string, in *Inode) error {
		path = strings.TrimPrefix(path, "./")
		switch in.Mode & tree.TypeMask {
		case tree.Directory:
			list, err := other.ReadDir(path)
			must(t, err)
			mine, err := fs.ReadDir(in)
			must(t, err)
			if len(list) != len(mine) {
				t.Errorf("%s: %d names and %d", path, len(mine), len(list))
			}
		case tree.Regular:
			f, err := other.OpenFile(path, os.O_RDONLY)
			must(t, err)
			theirs, err := io.ReadAll(f)
			must(t, err)
			mine := make([]byte, in.Size)
			if n, _ := fs.OpenFile(in).ReadAt(mine, 0); n < len(mine) || !bytes.Equal(mine, theirs) {
				t.Errorf("%s has another content", path)
			}
		}
		return nil
	}))
}

func TestUnreadableIsRefusedByName(t *testing.T) {
	lzma := pack(t, sampleTree(t))
	f, _ := SuperblockLayout.Named("compression")
	lzma[f.Offset] = LZMA
	for _, c := range []struct {
		name string
		b    []byte
		say  string
	}{
		{"lzma", lzma, "lzma compression is not read"},
		{"empty", nil, "the image ends"},
		{"zeros", make([]byte, 4096), "s_magic is 0x00000000"},
	} {
		_, err := Open(bytes.NewReader(c.b), int64(len(c.b)))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Ten mebibytes of zeros pack into a few kilobytes, which a library that was
// not told otherwise would unpack whole.
func TestBlocksNeverUnpackBeyondTheirSize(t *testing.T) {
	zeros := make([]byte, 10<<20)
	var z bytes.Buffer
	zw := zlib.NewWriter(&z)
	_, _ = zw.Write(zeros)
	must(t, zw.Close())
	var x bytes.Buffer
	xw, err := xz.WriterConfig{DictCap: 1 << 20, CheckSum: xz.CRC32}.NewWriter(&x)
	must(t, err)
	_, _ = xw.Write(zeros)
	must(t, xw.Close())
	var huge bytes.Buffer
	xw, err = xz.WriterConfig{DictCap: 64 << 20, CheckSum: xz.CRC32}.NewWriter(&huge)
	must(t, err)
	_, _ = xw.Write(zeros[:100])
	must(t, xw.Close())
	zs, err := zstd.NewWriter(nil)
	must(t, err)
	l := make([]byte, lz4.CompressBlockBound(len(zeros)))
	n, err := lz4.CompressBlock(zeros, l, nil)
	must(t, err)
	// Literals of 18 and 39 x 255 and 1 bytes, and the end.
	literals := append(append(make([]byte, 1+39), 1), zeros[:18+39*255+1]...)
	literals = append(literals, 0x11, 0, 0)
	if n, err := lzo.Decompress(literals, make([]byte, 10_000)); n != 9964 || err != nil {
		t.Fatalf("the example unpacks to %d bytes, %v", n, err)
	}
	for _, c := range []struct {
		name        string
		compression uint16
		src         []byte
	}{
		{"gzip", ZLIB, z.Bytes()},
		{"xz", XZ, x.Bytes()},
		{"xz with a dictionary of 64 MiB", XZ, huge.Bytes()},
		{"zstd", ZSTD, zs.EncodeAll(zeros, nil)},
		{"lz4", LZ4, l[:n]},
		{"lzo", LZO, literals},
	} {
		u, err := unpackerOf(c.compression)
		must(t, err)
		fs := &FS{unpacker: u}
		if n, err := fs.unpack(make([]byte, MetadataSize), c.src, 0); err == nil {
			t.Errorf("%s: %d bytes were unpacked", c.name, n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	must(f, os.WriteFile(filepath.Join(dir, "a"), bytes.Repeat([]byte("text "), 3000), 0o644))
	must(f, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(f, os.Symlink("a", filepath.Join(dir, "d/l")))
	for _, comp := range []string{"gzip", "xz", "lzo", "lz4", "zstd"} {
		f.Add(pack(f, dir, "-comp", comp, "-b", "4096"))
	}
	f.Add(pack(f, dir, "-noI", "-noD", "-noF", "-noX"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		root, err := fs.Root()
		if err != nil {
			return
		}
		n := 0
		_ = walk(fs, "", root, 0, func(_ string, in *Inode) error {
			if n++; n > 1000 {
				return io.EOF
			}
			_, _ = fs.Xattrs(in)
			if in.Mode&tree.TypeMask == tree.Regular {
				_, _ = fs.OpenFile(in).ReadAt(make([]byte, min(in.Size, 1<<16)), 0)
			}
			return nil
		})
	})
}

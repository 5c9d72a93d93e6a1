package mkfat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// fsck ends the test unless fsck.vfat finds nothing to say but its version
// and its count.
func fsck(t *testing.T, path string) {
	t.Helper()
	r := judge.Run(t, "fsck.vfat", "-n", path)
	lines := strings.Split(strings.TrimSpace(r.Stdout+r.Stderr), "\n")
	if r.Status != 0 || len(lines) != 2 {
		t.Errorf("fsck.vfat -n: exit status %d\n%s%s", r.Status, r.Stdout, r.Stderr)
	}
}

// readBack compares what our reader sees with the tree, and checks that it
// finds no problem and that its regions explain every byte.
func readBack(t *testing.T, f io.ReaderAt, size int64, root *tree.Node, info Info) {
	t.Helper()
	ctx := context.Background()
	fs, err := fat.Open(f, size)
	if err != nil {
		t.Fatal(err)
	}
	if fs.Geometry != info.Geometry {
		t.Errorf("the reader's geometry\n%+v is not the writer's\n%+v", fs.Geometry, info.Geometry)
	}
	v, err := fs.Scan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems() {
		t.Errorf("problem: %v", p)
	}
	want := map[string]*tree.Node{}
	if err := root.Walk(func(path string, n *tree.Node) error { want[path] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := v.Walk(func(path string, i uint32) error {
		n := want[path]
		if n == nil {
			t.Errorf("%s was never written", path)
			return nil
		}
		delete(want, path)
		got := &v.Files[i]
		if got.Dir != n.IsDir() {
			t.Errorf("%s: directory %v, want %v", path, got.Dir, n.IsDir())
		}
		if got.Dir {
			return nil
		}
		b := make([]byte, got.Size)
		if _, err := v.Open(i).ReadAt(b, 0); err != nil && err != io.EOF {
			t.Errorf("%s: %v", path, err)
		}
		if m, ok := n.Content.(memory); ok && !bytes.Equal(b, m) {
			t.Errorf("%s: other content", path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for path := range want {
		t.Errorf("%s is not found again", path)
	}
	regions, err := v.Regions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkRegions(t, regions, size)
	free := int64(0)
	for _, r := range regions {
		switch r.Structure {
		case fat.StructFree:
			free += r.Length
		case fat.StructLost, fat.StructBad:
			t.Errorf("a %s at %d", r.Structure, r.Start)
		}
	}
	if free != int64(info.FreeClusters)*info.ClusterSize {
		t.Errorf("%d bytes are free, Info says %d clusters", free, info.FreeClusters)
	}
}

func checkRegions(t *testing.T, regions []fat.Region, size int64) {
	t.Helper()
	end := int64(0)
	for _, r := range regions {
		if r.Start != end || r.Length <= 0 {
			t.Errorf("region %+v does not start at %d, or is empty", r, end)
		}
		end = r.End()
	}
	if end != size {
		t.Errorf("the regions end at %d of %d", end, size)
	}
}

func TestFsckIsContentAtEverySize(t *testing.T) {
	kib := []int64{1 << 10, 2 << 10, 4 << 10, 15 << 10, 16 << 10, 17 << 10, 32 << 10, 33 << 10, 64 << 10, 100 << 10, 129 << 10, 194 << 10, 236 << 10, 259 << 10, 300 << 10, 511 << 10, 512 << 10, 513 << 10, 1 << 20, 2202010}
	files := sample()
	root := newTree(files)
	for _, k := range kib {
		for _, v := range []fat.Variant{0, fat.FAT12, fat.FAT16, fat.FAT32} {
			opt := Options{Size: k * 1024, Type: v, VolumeID: 0x1234ABCD, Label: "TEST LABEL", Epoch: stamp}
			if _, err := chooseLayout(&Options{Size: opt.Size, Type: v, SectorSize: 512}); err != nil {
				continue
			}
			t.Run(fmt.Sprintf("%dKiB-%d", k, v), func(t *testing.T) {
				f, info := write(t, root, opt)
				fsck(t, f.Name())
				readBack(t, f, opt.Size, root, info)
				var st syscall.Stat_t
				if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
					t.Fatal(err)
				}
				if st.Blocks*512 > 4<<20 {
					t.Errorf("the image takes %d bytes of disk", st.Blocks*512)
				}
			})
		}
	}
}

func TestOtherSectorAndClusterSizes(t *testing.T) {
	root := newTree(sample())
	for _, opt := range []Options{
		{Size: 300 * mebi, SectorSize: 1024},
		{Size: 300 * mebi, SectorSize: 4096, Type: fat.FAT32, SectorsPerCluster: 1},
		{Size: 600 * mebi, SectorSize: 4096},
		{Size: 64 * mebi, SectorSize: 2048, Type: fat.FAT16},
		{Size: 64 * mebi, Type: fat.FAT32, SectorsPerCluster: 1},
		{Size: 3000 * mebi, Type: fat.FAT32, SectorsPerCluster: 64},
		{Size: 16 * mebi, Type: fat.FAT12, SectorsPerCluster: 64},
		{Size: 1440 * 1024},
	} {
		f, info := write(t, root, opt)
		fsck(t, f.Name())
		readBack(t, f, opt.Size, root, info)
	}
}

// mtools cannot read names beyond the basic plane, and shows '?' for what its
// code page lacks, so it judges the others.
func TestMtoolsReadsTheSame(t *testing.T) {
	files := sample()
	root := newTree(files)
	for _, opt := range []Options{
		{Size: 2 * mebi}, {Size: 32 * mebi}, {Size: 64 * mebi, Type: fat.FAT32},
	} {
		opt.Label, opt.VolumeID, opt.Epoch = "MY LABEL", 0xCAFE0123, stamp
		f, _ := write(t, root, opt)
		out := t.TempDir()
		judge.Must(t, "mcopy", "-s", "-n", "-Q", "-i", f.Name(), "::/", out)
		found := 0
		if err := filepath.WalkDir(out, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, _ := filepath.Rel(out, path)
			want, ok := files[rel]
			if !ok {
				if utf8.ValidString(rel) && !strings.ContainsAny(rel, "?_") {
					t.Errorf("mcopy finds %q", rel)
				}
				return nil
			}
			found++
			b, err := os.ReadFile(path)
			if string(b) != want {
				t.Errorf("%s: mcopy reads other content", rel)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if found < len(files)-2 { // the Unicode name, and the empty directory
			t.Errorf("mcopy finds %d of %d files", found, len(files))
		}
		dir := judge.Must(t, "mdir", "-i", f.Name(), "::/")
		for _, want := range []string{
			"Volume in drive : is MY LABEL", "Volume Serial Number is CAFE-0123",
			"README              11 2023-11-14  22:13", "README   TXT        11 2023-11-14  22:13  readme.txt",
			"LONGNA~1 CON", "LONGNA~2 CON", "HIDDEN~1", "AFILEW~1 TEX", "GR_N-W~1 TXT", "PLUS_C~1 X",
		} {
			if !strings.Contains(dir, want) {
				t.Errorf("mdir does not show %q:\n%s", want, dir)
			}
		}
		blkid := judge.Must(t, "blkid", "-p", "-o", "export", f.Name())
		for _, want := range []string{"LABEL=MY\\ LABEL", "UUID=CAFE-0123", "TYPE=vfat"} {
			if !strings.Contains(blkid, want) {
				t.Errorf("blkid does not show %q:\n%s", want, blkid)
			}
		}
	}
}

func TestMinfoEqualsThatOfMkfsVfat(t *testing.T) {
	// The filesystem's own name, its content and the label are not compared.
	own := regexp.MustCompile(`(?m)^(filename=|  mformat|disk label|free clusters|last allocated|Free|Last).*\n`)
	for _, m := range []int64{1, 17, 100, 259, 300, 512, 1024} {
		for _, v := range []fat.Variant{0, fat.FAT32} {
			if v == fat.FAT32 && m < 33 {
				continue
			}
			f, _ := write(t, newTree(nil), Options{Size: m * mebi, Type: v, VolumeID: 0x1234ABCD})
			theirs := create(t, m*mebi)
			args := []string{"--invariant", theirs.Name()}
			if v != 0 {
				args = append(args, "-F", fmt.Sprint(int(v)))
			}
			judge.Must(t, "mkfs.vfat", args...)
			got := own.ReplaceAllString(judge.Must(t, "minfo", "-i", f.Name(), "::"), "")
			want := own.ReplaceAllString(judge.Must(t, "minfo", "-i", theirs.Name(), "::"), "")
			if got != want {
				t.Errorf("%d MiB: minfo says\n%s\nof mkfs.vfat's\n%s", m, got, want)
			}
		}
	}
}

// shuffle puts the children of every directory in another order.
func shuffle(n *tree.Node, r *rand.Rand) {
	r.Shuffle(len(n.Children), func(i, j int) { n.Children[i], n.Children[j] = n.Children[j], n.Children[i] })
	for _, c := range n.Children {
		shuffle(c, r)
	}
}

func TestOrderOfTheSourceDoesNotMatter(t *testing.T) {
	opt := Options{Size: 40 * mebi, Type: fat.FAT32, Label: "X"}
	first, _ := write(t, newTree(sample()), opt)
	want, err := os.ReadFile(first.Name())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range int64(5) {
		root := newTree(sample())
		shuffle(root, rand.New(rand.NewSource(seed)))
		f, _ := write(t, root, opt)
		got, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("seed %d: other bytes", seed)
		}
	}
}

func TestSurrogatePairs(t *testing.T) {
	root := newTree(map[string]string{"💾 disk.img": "floppy", "𝔣𝔯𝔞𝔨𝔱𝔲𝔯/x": "y", strings.Repeat("💾", 127) + "a": "255 units"})
	f, info := write(t, root, Options{Size: 4 * mebi})
	fsck(t, f.Name())
	readBack(t, f, 4*mebi, root, info)
}

func TestHardLinksAreCopied(t *testing.T) {
	root := newTree(map[string]string{"a": "shared"})
	root.Add(&tree.Node{Name: "b", Inode: root.Child("a").Inode})
	f, info := write(t, root, Options{Size: 1 * mebi})
	fsck(t, f.Name())
	readBack(t, f, 1*mebi, root, info)
}

func TestWhatFATCannotHoldIsAnError(t *testing.T) {
	with := func(name string, mode uint32) *tree.Node {
		root := newTree(map[string]string{"dir/x": ""})
		root.Child("dir").Add(&tree.Node{Name: name, Inode: inode(mode)})
		return root
	}
	big := with("big", tree.Regular)
	big.Child("dir").Child("big").Size = 4 << 30
	for want, root := range map[string]*tree.Node{
		`"/dir/l" is a symbolic link`:  with("l", tree.Symlink),
		`"/dir/d" is a device`:         with("d", tree.Char),
		`"/dir/p" is a FIFO`:           with("p", tree.FIFO),
		`it holds ':'`:                 with("a:b", tree.Regular),
		`it holds '\\'`:                with(`a\b`, tree.Regular),
		`it ends in a dot`:             with("a.", tree.Regular),
		`it ends in a blank`:           with("a ", tree.Regular),
		`control character 0x9`:        with("a\tb", tree.Regular),
		`not valid UTF-8`:              with("a\xff", tree.Regular),
		`256 UTF-16 units`:             with(strings.Repeat("a", 256), tree.Regular),
		`"/dir/X" and "/dir/x" differ`: with("X", tree.Regular),
		`"/dir/big" has 4294967296`:    big,
	} {
		_, err := Write(context.Background(), create(t, 0), root, Options{Size: 64 * mebi})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	for _, label := range []string{"twelve chars", "lower", "A/B", " A", "Ä"} {
		if _, err := Write(context.Background(), create(t, 0), newTree(nil), Options{Size: mebi, Label: label}); err == nil {
			t.Errorf("label %q is accepted", label)
		}
	}
}

func TestMissingSpaceIsToldInBytes(t *testing.T) {
	root := newTree(map[string]string{"f": noise(1, 2*mebi)})
	f := create(t, 1*mebi)
	_, err := Write(context.Background(), f, root, Options{Size: 1 * mebi})
	var space *SpaceError
	if !errors.As(err, &space) {
		t.Fatalf("got %v", err)
	}
	// 502 clusters of 2 KiB, 1,024 needed: as TestLayout knows the layout.
	if want := int64(1024-502) * 2048; space.Missing != want {
		t.Errorf("%d bytes are missing, want %d", space.Missing, want)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil || !bytes.Equal(b, make([]byte, 1*mebi)) {
		t.Errorf("something was written: %v", err)
	}
	if _, err := Write(context.Background(), f, newTree(nil), Options{Size: 20 * mebi, Type: fat.FAT32}); !errors.As(err, &space) || space.Missing != 66592*512-20*mebi {
		t.Errorf("a small FAT32: %v", err)
	}
	if _, err := Write(context.Background(), f, newTree(nil), Options{Size: 64 * mebi, Type: fat.FAT32, SectorsPerCluster: 8}); err == nil || !strings.Contains(err.Error(), "choose 1 sectors per cluster") {
		t.Errorf("a FAT32 of few clusters: %v", err)
	}
}

func TestMinSizeIsEnoughAndNoMore(t *testing.T) {
	many := map[string]string{}
	for i := range 700 {
		many[fmt.Sprintf("d/file number %d", i)] = noise(int64(i), i*37)
	}
	wide := map[string]string{}
	for i := range 400 {
		wide[fmt.Sprintf("a long file name that takes many slots %d", i)] = "x"
	}
	for name, files := range map[string]map[string]string{"empty": nil, "sample": sample(), "many": many, "wide": wide, "big": {"b": noise(1, 9*mebi)}} {
		root := newTree(files)
		for _, opt := range []Options{{}, {Type: fat.FAT12}, {Type: fat.FAT16}, {Type: fat.FAT32}, {Type: fat.FAT32, SectorsPerCluster: 8}, {Label: "L", SectorSize: 4096}} {
			size, err := MinSize(root, opt)
			if err != nil {
				if name == "wide" && opt.Type != fat.FAT32 {
					continue // too many for the root directory of FAT12 and FAT16 at small sizes
				}
				t.Errorf("%s %+v: %v", name, opt, err)
				continue
			}
			opt.Size = size
			f := create(t, size)
			if _, err := Write(context.Background(), f, root, opt); err != nil {
				t.Errorf("%s %+v: %v", name, opt, err)
			} else {
				fsck(t, f.Name())
			}
			sector := int64(max(opt.SectorSize, 512))
			opt.Size = size - sector
			if _, err := Write(context.Background(), create(t, size), root, opt); err == nil {
				t.Errorf("%s %+v: one sector less does too", name, opt)
			}
		}
	}
}

func TestLargeDirectories(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 500
	}
	root := newTree(map[string]string{"d/": ""})
	d := root.Child("d")
	for i := range n {
		d.Add(&tree.Node{Name: fmt.Sprintf("file number %d.text", i), Inode: inode(tree.Regular)})
	}
	f, info := write(t, root, Options{Size: 40 * mebi, Type: fat.FAT32})
	fsck(t, f.Name())
	readBack(t, f, 40*mebi, root, info)
	for i := range 33_000 {
		d.Children = append(d.Children, &tree.Node{Name: fmt.Sprintf("more %d", i), Inode: inode(tree.Regular)})
	}
	if _, err := Write(context.Background(), f, root, Options{Size: 600 * mebi}); err == nil || !strings.Contains(err.Error(), `directory "/d" needs`) {
		t.Errorf("more than 65,536 slots: %v", err)
	}
}

func TestCancelEndsTheWork(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	opt := Options{Size: 16 * mebi, Progress: func(done, total int64) { cancel() }}
	root := newTree(map[string]string{"a": noise(1, 3*mebi), "b": "x"})
	if _, err := Write(ctx, create(t, opt.Size), root, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	var last, sum int64
	opt := Options{Size: 16 * mebi, Progress: func(done, total int64) {
		if done < last || done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last, sum = done, total
	}}
	write(t, newTree(map[string]string{"a": noise(1, 3*mebi), "b": "x"}), opt)
	if last != 3*mebi+1 || sum != last {
		t.Errorf("the progress ends at %d of %d", last, sum)
	}
}

func TestShortenedSourceIsAnError(t *testing.T) {
	root := newTree(map[string]string{"a": "four"})
	root.Child("a").Size = 5
	if _, err := Write(context.Background(), create(t, mebi), root, Options{Size: mebi}); err == nil || !strings.Contains(err.Error(), "ended at byte 4 of 5") {
		t.Errorf("got %v", err)
	}
}

func TestAliases(t *testing.T) {
	a := aliases{used: map[[11]byte]bool{}, next: map[string]int{}}
	for _, c := range []struct{ name, want string }{
		{"grün.txt", "GR_N~1  TXT"},
		{"long file.html", "LONGFI~1HTM"},
		{"long file 2.htm", "LONGFI~2HTM"},
		{".bashrc", "BASHRC~1   "},
		{"a.b.c", "AB~1    C  "},
		{"...", "~1         "},
		{"日本", "__~1       "},
	} {
		got, err := a.alias(c.name)
		if err != nil || string(got[:]) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for i := 3; i <= 1234; i++ {
		if _, err := a.alias("long file.html"); err != nil {
			t.Fatal(err)
		}
	}
	if !a.used[[11]byte([]byte("LON~1234HTM"))] {
		t.Error("the 1,234th alias is not LON~1234.HTM")
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(1), uint8(3), uint8(12))
	f.Add(int64(2), uint8(30), uint8(16))
	f.Add(int64(3), uint8(60), uint8(32))
	f.Fuzz(func(t *testing.T, seed int64, n, variant uint8) {
		r := rand.New(rand.NewSource(seed))
		letters := []rune("abcXYZ019 ._-+,;=[]é日💾~!")
		files := map[string]string{}
		for range n {
			var path []string
			for range 1 + r.Intn(3) {
				name := make([]rune, 1+r.Intn(20))
				for i := range name {
					name[i] = letters[r.Intn(len(letters))]
				}
				path = append(path, string(name))
			}
			b := make([]byte, r.Intn(9000))
			r.Read(b)
			files[strings.Join(path, "/")] = string(b)
		}
		size, v := int64(9*mebi), fat.Variant(0)
		switch variant % 3 {
		case 1:
			v = fat.FAT12
		case 2:
			size, v = 34*mebi, fat.FAT32
		}
		root := newTree(nil)
		for path, content := range files {
			one := newTree(map[string]string{path: content})
			graft(root, one)
		}
		img := &sparseImage{size: size}
		info, err := Write(context.Background(), img, root, Options{Size: size, Type: v})
		if err != nil {
			return // a name that FAT cannot hold
		}
		readBack(t, img, size, root, info)
	})
}

// graft adds what is in from to n, where that has nothing of the name.
func graft(n, from *tree.Node) {
	for _, c := range from.Children {
		if have := n.Child(c.Name); have == nil {
			n.Add(c)
		} else if have.IsDir() && c.IsDir() {
			graft(have, c)
		}
	}
}

// sparseImage is an image in memory that keeps only what was written.
type sparseImage struct {
	size  int64
	pages map[int64]*[4096]byte
}

func (s *sparseImage) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > s.size {
		return 0, fmt.Errorf("%d bytes at %d are outside", len(b), off)
	}
	if s.pages == nil {
		s.pages = map[int64]*[4096]byte{}
	}
	for n := 0; n < len(b); {
		at := off + int64(n)
		p := s.pages[at/4096]
		if p == nil {
			p = new([4096]byte)
			s.pages[at/4096] = p
		}
		n += copy(p[at%4096:], b[n:])
	}
	return len(b), nil
}

func (s *sparseImage) ReadAt(b []byte, off int64) (int, error) {
	for n := 0; n < len(b); {
		at := off + int64(n)
		if at >= s.size {
			return n, io.EOF
		}
		end := min(len(b), n+int(4096-at%4096))
		if p := s.pages[at/4096]; p != nil {
			copy(b[n:end], p[at%4096:])
		} else {
			clear(b[n:end])
		}
		n = end
	}
	return len(b), nil
}

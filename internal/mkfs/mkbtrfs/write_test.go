package mkbtrfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

var options = Options{
	UUID: [16]byte{1, 2, 3, 15: 0xff}, Device: [16]byte{2}, Chunks: [16]byte{3}, Subvolume: [16]byte{4, 15: 4},
	Label: "a label", Epoch: sametree.Epoch,
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write makes an image of the least size and more bytes.
func write(t testing.TB, root *tree.Node, more int64) (image string) {
	t.Helper()
	image = filepath.Join(t.TempDir(), "btrfs.img")
	f, err := os.Create(image)
	must(t, err)
	defer f.Close()
	opt := options
	opt.Size, err = Size(root, opt)
	must(t, err)
	opt.Size += more
	must(t, f.Truncate(opt.Size))
	must(t, Write(context.Background(), f, root, opt))
	if fi, err := f.Stat(); err != nil || fi.Size() != opt.Size {
		t.Errorf("it was to take %d bytes, and takes %d, %v", opt.Size, fi.Size(), err)
	}
	return image
}

// check has btrfs find nothing, in both of its ways, and the checksums right.
func check(t testing.TB, image string) {
	t.Helper()
	for _, mode := range []string{"--mode=original", "--mode=lowmem"} {
		r := judge.Run(t, "btrfs", "check", "--readonly", "--check-data-csum", mode, image)
		if said := r.Stdout + r.Stderr; r.Status != 0 || !strings.Contains(said, "no error found") || strings.Contains(strings.ToLower(strings.ReplaceAll(said, "no error found", "")), "error") {
			t.Errorf("btrfs check %s: %d\n%.3000s", mode, r.Status, said)
		}
	}
}

func TestKernelReadsTheTree(t *testing.T) {
	root := sametree.Sample()
	image := write(t, root, 0)
	check(t, image)
	sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
}

// TestLargeTrees: trees of three levels, data around the superblock's copy at
// 64 MiB, and metadata behind it.
func TestLargeTrees(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	for i := range 9000 {
		sametree.Put(root, fmt.Sprintf("inline/%d/%d", i%7, i), sametree.File(sametree.Noise(uint64(i), 1500+i%549)))
	}
	for i := range 9 {
		sametree.Put(root, fmt.Sprintf("large/%d", i), sametree.File(sametree.Noise(uint64(i), 8<<20+i)))
	}
	image := write(t, root, 50<<20)
	check(t, image)
	sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
	if out := judge.Must(t, "btrfs", "inspect-internal", "dump-super", "-a", image); strings.Count(out, "[match]") < 4 {
		t.Errorf("the superblock's copies are not as they should be:\n%.2000s", out)
	}
}

// TestNamesOfOneHash: entries whose names have the same hash share an item.
func TestNamesOfOneHash(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	seen := map[uint64]string{}
	pairs := 0
	for i := uint64(0); pairs < 2; i++ {
		name := fmt.Sprintf("%x", i*0x9E3779B97F4A7C15) // no pattern that the hash would keep apart
		h := btrfs.NameHash(name)
		if other, ok := seen[h]; ok {
			sametree.Put(root, "d/"+name, sametree.File([]byte("one")))
			sametree.Put(root, "d/"+other, sametree.File([]byte("other")))
			pairs++
		}
		seen[h] = name
	}
	image := write(t, root, 0)
	check(t, image)
	sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
}

// TestTooManyNamesOfOneHash are told by their directory. Hashes are linear:
// what changes a name without changing its hash does so to every name.
func TestTooManyNamesOfOneHash(t *testing.T) {
	seen := map[uint64]string{}
	var change [16]byte
	for i := uint64(0); change == [16]byte{}; i++ {
		name := fmt.Sprintf("%016x", i*0x9E3779B97F4A7C15)
		h := btrfs.NameHash(name)
		if other, ok := seen[h]; ok {
			for k := range change {
				change[k] = name[k] ^ other[k]
			}
		}
		seen[h] = name
	}
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	for n := range 1 << 7 { // each of seven parts of a name as it is, or changed
		name := []byte(strings.Repeat("\x80", 112+70))
		for part := range 7 {
			if n>>part&1 == 1 {
				for k, c := range change {
					name[16*part+k] ^= c
				}
			}
		}
		sametree.Put(root, "d/"+string(name), sametree.File(nil))
	}
	opt := options
	opt.Size = 1 << 30
	err := Write(t.Context(), nowhere{}, root, opt)
	if want := "btrfs: /d: 128 of its names have the same hash and take 27136 bytes, of which 16258 fit into a leaf"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestManyNamesOfOneFile: more in one directory than an item holds.
func TestManyNamesOfOneFile(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	file := sametree.File([]byte("content"))
	for i := range 300 {
		sametree.Put(root, fmt.Sprintf("d%d/%s%d", i%2, strings.Repeat("n", 200), i), file)
	}
	image := write(t, root, 0)
	check(t, image)
	sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
}

// TestTheFilesystemIsWritable changes it, and has it checked again.
func TestTheFilesystemIsWritable(t *testing.T) {
	image := write(t, sametree.Sample(), 100<<20)
	t.Run("", func(t *testing.T) {
		folder := sametree.Mounted(t, "btrfs", image, "rw")
		must(t, os.RemoveAll(filepath.Join(folder, "many")))
		for i := range 200 {
			must(t, os.WriteFile(filepath.Join(folder, fmt.Sprint("new", i)), sametree.Noise(1, 9000), 0o644))
		}
		judge.Must(t, "btrfs", "scrub", "start", "-B", folder)
		judge.Must(t, "btrfs", "balance", "start", "--full-balance", folder)
	})
	check(t, image)
}

// TestRandomTrees have attributes, links and holes of all lengths.
func TestRandomTrees(t *testing.T) {
	rounds := uint64(4)
	if testing.Short() {
		rounds = 1
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 2))
		root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
		for i := range 400 {
			content := sametree.Noise(uint64(i), r.IntN(6000)*r.IntN(20))
			for range r.IntN(5) {
				from := r.IntN(len(content) + 1)
				clear(content[from:min(from+r.IntN(30000), len(content))])
			}
			in := sametree.File(content)
			for range r.IntN(4) {
				in.Xattrs = append(in.Xattrs, tree.Xattr{Name: fmt.Sprintf("trusted.%d%s", len(in.Xattrs), strings.Repeat("n", r.IntN(200))), Value: sametree.Noise(9, r.IntN(9000))})
			}
			sametree.Put(root, fmt.Sprintf("%d/%d/%s%d", r.IntN(4), r.IntN(9), strings.Repeat("x", r.IntN(200)), i), in)
		}
		image := write(t, root, 0)
		check(t, image)
		sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
	}
}

// TestEmpty is the least that there is.
func TestEmpty(t *testing.T) {
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o700)}
	image := write(t, root, 0)
	check(t, image)
	sametree.Same(t, root, sametree.Mounted(t, "btrfs", image), sametree.Times{Others: true})
}

func TestSameBytes(t *testing.T) {
	one, err := os.ReadFile(write(t, sametree.Sample(), 0))
	must(t, err)
	two, err := os.ReadFile(write(t, sametree.Sample(), 0))
	must(t, err)
	if !bytes.Equal(one, two) {
		t.Error("two images of one tree differ")
	}
	root := sametree.Sample()
	root.Child("fifo").UID = 1
	three, err := os.ReadFile(write(t, root, 0))
	must(t, err)
	if bytes.Equal(one, three) {
		t.Error("another owner is not to be seen")
	}
}

// TestWhatDoesNotFit is told with what is missing; holes make up for it.
func TestWhatDoesNotFit(t *testing.T) {
	root := sametree.Sample()
	opt := options
	size, err := Size(root, opt)
	must(t, err)
	for _, short := range []int64{1, mebibyte, 12 * mebibyte, size} {
		opt.Size = size - short
		var full *SpaceError
		if err := Write(t.Context(), nowhere{}, root, opt); short > 10*mebibyte && !errors.As(err, &full) || full != nil && full.Missing != short {
			t.Errorf("%d bytes less than needed: %v", short, err)
		}
	}
	sametree.Put(root, "hole", sametree.File(make([]byte, 100<<20)))
	opt.Size = size
	must(t, Write(t.Context(), nowhere{}, root, opt))
}

type nowhere struct{}

func (nowhere) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

// TestChunksKeepClear of the superblock's copies, and cover what they should.
func TestChunksKeepClear(t *testing.T) {
	s := newSpace()
	for left := uint64(300 << 30); left > 0; {
		_, got := s.data(min(left, btrfs.MaxExtent-sector))
		left -= got
	}
	s.closeData()
	s.metadata(1 << 16)
	end := uint64(0)
	for _, e := range s.stripes() {
		if e.at < end || e.chunk.length == 0 || e.chunk.length%btrfs.StripeLen != 0 || e.chunk.length > maxChunk {
			t.Errorf("a stripe of %d bytes at %d, after %d", e.chunk.length, e.at, end)
		}
		end = e.at + e.chunk.length
		for _, super := range btrfs.SuperOffsets {
			if uint64(super)+btrfs.StripeLen > e.at && uint64(super) < end {
				t.Errorf("a stripe of %d bytes at %d covers the superblock at %d", e.chunk.length, e.at, super)
			}
		}
	}
	if end < 300<<30 || end > 303<<30 {
		t.Errorf("the device is used up to %d", end)
	}
}

func TestRefuses(t *testing.T) {
	attribute := func(name string, size int) func(*tree.Node, *Options) {
		return func(n *tree.Node, _ *Options) {
			n.Child("fifo").Xattrs = []tree.Xattr{{Name: name, Value: make([]byte, size)}}
		}
	}
	for want, change := range map[string]func(*tree.Node, *Options){
		`btrfs: /fifo: the attribute "system.nfs4_acl": btrfs stores only`:    attribute("system.nfs4_acl", 1),
		`btrfs: /fifo: the attribute "user." has no name behind its prefix`:   attribute("user.", 1),
		`btrfs: /fifo: the attribute "user.x" has 16223 bytes, at most 16222`: attribute("user.x", 16223),
		`btrfs: the label "a/b" holds a slash`:                                func(_ *tree.Node, o *Options) { o.Label = "a/b" },
		`btrfs: a UUID is missing, or there twice`:                            func(_ *tree.Node, o *Options) { o.Chunks = o.UUID },
	} {
		root, opt := sametree.Sample(), options
		opt.Size = 1 << 30
		change(root, &opt)
		if err := Write(t.Context(), nowhere{}, root, opt); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := Size(root, opt); err == nil {
			t.Error("its size is known")
		}
	}
	// The longest that fits.
	root := sametree.Sample()
	attribute("user.x", 16222)(root, nil)
	check(t, write(t, root, 0))
}

func TestASourceThatShrinks(t *testing.T) {
	for _, size := range []int64{10, 5000, 8192} {
		root := sametree.Sample()
		i := sametree.File(make([]byte, size-1))
		i.Size = size
		sametree.Put(root, "short", i)
		opt := options
		opt.Size = 1 << 30
		if err := Write(t.Context(), nowhere{}, root, opt); err == nil || !strings.HasPrefix(err.Error(), "btrfs: /short: it ended at byte ") {
			t.Errorf("%v", err)
		}
	}
}

func TestStructureSizes(t *testing.T) {
	for name, c := range map[string][2]int{
		"header": {btrfs.HeaderLayout.Size(), btrfs.HeaderSize}, "item": {btrfs.ItemLayout.Size(), btrfs.ItemSize}, "key": {btrfs.KeyLayout.Size(), btrfs.KeySize},
		"key pointer": {btrfs.KeyPtrLayout.Size(), btrfs.KeyPtrSize}, "inode": {btrfs.InodeItemLayout.Size(), 160}, "entry": {btrfs.DirItemLayout.Size(), btrfs.DirEntrySize},
		"root": {btrfs.RootItemLayout.Size(), 439}, "superblock": {btrfs.SuperblockLayout.Size(), btrfs.SuperSize}, "inline": {btrfs.ExtentHeadLayout.Size(), btrfs.InlineHead},
		"file extent": {btrfs.FileExtentItemLayout.Size(), 53}, "chunk": {btrfs.ChunkLayout.Size(), 48}, "device": {btrfs.DevItemLayout.Size(), 98},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %d bytes, want %d", name, c[0], c[1])
		}
	}
}

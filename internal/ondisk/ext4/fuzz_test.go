package ext4

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// seedImages are tiny filesystems made by mke2fs 1.47.0; testdata/README.md
// says how.
func seedImages(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.img.gz")
	if err != nil || len(paths) < 3 {
		t.Fatalf("seeds %v: %v", paths, err)
	}
	var out [][]byte
	for _, path := range paths {
		out = append(out, gunzip(t, path))
	}
	return out
}

// FuzzImage damages a good image: patches are an offset of two bytes each,
// where all structures lie, and the byte to put there. Fuzzing the image's
// bytes themselves would spend its time on making 300 KiB smaller.
func FuzzImage(f *testing.F) {
	seeds := seedImages(f)
	for i, img := range seeds {
		fs, err := Open(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			f.Fatal(err)
		}
		checkHealthy(f, fs)
		f.Add(uint8(i), uint32(0), []byte{})
		f.Add(uint8(i), uint32(200<<10), []byte{0x18, 0x04, 2, 0x00, 0x08, 77})
	}
	f.Fuzz(func(t *testing.T, which uint8, cut uint32, patches []byte) {
		img := bytes.Clone(seeds[int(which)%len(seeds)])
		img = img[:len(img)-int(cut)%len(img)]
		for ; len(patches) >= 3; patches = patches[3:] {
			img[int(le.Uint16(patches))%len(img)] = patches[2]
		}
		readAll(t, img)
	})
}

// readAll reads an image by every way in, and checks what must hold for any
// input.
func readAll(t testing.TB, img []byte) {
	exercise(t, bytes.NewReader(img), int64(len(img)))
	fs, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		return
	}
	var parts []Part
	for i, r := range checkRegions(t, fs) {
		if i > 2000 {
			break
		}
		u := fs.Unit(r, r.Start+r.Length/2)
		if u.Start < r.Start || u.End() > r.End() || u.Length <= 0 {
			t.Fatalf("unit %+v of %+v", u, r)
		}
		b := img[u.Start:u.End()]
		parts = fs.Parts(parts[:0], u, b)
		checkParts(t, parts, len(b))
	}
}

func TestRandomDamageIsSurvived(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 700
	if testing.Short() {
		rounds = 50
	}
	for _, seed := range seedImages(t) {
		fs, err := Open(bytes.NewReader(seed), int64(len(seed)))
		if err != nil {
			t.Fatal(err)
		}
		var targets []Region
		regions, _ := fs.Regions()
		for _, r := range regions {
			if r.Structure != FreeSpace && r.Structure != BootBlock && r.Structure != Data {
				targets = append(targets, r)
			}
		}
		for range rounds {
			img := bytes.Clone(seed)
			for range 1 + rng.IntN(8) {
				r := targets[rng.IntN(len(targets))]
				b := img[r.Start:r.End()]
				// Few bytes of a structure are anything but zero; those matter.
				at := rng.IntN(len(b))
				for try := 0; b[at] == 0 && try < 8; try++ {
					at = rng.IntN(len(b))
				}
				b[at] = byte(rng.Uint32())
			}
			readAll(t, img)
		}
	}
}

func checkParts(t testing.TB, parts []Part, length int) {
	t.Helper()
	end := 0
	for _, p := range parts {
		if p.Offset != end || p.Length <= 0 {
			t.Fatalf("part %s is %d+%d, the one before ends at %d", p.Name, p.Offset, p.Length, end)
		}
		end = p.End()
	}
	if end != length {
		t.Fatalf("parts end at %d of %d", end, length)
	}
}

// fuzzFS is a filesystem to decode single structures with.
func fuzzFS(t testing.TB) *FS {
	img := gunzip(t, "testdata/ext4.img.gz")
	fs, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func FuzzDirBlock(f *testing.F) {
	fs := fuzzFS(f)
	regions, _ := fs.Regions()
	for _, r := range regions {
		if r.Structure == DirectoryBlocks {
			b := make([]byte, 1024)
			_ = fs.readAt(b, r.Start)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = append(b, make([]byte, 1024)...)[:1024]
		_ = fs.eachDirent(b, func(off int, _ uint32, _ uint8, name []byte) error {
			if len(name) == 0 || len(name) > MaxNameLen || off+DirEntryHeaderSize+len(name) > len(b) {
				t.Fatalf("entry at %d with a name of %d bytes", off, len(name))
			}
			return nil
		}, func(int, string) {})
		checkParts(t, fs.Parts(nil, Region{Structure: DirectoryBlocks, Inode: RootIno, Length: 1024}, b), len(b))
	})
}

func FuzzExtents(f *testing.F) {
	fs := fuzzFS(f)
	d, err := fs.Inode(RootIno)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(d.Raw))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := append(b, make([]byte, 256)...)[:256]
		m := fs.Map(DiskInode{Number: 12, Raw: RawInode(raw)})
		next := uint64(0)
		for _, r := range m.Runs {
			if r.Logical < next || r.Blocks == 0 || !fs.validBlock(r.Physical, r.Blocks) {
				t.Fatalf("run %+v after block %d", r, next)
			}
			next = r.Logical + r.Blocks
		}
		block := append(b, make([]byte, 1024)...)[:1024]
		checkParts(t, fs.Parts(nil, Region{Structure: ExtentTree, Length: 1024}, block), len(block))
		fs.CheckExtentBlock(d, block)
	})
}

func FuzzXattrs(f *testing.F) {
	fs := fuzzFS(f)
	_, err := fs.Walk(func(e Entry) error {
		f.Add([]byte(e.Raw))
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := append(b, make([]byte, 256)...)[:256]
		d := DiskInode{Number: 12, Raw: RawInode(raw)}
		fs.Xattrs(d)
		_, _ = fs.Target(d)
		var ps problems
		fs.inlineData(d, &ps)
		checkParts(t, fs.Parts(nil, Region{Structure: InodeTable, Inode: 12, Length: 256}, raw), len(raw))
		checkParts(t, fs.Parts(nil, Region{Structure: XattrBlock, Length: 256}, raw), len(raw))
		if acl, ok := ACLFromDisk(b); ok {
			if back, ok := ACLToDisk(acl); !ok || !bytes.Equal(back, b) {
				t.Fatalf("ACL %x comes back as %x", b, back)
			}
		}
	})
}

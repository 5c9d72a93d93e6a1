package ext4

import (
	"bytes"
	"path/filepath"
	"testing"
)

// The seeds were made by mke2fs 1.47.0; testdata/README.md says how.
func FuzzImage(f *testing.F) {
	images, err := filepath.Glob("testdata/*.img.gz")
	if err != nil || len(images) < 3 {
		f.Fatalf("seeds %v: %v", images, err)
	}
	for _, path := range images {
		img := gunzip(f, path)
		fs, err := Open(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			f.Fatal(err)
		}
		checkHealthy(f, fs)
		f.Add(img)
	}
	f.Fuzz(func(t *testing.T, img []byte) {
		exercise(t, bytes.NewReader(img), int64(len(img)))
		fs, err := Open(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			return
		}
		regions := checkRegions(t, fs)
		var parts []Part
		for i, r := range regions {
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
	})
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

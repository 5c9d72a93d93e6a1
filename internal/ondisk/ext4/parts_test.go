package ext4

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"
)

// nameAt says what the byte at off is, as a finding would.
func nameAt(t testing.TB, fs *FS, img []byte, off int64) string {
	t.Helper()
	regions, _ := fs.Regions()
	for _, r := range regions {
		if off >= r.Start && off < r.End() {
			u := fs.Unit(r, off)
			for _, p := range fs.Parts(nil, u, img[u.Start:u.End()]) {
				if at := off - u.Start; at >= int64(p.Offset) && at < int64(p.End()) {
					return fmt.Sprintf("%v/%s/%s", u.Structure, p.Name, p.Of)
				}
			}
		}
	}
	t.Fatalf("byte %d belongs to nothing", off)
	return ""
}

func TestBytesHaveTheirNames(t *testing.T) {
	img := gunzip(t, "testdata/ext4.img.gz")
	fs, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]Entry{}
	if _, err := fs.Walk(func(e Entry) error { entries[e.Path] = e; return nil }); err != nil {
		t.Fatal(err)
	}
	file, link := entries["/file"], entries["/link"]
	note := int64(bytes.Index(file.Raw, []byte("value")))
	long := fs.Map(entries["/long"].DiskInode).Runs[0]
	data := fs.Map(file.DiskInode).Runs[0]
	dir := fs.Map(entries["/dir"].DiskInode).Runs[0]
	bs := fs.BlockSize()
	g := fs.Group(0)
	for off, want := range map[int64]string{
		0:                                "boot block/unused/",
		SuperblockOffset + 0xEC:          "superblock/s_hash_seed/",
		SuperblockOffset + 0x3FC:         "superblock/s_checksum/",
		fs.GroupOffset(0) + 0x1E:         "group descriptor/bg_checksum/",
		int64(g.BlockBitmap()) * bs:      "block bitmap/bitmap/",
		int64(g.InodeBitmap())*bs + 8:    "inode bitmap/unused/", // there are 64 inodes
		file.DiskInode.Offset + 0x10:     "inode/i_mtime/",
		file.DiskInode.Offset + 0x28:     "inode/i_block/",
		file.DiskInode.Offset + 0x84:     "inode/i_ctime_extra/",
		file.DiskInode.Offset + note:     "inode/xattr:user.note/user.note",
		link.DiskInode.Offset + 0x28:     "inode/target/",
		link.DiskInode.Offset + 0x28 + 6: "inode/i_block/",
		int64(long.Physical) * bs:        "symlink/target/",
		int64(data.Physical) * bs:        "data/content/",
		int64(data.Physical)*bs + 6:      "slack/unused/",
		file.Offset + 4:                  "directory/rec_len/file",
		file.Offset + 8:                  "directory/name/file",
		int64(dir.Physical)*bs + bs - 1:  "directory/det_checksum/",
		int64(fs.Blocks())*bs - 1:        "free space/unused/",
	} {
		if got := nameAt(t, fs, img, off); got != want {
			t.Errorf("byte %d is %s, want %s", off, got, want)
		}
	}
}

func TestRegionsAreCompact(t *testing.T) {
	if n := unsafe.Sizeof(Region{}); n > 40 {
		t.Errorf("a Region takes %d bytes; half a million files have a million of them", n)
	}
}

// Two inodes that claim the same block are told, and the volume is still
// covered once.
func TestBlocksClaimedTwiceAreTold(t *testing.T) {
	img := gunzip(t, "testdata/ext4.img.gz")
	open := func() *FS {
		fs, err := Open(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			t.Fatal(err)
		}
		return fs
	}
	fs := open()
	var a, b Entry
	if _, err := fs.Walk(func(e Entry) error {
		switch e.Path {
		case "/dir/f1":
			a = e
		case "/dir/f2":
			b = e
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	copy(img[b.DiskInode.Offset+int64(offBlock):], a.Raw.Block())
	fs = open()
	_, ps := fs.Regions()
	if len(ps) != 1 {
		t.Errorf("problems: %v", ps)
	}
	lost := int64(0)
	for _, r := range checkRegions(t, fs) {
		if r.Structure == LostBlock {
			lost += r.Length
		}
	}
	if lost != fs.BlockSize() {
		t.Errorf("%d bytes are lost, want the one block that nothing maps any more", lost)
	}
}

// A directory that is its own grandchild ends the walk.
func TestDirectoryLoopsEnd(t *testing.T) {
	img := gunzip(t, "testdata/ext4.img.gz")
	fs, err := Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	var file, dir Entry
	if _, err := fs.Walk(func(e Entry) error {
		switch e.Path {
		case "/dir/f1":
			file = e
		case "/dir":
			dir = e
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	le.PutUint32(img[file.Offset:], dir.Number)
	fs, err = Open(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		t.Fatal(err)
	}
	ps, err := fs.Walk(func(Entry) error { return nil })
	if err != nil || len(ps) != 1 {
		t.Errorf("problems %v, error %v", ps, err)
	}
}

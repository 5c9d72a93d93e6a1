package mkext4

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/ondisk/field"
)

// TestFieldsAreThoseOfMkfs compares an empty filesystem with mkfs.ext4's of
// the same identity and clock, field by field.
func TestFieldsAreThoseOfMkfs(t *testing.T) {
	const size = 300 << 20
	o := options(size)
	ours := image(t, dir(""), o)
	theirs := filepath.Join(t.TempDir(), "theirs")
	if err := os.WriteFile(theirs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(theirs, size); err != nil {
		t.Fatal(err)
	}
	t.Setenv("E2FSPROGS_FAKE_TIME", fmt.Sprint(o.Epoch.Sec))
	judge.Must(t, "mkfs.ext4", "-q", "-F", "-b", "4096", "-L", o.Label, "-U", field.ShowUUID(o.UUID[:]),
		"-E", "hash_seed="+field.ShowUUID(o.HashSeed[:]), theirs)

	read := func(name string, off int64, n int) []byte {
		t.Helper()
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, n)
		if _, err := f.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, off := range []int64{ext4.SuperblockOffset, 32768 * blockSize} {
		a, b := read(ours, off, ext4.SuperblockSize), read(theirs, off, ext4.SuperblockSize)
		var got []string
		for _, f := range ext4.SuperblockLayout.Diff(a, b) {
			got = append(got, f.Name)
		}
		// The journal lies elsewhere; the check's time and the kilobytes are ours.
		want := []string{"s_lastcheck", "s_jnl_blocks", "s_kbytes_written", "s_checksum"}
		if !slices.Equal(got, want) {
			t.Errorf("superblock at %d: %v differ, want %v", off, got, want)
			for _, f := range ext4.SuperblockLayout.Diff(a, b) {
				t.Logf("%s: %s, mkfs.ext4 %s", f.Name, f.Show(f.Slice(a)), f.Show(f.Slice(b)))
			}
		}
	}
	// Tables are in the same places; so is the inode of the root.
	desc := ext4.GroupDescLayout.Decode(read(ours, blockSize, descSize))
	at := int64(desc.InodeTable()) * blockSize
	for ino := 1; ino <= 11; ino++ {
		a, b := read(ours, at+int64(ino-1)*inodeSize, inodeSize), read(theirs, at+int64(ino-1)*inodeSize, inodeSize)
		switch ino {
		case ext4.RootIno, lostFoundIno, ext4.ResizeIno, ext4.JournalIno:
			for _, f := range ext4.InodeLayout.Diff(a, b) {
				switch f.Name {
				case "i_block", "i_checksum_lo", "i_checksum_hi": // placement
				case "i_atime", "i_mtime", "i_ctime", "i_crtime", "i_atime_extra", "i_mtime_extra", "i_ctime_extra", "i_crtime_extra":
					if ino != ext4.RootIno { // the tree's
						t.Errorf("inode %d: %s differs", ino, f.Name)
					}
				default:
					t.Errorf("inode %d: %s is %s, mkfs.ext4 has %s", ino, f.Name, f.Show(f.Slice(a)), f.Show(f.Slice(b)))
				}
			}
		default:
			if !bytes.Equal(a, b) {
				t.Errorf("inode %d differs: % x\nmkfs.ext4: % x", ino, a[:160], b[:160])
			}
		}
	}
}

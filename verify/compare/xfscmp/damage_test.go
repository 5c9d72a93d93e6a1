package xfscmp

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
)

// change damages a copy of the small filesystem.
func change(r *rand.Rand, d *xfstest.Disk, blocks []int64) *xfstest.Disk {
	for range 1 + r.IntN(6) {
		at := blocks[r.IntN(len(blocks))]*xfstest.Block + int64(r.IntN(xfstest.Block))
		if r.IntN(3) == 0 {
			at = int64(r.IntN(4 * 512)) // of the superblock and the first group's headers
		}
		with := make([]byte, 1+r.IntN(8))
		for i := range with {
			with[i] = byte(r.Uint32()) | byte(r.IntN(2)*255)
		}
		d = d.Change(at, with)
	}
	return d
}

// TestDamagedFilesystemsAddUp compares damaged copies with the good one and with
// one another.
func TestDamagedFilesystemsAddUp(t *testing.T) {
	good := xfstest.Small(t)
	blocks := good.Blocks()
	slices.Sort(blocks)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range comparetest.Rounds() / 3 {
		a, b := good, change(r, good, blocks)
		switch i % 3 {
		case 1:
			a, b = b, a
		case 2:
			a = change(r, good, blocks)
		}
		comparetest.Disks(t, Compare, a, b)
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
	}
}

// FuzzCompare compares the small filesystem with a changed one: each change is
// an offset of three bytes, a length, and so many bytes.
func FuzzCompare(f *testing.F) {
	f.Add([]byte{}, []byte{0, 0, 4, 4, 0, 0, 8, 0})
	f.Add([]byte{0, 2, 16, 4, 0xff, 0xff, 0xff, 0xff}, []byte{0, 64, 0, 1, 7})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var disks []*xfstest.Disk
		for _, changes := range [][]byte{a, b} {
			d := xfstest.Small(t)
			for len(changes) > 4 {
				at := int64(binary.BigEndian.Uint32(changes) >> 8)
				n := min(int(changes[3]), len(changes)-4)
				d = d.Change(at, changes[4:4+n])
				changes = changes[4+n:]
			}
			disks = append(disks, d)
		}
		comparetest.Disks(t, Compare, disks[0], disks[1])
	})
}

// TestWhatCannotBeReadIsOneFinding compares filesystems of which one is
// refused.
func TestWhatCannotBeReadIsOneFinding(t *testing.T) {
	image := xfstest.Mkfs(t, 24<<20, "-L", "a")
	good := comparetest.Read(t, image)
	old := comparetest.Read(t, xfstest.Mkfs(t, 24<<20, "-m", "crc=0", "-L", "b"))
	noRoot := slices.Clone(good)
	clear(noRoot[edited(t, good).inode().Offset:][:512])
	for _, c := range []struct {
		name, warning string
		b             []byte
	}{
		{"version 4", "the files of this xfs are not compared: second image: xfs: byte 100: version 4 is not read, only 5", old},
		{"truncated", "the files of this xfs are not compared: second image: xfs: byte 84: 1 groups", good[:20<<20]},
		{"root", "this is not inode", noRoot},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := slices.Clone(c.b)
			b[300_000] ^= 1
			fs, warnings, _ := comparetest.Bytes(t, Compare, good, b)
			if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, c.warning) }) {
				t.Errorf("%q", warnings)
			}
			var rest []string
			for _, id := range comparetest.Roots(fs) {
				if !strings.HasPrefix(id, "p0/xfs/superblock/") {
					rest = append(rest, id)
				}
			}
			if len(rest) != 1 || rest[0] != "p0/xfs/filesystem/content" {
				t.Error(comparetest.Show(fs))
			}
		})
	}
	if _, warnings, _ := comparetest.Bytes(t, Compare, good, old); len(warnings) != 1 {
		t.Errorf("%q", warnings)
	}
}

// TestOneDamagedFileLeavesTheOthers compares a filesystem of which one inode is
// gone.
func TestOneDamagedFileLeavesTheOthers(t *testing.T) {
	good := filled(t)
	m := edited(t, good)
	clear(m.b[m.inode("files", "large").Offset:][:512])
	core(func(c *xfs.Core) { c.Mode ^= 1 }, "files", "pipe")(m)
	fs, warnings, _ := comparetest.Bytes(t, Compare, good, m.b)
	roots := comparetest.Roots(fs)
	slices.Sort(roots)
	if !slices.Equal(roots, []string{"p0/xfs/inode/damage:/files/large", "p0/xfs/inode/di_mode:/files/pipe"}) {
		t.Error(comparetest.Show(fs))
	}
	if len(warnings) != 1 {
		t.Errorf("%q", warnings)
	}
}

// TestDirtyLogIsSaid compares a filesystem with a copy that was made while it
// was mounted.
func TestDirtyLogIsSaid(t *testing.T) {
	image := xfstest.Mkfs(t, 24<<20)
	copied := filepath.Join(t.TempDir(), "copy")
	xfstest.Mounted(t, image, func(t *testing.T, dir string) {
		comparetest.Must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600))
		fd, err := unix.Open(dir, unix.O_RDONLY, 0)
		comparetest.Must(t, err)
		defer unix.Close(fd)
		comparetest.Must(t, unix.Syncfs(fd))
		comparetest.Must(t, os.WriteFile(copied, comparetest.Read(t, image), 0o600))
	})
	_, warnings, _ := comparetest.Bytes(t, Compare, comparetest.Read(t, image), comparetest.Read(t, copied))
	if len(warnings) == 0 || !strings.Contains(warnings[0], "second image: the log holds changes") {
		t.Errorf("%q", warnings)
	}
}

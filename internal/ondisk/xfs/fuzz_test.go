package xfs

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs/xfstest"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// readAll reads all that can be read of a filesystem. What it finds in the
// bytes is an error of this package; anything else ends the test.
func readAll(t *testing.T, d *xfstest.Disk) (files int) {
	t.Helper()
	fs, err := Open(d, d.Size())
	if mine(t, err) {
		return 0
	}
	_, err = fs.Dirty()
	mine(t, err)
	regions, _, err := fs.Regions(t.Context())
	if mine(t, err) {
		return 0
	}
	var end int64
	units := fs.Units()
	for _, r := range regions {
		if r.Start != end || r.End <= r.Start {
			t.Fatalf("a region from %d to %d behind %d", r.Start, r.End, end)
		}
		for at := r.Start; at < r.End; {
			p, err := units.At(r, at)
			if mine(t, err) {
				break
			}
			if p.Start > at || p.End <= at || p.Start < r.Start || p.End > r.End {
				t.Fatalf("%+v at %d of %+v", p, at, r)
			}
			at = max(p.End, min(at+(r.End-r.Start)/64, r.End-1)) // of large regions a part is enough
		}
		end = r.End
	}
	if end != d.Size() {
		t.Fatalf("regions end at %d of %d", end, d.Size())
	}
	met := map[uint64]bool{}
	var walk func(ino uint64)
	walk = func(ino uint64) {
		if met[ino] || len(met) > 2000 {
			return
		}
		met[ino] = true
		in, err := fs.ReadInode(ino)
		if mine(t, err) {
			return
		}
		_, err = fs.Xattrs(in)
		mine(t, err)
		switch in.Type() {
		case tree.Directory:
			list, err := fs.List(in)
			if mine(t, err) {
				return
			}
			for _, e := range list {
				walk(e.Ino)
			}
		case tree.Symlink:
			_, err := fs.Target(in)
			mine(t, err)
		case tree.Regular:
			f, err := fs.File(in)
			if mine(t, err) {
				return
			}
			buf := make([]byte, 1<<16)
			for off := int64(0); off < f.Size() && off < 1<<22; off += int64(len(buf)) {
				if _, err := f.ReadAt(buf, off); err != nil && off+int64(len(buf)) <= f.Size() {
					mine(t, err)
					break
				}
			}
		}
	}
	walk(fs.SB.RootIno)
	return len(met)
}

func mine(t *testing.T, err error) bool {
	if err == nil {
		return false
	}
	if _, ok := err.(*Error); !ok {
		t.Fatal(err)
	}
	return true
}

func TestSmallFilesystemReads(t *testing.T) {
	if n := readAll(t, xfstest.Small(t)); n < 50 {
		t.Errorf("%d files", n)
	}
}

// TestDamagedFilesystems reads copies with a few changed bytes each.
func TestDamagedFilesystems(t *testing.T) {
	small := xfstest.Small(t)
	blocks := small.Blocks()
	slices.Sort(blocks)
	r := rand.New(rand.NewPCG(1, 2))
	rounds := 90
	if testing.Short() {
		rounds = 50
	}
	for range rounds {
		d := small
		for range 1 + r.IntN(6) {
			at := blocks[r.IntN(len(blocks))]*xfstest.Block + int64(r.IntN(xfstest.Block))
			if r.IntN(3) == 0 {
				at = int64(r.IntN(304)) // of the superblock
			}
			with := make([]byte, 1+r.IntN(8))
			for i := range with {
				with[i] = byte(r.Uint32()) | byte(r.IntN(2)*255)
			}
			d = d.Change(at, with)
		}
		readAll(t, d)
	}
}

// FuzzFilesystem reads the small filesystem with changes: each is an offset of
// three bytes, a length, and so many bytes.
func FuzzFilesystem(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 4, 4, 0, 0, 8, 0})
	f.Add([]byte{0, 2, 16, 4, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, changes []byte) {
		d := xfstest.Small(t)
		for len(changes) > 4 {
			at := int64(binary.BigEndian.Uint32(changes) >> 8)
			n := min(int(changes[3]), len(changes)-4)
			d = d.Change(at, changes[4:4+n])
			changes = changes[4+n:]
		}
		readAll(t, d)
	})
}

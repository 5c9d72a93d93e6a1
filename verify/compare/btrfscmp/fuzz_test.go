package btrfscmp

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reprodisk/reprodisk/internal/judge/sametree"
	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/ondisk/disktest"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/comparetest"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

const part = 512 // bytes that disktest.Damage changes at a place

// small is an image of a few nodes, without second copies, so that damage
// counts; and the places of its superblocks, nodes and some more.
func small(t testing.TB) (good []byte, places []int64) {
	t.Helper()
	root := &tree.Node{Inode: sametree.New(tree.Directory | 0o755)}
	sametree.Put(root, "folder/file", sametree.File(sametree.Noise(1, 20000)))
	sametree.Put(root, "folder/short", sametree.File([]byte("short")))
	link := sametree.New(tree.Symlink | 0o777)
	link.Target = "folder/file"
	sametree.Put(root, "link", link)
	e := edit(t, write(t, root, defaults()))
	for at := int64(0); at < btrfs.SuperSize; at += part {
		places = append(places, btrfs.SuperOffsets[0]+at)
	}
	places = append(places, 0, int64(len(e.b))-part)
	seen := map[uint64]bool{}
	for _, tr := range e.fs.Trees() {
		must(t, e.fs.Walk(tr, seen, func(n *btrfs.Node) error {
			m := e.fs.Map(n.Logical)
			clear(e.b[m.Stripes[1]+n.Logical-m.Logical:][:len(n.Raw)])
			from, to := n.Slack()
			for at := 0; at < len(n.Raw); at += part {
				if at < from || at+part > to {
					places = append(places, n.Offset+int64(at))
				}
			}
			return nil
		}))
	}
	return e.b, places
}

// tolerates compares an image with one that is damaged at some places: a report
// that adds up.
func tolerates(t *testing.T, good, patch []byte, places []int64, turned bool) {
	t.Helper()
	slices.Sort(places)
	places = slices.Compact(places)
	bad := disktest.Damage(good, patch, places...)
	want := int64(0)
	var dirty []scan.Span
	for i, at := range places {
		dirty = append(dirty, scan.Span{Start: at, End: at + part})
		for k, x := range bad.Part(i) {
			if x != good[at+int64(k)] {
				want++
			}
		}
	}
	size := int64(len(good))
	a, b := ledger.Side{R: disktest.Memory(good), Size: size}, ledger.Side{R: bad, Size: size}
	if turned {
		a, b = b, a
	}
	l := ledger.New()
	res, err := Compare(t.Context(), l, ledger.Pair{A: a, B: b, Aligned: true, Dirty: dirty})
	must(t, err)
	must(t, l.Sweep(t.Context(), ledger.Volume{A: a.R, B: b.R, Size: size, Dirty: dirty}, 0, res.Owner))
	got := int64(0)
	for _, f := range l.Findings() {
		got += f.Bytes
		if f.Structure == report.UnknownStructure {
			t.Errorf("%d bytes are unknown: %v", f.Bytes, f.Ranges)
		}
	}
	if got != want {
		t.Errorf("%d bytes differ, the findings own %d", want, got)
	}
}

// TestDamagedAddsUp, in both directions.
func TestDamagedAddsUp(t *testing.T) {
	good, hot := small(t)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 7 * comparetest.Rounds() {
		patch := make([]byte, 4*(1+r.IntN(6)))
		for k := range patch {
			patch[k] = byte(r.Uint32())
		}
		var places []int64
		for range len(patch) / 4 {
			places = append(places, hot[r.IntN(len(hot))])
		}
		tolerates(t, good, patch, places, i%2 == 1)
		if t.Failed() {
			t.Fatalf("round %d: patch %x at %d", i, patch, places)
		}
	}
}

// TestTruncatedAddsUp: an image that ends early, and a whole one.
func TestTruncatedAddsUp(t *testing.T) {
	good, _ := small(t)
	for size := len(good); size > 70000; size = size*2/3 - 7 {
		_, _, _ = comparetest.Bytes(t, Compare, good, good[:size])
		_, _, _ = comparetest.Bytes(t, Compare, good[:size], good)
	}
}

func FuzzCompare(f *testing.F) {
	good, hot := small(f)
	f.Add([]byte{0, 0x40, 2, 1, 20, 0, 1, 3}, false)
	f.Add([]byte{17, 0x64, 0, 0xff, 18, 0x64, 0, 0xff, 30, 0x11, 4, 1}, true)
	f.Fuzz(func(t *testing.T, patch []byte, turned bool) {
		var places []int64
		for i := 0; i+1 < len(patch) && i < 64; i += 4 {
			places = append(places, hot[(int(patch[i])|int(patch[i+1])<<8)%len(hot)])
		}
		if len(places) > 0 {
			tolerates(t, good, patch, places, turned)
		}
	})
}

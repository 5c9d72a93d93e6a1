package ext4cmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// buffer is an image in memory.
type buffer struct{ b []byte }

func (d *buffer) Size() int64                              { return int64(len(d.b)) }
func (d *buffer) NextData(off int64) (int64, int64, error) { return off, d.Size(), nil }
func (d *buffer) ReadAt(p []byte, off int64) (int, error)  { return bytes.NewReader(d.b).ReadAt(p, off) }
func (d *buffer) WriteAt(p []byte, off int64) (int, error) { return copy(d.b[off:], p), nil }

type text string

type textReader struct{ *strings.Reader }

func (textReader) Close() error           { return nil }
func (t text) Open() (tree.Reader, error) { return textReader{strings.NewReader(string(t))}, nil }

// smallImage is a filesystem with a bit of everything, made without tools.
func smallImage(tb testing.TB) []byte {
	tb.Helper()
	when := tree.Time{Sec: 1700000000}
	node := func(name string, mode uint32) *tree.Node {
		return &tree.Node{Name: name, Inode: &tree.Inode{Mode: mode, Atime: when, Mtime: when, Ctime: when, Btime: when}}
	}
	file := func(name, content string) *tree.Node {
		n := node(name, tree.Regular|0o644)
		n.Size, n.Content = int64(len(content)), text(content)
		return n
	}
	root := node("", tree.Directory|0o755)
	etc := node("etc", tree.Directory|0o755)
	root.Add(etc)
	etc.Add(file("passwd", "root:x:0:0::/:/bin/sh\n"))
	etc.Add(file("big", strings.Repeat("0123456789abcdef", 3000)))
	link := node("link", tree.Symlink|0o777)
	link.Target = "passwd"
	etc.Add(link)
	slow := node("slow", tree.Symlink|0o777)
	slow.Target = strings.Repeat("far/", 40)
	etc.Add(slow)
	dev := node("null", tree.Char|0o666)
	dev.Major, dev.Minor = 1, 3
	etc.Add(dev)
	etc.Child("passwd").Xattrs = []tree.Xattr{{Name: "user.a", Value: []byte("1")}, {Name: "user.b", Value: []byte(strings.Repeat("x", 300))}}
	many := node("many", tree.Directory|0o755)
	root.Add(many)
	for i := range 200 {
		many.Add(file(fmt.Sprintf("a name that is rather long, for one block %03d", i), ""))
	}
	d := &buffer{make([]byte, 4<<20)}
	opt := mkext4.Options{Size: d.Size(), UUID: [16]byte{1}, HashSeed: [16]byte{2}, Epoch: when}
	if _, err := mkext4.Write(context.Background(), d, root, opt); err != nil {
		tb.Fatal(err)
	}
	return d.b
}

// account compares two images and checks that the findings own exactly the
// bytes that differ.
func account(tb testing.TB, a, b []byte) {
	tb.Helper()
	ctx := context.Background()
	da, db := &buffer{a}, &buffer{b}
	found, err := scan.Compare(ctx, da, db, nil)
	if err != nil {
		tb.Fatal(err)
	}
	l := ledger.New()
	side := func(d *buffer) ledger.Side {
		return ledger.Side{R: io.NewSectionReader(d, 0, d.Size()), Size: d.Size()}
	}
	res, err := Compare(ctx, l, ledger.Pair{A: side(da), B: side(db), Aligned: true, Dirty: found.Spans})
	if err != nil {
		return // one of them is no filesystem any more
	}
	if err := l.Sweep(ctx, ledger.Volume{A: da, B: db, Size: found.Size, Dirty: found.Spans}, 0, res.Owner); err != nil {
		tb.Fatal(err)
	}
	r := report.Report{A: report.Input{Size: da.Size()}, B: report.Input{Size: db.Size()}, DifferingBytes: found.Bytes, Findings: l.Findings()}
	if err := r.Finish(); err != nil {
		tb.Fatal(err)
	}
	if found.Bytes > 0 && len(r.Findings) == 0 {
		tb.Fatal("a difference without a finding")
	}
}

// mutate changes an image as data says: words of a place and a value.
func mutate(image, data []byte) []byte {
	out := bytes.Clone(image)
	for ; len(data) >= 6; data = data[6:] {
		// Half of the places lie in the first blocks, where structures are.
		at := int(binary.LittleEndian.Uint32(data)) % len(out)
		if data[4]&1 == 0 {
			at %= 256 << 10
		}
		out[at] ^= data[5]
	}
	return out
}

func FuzzCompare(f *testing.F) {
	image := smallImage(f)
	f.Add([]byte{0, 4, 0, 0, 0, 1})
	f.Add([]byte{0x68, 4, 0, 0, 0, 0xff, 0xec, 4, 0, 0, 0, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		other := mutate(image, data)
		account(t, image, other)
		account(t, other, image)
	})
}

// mutations is how many random changes of each image are tried.
func mutations(t *testing.T) int {
	t.Helper()
	if s := os.Getenv("REPRODISK_MUTATIONS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 5
	}
	return 20
}

func TestDamagedImagesAddUp(t *testing.T) {
	image := smallImage(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 10 * mutations(t) {
		other := randomly(rnd, image, 1+rnd.IntN(40))
		account(t, image, other)
		account(t, other, image)
	}
}

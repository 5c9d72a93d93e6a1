package treecmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// object is an object of a tree in memory.
type object struct {
	Node
	below   []*object
	content string
	fail    error // of its content
}

var errDamaged = errors.New("a damaged block")

type memory struct {
	top *object
}

func (m *memory) Root() (*Node, error) { return m.node(m.top), nil }

func (m *memory) node(o *object) *Node {
	n := o.Node
	n.Ref = o
	n.Size = int64(len(o.content))
	return &n
}

func (m *memory) List(dir *Node) ([]*Node, error) {
	var out []*Node
	for _, o := range dir.Ref.(*object).below {
		out = append(out, m.node(o))
	}
	return out, nil
}

func (m *memory) Open(n *Node) Content {
	return text{strings.NewReader(n.Ref.(*object).content), n.Ref.(*object).fail}
}

type text struct {
	*strings.Reader
	fail error
}

func (t text) ReadAt(p []byte, off int64) (int, error) {
	if t.fail != nil {
		return 0, t.fail
	}
	return t.Reader.ReadAt(p, off)
}

func (t text) Same(*Comparison, Content, int64) int64 { return 0 }

func dir(name string, number uint64, below ...*object) *object {
	return &object{Node: Node{Name: name, Mode: tree.Directory | 0o755, Dir: number}, below: below}
}

func plain(name, content string) *object {
	return &object{Node: Node{Name: name, Mode: tree.Regular | 0o644}, content: content}
}

func with(o *object, values ...Value) *object {
	o.Values = values
	return o
}

func at(o *object, seconds int64) *object {
	o.Times = []Stamp{{Field: "mtime", Time: tree.Time{Sec: seconds}}}
	return o
}

func memoryFormat() Format {
	return Format{
		Name: "memory", Structure: "inode",
		About:   func(string) About { return About{Cause: report.Time, Remedy: "none"} },
		Damaged: func(err error) bool { return errors.Is(err, errDamaged) },
		Explains: func(p *Pair, field string) []*ledger.Finding {
			if field == "mtime" {
				return p.Changes()
			}
			return nil
		},
	}
}

// compared compares two trees, and returns the comparison and its findings, each
// as its id, with "follows" in front of one that follows from others.
func compared(t *testing.T, a, b *object, f Format) (*Comparison, string, error) {
	t.Helper()
	l := ledger.New()
	volume := ledger.Side{R: bytes.NewReader(nil), Size: 1 << 20}
	c := New(t.Context(), l, ledger.Pair{A: volume, B: volume}, f)
	c.Budget = 1 << 20
	if err := c.Walk(&memory{top: a}, &memory{top: b}); err != nil {
		return c, "", err
	}
	c.Settle()
	var out []string
	for _, f := range l.Findings() {
		id := strings.TrimPrefix(f.ID, "p0/memory/")
		if f.Derived {
			id = "follows " + id
		}
		out = append(out, id)
	}
	return c, strings.Join(out, "\n"), nil
}

func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		a, b *object
		want []string
	}{
		"nothing": {
			dir("", 1, plain("x", "1"), dir("d", 2)),
			dir("", 7, plain("x", "1"), dir("d", 9)), nil,
		},
		"content": {
			dir("", 1, at(plain("x", "one"), 1)), dir("", 1, at(plain("x", "two"), 2)),
			[]string{"data/content:/x", "follows inode/mtime:/x"},
		},
		"a time with no reason": {
			dir("", 1, at(plain("x", "one"), 1)), dir("", 1, at(plain("x", "one"), 2)),
			[]string{"inode/mtime:/x"},
		},
		"added, and the time of its folder": {
			at(dir("", 1, plain("x", "")), 1), at(dir("", 1, plain("x", ""), plain("y", "")), 5),
			[]string{"directory/entry:/y", "follows inode/mtime:/"},
		},
		"removed with all below it": {
			dir("", 1, dir("d", 2, dir("e", 3, plain("f", "")))), dir("", 1),
			[]string{"directory/entry:/d"},
		},
		"another order": {
			dir("", 1, plain("x", ""), plain("y", "")), dir("", 1, plain("y", ""), plain("x", "")),
			[]string{"directory/order:/"},
		},
		"an order that an added name does not change": {
			dir("", 1, plain("x", ""), plain("y", "")), dir("", 1, plain("x", ""), plain("new", ""), plain("y", "")),
			[]string{"directory/entry:/new"},
		},
		"values on one side": {
			dir("", 1, with(plain("x", ""), Value{Field: "xattr:a", Shown: "1"}, Value{Field: "mode", Shown: "7"})),
			dir("", 1, with(plain("x", ""), Value{Field: "mode", Shown: "7"}, Value{Field: "xattr:b", Shown: "2"})),
			[]string{"inode/xattr:a:/x", "inode/xattr:b:/x"},
		},
		"a folder for a file": {
			dir("", 1, with(dir("x", 2, plain("in", "")), Value{Field: "mode", Shown: "d"})),
			dir("", 1, with(plain("x", ""), Value{Field: "mode", Shown: "-"})),
			[]string{"inode/mode:/x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.Join(c.want, "\n")
			if _, got, err := compared(t, c.a, c.b, memoryFormat()); err != nil || got != want {
				t.Errorf("%v\n%s\nwant:\n%s", err, got, want)
			}
		})
	}
}

func TestPathsOfOneSide(t *testing.T) {
	c, _, err := compared(t, dir("", 1, dir("d", 2, plain("f", ""))), dir("", 1, plain("x", "")), memoryFormat())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/d": true, "/d/f": true, "/x": true, "/": false, "/dd": false, "": false} {
		if got := c.Lone(path) != nil; got != want {
			t.Errorf("%q is on one side only: %v, want %v", path, got, want)
		}
	}
}

// TestNamesOfOneFile compares two files once, whatever names they have, and
// contents that lie in one place once as well.
func TestNamesOfOneFile(t *testing.T) {
	linked := func(name, content string) *object {
		o := plain(name, content)
		o.Inode = 5
		return o
	}
	_, got, err := compared(t, dir("", 1, linked("a", "1"), linked("b", "1")), dir("", 1, linked("a", "2"), linked("b", "2")), memoryFormat())
	if err != nil || got != "data/content:/a" {
		t.Errorf("%v\n%s", err, got)
	}
	shared := memoryFormat()
	shared.ContentKey = func(*Pair) ([4]int64, bool) { return [4]int64{1}, true }
	c, got, err := compared(t, dir("", 1, plain("a", "1"), plain("b", "1")), dir("", 1, plain("a", "2"), plain("b", "2")), shared)
	if err != nil || got != "data/content:/a" {
		t.Errorf("%v\n%s", err, got)
	}
	if f := c.At("/b").Content; f == nil || f != c.At("/a").Content || !strings.Contains(f.Note, "1 more") {
		t.Errorf("the content of the second file is %+v", f)
	}
}

func TestACircleEnds(t *testing.T) {
	root := dir("", 1, dir("d", 2))
	root.below[0].below = []*object{root}
	for _, other := range []*object{root, dir("", 1), dir("", 1, plain("d", ""))} {
		c, _, err := compared(t, root, other, memoryFormat())
		if !c.Unreadable(err) || !strings.Contains(err.Error(), "contains itself") {
			t.Errorf("%v", err)
		}
	}
}

func TestTooMuch(t *testing.T) {
	deep := dir("", 1)
	for i := range maxDepth + 2 {
		deep = dir("d", uint64(i+2), deep)
	}
	c, _, err := compared(t, deep, deep, memoryFormat())
	if !c.Unreadable(err) || !strings.Contains(err.Error(), "too deeply") {
		t.Errorf("%v", err)
	}
	big := dir("", 1, plain("x", strings.Repeat("x", 2<<20)))
	c, _, err = compared(t, big, dir("", 1, plain("x", strings.Repeat("y", 2<<20))), memoryFormat())
	if err != nil || c.Unread != 1 || len(c.Warnings) != 1 {
		t.Errorf("%v, %d not compared, %q", err, c.Unread, c.Warnings)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e Extent
	for range 1024 {
		err = e.Visit(ctx, "/", 0)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that is to end goes on: %v", err)
	}
}

// TestOneFileThatCannotBeRead is passed over; that a disk cannot be read is not.
func TestOneFileThatCannotBeRead(t *testing.T) {
	bad := plain("bad", "1")
	bad.fail = fmt.Errorf("byte 512: %w", errDamaged)
	c, got, err := compared(t, dir("", 1, bad, plain("x", "1")), dir("", 1, plain("bad", "1"), plain("x", "2")), memoryFormat())
	if err != nil || got != "data/content:/x" || c.Unread != 1 || !strings.Contains(c.Warnings[0], "/bad") {
		t.Errorf("%v\n%s\n%q", err, got, c.Warnings)
	}
	bad.fail = io.ErrClosedPipe
	if _, _, err := compared(t, dir("", 1, bad), dir("", 1, plain("bad", "1")), memoryFormat()); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}

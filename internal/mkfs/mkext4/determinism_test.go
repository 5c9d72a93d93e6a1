package mkext4

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/reprodisk/reprodisk/internal/tree"
)

func digest(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// shuffled is a copy of a tree with the children of every directory in some
// order, and with readers that answer in small, late pieces.
func shuffled(n *tree.Node, r *rand.Rand, seen map[*tree.Inode]*tree.Inode) *tree.Node {
	i := seen[n.Inode]
	if i == nil {
		c := *n.Inode
		i = &c
		i.Xattrs = slices.Clone(i.Xattrs)
		r.Shuffle(len(i.Xattrs), func(a, b int) { i.Xattrs[a], i.Xattrs[b] = i.Xattrs[b], i.Xattrs[a] })
		if i.Content != nil {
			i.Content = slow{i.Content, r.Uint64()}
		}
		i.Origin = fmt.Sprint("elsewhere", r.Uint64())
		seen[n.Inode] = i
	}
	out := &tree.Node{Name: n.Name, Inode: i}
	for _, k := range n.Children {
		out.Children = append(out.Children, shuffled(k, r, seen))
	}
	r.Shuffle(len(out.Children), func(a, b int) { out.Children[a], out.Children[b] = out.Children[b], out.Children[a] })
	return out
}

// slow reads in short pieces, hides that its source is sparse, and sleeps now
// and then.
type slow struct {
	tree.Content
	seed uint64
}

func (s slow) Open() (tree.Reader, error) {
	r, err := s.Content.Open()
	if s.seed%7 == 0 {
		time.Sleep(time.Duration(s.seed%500) * time.Microsecond)
	}
	return struct{ slowReader }{slowReader{r}}, err
}

type slowReader struct{ r tree.Reader }

func (s slowReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), 1000)]) }

func (s slowReader) ReadAt(p []byte, off int64) (int, error) { return s.r.ReadAt(p, off) }

func (s slowReader) Close() error { return s.r.Close() }

func TestSameBytesWhateverTheOrder(t *testing.T) {
	o := options(80 << 20)
	root := variety()
	for i := range 300 {
		root.Add(dir(fmt.Sprintf("d%d", i), file("a", text(uint64(i), 100+i*50)), file("b", text(uint64(i), 4096*(i%20)))))
	}
	want := digest(t, image(t, root, o))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i := range uint64(4) {
		runtime.GOMAXPROCS(int(1 + i%2))
		r := rand.New(rand.NewPCG(i, 7))
		if got := digest(t, image(t, shuffled(root, r, map[*tree.Inode]*tree.Inode{}), o)); got != want {
			t.Errorf("order %d gives other bytes", i)
		}
	}
}

// TestInputsShow tells that each input does change the image, and nothing but
// what belongs to it.
func TestInputsShow(t *testing.T) {
	root := variety()
	base := options(64 << 20)
	read := func(o Options) []byte {
		b, err := os.ReadFile(image(t, root, o))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := read(base)
	for name, change := range map[string]func(*Options){
		"UUID":     func(o *Options) { o.UUID[3]++ },
		"HashSeed": func(o *Options) { o.HashSeed[3]++ },
		"Label":    func(o *Options) { o.Label = "other" },
		"Epoch":    func(o *Options) { o.Epoch.Sec++ },
		"Inodes":   func(o *Options) { o.Inodes = 5000 },
	} {
		o := base
		change(&o)
		if bytes.Equal(want, read(o)) {
			t.Errorf("%s does not change the image", name)
		}
	}
}

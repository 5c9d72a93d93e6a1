package closure

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/reprodisk/reprodisk/build/stage"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are what an image's store depends on beside the closure.
type Options struct {
	// Epoch, in seconds since 1970, is the latest time in the tree.
	Epoch int64
	// StoreRoot is the folder on this machine that stands for /, below which the
	// store lies; "" is / itself.
	StoreRoot string
	// Workers read beside the caller. 0 means as many as there are processors.
	Workers int
	// Verify reads all contents and compares their hashes with those that are
	// registered, as nix-store --verify --check-contents does.
	Verify bool
}

// storeTime is the modification time of everything in the store, in seconds
// since 1970.
const storeTime = 1

// nodes reads the closure's store paths, in its order, and gives them the
// modes, owner and times that Nix gives them.
func (c *Closure) nodes(ctx context.Context, o Options) ([]*tree.Node, error) {
	var read []string
	for _, p := range c.Paths {
		if c.made[p.Path] == nil {
			read = append(read, filepath.Join("/", o.StoreRoot, p.Path))
		}
	}
	found, err := stage.Read(ctx, read, stage.Options{Epoch: o.Epoch, Workers: o.Workers})
	if err != nil {
		return nil, err
	}
	nodes := make([]*tree.Node, len(c.Paths))
	for i, p := range c.Paths {
		if nodes[i] = c.made[p.Path]; nodes[i] == nil {
			nodes[i], found = found[0], found[1:]
		}
		if err := canonical(nodes[i], o.Epoch); err != nil {
			return nil, err
		}
	}
	if o.Verify {
		return nodes, c.verify(ctx, nodes, o)
	}
	return nodes, nil
}

// canonical gives a store path's files what Nix gives all files in the store:
// mode 0444, or 0555 where the owner may execute them, owner root:root, the
// time 1, and no extended attributes.
func canonical(n *tree.Node, epoch int64) error {
	last := tree.Time{Sec: epoch}
	mtime := tree.Time{Sec: min(storeTime, epoch)}
	return n.Walk(func(_ string, n *tree.Node) error {
		switch n.Type() {
		case tree.Regular:
			perm := uint32(0o444)
			if n.Mode&0o100 != 0 {
				perm = 0o555
			}
			n.Mode = tree.Regular | perm
		case tree.Directory:
			n.Mode = tree.Directory | 0o555
		case tree.Symlink:
			n.Mode = tree.Symlink | 0o777
		default:
			return badType(n)
		}
		n.UID, n.GID, n.Xattrs = 0, 0, nil
		n.Atime, n.Mtime, n.Ctime, n.Btime = last, mtime, last, last
		return nil
	})
}

// verify compares contents with the hashes that are registered.
func (c *Closure) verify(ctx context.Context, nodes []*tree.Node, o Options) error {
	g, inner := errgroup.WithContext(ctx)
	limit := o.Workers
	if limit <= 0 {
		limit = runtime.GOMAXPROCS(0)
	}
	g.SetLimit(limit)
	wrong := make([]error, len(nodes))
	for i, p := range c.Paths {
		g.Go(func() error {
			hash, size, err := HashNAR(inner, nodes[i])
			if err != nil {
				return err
			}
			if hash != p.NarHash || size != p.NarSize {
				wrong[i] = fmt.Errorf("%s: its contents changed since it was registered: the NAR's hash is sha256:%s, not sha256:%s", nodes[i].Origin, base32(hash[:]), base32(p.NarHash[:]))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, err := range wrong {
		if err != nil {
			return err
		}
	}
	return nil
}

// Store is a tree of the closure's store paths and nothing else, for an image
// that is to be mounted as the store itself (onlyNixStore).
func (c *Closure) Store(ctx context.Context, o Options) (*tree.Node, error) {
	nodes, err := c.nodes(ctx, o)
	if err != nil {
		return nil, err
	}
	root := &tree.Node{Inode: made(tree.Directory|0o755, o.Epoch)}
	for _, n := range nodes {
		root.Add(n)
	}
	return root, nil
}

// made is an inode that no source brought.
func made(mode uint32, epoch int64) *tree.Inode {
	t := tree.Time{Sec: epoch}
	return &tree.Inode{Mode: mode, Atime: t, Mtime: t, Ctime: t, Btime: t, Origin: "the Nix store"}
}

// madeFile is a regular file of the given bytes.
func madeFile(perm uint32, content []byte, epoch int64) *tree.Inode {
	i := made(tree.Regular|perm, epoch)
	i.Size, i.Content = int64(len(content)), memory(content)
	return i
}

// madeLink is a symbolic link.
func madeLink(target string, epoch int64) *tree.Inode {
	i := made(tree.Symlink|0o777, epoch)
	i.Target = target
	return i
}

// memory is a content that lies in memory.
type memory []byte

func (m memory) Open() (tree.Reader, error) { return memoryReader{bytes.NewReader(m)}, nil }

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

func isDerivation(path string) bool { return strings.HasSuffix(path, ".drv") }

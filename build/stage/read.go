package stage

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Read reads host paths and all below them as they are, without following a
// link: a node for each, in the order of the paths, named as they are. Hard
// links between them share an inode. Times are clamped as Stage does; who owns
// what is left behind.
func Read(ctx context.Context, paths []string, o Options) ([]*tree.Node, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	s := &scanner{
		ctx: ctx, epoch: tree.Time{Sec: o.Epoch},
		slots: make(chan struct{}, o.Workers), links: map[*tree.Inode]object{},
	}
	nodes, errs := make([]*tree.Node, len(paths)), make([]error, len(paths))
	var wg sync.WaitGroup
	for i, p := range paths {
		s.run(&wg, func() { nodes[i], errs[i] = s.read(p) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	// The first name of an object is the first by the order of the paths.
	s.join(&tree.Node{Inode: &tree.Inode{Mode: tree.Directory}, Children: nodes})
	return nodes, nil
}

func (s *scanner) read(p string) (*tree.Node, error) {
	n := &tree.Node{Name: path.Base(p), Inode: &tree.Inode{Origin: p}}
	if err := s.inode(unix.AT_FDCWD, p, unix.AT_SYMLINK_NOFOLLOW, n.Inode); err != nil {
		return nil, err
	}
	if !n.IsDir() {
		return n, nil
	}
	var err error
	n.Children, err = s.children(p)
	return n, err
}

// Folder is the directory of a staged tree that a path names: links on the way
// are resolved inside the root, and what is missing is made, as mkdir -p does,
// with mode 0755 and the epoch, in seconds since 1970, as its times. Origin is
// what made directories are said to come from.
func Folder(root *tree.Node, path string, epoch int64, origin string) (*tree.Node, error) {
	s := &stager{epoch: tree.Time{Sec: epoch}}
	n, err := folder(root, split(path), func(name string) *tree.Node { return s.implied(name, origin) })
	if err != nil {
		return nil, fmt.Errorf("/%s %w", strings.TrimLeft(path, "/"), err)
	}
	return n, nil
}

package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// scanner reads sources into nodes. Each node's place is fixed by its name
// before anything is read about it, so that the number of workers and their
// order leave no trace.
type scanner struct {
	ctx   context.Context
	epoch tree.Time
	mode  Mode
	slots chan struct{} // free workers beside the caller

	mu    sync.Mutex
	links map[*tree.Inode]object // what has more than one name on the host
}

// object is what hard links have in common.
type object struct{ dev, ino uint64 }

// batch is how many entries of one folder a worker takes at a time.
const batch = 512

// scan reads a source and all below it. The node has the name that is given;
// a link at path itself is followed where follow is set.
func (s *scanner) scan(path, name string, follow bool) (*tree.Node, error) {
	n, _, err := s.scanPart(path, name, follow)
	if err != nil {
		return nil, err
	}
	s.join(n)
	return n, nil
}

// scanPart is scan for one of several sources: it leaves hard links apart, and
// returns what has more than one name.
func (s *scanner) scanPart(path, name string, follow bool) (*tree.Node, map[*tree.Inode]object, error) {
	s.links = map[*tree.Inode]object{}
	n := &tree.Node{Name: name, Inode: &tree.Inode{Origin: path}}
	flags := unix.AT_SYMLINK_NOFOLLOW
	if follow {
		flags = 0
	}
	if err := s.inode(unix.AT_FDCWD, path, flags, n.Inode); err != nil {
		return nil, nil, err
	}
	if n.IsDir() {
		var err error
		if n.Children, err = s.children(path); err != nil {
			return nil, nil, err
		}
	}
	return n, s.links, nil
}

// children reads a folder: its entries sorted by name, with all below them.
func (s *scanner) children(dir string) ([]*tree.Node, error) {
	if err := s.ctx.Err(); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, patherr.Bare(err))
	}
	if len(names) == 0 {
		return nil, nil
	}
	sort.Strings(names)
	// One allocation for all nodes of a folder, and one for all inodes.
	nodes, inodes := make([]tree.Node, len(names)), make([]tree.Inode, len(names))
	out := make([]*tree.Node, len(names))
	prefix := dir + "/"
	if dir == "/" {
		prefix = dir
	}
	fd := int(f.Fd())
	var wg sync.WaitGroup
	errs := make([]error, (len(names)+batch-1)/batch)
	for b := range errs {
		work := func() {
			for i := b * batch; i < min((b+1)*batch, len(names)); i++ {
				path := prefix + names[i]
				n := &nodes[i]
				// The name is the tail of the path: one string, not two.
				n.Name, n.Inode, out[i] = path[len(prefix):], &inodes[i], n
				n.Origin = path
				if errs[b] = s.inode(fd, n.Name, unix.AT_SYMLINK_NOFOLLOW, n.Inode); errs[b] != nil {
					return
				}
				if !n.IsDir() {
					continue
				}
				if n.Children, errs[b] = s.children(path); errs[b] != nil {
					return
				}
			}
		}
		if b == len(errs)-1 {
			work()
			break
		}
		s.run(&wg, work)
	}
	wg.Wait()
	// Of several errors the first by name is told, whoever met it first.
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// run calls f in a free worker, or here where none is free.
func (s *scanner) run(wg *sync.WaitGroup, f func()) {
	select {
	case s.slots <- struct{}{}:
		wg.Go(func() {
			defer func() { <-s.slots }()
			f()
		})
	default:
		f()
	}
}

// inode fills in what at, seen from the folder dirfd, is; its Origin says
// where that is.
func (s *scanner) inode(dirfd int, at string, flags int, i *tree.Inode) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dirfd, at, &st, flags); err != nil {
		return fmt.Errorf("%s: %w", i.Origin, err)
	}
	i.Mode = s.mode.Apply(st.Mode & (tree.TypeMask | tree.PermMask))
	mtime := timeOf(st.Mtim)
	i.Atime, i.Mtime, i.Ctime, i.Btime = s.epoch, mtime, s.epoch, s.epoch
	if mtime.After(s.epoch) {
		i.Mtime = s.epoch
	}
	switch i.Type() {
	case tree.Regular:
		i.Size = st.Size
		i.Content = &source{path: i.Origin, size: st.Size, mtime: mtime}
	case tree.Symlink:
		target, err := readlink(dirfd, at)
		if err != nil {
			return fmt.Errorf("%s: %w", i.Origin, err)
		}
		i.Target = target
	case tree.Char, tree.Block:
		i.Major, i.Minor = unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))
	case tree.Directory, tree.FIFO, tree.Socket:
	default:
		return fmt.Errorf("%s: of a type that Linux does not have, %#o", i.Origin, st.Mode&tree.TypeMask)
	}
	path := i.Origin
	if flags == 0 {
		// Followed: the attributes are the folder's, not the link's.
		path += "/."
	}
	var err error
	if i.Xattrs, err = xattrs(path); err != nil {
		return fmt.Errorf("%s: its extended attributes: %w", i.Origin, err)
	}
	if s.mode != nil {
		for x := range i.Xattrs {
			if i.Xattrs[x].Name == aclAccess {
				i.Xattrs[x].Value = chmodACL(i.Xattrs[x].Value, i.Mode)
			}
		}
	}
	if st.Nlink > 1 && !i.IsDir() {
		s.mu.Lock()
		s.links[i] = object{uint64(st.Dev), st.Ino}
		s.mu.Unlock()
	}
	return nil
}

func readlink(dirfd int, at string) (string, error) {
	var b [unix.PathMax]byte
	n, err := unix.Readlinkat(dirfd, at, b[:])
	if err != nil {
		return "", err
	}
	if n == 0 || n == len(b) {
		return "", errors.New("a link with a target longer than a path can be")
	}
	return string(b[:n]), nil
}

// join lets the names of one object share an inode: the one of the first name.
func (s *scanner) join(n *tree.Node) {
	if len(s.links) == 0 {
		return
	}
	first := map[object]*tree.Inode{}
	_ = n.Walk(func(_ string, n *tree.Node) error {
		if o, ok := s.links[n.Inode]; ok {
			if i, ok := first[o]; ok {
				n.Inode = i
			} else {
				first[o] = n.Inode
			}
		}
		return nil
	})
	s.links = nil
}

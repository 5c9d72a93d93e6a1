package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/sandbox/vm"
)

// takeFromMachine copies the output from a guest's disk to "out" in a folder, with the
// checks that every output has: the guest's word is not enough. problem is one
// line without where it lies.
func takeFromMachine(ctx context.Context, m *vm.Result, dir string) (out, problem string, err error) {
	left, err := m.Left(ctx)
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if err != nil {
		return "", "", fmt.Errorf("sandbox vm: the guest's disk: %w", err)
	}
	n := left.Child("out")
	if n == nil {
		return "", "", errors.New("sandbox vm: the guest's disk has no output")
	}
	return takeTree(ctx, n, dir, m.DiskSize())
}

// takeTree copies a tree that was read from a disk to "out" in a folder, but no
// more bytes than the disk has: a block that is in many files is none of the
// kernel's making.
func takeTree(ctx context.Context, n *tree.Node, dir string, room int64) (out, problem string, err error) {
	out = filepath.Join(dir, "out")
	// What is made here has fresh names in a folder of our own: nothing of it can
	// lead elsewhere.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", "", patherr.At(dir, err)
	}
	defer root.Close()
	t := &treeTaker{ctx: ctx, root: root, room: room, names: map[*tree.Inode]string{}}
	if err := t.take(n, "out", "", 0); err != nil {
		os.RemoveAll(out)
		if ctx.Err() != nil {
			return "", "", ctx.Err()
		}
		return "", trimShown(err), nil
	}
	return out, "", nil
}

// treeTaker is taker for a tree that was read from a disk.
type treeTaker struct {
	ctx   context.Context
	root  *os.Root
	room  int64
	names map[*tree.Inode]string // of files, by what hard links share
}

// take takes one file or folder to a path below the root; shown is its path in
// the output.
func (t *treeTaker) take(n *tree.Node, at, shown string, depth int) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	switch n.Type() {
	case tree.Regular:
		return t.file(n, at, shown)
	case tree.Directory:
		if depth >= maxDepth {
			return outputError(shown, fmt.Errorf("is more than %d folders deep", maxDepth))
		}
		err := t.root.Mkdir(at, 0o755)
		if err == nil {
			err = t.root.Chmod(at, 0o755) // whatever the umask
		}
		if err != nil {
			return outputError(shown, err)
		}
		for _, c := range n.Children {
			if c.Name == "" || c.Name == "." || c.Name == ".." || strings.Contains(c.Name, "/") {
				return outputError(shown, fmt.Errorf("holds %q, which is no name", c.Name))
			}
			if err := t.take(c, path.Join(at, c.Name), path.Join(shown, c.Name), depth+1); err != nil {
				return err
			}
		}
		return nil
	case tree.Symlink:
		if err := checkLink(n.Target, shown, depth); err != nil {
			return err
		}
		if err := t.root.Symlink(n.Target, at); err != nil {
			return outputError(shown, err)
		}
		return nil
	}
	return outputError(shown, errors.New(special(n.Mode)))
}

func (t *treeTaker) file(n *tree.Node, at, shown string) error {
	if first, ok := t.names[n.Inode]; ok {
		return outputError(shown, otherName(first))
	}
	t.names[n.Inode] = shown
	perm := os.FileMode(0o644)
	if n.Mode&0o111 != 0 {
		perm = 0o755
	}
	err := t.copy(n, at, perm)
	if err != nil && t.ctx.Err() == nil {
		err = outputError(shown, err)
	}
	return err
}

func (t *treeTaker) copy(n *tree.Node, at string, perm os.FileMode) (err error) {
	in, err := n.Content.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := t.root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	if err := out.Chmod(perm); err != nil { // whatever the umask
		return err
	}
	if err := out.Truncate(n.Size); err != nil {
		return err
	}
	sparse, _ := in.(tree.Sparse)
	buf := make([]byte, 1<<20)
	for off := int64(0); off < n.Size; {
		start, end := off, n.Size
		if sparse != nil {
			if start, end, err = sparse.NextData(off); err != nil {
				return err
			}
			if start >= end {
				return nil // holes to the end
			}
		}
		for off = start; off < end; {
			if err := t.ctx.Err(); err != nil {
				return err
			}
			if t.room -= min(int64(len(buf)), end-off); t.room < 0 {
				return errors.New("has more in it than the disk that it lies on")
			}
			piece := buf[:min(int64(len(buf)), end-off)]
			if _, err := io.ReadFull(io.NewSectionReader(in, off, int64(len(piece))), piece); err != nil {
				return err
			}
			if _, err := out.WriteAt(piece, off); err != nil {
				return err
			}
			off += int64(len(piece))
		}
	}
	return nil
}

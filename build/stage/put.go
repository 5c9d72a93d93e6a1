package stage

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// File is the regular file that a path names, links followed: its content and
// its size. All else that the file has is left behind.
func File(path string) (*tree.Inode, error) {
	whole, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, patherr.Bare(err))
	}
	var st unix.Stat_t
	if err := unix.Lstat(whole, &st); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if st.Mode&tree.TypeMask != tree.Regular {
		return nil, fmt.Errorf("%s: is not a regular file", path)
	}
	return &tree.Inode{
		Mode: tree.Regular | 0o644, Size: st.Size, Origin: path,
		Content: &source{path: whole, size: st.Size, mtime: tree.Time{Sec: st.Mtim.Sec, Nsec: uint32(st.Mtim.Nsec)}},
	}, nil
}

// Put adds a file to a staged tree, with the directories above it that are
// missing. Its times become the epoch, in seconds since 1970. It is an error
// where the path is taken, by a dangling link too.
func Put(root *tree.Node, path string, inode *tree.Inode, epoch int64) error {
	s := &stager{epoch: tree.Time{Sec: epoch}}
	names := split(path)
	if len(names) == 0 {
		return fmt.Errorf("target %s: is a directory", path)
	}
	last := names[len(names)-1]
	parent, err := folder(root, names[:len(names)-1], func(name string) *tree.Node { return s.implied(name, inode.Origin) })
	if err != nil {
		return fmt.Errorf("target %s %w", path, err)
	}
	if parent.Child(last) != nil {
		return fmt.Errorf("duplicate entry /%s", strings.Join(names, "/"))
	}
	inode.Atime, inode.Mtime, inode.Ctime, inode.Btime = s.epoch, s.epoch, s.epoch, s.epoch
	parent.Add(&tree.Node{Name: last, Inode: inode})
	return nil
}

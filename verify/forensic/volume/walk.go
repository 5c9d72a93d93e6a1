package volume

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// link is a name in a directory, and how to read what it leads to.
type link[I any] struct {
	name string
	open func() (I, error)
}

// inodes is what walks over a filesystem with inodes ask of it.
type inodes[I any] interface {
	// object is what an inode says; parent is the number of the directory.
	object(path string, in I, parent uint64) *Object
	// list lists what a directory holds, in any order, and not "." and "..".
	list(in I) ([]link[I], error)
	// id is the same only for the same directory.
	id(in I) [2]uint64
	isDir(in I) bool
}

// walker is a walk under way.
type walker[I any] struct {
	fs    inodes[I]
	v     *Volume
	dirs  map[[2]uint64]bool // directories met
	visit func(*Object) error
}

// walkInodes walks the tree below a root, whose number is its own parent's.
func walkInodes[I any](v *Volume, fs inodes[I], root I, number uint64, visit func(*Object) error) error {
	w := &walker[I]{fs: fs, v: v, dirs: map[[2]uint64]bool{}, visit: visit}
	return w.walk("/", root, number, 0)
}

func (w *walker[I]) walk(path string, in I, parent uint64, depth int) error {
	o := w.fs.object(path, in, parent)
	if err := w.visit(o); err != nil || !w.fs.isDir(in) {
		return err
	}
	id := w.fs.id(in)
	switch {
	case w.dirs[id]:
		w.v.problem(fmt.Sprintf("%.80q: directory inode %d has another name already, and is not followed", path, o.Inode))
		return nil
	case depth == maxDepth || len(path) > maxPath:
		w.v.problem(fmt.Sprintf("%.80q: is nested too deeply, and is not followed", path))
		return nil
	}
	w.dirs[id] = true
	entries, err := w.fs.list(in)
	if err != nil {
		w.v.problem(fmt.Sprintf("%.80q: %v", path, err))
		return nil
	}
	slices.SortStableFunc(entries, func(a, b link[I]) int { return cmp.Compare(a.name, b.name) })
	for _, e := range entries {
		if e.name == "" || strings.ContainsAny(e.name, "/\x00") {
			w.v.problem(fmt.Sprintf("%.80q holds the name %q", path, e.name))
			continue
		}
		child, err := e.open()
		if err != nil {
			w.v.problem(fmt.Sprintf("%.80q: %v", tree.JoinPath(path, e.name), err))
			continue
		}
		if err := w.walk(tree.JoinPath(path, e.name), child, o.Inode, depth+1); err != nil {
			return err
		}
	}
	return nil
}

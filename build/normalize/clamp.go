package normalize

import "github.com/reprodisk/reprodisk/internal/tree"

// clamp makes the epoch of every time of change in the tree that is later, and
// counts the files with one. Earlier ones stay: whoever set them meant them.
//
// Access, status change and birth are traces of how the image was made, which
// nobody sets: they become the time of change, or the epoch where they are
// later and keep says that they are to stay otherwise.
func clamp(root *tree.Node, epoch tree.Time, keep bool) (count int) {
	seen := map[*tree.Inode]bool{}
	root.Walk(func(_ string, n *tree.Node) error {
		if seen[n.Inode] {
			return nil
		}
		seen[n.Inode] = true
		if n.Mtime.After(epoch) {
			n.Mtime = epoch
			count++
		}
		for _, t := range []*tree.Time{&n.Atime, &n.Ctime, &n.Btime} {
			switch {
			case !keep:
				*t = n.Mtime
			case t.After(epoch):
				*t = epoch
			}
		}
		return nil
	})
	return count
}

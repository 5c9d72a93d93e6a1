package stage

import (
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// maxLinks is how many links a path may go through, as in Linux.
const maxLinks = 40

// split is a target's names, without empty ones and dots.
func split(target string) []string {
	var names []string
	for _, name := range strings.Split(target, "/") {
		if name != "" && name != "." {
			names = append(names, name)
		}
	}
	return names
}

// folder walks from the root through names to a directory. A link on the way
// is resolved inside the root, an absolute one from the root, and ".." above
// the root stays there. What is missing is made by make, or is an error where
// make is nil.
func folder(root *tree.Node, names []string, mk func(name string) *tree.Node) (*tree.Node, error) {
	stack := []*tree.Node{root}
	links := 0
	for len(names) > 0 {
		at := stack[len(stack)-1]
		name := names[0]
		names = names[1:]
		if name == ".." {
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
			continue
		}
		next := at.Child(name)
		switch {
		case next == nil && mk == nil:
			return nil, errMissing
		case next == nil:
			next = mk(name)
			at.Add(next)
			stack = append(stack, next)
		case next.IsDir():
			stack = append(stack, next)
		case next.Type() == tree.Symlink:
			if links++; links > maxLinks {
				return nil, fmt.Errorf("goes through more than %d links: they loop", maxLinks)
			}
			if strings.HasPrefix(next.Target, "/") {
				stack = stack[:1]
			}
			names = append(split(next.Target), names...)
		default:
			return nil, fmt.Errorf("goes through %q, which is no directory", name)
		}
	}
	return stack[len(stack)-1], nil
}

var errMissing = fmt.Errorf("no such file in the image")

// file finds what a path names, following links to the end.
func file(root *tree.Node, path string) (*tree.Node, error) {
	names := split(path)
	for range maxLinks {
		if len(names) == 0 {
			return root, nil
		}
		dir, err := folder(root, names[:len(names)-1], nil)
		if err != nil {
			return nil, err
		}
		last := names[len(names)-1]
		n := dir.Child(last)
		switch {
		case last == "..":
			n, err = folder(root, names, nil)
			return n, err
		case n == nil:
			return nil, errMissing
		case n.Type() != tree.Symlink:
			return n, nil
		case strings.HasPrefix(n.Target, "/"):
			names = split(n.Target)
		default:
			names = append(append([]string{}, names[:len(names)-1]...), split(n.Target)...)
		}
	}
	return nil, fmt.Errorf("goes through more than %d links: they loop", maxLinks)
}

// clash is a path at which two sources meet.
type clash struct{ path string }

// graft puts all that from holds into the directory onto, which takes from's
// attributes. Directories that meet are joined, anything else that meets is a
// clash; then onto is left as it was.
func graft(onto, from *tree.Node, path string) *clash {
	if c := meet(onto, from, path); c != nil {
		return c
	}
	mergeInto(onto, from)
	return nil
}

func meet(onto, from *tree.Node, path string) *clash {
	if !onto.IsDir() || !from.IsDir() {
		return &clash{path}
	}
	if len(onto.Children) == 0 {
		return nil
	}
	for _, c := range from.Children {
		if there := onto.Child(c.Name); there != nil {
			if bad := meet(there, c, strings.TrimSuffix(path, "/")+"/"+c.Name); bad != nil {
				return bad
			}
		}
	}
	return nil
}

func mergeInto(onto, from *tree.Node) {
	onto.Inode = from.Inode
	if len(onto.Children) == 0 {
		onto.Children = from.Children
		return
	}
	// Both lists are sorted: one pass, however many children there are.
	a, b := onto.Children, from.Children
	out := make([]*tree.Node, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Name < b[0].Name:
			out, a = append(out, a[0]), a[1:]
		case a[0].Name > b[0].Name:
			out, b = append(out, b[0]), b[1:]
		default:
			mergeInto(a[0], b[0])
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	onto.Children = append(append(out, a...), b...)
}

package closure

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"sort"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Path is what is known about a store path.
type Path struct {
	Path       string            // StoreDir, a slash, a hash, a dash and a name
	NarHash    [sha256.Size]byte // of its Nix archive
	NarSize    int64             // of its Nix archive, in bytes
	Deriver    string            // the derivation that made it; empty: not known
	CA         string            // set for what Channel makes, whose content is its address
	References []string          // sorted; perhaps with itself
}

// Closure is store paths with all that they refer to.
type Closure struct {
	// Paths are in the order in which they can be installed: each after what it
	// refers to, and by name where that leaves a choice.
	Paths []Path
	// made are those that no store holds yet.
	made map[string]*tree.Node
}

// Source tells about store paths.
type Source interface {
	// Closure tells about the roots and all that they refer to. It may tell
	// about more, and in any order.
	Closure(ctx context.Context, roots []string) ([]Path, error)
	// String is what the source is, for messages.
	String() string
}

// Read is the closure of the roots, which are store paths. An error is one line
// that names the path, or ctx.Err().
func Read(ctx context.Context, roots []string, from Source) (*Closure, error) {
	for _, r := range roots {
		if err := checkPath(r); err != nil {
			return nil, err
		}
	}
	all, err := from.Closure(ctx, roots)
	if err != nil {
		return nil, err
	}
	known := make(map[string]*Path, len(all))
	for i := range all {
		known[all[i].Path] = &all[i]
	}
	needed := map[string]*Path{}
	next := []string{}
	need := func(p string) bool {
		info := known[p]
		if info == nil {
			return false
		}
		if needed[p] == nil {
			needed[p] = info
			next = append(next, p)
		}
		return true
	}
	for _, r := range roots {
		if !need(r) {
			return nil, fmt.Errorf("%s: is not registered in %s", r, from)
		}
	}
	for len(next) > 0 {
		p := needed[next[len(next)-1]]
		next = next[:len(next)-1]
		for _, r := range p.References {
			if !need(r) {
				return nil, fmt.Errorf("%s: refers to %s, which is not registered in %s", p.Path, r, from)
			}
		}
	}
	c := &Closure{Paths: make([]Path, 0, len(needed))}
	for _, p := range needed {
		c.Paths = append(c.Paths, *p)
	}
	return c, c.sort()
}

// Has tells whether a store path belongs to the closure.
func (c *Closure) Has(path string) bool {
	for _, p := range c.Paths {
		if p.Path == path {
			return true
		}
	}
	return false
}

// sort puts the paths into their order.
func (c *Closure) sort() error {
	sort.Slice(c.Paths, func(i, j int) bool { return c.Paths[i].Path < c.Paths[j].Path })
	place := make(map[string]int, len(c.Paths))
	for i, p := range c.Paths {
		place[p.Path] = i
	}
	waits, users := make([]int, len(c.Paths)), make([][]int, len(c.Paths))
	for i := range c.Paths {
		p := &c.Paths[i]
		refs := append([]string{}, p.References...)
		sort.Strings(refs)
		p.References = refs[:0]
		for j, r := range refs {
			if j > 0 && r == refs[j-1] {
				continue
			}
			p.References = append(p.References, r)
			if to := place[r]; to != i {
				waits[i]++
				users[to] = append(users[to], i)
			}
		}
	}
	ready := &smallest{}
	for i, n := range waits {
		if n == 0 {
			heap.Push(ready, i)
		}
	}
	out := make([]Path, 0, len(c.Paths))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		out = append(out, c.Paths[i])
		for _, u := range users[i] {
			if waits[u]--; waits[u] == 0 {
				heap.Push(ready, u)
			}
		}
	}
	if len(out) < len(c.Paths) {
		for i, n := range waits {
			if n > 0 {
				return fmt.Errorf("%s: is part of, or refers to, a circle of references, which a Nix store cannot have", c.Paths[i].Path)
			}
		}
	}
	c.Paths = out
	return nil
}

// smallest is a heap of places.
type smallest []int

func (s smallest) Len() int           { return len(s) }
func (s smallest) Less(i, j int) bool { return s[i] < s[j] }
func (s smallest) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *smallest) Push(x any)        { *s = append(*s, x.(int)) }
func (s *smallest) Pop() any {
	last := (*s)[len(*s)-1]
	*s = (*s)[:len(*s)-1]
	return last
}

package forensic

import (
	"slices"

	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// settle describes what only one side has, pairs what was renamed, and puts
// all changes in order.
func (c *comparison) settle() error {
	for i, list := range [][]*File{c.onlyA, c.onlyB} {
		for _, f := range list {
			if err := c.describe(f, i, nil); err != nil {
				return err
			}
		}
	}
	renamed := c.renames()
	for _, f := range c.onlyA {
		if b := renamed[f]; b != nil {
			d := metadata(f.Object, b.Object) | DiffName
			if !slices.Equal(f.Runs, b.Runs) {
				d |= DiffRuns
			}
			c.v.Changes = append(c.v.Changes, Change{A: f, B: b, Diffs: d})
			renamed[b] = f
			continue
		}
		c.v.Changes = append(c.v.Changes, Change{A: f})
	}
	for _, f := range c.onlyB {
		if renamed[f] == nil {
			c.v.Changes = append(c.v.Changes, Change{B: f})
		}
	}
	slices.SortStableFunc(c.v.Changes, func(x, y Change) int { return volume.Order(x.Path(), y.Path()) })
	c.onlyA, c.onlyB = nil, nil
	return nil
}

// renames pairs files that only A has with files that only B has: those that
// hold the same, where just one on each side does. Inode numbers say nothing
// here: two builds give them out anew.
func (c *comparison) renames() map[*File]*File {
	type held struct{ a, b []*File }
	byContent := map[[32]byte]*held{}
	for i, list := range [][]*File{c.onlyA, c.onlyB} {
		for _, f := range list {
			if f.Digests == nil || f.Size == 0 {
				continue
			}
			h := byContent[f.Digests.SHA256]
			if h == nil {
				h = &held{}
				byContent[f.Digests.SHA256] = h
			}
			if i == 0 {
				h.a = append(h.a, f)
			} else {
				h.b = append(h.b, f)
			}
		}
	}
	out := map[*File]*File{}
	for _, h := range byContent {
		if len(h.a) == 1 && len(h.b) == 1 {
			out[h.a[0]] = h.b[0]
		}
	}
	return out
}

package forensic

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/verify/forensic/volume"
)

// cursor is a walk that is one object ahead.
type cursor struct {
	next func() (*volume.Object, error, bool)
	stop func()
	now  *volume.Object // nil at the end
	side *Side
}

func (c *comparison) cursor(s *Side) *cursor {
	k := &cursor{side: s}
	if s == nil || s.volume == nil {
		k.next, k.stop = func() (*volume.Object, error, bool) { return nil, nil, false }, func() {}
	} else {
		k.next, k.stop = iter.Pull2(s.volume.Objects(c.ctx))
	}
	return k
}

// advance goes to the next object. A walk that fails ends: the side's error
// says so.
func (k *cursor) advance(ctx context.Context) error {
	o, err, ok := k.next()
	k.now = nil
	switch {
	case !ok:
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		k.side.Error = err.Error()
	default:
		k.now = o
	}
	return nil
}

// walk joins the two trees.
func (c *comparison) walk() error {
	a, b := c.cursor(c.v.A), c.cursor(c.v.B)
	defer a.stop()
	defer b.stop()
	if err := a.advance(c.ctx); err != nil {
		return err
	}
	if err := b.advance(c.ctx); err != nil {
		return err
	}
	for a.now != nil || b.now != nil {
		order := -1
		switch {
		case a.now == nil:
			order = 1
		case b.now != nil:
			order = volume.Order(a.now.Path, b.now.Path)
		}
		var err error
		switch {
		case order < 0:
			c.onlyA = append(c.onlyA, &File{Object: a.now})
			err = c.held(a.now)
		case order > 0:
			c.onlyB = append(c.onlyB, &File{Object: b.now})
			err = c.held(b.now)
		default:
			err = c.pair(a.now, b.now)
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			c.files[0]++
			if err := a.advance(c.ctx); err != nil {
				return err
			}
		}
		if order >= 0 {
			c.files[1]++
			if err := b.advance(c.ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// held counts a change.
func (c *comparison) held(objects ...*volume.Object) error {
	c.left.changes--
	for _, o := range objects {
		c.left.names -= len(o.Path) + len(o.Target)
		for _, x := range o.Xattrs {
			c.left.names -= len(x.Name)
		}
	}
	if c.left.changes < 0 || c.left.names < 0 {
		return fmt.Errorf("%s, %s: more than %d files differ, or their names are too long for one case file: choose a partition with --partition", c.p.A.Path, c.p.B.Path, maxChanges)
	}
	return nil
}

// pair compares what both sides have under a path.
func (c *comparison) pair(a, b *volume.Object) error {
	d := metadata(a, b)
	content, runs, err := c.content(a, b)
	if err != nil {
		return err
	}
	switch {
	case content == differs:
		d |= DiffContent
	case content == unknown && a.Type() == tree.Regular && b.Type() == tree.Regular:
		if c.unread++; c.unread == 1 {
			c.p.warn(c.p.A.Path+", "+c.p.B.Path, []string{fmt.Sprintf("partition %d: the content of %s could not be compared", c.v.Number, a.Path)})
		}
	}
	if runs {
		d |= DiffRuns
	}
	switch {
	case d == 0:
		return nil
	case d&^place == 0:
		c.v.Moved++
		return nil
	}
	change := Change{A: &File{Object: a}, B: &File{Object: b}, Diffs: d}
	if err := c.describe(change.A, 0, nil); err != nil {
		return err
	}
	var same *File
	if content == equal {
		same = change.A
	}
	if err := c.describe(change.B, 1, same); err != nil {
		return err
	}
	c.v.Changes = append(c.v.Changes, change)
	return c.held(a, b)
}

// metadata compares all of two objects but their contents.
func metadata(a, b *volume.Object) Diffs {
	var d Diffs
	add := func(differs bool, p Diffs) {
		if differs {
			d |= p
		}
	}
	both := a.Has & b.Has
	add(a.Type() != b.Type(), DiffType)
	add(a.Size != b.Size, DiffSize)
	add(both&volume.HasInode != 0 && a.Inode != b.Inode, DiffInode)
	add(both&volume.HasInode != 0 && a.Parent != b.Parent, DiffParent)
	add(a.Mode != b.Mode, DiffMode)
	add(a.Has != b.Has || a.Links != b.Links, DiffLinks)
	add(a.Has != b.Has || a.UID != b.UID, DiffUID)
	add(a.Has != b.Has || a.GID != b.GID, DiffGID)
	add(a.Mtime != b.Mtime, DiffMtime)
	add(a.Ctime != b.Ctime, DiffCtime)
	add(a.Atime != b.Atime, DiffAtime)
	add(a.Crtime != b.Crtime, DiffCrtime)
	add(a.Target != b.Target, DiffTarget)
	add(a.Flags != b.Flags, DiffFlags)
	add(a.Major != b.Major || a.Minor != b.Minor, DiffDevice)
	add(!slices.Equal(a.Xattrs, b.Xattrs), DiffXattrs)
	return d
}

package btrfscmp

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const (
	formatName = "btrfs"
	inode      = "inode" // where a file's fields stand
)

type comparison struct {
	*treecmp.Comparison
	ctx   context.Context
	a, b  *side
	whole *ledger.Finding // where the trees could not be read

	super     [3][]*ledger.Finding // what differs in each copy of the superblock
	decide    []*ledger.Finding    // what decides where things lie, and how many there are
	fields    map[*ledger.Finding]*values
	drawn     []*ledger.Finding // times that mkfs.btrfs has drawn
	paths     [2]map[object]string
	known     []known // what is looked for in what is left over
	clocks    []clock
	windows   [2]window
	tries     int                           // how often it was looked for
	sums      map[[2]uint64]*ledger.Finding // of nodes' checksums, by their logical addresses
	shared    bool                          // there are snapshots
	pathBytes [2]int
	lazy      map[string]int // findings of single files that were entered while bytes were swept, by name
}

// object is an inode of a tree.
type object struct{ tree, number uint64 }

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{
		ctx: ctx, fields: map[*ledger.Finding]*values{}, paths: [2]map[object]string{{}, {}}, lazy: map[string]int{}, sums: map[[2]uint64]*ledger.Finding{},
	}
	c.Comparison = treecmp.New(ctx, l, p, treecmp.Format{
		Name: formatName, Structure: inode, About: aboutField, Damaged: damaged, Explains: c.explains, Met: c.met, ContentKey: c.contentPlaces,
	})
	// Snapshots share their extents, and compressed ones unpack to more than
	// they take; only a damaged filesystem goes far beyond that.
	c.Budget = 64<<20 + 16*max(p.A.Size, p.B.Size)
	var errs []error
	for _, s := range []struct {
		to   **side
		from ledger.Side
		name string
	}{{&c.a, p.A, "first image"}, {&c.b, p.B, "second image"}} {
		side, err := open(s.from)
		if err == nil {
			err = side.account(ctx)
		}
		switch {
		case err == nil:
			c.warn(side, s.name)
		case side == nil || !damaged(err):
			return ledger.Result{}, fmt.Errorf("%s: %w", s.name, err)
		default:
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
		*s.to = side
	}
	if err := c.compareSuper(); err != nil {
		return ledger.Result{}, err
	}
	var err error
	if len(errs) > 0 {
		err = errs[0]
	} else {
		c.shared = c.a.snapshots() || c.b.snapshots()
		err = c.Walk(newFiles(c.a), newFiles(c.b))
	}
	if err == nil {
		c.Settle()
		c.decides()
		err = c.compareTrees()
	}
	switch {
	case err == nil:
	case c.Unreadable(err):
		c.whole = c.Failed(err)
		c.decide = []*ledger.Finding{c.whole}
	default:
		return ledger.Result{}, err
	}
	c.settleSuper()
	c.learn()
	return ledger.Result{Owner: c.owner, Warnings: c.Warnings}, ctx.Err()
}

func damaged(err error) bool {
	var e *btrfs.Error
	return errors.As(err, &e)
}

// warn says what of a side is compared with a reservation.
func (c *comparison) warn(s *side, name string) {
	if n := s.fs.BadSums(); n > 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: %d nodes have a wrong checksum in all of their copies", name, n))
	}
	if s.sb.LogRoot != 0 {
		c.Warnings = append(c.Warnings, name+": its log was not replayed, and what is in it is not compared as files")
	}
}

// explains lists the findings that an inode's field follows from, if that is
// all there is to it.
func (c *comparison) explains(p *treecmp.Pair, field string) []*ledger.Finding {
	switch field {
	case "mtime", "ctime", "nbytes", "size":
		if f := p.Owner("target"); f != nil {
			return []*ledger.Finding{f}
		}
		if f := c.superOf("nodesize"); f != nil && field == "nbytes" {
			return append(p.Changes(), f) // a subvolume's root directory has a node's size there
		}
		return p.Changes()
	case "generation", "transid", "sequence":
		if g := c.superOf("generation"); g != nil {
			return []*ledger.Finding{g}
		}
		return p.Changes()
	case "nlink":
		if len(p.Entries) > 0 {
			return p.Entries
		}
		var out []*ledger.Finding // names elsewhere
		for _, f := range c.Changes {
			if f.Field == "entry" {
				out = append(out, f)
			}
		}
		return out
	}
	return nil
}

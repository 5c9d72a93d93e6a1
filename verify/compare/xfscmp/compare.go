package xfscmp

import (
	"context"
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

const formatName = "xfs"

// side is one of the two filesystems.
type side struct {
	ledger.Side
	name    string
	raw     []byte // the superblock
	fs      *xfs.FS
	regions *regions.List[xfs.Region]
	units   *xfs.Units
	broken  bool // not all of the filesystem could be accounted for

	paths   map[uint64]string // of inodes that are on both sides
	parents map[uint64]link   // of all that was listed
}

// link is a name that leads to an inode.
type link struct {
	dir  uint64
	name string
}

type comparison struct {
	*treecmp.Comparison
	l    *ledger.Ledger
	a, b *side

	super   map[string]*ledger.Finding // of the superblock's fields
	options []*ledger.Finding          // those of them that decide where things lie
	grown   []*ledger.Finding          // what changes what is allocated
	whole   *ledger.Finding            // where the trees could not be read
	placed  *ledger.Finding            // things lie elsewhere
	number  *ledger.Finding            // files have other inodes
	moved   []string                   // files whose content lies elsewhere
	renamed []string                   // files whose inode has another number
	rooms   map[uint64]*ledger.Finding // of directories of A that were looked at
	linked  map[*ledger.Finding]int    // how many causes of a consequence are noted
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{l: l, super: map[string]*ledger.Finding{}, linked: map[*ledger.Finding]int{}, rooms: map[uint64]*ledger.Finding{}}
	c.Comparison = treecmp.New(ctx, l, p, treecmp.Format{
		Name: formatName, Structure: "inode", About: aboutField, Damaged: damaged,
		Explains: c.explains, Met: c.met,
	})
	// A sound filesystem's files hold, holes apart, little more than its size:
	// only clones share blocks.
	c.Budget = 64<<20 + 4*max(p.A.Size, p.B.Size)
	var err error
	if c.a, err = open("first image", p.A, err); c.a == nil {
		return ledger.Result{}, err
	}
	if c.b, err = open("second image", p.B, err); c.b == nil {
		return ledger.Result{}, err
	}
	if err == nil {
		err = c.trees(ctx, p.Aligned)
	}
	switch {
	case err == nil:
		c.compareSuper()
		c.settle()
		c.linkSuper()
	case c.Unreadable(err):
		c.whole = c.Failed(err)
		c.compareSuper()
		c.linkSuper()
	default:
		return ledger.Result{}, err
	}
	return ledger.Result{Owner: c.owner, Warnings: c.Warnings}, ctx.Err()
}

// open reads a side's superblock, and then what it says. Where only the latter
// is wrong, the side comes with the error; one that was met before stays.
func open(name string, s ledger.Side, before error) (*side, error) {
	_, raw, err := xfs.ReadSuperblock(s.R)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	out := &side{Side: s, name: name, raw: raw, paths: map[uint64]string{}, parents: map[uint64]link{}}
	fs, err := xfs.Open(s.R, s.Size)
	switch {
	case err == nil:
		out.fs, out.units = fs, fs.Units()
	case !damaged(err):
		return nil, fmt.Errorf("%s: %w", name, err)
	case before == nil:
		before = fmt.Errorf("%s: %w", name, err)
	}
	return out, before
}

// damaged tells whether an error is about a filesystem's bytes.
func damaged(err error) bool {
	var x *xfs.Error
	return errors.As(err, &x)
}

// trees accounts for the bytes of both sides, where they are to be given to
// findings, and compares the trees.
func (c *comparison) trees(ctx context.Context, account bool) error {
	for _, s := range []*side{c.a, c.b} {
		dirty, err := s.fs.Dirty()
		if err == nil && account {
			err = c.account(ctx, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if dirty {
			c.Warnings = append(c.Warnings, s.name+": the log holds changes that are not in their places yet, and is not replayed: mount and unmount the filesystem before it is compared")
		}
	}
	if err := c.Walk(&files{c.a}, &files{c.b}); err != nil {
		return err
	}
	return c.internal()
}

// maxProblems keeps a damaged filesystem from flooding the report.
const maxProblems = 8

// account finds out what each byte of a side is for.
func (c *comparison) account(ctx context.Context, s *side) error {
	all, problems, err := s.fs.Regions(ctx)
	if err != nil {
		return err
	}
	s.broken = len(problems) > 0
	for i, p := range problems {
		if i == maxProblems {
			c.Warnings = append(c.Warnings, s.name+": more is damaged than is shown here: see xfs_repair -n")
			break
		}
		c.Warnings = append(c.Warnings, s.name+": "+p.Error())
	}
	s.regions = regions.New(all, func(r xfs.Region) (start, end int64) { return r.Start, r.End })
	return nil
}

package fatcmp

import (
	"context"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const format = "fat"

// side is one of the two filesystems.
type side struct {
	ledger.Side
	name    string // for messages
	fs      *fat.FS
	vol     *fat.Volume
	regions *regions.List[fat.Region]
	only    map[uint32]*ledger.Finding // objects that only this side's tree has, with the finding that says so
	roles   map[uint32]*slotRoles      // of the directories in which something differs
}

type comparison struct {
	ctx  context.Context
	l    *ledger.Ledger
	p    ledger.Pair
	a, b *side

	layout   []*ledger.Finding // fields of the parameter block that give another geometry
	changes  []*ledger.Finding // that change what is allocated
	describe contents.Describer

	root     *pair
	twin     []uint32 // object of A → the same file's object of B, or fat.NoObject
	twinBack []uint32
	byA      map[uint32]*pair // pairs in which something differs
	pairs    []*pair          // the same, in the order in which they were met
	onlyA    []*lone
	onlyB    []*lone
	visited  int

	times     ledger.Times
	values    ledger.Values
	ordered   []*pair // directories with the same names in another order
	reordered *ledger.Finding
	placed    *ledger.Finding // files whose clusters lie elsewhere

	label       *ledger.Finding // another volume label in the root directory
	labelFields []string
	labelOwners map[string]*ledger.Finding

	fats      tables
	lastEntry uint32
	members   map[memberKey]bool // of findings that many bytes are given to, and what they count already
	linked    map[memberKey]bool // likewise, and what they follow already
	warnings  []string
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{
		ctx: ctx, l: l, p: p, describe: contents.Describer{Ask: p.Ask},
		byA: map[uint32]*pair{}, labelOwners: map[string]*ledger.Finding{},
		members: map[memberKey]bool{}, linked: map[memberKey]bool{},
	}
	var err error
	if c.a, err = c.open("first image", p.A); err != nil {
		return ledger.Result{}, err
	}
	if c.b, err = c.open("second image", p.B); err != nil {
		return ledger.Result{}, err
	}
	c.twin, c.twinBack = strangers(len(c.a.vol.Files)), strangers(len(c.b.vol.Files))
	c.fats = tables{window{s: c.a}, window{s: c.b}, window{s: c.a}, window{s: c.b}}
	if err := c.compareBoot(); err != nil {
		return ledger.Result{}, err
	}
	if err := c.walk(); err != nil {
		return ledger.Result{}, err
	}
	c.settle()
	c.linkInfo()
	return ledger.Result{Owner: c.owner, Warnings: c.warnings}, ctx.Err()
}

// maxWarnings keeps a damaged filesystem from flooding the report.
const maxWarnings = 20

func (c *comparison) open(name string, s ledger.Side) (*side, error) {
	fs, err := fat.Open(s.R, s.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	vol, err := fs.Scan(c.ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i, p := range vol.Problems() {
		if i == maxWarnings {
			c.warnings = append(c.warnings, name+": more is damaged than is shown here: see fsck.vfat -n")
			break
		}
		c.warnings = append(c.warnings, name+": "+p.String())
	}
	out := &side{Side: s, name: name, fs: fs, vol: vol, only: map[uint32]*ledger.Finding{}, roles: map[uint32]*slotRoles{}}
	if c.p.Aligned {
		all, err := vol.Regions(c.ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.regions = regions.New(all, func(r fat.Region) (start, end int64) { return r.Start, r.End() })
	}
	return out, nil
}

// strangers is a list of n objects that have no twin.
func strangers(n int) []uint32 {
	list := make([]uint32, n)
	for i := range list {
		list[i] = fat.NoObject
	}
	return list
}

// key is a key of this partition.
func (c *comparison) key(structure, field, file string) ledger.Key {
	return ledger.Key{Partition: c.p.Partition, Format: format, Structure: structure, Field: field, File: file}
}

// enter makes a finding of a whole field, with what is known of it.
func (c *comparison) enter(k ledger.Key, what about) (f *ledger.Finding, fresh bool) {
	f, fresh = c.l.Of(k)
	if fresh {
		f.Whole = true
		f.Cause, f.Remedy = what.cause, what.remedy
		if what.cause == "" {
			f.Cause = report.Unknown
		}
	}
	return f, fresh
}

// loose is a finding of bytes that are no field: its ranges show what differs.
func (c *comparison) loose(structure, field, file string, what about) *ledger.Finding {
	f, fresh := c.enter(c.key(structure, field, file), what)
	if fresh {
		f.Whole = false
	}
	return f
}

// consequence is the finding of a field that follows from others in every
// file or structure where it does: one for all of them.
func (c *comparison) consequence(structure, field string, causes ...*ledger.Finding) *ledger.Finding {
	k := c.key(structure, field, "")
	k.Part = "follows"
	f, fresh := c.l.Of(k)
	if fresh {
		f.Whole = true
		f.Cause = report.Content
	}
	for _, cause := range causes {
		if cause != nil && cause != f {
			f.Cause = cause.Cause
		}
	}
	return f.Follows(causes...)
}

// disk is the offset in the virtual disk of a byte of A's volume.
func (c *comparison) disk(off int64) int64 { return c.p.A.Base + off }

func present(list []*ledger.Finding) []*ledger.Finding {
	var out []*ledger.Finding
	for _, f := range list {
		if f != nil {
			out = append(out, f)
		}
	}
	return out
}

package ext4cmp

import (
	"context"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/regions"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/contents"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

const format = "ext4"

// side is one of the two filesystems.
type side struct {
	ledger.Side
	fs       *ext4.FS
	sb       ext4.Superblock
	rawSuper []byte                     // the primary superblock
	paths    map[uint32]string          // of inodes that the walk met: their first path
	only     map[uint32]*ledger.Finding // inodes that only this side's tree has, with the finding that says so
	regions  *regions.List[ext4.Region]
	touched  map[uint32]bool // inodes with a differing byte in something that is theirs
	logNow   logBlock
}

type comparison struct {
	ctx  context.Context
	l    *ledger.Ledger
	p    ledger.Pair
	a, b *side

	seed      *ledger.Finding   // what every checksum starts from, where it differs
	hashSeed  *ledger.Finding   // what hashed directories are ordered by, where it differs
	super     []*ledger.Finding // differing fields of the primary superblock, s_checksum not among them
	inBackups []*ledger.Finding // those of them that backups of the superblock show too
	changes   []*ledger.Finding // that change what is allocated

	twin     map[uint32]uint32 // inode of A → the same file's inode of B
	twinBack map[uint32]uint32
	pairs    []*pair // with a difference in the inode or in what it holds
	used     *pair   // whose inodes are read
	byA      map[uint32]*pair
	onlyA    []*lone
	onlyB    []*lone

	times      ledger.Times
	values     ledger.Values
	placed     *ledger.Finding // files whose blocks lie elsewhere
	numbered   *ledger.Finding // files whose inode has another number
	ordered    []*pair         // directories with the same names in another order
	reordered  *ledger.Finding
	warnings   []string
	warnedOnce map[string]bool

	singles   map[[2]string]int
	shared    []*ledger.Finding
	bitmaps   map[bitmapKey]*ledger.Finding
	journal   journalFindings
	targetNow target
	describe  contents.Describer
	budget    int64 // bytes of content that may still be compared
	dirNow    *dirBlock
	slack     map[uint32]*ledger.Finding // of directories: bytes that nothing reads
	stored    map[uint32]*ledger.Finding // attributes whose values an inode of A or, after those, of B holds
	members   map[memberKey]bool
}

// Compare implements ledger.Comparer.
func Compare(ctx context.Context, l *ledger.Ledger, p ledger.Pair) (ledger.Result, error) {
	c := &comparison{
		ctx: ctx, l: l, p: p, describe: contents.Describer{Ask: p.Ask},
		twin: map[uint32]uint32{}, twinBack: map[uint32]uint32{}, byA: map[uint32]*pair{},
		warnedOnce: map[string]bool{}, bitmaps: map[bitmapKey]*ledger.Finding{},
		singles: map[[2]string]int{}, slack: map[uint32]*ledger.Finding{}, members: map[memberKey]bool{}, stored: map[uint32]*ledger.Finding{},
	}
	var err error
	if c.a, err = c.open("first image", p.A); err != nil {
		return ledger.Result{}, err
	}
	if c.b, err = c.open("second image", p.B); err != nil {
		return ledger.Result{}, err
	}
	// A sound filesystem's files share no blocks; holes apart, they hold less
	// than its size. A damaged one may have thousands that map the same.
	c.budget = 4 * max(p.A.Size, p.B.Size)
	if err := c.compareSuper(); err != nil {
		return ledger.Result{}, err
	}
	if p.Aligned {
		c.account("first image", c.a)
		c.account("second image", c.b)
	}
	if err := c.walk(); err != nil {
		return ledger.Result{}, err
	}
	if err := c.compareJournal(); err != nil {
		return ledger.Result{}, err
	}
	if err := c.compareMMP(); err != nil {
		return ledger.Result{}, err
	}
	c.settle()
	if err := c.compareGroups(); err != nil {
		return ledger.Result{}, err
	}
	c.linkSuper()
	for _, f := range c.shared { // of many files: no one's values
		f.A, f.B, f.Note, f.Diff = "", "", "more files, beyond those that have findings of their own", ""
	}
	return ledger.Result{Owner: c.owner, Warnings: c.warnings}, ctx.Err()
}

func (c *comparison) open(name string, s ledger.Side) (*side, error) {
	fs, err := ext4.Open(s.R, s.Size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.problems(name, fs.Warnings())
	return &side{Side: s, fs: fs, sb: fs.Superblock(), paths: map[uint32]string{}, only: map[uint32]*ledger.Finding{}, touched: map[uint32]bool{}}, nil
}

// maxWarnings keeps a damaged filesystem from flooding the report.
const maxWarnings = 20

func (c *comparison) problems(name string, ps []*ext4.Problem) {
	for _, p := range ps {
		w := name + ": " + p.Error()
		if c.warnedOnce[w] {
			continue
		}
		c.warnedOnce[w] = true
		switch n := len(c.warnedOnce); {
		case n <= maxWarnings:
			c.warnings = append(c.warnings, w)
		case n == maxWarnings+1:
			c.warnings = append(c.warnings, "more is damaged than is shown here: see e2fsck -fn")
		}
	}
}

// key is a key of this partition.
func (c *comparison) key(structure, field, file string) ledger.Key {
	return ledger.Key{Partition: c.p.Partition, Format: format, Structure: structure, Field: field, File: file}
}

// enter makes a finding of a whole field, with what is known of it.
func (c *comparison) enter(k ledger.Key, what about) (f *ledger.Finding, fresh bool) {
	file := k.File
	k, more := c.single(k)
	f, fresh = c.l.Of(k)
	if more {
		f.Member(file)
		if fresh {
			c.shared = append(c.shared, f)
		}
	}
	if fresh {
		f.Whole = true
		f.Cause, f.Remedy = what.cause, what.remedy
		if what.cause == "" {
			f.Cause = report.Unknown
		}
	}
	return f, fresh
}

// maxSingles is how many files a field may differ in, each with a finding of
// its own, before those beyond are one finding.
const maxSingles = 1000

// single is the key of a file's finding, or that of the one for all beyond
// those that have their own.
func (c *comparison) single(k ledger.Key) (shared ledger.Key, more bool) {
	if k.File == "" || c.l.Has(k) != nil {
		return k, false
	}
	name, _, _ := strings.Cut(k.Field, ":")
	kind := [2]string{k.Structure, name}
	if c.singles[kind] < maxSingles {
		c.singles[kind]++
		return k, false
	}
	k.File, k.Part = "", "more"
	if name != k.Field {
		k.Field = name
	}
	return k, true
}

// maxCauses is how many findings are kept as the causes of another. The report
// shows fewer.
const maxCauses = 64

// changed notes a finding that changes what is allocated.
func (c *comparison) changed(f *ledger.Finding) {
	if n := len(c.changes); f != nil && n < maxCauses && (n == 0 || c.changes[n-1] != f) {
		c.changes = append(c.changes, f)
	}
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
		if cause == nil || cause == f {
			continue
		}
		f.Cause = cause.Cause
	}
	return f.Follows(causes...)
}

// account finds out what each byte of the side is for, and which inodes the
// differing spans touch.
func (c *comparison) account(name string, s *side) {
	all, problems := s.fs.Regions()
	c.problems(name, problems)
	s.regions = regions.New(all, func(r ext4.Region) (start, end int64) { return r.Start, r.End() })
	i := 0
	for _, span := range c.p.Dirty {
		for i < len(all) && all[i].End() <= span.Start {
			i++
		}
		for j := i; j < len(all) && all[j].Start < span.End; j++ {
			if n := all[j].Inode; n != 0 {
				s.touched[n] = true
			}
		}
	}
}

// disk is the offset in the virtual disk of a byte of A's volume.
func (c *comparison) disk(off int64) int64 { return c.p.A.Base + off }

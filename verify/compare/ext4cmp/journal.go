package ext4cmp

import (
	"fmt"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// journalFindings are those of the journal's own superblock, by field.
type journalFindings struct {
	super map[string]*ledger.Finding
	clean bool      // nothing in the log waits to be replayed, on either side
	a, b  *ext4.Log // what its blocks are; nil until a differing byte asks
	read  bool
}

var journalFields = map[string]about{
	"s_uuid":      {report.Random, "mke2fs -U UUID when the filesystem is made: tune2fs -U later leaves the journal's as it is"},
	"h_sequence":  {report.Environment, neverMount},
	"s_sequence":  {report.Environment, neverMount},
	"s_start":     {report.Environment, neverMount},
	"s_head":      {report.Environment, neverMount},
	"s_errno":     {report.Environment, neverMount},
	"s_nr_users":  {report.Environment, sameTool},
	"s_users":     {report.Random, "mke2fs -U UUID"},
	"s_maxlen":    {report.Environment, sameTool + ": mke2fs -J size=MEGABYTES"},
	"s_blocksize": {report.Environment, sameTool},
}

// journalName is a field's name in the journal's superblock, that of the
// header at its front without the header's.
func journalName(name string) string { return strings.TrimPrefix(name, "s_header.") }

// compareJournal compares the superblocks of the two journals.
func (c *comparison) compareJournal() error {
	c.journal.super = map[string]*ledger.Finding{}
	rawA, atA, err := c.a.journal()
	if err != nil {
		return err
	}
	rawB, _, err := c.b.journal()
	if err != nil || rawA == nil || rawB == nil {
		return err
	}
	jA, jB := ext4.JournalSuperblockLayout.Decode(rawA), ext4.JournalSuperblockLayout.Decode(rawB)
	c.journal.clean = jA.Start == 0 && jB.Start == 0
	c.unreplayed("first image", c.a, jA)
	c.unreplayed("second image", c.b, jB)
	var sum *ledger.Finding
	var others []*ledger.Finding
	for _, f := range ext4.JournalSuperblockLayout.Diff(rawA, rawB) {
		name := journalName(f.Name)
		what, ok := journalFields[name]
		if !ok {
			what = about{report.Environment, sameTool}
		}
		x, _ := c.enter(c.key("journal", name, ""), what)
		x.A, x.B = f.Show(f.Slice(rawA)), f.Show(f.Slice(rawB))
		x.At(c.disk(atA+int64(f.Offset)), int64(f.Length))
		c.journal.super[name] = x
		switch name {
		case "s_uuid":
			if jA.UUID == c.a.sb.UUID && jB.UUID == c.b.sb.UUID {
				x.Follows(c.l.Has(c.key("superblock", "s_uuid", "")))
			}
		case "s_maxlen":
			x.Follows(c.l.Has(c.key("superblock", "s_blocks_count_lo", "")))
		case "s_checksum":
			sum = x
			continue
		}
		others = append(others, x)
	}
	for _, x := range others {
		// How far the log has come decides these; the kernel turns the
		// features on when it first writes to it.
		switch x.Field {
		case "s_head", "s_start", "s_feature_incompat", "s_feature_compat", "s_checksum_type":
			x.Follows(c.journal.super["s_sequence"])
			if x.Field == "s_head" { // as much was logged as blocks were written
				x.Follows(c.placed).Follows(c.changes...)
			}
		}
	}
	if sum != nil {
		sum.Follows(others...)
		if len(others) == 0 {
			sum.Cause, sum.Remedy = report.Unknown, "run e2fsck: the checksum does not follow from the journal's superblock"
		}
	}
	return nil
}

// unreplayed warns of a journal that the next mount would write out.
func (c *comparison) unreplayed(name string, s *side, j ext4.JournalSuperblock) {
	if j.Start != 0 || s.sb.HasIncompat(ext4.IncompatRecover) {
		c.warnings = append(c.warnings, fmt.Sprintf("%s: the journal waits to be replayed (s_start is %d, s_sequence %d): compared is what is on disk now", name, j.Start, j.Sequence))
	}
}

// journal reads the journal's superblock and tells where it lies; nil where
// there is none.
func (s *side) journal() (raw []byte, at int64, err error) {
	if !s.sb.HasCompat(ext4.CompatHasJournal) || s.sb.JournalInum == 0 {
		return nil, 0, nil
	}
	d, err := s.fs.Inode(s.sb.JournalInum)
	if err != nil {
		return nil, 0, nil // said by the account of regions
	}
	m := s.fs.Map(d)
	if len(m.Runs) == 0 || m.Runs[0].Logical != 0 {
		return nil, 0, nil
	}
	at = int64(m.Runs[0].Physical) * s.fs.BlockSize()
	raw, err = s.readAt(at, ext4.JournalSuperblockSize)
	return raw, at, err
}

// journalOwner answers for a byte of the journal at the given offset of it,
// which is at byte off of the volume on both sides.
func (c *comparison) journalOwner(logical, off int64) (f *ledger.Finding, start, end int64) {
	if logical < ext4.JournalSuperblockSize {
		fl := ext4.JournalSuperblockLayout.At(int(logical))
		if f := c.journal.super[journalName(fl.Name)]; f != nil {
			return f, int64(fl.Offset), int64(fl.End())
		}
	}
	bs := c.a.fs.BlockSize()
	block, in := logical/bs*bs, int(logical%bs)
	if f, n := c.copied(block/bs, in); f != nil {
		return f, logical, logical + n
	}
	// Both sides' block of the same kind: the field. Else what was logged.
	a, errA := c.logPart(c.a, block, off-int64(in), in)
	b, errB := c.logPart(c.b, block, off-int64(in), in)
	if errA == nil && errB == nil && a == b && (strings.HasPrefix(a.Name, "h_") || strings.HasPrefix(a.Name, "t_")) {
		return c.logField(a.Name), block + int64(a.Offset), block + int64(a.End())
	}
	return c.logField("log"), logical, block + bs
}

// copied owns a byte of the log that both sides logged for the same block of
// the filesystem, where that block differs there too: whatever owns the byte
// in the block is what the copy's difference follows from. n is for how many
// bytes that holds; f is nil where it does not.
func (c *comparison) copied(block int64, in int) (f *ledger.Finding, n int64) {
	if !c.journal.read {
		c.journal.read = true
		a, errA := c.a.fs.JournalLog()
		b, errB := c.b.fs.JournalLog()
		if errA == nil && errB == nil {
			c.journal.a, c.journal.b = a, b
		}
	}
	a, b := c.journal.a.At(uint64(block)), c.journal.b.At(uint64(block))
	bs := c.a.fs.BlockSize()
	if a.Kind != ext4.LogCopy || b.Kind != ext4.LogCopy || a.Target != b.Target || a.Target >= uint64(min(c.p.A.Size, c.p.B.Size)/bs) {
		return nil, 0
	}
	if c.targetNow.raw == nil || c.targetNow.block != a.Target {
		c.targetNow = target{block: a.Target}
		x, errA := c.a.readAt(int64(a.Target)*bs, int(bs))
		y, errB := c.b.readAt(int64(a.Target)*bs, int(bs))
		if errA != nil || errB != nil || x == nil || y == nil {
			return nil, 0
		}
		c.targetNow.raw, c.targetNow.other = x, y
	}
	if c.targetNow.raw[in] == c.targetNow.other[in] {
		return nil, 0
	}
	at := int64(a.Target)*bs + int64(in)
	ra, okA := c.a.regions.At(at)
	rb, okB := c.b.regions.At(at)
	if !okA || !okB || ra.Structure == ext4.Journal || rb.Structure == ext4.Journal {
		return nil, 0
	}
	o := c.own(ra, rb, at)
	if o.Finding == nil {
		return nil, 0
	}
	f, fresh := c.l.Of(c.key("journal", "logged copy", ""))
	if fresh {
		f.Cause = o.Finding.Cause
		f.Note = "copies of blocks that differ where they belong, too"
	}
	// The copy may be of another time than the block: only as far as that
	// differs, the owner answers for both.
	for n = 1; at+n < min(o.End, ra.End(), rb.End()) && in+int(n) < int(bs) && c.targetNow.raw[in+int(n)] != c.targetNow.other[in+int(n)]; {
		n++
	}
	return f.Follows(o.Finding), n
}

// target is the block that a copy in the log is of, on both sides.
type target struct {
	block      uint64
	raw, other []byte
}

// logPart names the part around a byte of a block of the log.
func (c *comparison) logPart(s *side, block, at int64, in int) (ext4.Part, error) {
	if s.logNow.raw == nil || s.logNow.at != at {
		raw, err := s.readAt(at, int(s.fs.BlockSize()))
		if err != nil || raw == nil {
			return ext4.Part{}, io.ErrUnexpectedEOF
		}
		r := ext4.Region{Start: at, Length: int64(len(raw)), Logical: block, Structure: ext4.Journal, Inode: s.sb.JournalInum}
		s.logNow = logBlock{at, raw, s.fs.Parts(nil, r, raw)}
	}
	for _, p := range s.logNow.parts {
		if in >= p.Offset && in < p.End() {
			return p, nil
		}
	}
	return ext4.Part{}, io.ErrUnexpectedEOF
}

// logBlock is the block of the log that was looked at last.
type logBlock struct {
	at    int64
	raw   []byte
	parts []ext4.Part
}

// logField is the finding of a field of the log's blocks, or of what it holds.
// The log tells what was written: where that differs, so does the log.
func (c *comparison) logField(name string) *ledger.Finding {
	what := about{report.Residue, neverMount}
	switch {
	case strings.HasPrefix(name, "h_commit_"): // seconds and nanoseconds are one time
		name = "h_commit_sec"
		what.cause = report.Time
	case !c.journal.clean, name != "log":
		what.cause = report.Environment
	}
	f, fresh := c.enter(c.key("journal", name, ""), what)
	if !fresh {
		return f
	}
	f.Whole = name != "log"
	f.Note = "what the kernel logged; nothing reads it any more"
	if !c.journal.clean {
		f.Note = "a log that waits to be replayed: the filesystem was not unmounted"
	}
	if name == "h_commit_sec" {
		return f
	}
	f.Follows(c.journal.super["s_sequence"], c.l.Has(c.key("journal", "h_commit_sec", "")))
	if name != "h_sequence" {
		f.Follows(c.l.Has(c.key("journal", "logged copy", "")))
		f.Follows(c.super...)
		f.Follows(c.changes...)
		for _, p := range c.pairs {
			f.Follows(p.causes...)
		}
	}
	return f
}

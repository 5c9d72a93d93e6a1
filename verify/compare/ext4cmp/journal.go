package ext4cmp

import (
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// journalFindings are those of the journal's own superblock, by field.
type journalFindings struct {
	super map[string]*ledger.Finding
	clean bool // nothing in the log waits to be replayed, on either side
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
	// Both sides' block of the same kind: the field. Else what was logged.
	a, errA := c.logPart(c.a, block, off-int64(in), in)
	b, errB := c.logPart(c.b, block, off-int64(in), in)
	if errA == nil && errB == nil && a == b && strings.HasPrefix(a.Name, "h_") {
		return c.logField(a.Name), block + int64(a.Offset), block + int64(a.End())
	}
	return c.logField("log"), logical, block + bs
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
	case strings.HasPrefix(name, "h_commit_"):
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
		f.Follows(c.super...)
		f.Follows(c.changes...)
		for _, p := range c.pairs {
			f.Follows(p.causes...)
		}
	}
	return f
}

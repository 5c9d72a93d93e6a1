package ext4cmp

import (
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

// journalOwner answers for a byte of the journal at the given offset of it.
func (c *comparison) journalOwner(logical int64) (f *ledger.Finding, start, end int64) {
	if logical < ext4.JournalSuperblockSize {
		fl := ext4.JournalSuperblockLayout.At(int(logical))
		if f := c.journal.super[journalName(fl.Name)]; f != nil {
			return f, int64(fl.Offset), int64(fl.End())
		}
	}
	f, fresh := c.enter(c.key("journal", "log", ""), about{report.Residue, neverMount})
	if fresh {
		f.Whole = false
		f.Note = "what the kernel logged; nothing reads it any more"
		if !c.journal.clean {
			f.Cause = report.Environment
			f.Note = "a log that waits to be replayed: the filesystem was not unmounted"
		}
	}
	return f, logical, logical + c.a.fs.BlockSize()
}

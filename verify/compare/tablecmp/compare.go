package tablecmp

import (
	"context"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/ondisk/mbr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Tables are the partition tables of one disk.
type Tables struct {
	MBR *mbr.Table // of Kind None where there is no table
	GPT *gpt.Table // nil where there is none
}

// Partitioned tells whether there is a table at all.
func (t Tables) Partitioned() bool { return t.GPT != nil || t.MBR.Kind != mbr.None }

// Result is what comparing two tables leaves for the comparison of what is in
// the partitions.
type Result struct {
	// Owner answers for the bytes of the tables; its Finding is nil where
	// neither disk has a table's byte.
	Owner func(off int64) ledger.Owned
	// Place is the finding that a partition's start, or else its end, follows
	// or is; nil where both disks have it in the same place.
	Place map[int]*ledger.Finding
}

type comparison struct {
	l     *ledger.Ledger
	a, b  Tables
	size  *ledger.Finding // the disks' sizes, where they differ
	place map[int]*ledger.Finding
	label *ledger.Finding // the sort of table, where it differs
}

// Compare enters what differs between two tables. size is the finding that the
// disks have different sizes, or nil.
func Compare(_ context.Context, l *ledger.Ledger, a, b Tables, size *ledger.Finding) Result {
	c := &comparison{l: l, a: a, b: b, size: size, place: map[int]*ledger.Finding{}}
	if (a.GPT == nil) != (b.GPT == nil) || a.MBR.Kind != b.MBR.Kind && (a.MBR.Kind == mbr.None || b.MBR.Kind == mbr.None) {
		c.label = c.enter(ledger.Key{Format: "disk", Structure: "partition table", Field: "label"}, about{report.Content, "make both tables with the same tool and label"})
		c.label.A, c.label.B = kind(a), kind(b)
		c.label.At(0, mbr.Size)
	}
	if a.GPT != nil && b.GPT != nil {
		c.compareGPT()
	}
	c.compareMBR()
	return Result{Owner: c.owner, Place: c.place}
}

func kind(t Tables) string {
	switch {
	case t.GPT != nil && t.MBR.Kind == mbr.Hybrid:
		return "gpt with a hybrid MBR"
	case t.GPT != nil:
		return "gpt"
	case t.MBR.Kind != mbr.None:
		return "dos"
	}
	return "none"
}

// enter makes a finding of a whole field.
func (c *comparison) enter(k ledger.Key, what about) *ledger.Finding {
	f, fresh := c.l.Of(k)
	if fresh {
		f.Whole = true
		f.Cause, f.Remedy = what.cause, what.remedy
		if what.cause == "" {
			f.Cause = report.Unknown
		}
		f.Follows(c.label)
	}
	return f
}

// owner answers for a byte of either disk's tables.
func (c *comparison) owner(off int64) ledger.Owned {
	if o := c.gptOwner(off); o.Finding != nil {
		return o
	}
	return c.mbrOwner(off)
}

func owned(f *ledger.Finding, start int64, length int) ledger.Owned {
	return ledger.Owned{Finding: f, Start: start, End: start + int64(length)}
}

// moved owns what one disk's table has where the other's has nothing or
// something else.
func (c *comparison) moved(format, structure string, start int64, length int) ledger.Owned {
	f, fresh := c.l.Of(ledger.Key{Format: format, Structure: structure, Field: "place"})
	if fresh {
		f.Cause = report.Placement
		f.Remedy = "give the disk a fixed size"
		f.Note = "only one of the two disks has it in this place"
		f.Follows(c.size, c.label)
	}
	return owned(f, start, length)
}

func part(i int) string { return fmt.Sprintf("record %d", i) }

package xfscmp

import (
	"bytes"

	"github.com/reprodisk/reprodisk/internal/ondisk/field"
	"github.com/reprodisk/reprodisk/internal/ondisk/xfs"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
	"github.com/reprodisk/reprodisk/verify/compare/treecmp"
)

// structureOwner answers for a byte of a structure that both sides have at the
// same place.
func (c *comparison) structureOwner(ra, rb xfs.Region, off int64) ledger.Owned {
	pa, errA := c.a.units.At(ra, off)
	pb, errB := c.b.units.At(rb, off)
	if errA != nil || errB != nil {
		return ledger.Owned{Start: off, End: off + 1}
	}
	o := ledger.Owned{Start: max(pa.Start, pb.Start), End: min(pa.End, pb.End)}
	if pa.Kind == field.Checksum && pb.Kind == field.Checksum {
		o.Finding = c.checksum(ra, rb, pa, pb, off)
	} else {
		o.Finding = c.partOwner(ra, pa, pb)
	}
	return o
}

// maxCovered is how many parts of a structure are looked at for what its
// checksum follows from.
const maxCovered = 16

// checksum owns a structure's checksum, which follows whatever else differs in
// the structure.
func (c *comparison) checksum(ra, rb xfs.Region, pa, pb xfs.Part, off int64) *ledger.Finding {
	var causes []*ledger.Finding
	partsA, errA := c.a.units.Around(ra, off)
	partsB, errB := c.b.units.Around(rb, off)
	if errA == nil && errB == nil && len(partsA) > 0 && len(partsB) > 0 {
		start := max(partsA[0].Start, partsB[0].Start)
		end := min(partsA[len(partsA)-1].End, partsB[len(partsB)-1].End)
		a, b := make([]byte, end-start), make([]byte, end-start)
		if readFull(c.a, a, start) && readFull(c.b, b, start) {
			for i, j := 0, 0; i < len(partsA) && j < len(partsB) && len(causes) < maxCovered; {
				x, y := partsA[i], partsB[j]
				from, to := max(x.Start, y.Start, start), min(x.End, y.End, end)
				if from < to && (x.Kind != field.Checksum || y.Kind != field.Checksum) && !bytes.Equal(a[from-start:to-start], b[from-start:to-start]) {
					if f := c.partOwner(ra, x, y); f != nil {
						causes = append(causes, f)
					}
				}
				if x.End <= y.End {
					i++
				}
				if y.End <= x.End {
					j++
				}
			}
		}
	}
	if len(causes) == 0 && ra.Kind == xfs.DirBlock {
		// What differs may be in another piece of the block.
		if p := c.At(c.a.path(pa.Ino)); p != nil {
			causes = p.All()
		}
	}
	if len(causes) > 0 {
		return c.follow(structureOf(ra, pa), pa.Field, causes...)
	}
	return c.root(ra, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: "the checksum is wrong on one side: see xfs_repair -n"})
}

func readFull(s *side, b []byte, off int64) bool {
	n, _ := s.R.ReadAt(b, off)
	return n == len(b)
}

// root is the finding of a part of a structure that has no other cause.
func (c *comparison) root(r xfs.Region, pa, pb xfs.Part, what treecmp.About) *ledger.Finding {
	k := c.Key(structureOf(r, pa), pa.Field, "")
	k.Part = pa.Index
	if pa.Ino != 0 {
		k.File = c.a.path(pa.Ino)
	}
	f, fresh := c.l.Of(k)
	if fresh {
		f.Cause, f.Remedy = what.Cause, what.Remedy
		f.Follows(c.Sides.Cause)
		f.Whole = pa.Kind != field.Bytes
		c.showPart(f, pa, pb)
	}
	return f
}

// showPart shows the values of a short field.
func (c *comparison) showPart(f *ledger.Finding, pa, pb xfs.Part) {
	n := pa.End - pa.Start
	if pa.Start != pb.Start || pa.End != pb.End || n > 16 || pa.Field == xfs.SlackField {
		return
	}
	a, b := make([]byte, n), make([]byte, n)
	if readFull(c.a, a, pa.Start) && readFull(c.b, b, pb.Start) {
		f.A, f.B = pa.Show(a), pb.Show(b)
	}
}

// structureOf is the name of a structure in findings.
func structureOf(r xfs.Region, p xfs.Part) string {
	if p.Structure == "" {
		return uselessNames[r.Kind]
	}
	return p.Structure
}

// partOwner is the finding of two parts at one place that is no checksum.
func (c *comparison) partOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	same := pa.Field == pb.Field && pa.Name == pb.Name && pa.Structure == pb.Structure
	switch {
	case same && pa.Kind == field.UUID && r.Kind != xfs.Super:
		return c.uuidOwner(r, pa, pb)
	case same && lsnField(pa.Field):
		return c.log("lsn", "log sequence numbers")
	case r.Kind == xfs.InodeTable:
		return c.inodeOwner(r, pa, pb)
	case r.Kind == xfs.DirBlock:
		return c.dirOwner(r, pa, pb)
	case r.Kind == xfs.Log && same && pa.Field == "h_fs_uuid":
		return c.uuidOwner(r, pa, pb)
	case r.Kind == xfs.Log:
		return c.log("content", "what the log holds, which nothing reads once it is in its places")
	case same && pa.Kind == field.Reserved, pa.Field == xfs.SlackField && pb.Field == xfs.SlackField:
		return c.slack(r, pa, pb)
	case r.Kind == xfs.Super:
		return c.backupOwner(r, pa, pb)
	case r.Kind == xfs.AttrBlock || r.Kind == xfs.TargetBlock || r.Kind == xfs.ExtentTree:
		return c.forkOwner(r, pa, pb)
	}
	if causes := c.because(); len(causes) > 0 {
		return c.follow(structureOf(r, pa), pa.Field, causes...)
	}
	return c.root(r, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
}

// lsnField tells whether a field is the number of the log's record that wrote a
// structure last.
func lsnField(name string) bool {
	switch name {
	case "agf_lsn", "agi_lsn", "agfl_lsn", "bb_lsn", "di_lsn", "lsn", "rm_lsn", "sl_lsn", "sb_lsn":
		return true
	}
	return false
}

// log is what the log holds, and its numbers in structures: they follow
// whatever differs.
func (c *comparison) log(name, note string) *ledger.Finding {
	f := c.Enter("log", name, "", treecmp.About{Cause: report.Residue, Remedy: neverMount})
	f.Note = note
	if c.linked[f] == 0 {
		c.linked[f] = 1
		f.Follows(c.super["sb_lsn"])
		f.Follows(c.everything()...)
		if name == "content" {
			f.Follows(c.Has("log", "lsn", ""))
		}
	}
	return f
}

// uuidOwner owns a copy of the filesystem's UUID.
func (c *comparison) uuidOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	if f := c.super["sb_uuid"]; f != nil {
		return c.follow(structureOf(r, pa), pa.Field, f)
	}
	if f := c.super["sb_meta_uuid"]; f != nil {
		return c.follow(structureOf(r, pa), pa.Field, f)
	}
	return c.root(r, pa, pb, treecmp.About{Cause: report.Unknown, Remedy: repair})
}

// backupOwner owns a field of a copy of the superblock.
func (c *comparison) backupOwner(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	if f := c.super[pa.Field]; f != nil && r.Group > 0 {
		return c.follow(structureOf(r, pa), pa.Field, f)
	}
	for _, name := range counts {
		if causes := c.because(); name == pa.Field && len(causes) > 0 {
			return c.follow(structureOf(r, pa), pa.Field, causes...)
		}
	}
	return c.root(r, pa, pb, aboutSuper(pa.Field))
}

// slack owns bytes of a structure that nothing reads. What is left there
// follows what was there before.
func (c *comparison) slack(r xfs.Region, pa, pb xfs.Part) *ledger.Finding {
	if causes := c.because(); len(causes) > 0 {
		return c.follow(structureOf(r, pa), pa.Field, causes...)
	}
	return c.root(r, pa, pb, treecmp.About{Cause: report.Residue, Remedy: fresh})
}

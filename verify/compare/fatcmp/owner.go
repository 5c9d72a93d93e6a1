package fatcmp

import (
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// at is the region around a byte that is asked for in rising order, and false
// behind the side's end.
func (s *side) at(off int64) (fat.Region, bool) {
	if off < 0 || off >= s.Size || len(s.regions) == 0 {
		return fat.Region{}, false
	}
	if s.cursor >= len(s.regions) || s.regions[s.cursor].Start > off {
		s.cursor = 0
	}
	if s.regions[s.cursor].End() <= off {
		if s.cursor+1 < len(s.regions) && s.regions[s.cursor+1].End() > off {
			s.cursor++
		} else {
			return fat.RegionAt(s.regions, off), true
		}
	}
	return s.regions[s.cursor], true
}

// owner answers for a differing byte of the volume.
func (c *comparison) owner(off int64) ledger.Owned {
	ra, okA := c.a.at(off)
	rb, okB := c.b.at(off)
	if !okA || !okB {
		return ledger.Owned{Start: off, End: off + 1}
	}
	return ledger.Owned{Finding: c.residue(ra, rb), Start: max(ra.Start, rb.Start), End: min(ra.End(), rb.End())}
}

// residue owns differing bytes that nothing reads.
func (c *comparison) residue(ra, rb fat.Region) *ledger.Finding {
	r := ra
	if ra.Structure == fat.StructFree && rb.Structure != fat.StructFree {
		r = rb
	}
	return c.loose(r.Structure, "content", "", about{report.Residue, writeAnew})
}

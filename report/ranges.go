package report

import (
	"cmp"
	"math"
	"slices"
)

// JoinRanges is the ranges in order, those with no more than gap bytes between
// them as one.
func JoinRanges(ranges []Range, gap int64) []Range {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
	var out []Range
	for _, g := range ranges {
		g.Length = min(g.Length, math.MaxInt64-g.Offset)
		if n := len(out); n > 0 && g.Offset-(out[n-1].Offset+out[n-1].Length) <= gap {
			last := &out[n-1]
			last.Length = max(last.Length, g.Offset+g.Length-last.Offset)
			continue
		}
		out = append(out, g)
	}
	return out
}

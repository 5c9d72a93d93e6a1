package compare

import (
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// heatOf is the report's form of where two disks differ.
func heatOf(h scan.Heat, sizeA, sizeB int64) report.Heat {
	out := report.Heat{SizeA: sizeA, SizeB: sizeB, Bucket: h.Bucket}
	for i, n := range h.Counts {
		if n > 0 {
			out.Buckets = append(out.Buckets, report.Bucket{Index: i, Bytes: n})
		}
	}
	return out
}

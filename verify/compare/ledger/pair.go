package ledger

import (
	"context"
	"io"

	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// Side is a volume as one of the two images has it.
type Side struct {
	R    io.ReaderAt // offset 0 is the volume's first byte
	Size int64       // bytes
	Base int64       // byte offset of the volume in the virtual disk
}

// Pair is what a comparer of one format is given: the same partition of both
// images (or two bare filesystems, or the two disks as such).
type Pair struct {
	Partition int
	A, B      Side

	// Aligned says that the two sides start at the same place of their disks,
	// so that Dirty holds and bytes at the same offset of the volume are
	// bytes at the same offset of the disk. Where it is false, the sides can
	// only be compared by what they mean.
	Aligned bool
	// Dirty lists the spans, relative to the volume, outside of which the
	// sides are known to be equal as far as both go. Only where Aligned.
	Dirty []scan.Span

	// Ask, where not nil, says what another program says about two versions of
	// a file; see contents.Describer.
	Ask func(ctx context.Context, path string, a, b io.Reader) (string, error)

	// Cause is the finding that the whole volume's differences in place
	// follow from, such as a partition that starts elsewhere; or nil.
	Cause *Finding
}

// Clean tells whether the bytes [start, end) of the volume are known to be
// equal on both sides without reading them.
func (p Pair) Clean(start, end int64) bool {
	return p.Aligned && end <= min(p.A.Size, p.B.Size) && !scan.Touch(p.Dirty, start, end)
}

// Result is what a comparer has to say beside the findings that it entered.
type Result struct {
	// Owner answers for the differing bytes of the volume; see Sweep. It is
	// used only where the pair is Aligned.
	Owner    func(off int64) Owned
	Warnings []string
}

// Comparer compares a pair of volumes of one format, and enters into the
// ledger what differs. It fails only where neither comparing nor a warning
// makes sense: when reading fails, or ctx ends.
type Comparer func(ctx context.Context, l *Ledger, p Pair) (Result, error)

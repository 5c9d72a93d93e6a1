package contents

import (
	"context"
	"errors"
	"io"

	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/verify/compare/inside"
	"github.com/reprodisk/reprodisk/verify/compare/ledger"
)

// Bounds of what one comparison says about the insides of files, beyond which
// a file is only said to differ.
const (
	maxDiffs     = 8 << 20   // bytes of diffs
	maxExplained = 256 << 20 // bytes of files that are looked into
	maxFiles     = 2000      // of them
)

// Describer completes the findings of files whose content differs. One is made
// for each comparison of two filesystems.
type Describer struct {
	// Ask, where not nil, hands a pair of files to another program, and
	// returns what that says about them; empty for nothing.
	Ask func(ctx context.Context, path string, a, b io.Reader) (string, error)

	diffs     int
	explained int64
	files     int
}

// Describe fills in the values, the note and the diff of a content finding;
// where the file's format is known, also what differs inside of it, and with
// that a better cause and remedy.
func (d *Describer) Describe(ctx context.Context, f *ledger.Finding, path string, a, b File, diff Difference) error {
	if d.diffs < maxDiffs {
		var err error
		if f.Diff, err = Diff(path, a, b); err != nil {
			return err
		}
	}
	f.A, f.B, f.Note = diff.Show(f.Diff)
	if d.explained < maxExplained && d.files < maxFiles {
		d.explained += a.Size + b.Size
		d.files++
		if e, ok := inside.Explain(ctx, path, source(a), source(b)); ok {
			d.tell(f, e)
		}
	}
	if d.Ask != nil {
		said, err := d.Ask(ctx, path, reader(a), reader(b))
		if err != nil {
			return err
		}
		if said != "" {
			f.Diff = said
		}
	}
	d.diffs += len(f.Diff)
	return ctx.Err()
}

// tell enters what is known of a file's inside.
func (d *Describer) tell(f *ledger.Finding, e inside.Explanation) {
	if e.Cause != "" && e.Cause != report.Unknown {
		f.Cause = e.Cause
	}
	if e.Remedy != "" {
		f.Remedy = e.Remedy
	}
	for _, x := range e.Fields {
		f.Inside = append(f.Inside, report.Inside{
			Where: report.Printable(x.Where), Field: report.Printable(x.Name), A: report.Printable(x.A), B: report.Printable(x.B), Cause: x.Cause, Derived: x.Derived,
		})
	}
	f.InsideOmitted = e.Omitted
	f.InsideKind = e.Kind
	if e.Note != "" {
		if f.Note != "" {
			f.Note += "; "
		}
		f.Note += e.Note
	}
	if f.Diff == "" {
		f.Diff = e.Diff
	}
}

// tolerant reads a file whose damaged parts read as zeros.
type tolerant struct{ File }

func (t tolerant) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("read before the file's start")
	}
	if off >= t.Size {
		return 0, io.EOF
	}
	n := min(int64(len(p)), t.Size-off)
	if err := t.read(p[:n], off); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func source(f File) inside.Source { return inside.Source{R: tolerant{f}, Size: f.Size} }

func reader(f File) io.Reader { return io.NewSectionReader(tolerant{f}, 0, f.Size) }

package verify

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare"
)

// Diff compares two images, or two folders of them.
func Diff(ctx context.Context, a, b string, opt compare.Options) (*report.Report, error) {
	folders := 0
	for _, path := range []string{a, b} {
		fi, err := os.Stat(path)
		if err != nil {
			return nil, patherr.At(path, err)
		}
		if fi.IsDir() {
			folders++
		}
	}
	switch folders {
	case 1:
		return nil, fmt.Errorf("%s and %s: one is a folder, the other is not", a, b)
	case 2:
		return compare.Folders(ctx, a, b, opt)
	}
	imgA, err := split.OpenWith(ctx, a, opt.Open)
	if err != nil {
		return nil, err
	}
	defer imgA.Close()
	imgB, err := split.OpenWith(ctx, b, opt.Open)
	if err != nil {
		return nil, err
	}
	defer imgB.Close()
	return compare.Images(ctx, imgA, imgB, opt)
}

// compareQuietly is how outputs are compared on the way.
var compareQuietly = compare.Options{}

// keptName is the name under which a report speaks of an output.
func keptName(kept, otherwise string) string {
	if kept != "" {
		return kept
	}
	return otherwise
}

// name puts lasting names in the place of the work folder's, which is gone
// when the report is read and has another name each time.
func name(r *report.Report, oldA, newA, oldB, newB string) {
	rename := strings.NewReplacer(
		report.Printable(oldA), report.Printable(newA),
		report.Printable(oldB), report.Printable(newB),
	)
	r.A.Path, r.B.Path = rename.Replace(r.A.Path), rename.Replace(r.B.Path)
	for i := range r.Warnings {
		r.Warnings[i] = rename.Replace(r.Warnings[i])
	}
	for i := range r.Findings {
		r.Findings[i].Note = rename.Replace(r.Findings[i].Note)
	}
}

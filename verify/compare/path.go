package compare

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
)

// Outputs compares whatever two builds left behind under the names a and b:
// folders as Folders does, disk images as Images does, other files byte by
// byte, symbolic links by their targets. What the two are called does not
// count. The report is finished.
func Outputs(ctx context.Context, a, b string, opt Options) (*report.Report, error) {
	var entries [2]entry
	for i, name := range []string{a, b} {
		fi, err := os.Lstat(name)
		if err != nil {
			return nil, patherr.At(name, err)
		}
		entries[i] = entry{rel: filepath.Base(name), mode: fi.Mode(), size: fi.Size()}
		if fi.Mode().Type() == fs.ModeSymlink {
			if entries[i].target, err = os.Readlink(name); err != nil {
				return nil, patherr.At(name, err)
			}
		}
	}
	switch ea, eb := entries[0], entries[1]; {
	case ea.mode.IsDir() && eb.mode.IsDir():
		return Folders(ctx, a, b, opt)
	case ea.mode.IsRegular() && eb.mode.IsRegular() && ea.size > 0 && eb.size > 0 && !packed(ea.rel):
		r, err := disksOf(ctx, a, b, opt)
		if r != nil || err != nil {
			return r, err
		}
	}
	c := &folders{ctx: ctx, opt: opt, a: filepath.Dir(a), b: filepath.Dir(b), report: &report.Report{
		A: report.Input{Path: report.Printable(a), Size: entries[0].length(), Format: entries[0].kind()},
		B: report.Input{Path: report.Printable(b), Size: entries[1].length(), Format: entries[1].kind()},
	}}
	if err := c.pair(entries[0], entries[1]); err != nil {
		return nil, err
	}
	if err := c.report.Finish(); err != nil {
		return nil, fmt.Errorf("the account of %s and %s does not add up: %w", a, b, err)
	}
	return c.report, nil
}

// length is the size of a regular file; others have none that counts.
func (e *entry) length() int64 {
	if e.mode.IsRegular() {
		return e.size
	}
	return 0
}

// disksOf compares two files as disks, where they are: a nil report says that
// they are not.
func disksOf(ctx context.Context, a, b string, opt Options) (*report.Report, error) {
	imgA, err := split.OpenWith(ctx, a, opt.Open)
	if err != nil {
		return nil, nil // a container that is not read: its bytes are
	}
	defer imgA.Close()
	imgB, err := split.OpenWith(ctx, b, opt.Open)
	if err != nil {
		return nil, nil
	}
	defer imgB.Close()
	for _, img := range []*split.Image{imgA, imgB} {
		is, err := holdsDisk(img)
		if err != nil {
			return nil, err
		}
		if is || named(filepath.Base(a)) {
			return Images(ctx, imgA, imgB, opt)
		}
	}
	return nil, nil
}

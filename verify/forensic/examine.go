package forensic

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/digest"
)

// ExamineOptions say how Examine goes about it.
type ExamineOptions struct {
	Options
	Open split.OpenOptions
	// Saved says that the report was made earlier: images that are gone, or not
	// what they were, are refused.
	Saved bool
}

// Examine opens the two images (or folders of them) that a report is about and
// finds the files that differ. The case holds the images open, until Close.
func Examine(ctx context.Context, r *report.Report, a, b string, opt ExamineOptions) (_ *Case, err error) {
	c := &Case{}
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	names := []string{""}
	if r.A.Format == folderFormat {
		if names, err = images(r); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		pathA, pathB := inFolder(a, name), inFolder(b, name)
		p, err := c.examine(ctx, r, pathA, pathB, name, opt)
		if err != nil {
			return nil, err
		}
		c.Pairs = append(c.Pairs, p)
		if said := bytesOf(r, name); opt.Saved && !scoped(r) && p.Bytes != said {
			return nil, fmt.Errorf("%s, %s: differ in %d bytes, the report says %d: one of them has changed since", pathA, pathB, p.Bytes, said)
		}
	}
	c.Describe(r)
	return c, nil
}

// LogInputs notes what a comparison has read, where no more than that is asked
// for.
func LogInputs(ctx context.Context, r *report.Report, a, b string, opt ExamineOptions) error {
	names := []string{""}
	if r.A.Format == folderFormat {
		var err error
		if names, err = images(r); err != nil {
			return err
		}
	}
	for _, name := range names {
		for i, path := range []string{inFolder(a, name), inFolder(b, name)} {
			fi, err := os.Stat(path)
			if err != nil {
				return patherr.At(path, err)
			}
			img, err := split.OpenWith(ctx, path, opt.Open)
			if err != nil {
				return err
			}
			opt.Log.input(sides[i], name, path, fi, img, inputOf([]report.Input{r.A, r.B}[i], name).Digest)
			if err := img.Close(); err != nil {
				return patherr.At(path, err)
			}
		}
	}
	for _, p := range r.Partitions {
		for i, s := range []*report.PartitionSide{p.A, p.B} {
			if s == nil {
				continue
			}
			offset := s.Start * s.SectorSize
			opt.Log.Add(Event{Event: "filesystem", Side: sides[i], Image: p.Image, Partition: &p.Number, Offset: &offset, Length: s.Sectors * s.SectorSize, Filesystem: s.Filesystem, Label: s.Label, UUID: s.FSUUID})
		}
	}
	return nil
}

// folderFormat is the format of a folder's Input.
const folderFormat = "directory"

// inFolder is the path of an image that a report calls by that name: in two
// folders by its relative path, in which bytes that are no UTF-8 are escaped.
func inFolder(dir, name string) string {
	path := filepath.Join(dir, name)
	if name == "" || !strings.Contains(name, `\`) {
		return path
	}
	if _, err := os.Lstat(path); err == nil {
		return path
	}
	filepath.WalkDir(dir, func(at string, _ fs.DirEntry, err error) error {
		if err != nil {
			return nil // whoever opens the image says what is wrong
		}
		if rel, err := filepath.Rel(dir, at); err == nil && report.Printable(rel) == name {
			path = at
			return fs.SkipAll
		}
		return nil
	})
	return path
}

// bytesOf is how many bytes of a pair of images the report's findings own.
func bytesOf(r *report.Report, name string) (n int64) {
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Image == name {
			n += f.Bytes
		}
	}
	return n
}

// scoped tells whether the report leaves partitions out, so that its bytes are
// not all that differ.
func scoped(r *report.Report) bool {
	return slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "only partition ") })
}

// images are the names of the images that two folders have in common, as the
// report has them.
func images(r *report.Report) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	for _, p := range r.Partitions {
		if seen[p.Image] || p.Image == "" {
			continue
		}
		if !filepath.IsLocal(p.Image) {
			return nil, fmt.Errorf("the image %s of the report is in none of the two folders", p.Image)
		}
		seen[p.Image] = true
		names = append(names, p.Image)
	}
	return names, nil
}

func (c *Case) examine(ctx context.Context, r *report.Report, a, b, name string, opt ExamineOptions) (*Pair, error) {
	var img [2]*split.Image
	for i, path := range []string{a, b} {
		side := sides[i]
		in := []report.Input{r.A, r.B}[i]
		fi, err := os.Stat(path)
		if err != nil {
			if opt.Saved && errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s: is gone, and case files are made from the images themselves (verify keeps them with -o)", path)
			}
			return nil, patherr.At(path, err)
		}
		if img[i], err = split.OpenWith(ctx, path, opt.Open); err != nil {
			return nil, err
		}
		c.open = append(c.open, img[i])
		was := inputOf(in, name)
		if opt.Saved {
			if err := unchanged(ctx, img[i], was); err != nil {
				return nil, err
			}
		}
		opt.Log.input(side, name, path, fi, img[i], was.Digest)
	}
	return Compare(ctx, name, img[0], img[1], opt.Options)
}

// inputOf is what a report says of an image: of the input itself, or of one in
// a folder, of which it knows nothing without digests.
func inputOf(in report.Input, name string) report.Input {
	if in.Format != folderFormat {
		return in
	}
	for _, f := range in.Files {
		if f.Path == name {
			return report.Input{Size: f.Size, Format: f.Format, Digest: f.Digest}
		}
	}
	return report.Input{Size: -1}
}

// unchanged refuses an image that is not the one of the report.
func unchanged(ctx context.Context, img *split.Image, was report.Input) error {
	switch {
	case was.Size >= 0 && img.Size() != was.Size:
		return fmt.Errorf("%s: has changed since the report was made: its disk has %d bytes, not %d", img.Path(), img.Size(), was.Size)
	case was.Format != "" && img.Format() != was.Format:
		return fmt.Errorf("%s: has changed since the report was made: it is of the format %s, not %s", img.Path(), img.Format(), was.Format)
	case was.Digest == "":
		return nil
	}
	sum, _, err := digest.Disk(ctx, img, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", img.Path(), err)
	}
	if sum != was.Digest {
		return fmt.Errorf("%s: has changed since the report was made: its digest is another", img.Path())
	}
	return nil
}

// Describe takes the images' names and digests from the report: after a
// verification, they are kept elsewhere than they were read.
func (c *Case) Describe(r *report.Report) {
	for _, p := range c.Pairs {
		for _, s := range []struct {
			img *Image
			in  report.Input
			of  func(report.Partition) *report.PartitionSide
		}{
			{&p.A, r.A, func(q report.Partition) *report.PartitionSide { return q.A }},
			{&p.B, r.B, func(q report.Partition) *report.PartitionSide { return q.B }},
		} {
			s.img.Path = s.in.Path
			if p.Name != "" {
				s.img.Path += "/" + p.Name
			}
			s.img.SHA256 = strings.TrimPrefix(inputOf(s.in, p.Name).Digest, digest.Prefix)
			s.img.Parts = map[int]string{}
			for _, q := range r.Partitions {
				if side := s.of(q); q.Image == p.Name && side != nil && side.Digest != "" {
					s.img.Parts[q.Number] = strings.TrimPrefix(side.Digest, digest.Prefix)
				}
			}
		}
	}
}

// Close closes the images. What was collected stays.
func (c *Case) Close() {
	for _, img := range c.open {
		img.Close()
	}
	c.open = nil
}

// input notes an image that was opened.
func (l *Log) input(side, name, path string, fi os.FileInfo, img *split.Image, sum string) {
	if l == nil {
		return
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	l.Add(Event{
		Event: "input", Side: side, Image: name, Path: path, Format: img.Format(), FileSize: fi.Size(), Size: img.Size(),
		Modified: fi.ModTime().UTC().Format(time.RFC3339Nano), SHA256: strings.TrimPrefix(sum, digest.Prefix),
	})
}

package compare

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/readonly"
	"github.com/reprodisk/reprodisk/report"
	"github.com/reprodisk/reprodisk/split"
	"github.com/reprodisk/reprodisk/verify/compare/digest"
	"github.com/reprodisk/reprodisk/verify/compare/scan"
)

// digests fills in the digests of both disks, of their partitions, and of the
// images' files where those are more than the disk. What the comparison has
// shown to be equal is hashed once.
func (d *disks) digests() error {
	var spans [2][]scan.Span
	var sides [2][]*report.PartitionSide
	for i := range d.report.Partitions {
		p := &d.report.Partitions[i]
		for n, s := range []*report.PartitionSide{p.A, p.B} {
			if s != nil {
				v := d.volumes[i]
				where := v.a
				if n == 1 {
					where = v.b
				}
				spans[n] = append(spans[n], scan.Span{Start: where.Offset, End: where.End()})
				sides[n] = append(sides[n], s)
			}
		}
	}
	same := d.found.Bytes == 0 && d.a.Size() == d.b.Size()
	for n, img := range []*split.Image{d.a, d.b} {
		in := []*report.Input{&d.report.A, &d.report.B}[n]
		if n == 1 && same {
			in.Digest = d.report.A.Digest
			for i := range d.report.Partitions {
				if p := &d.report.Partitions[i]; p.A != nil && p.B != nil {
					p.B.Digest = p.A.Digest
				}
			}
		} else {
			whole, parts, err := digest.Disk(d.ctx, img, spans[n], d.opt.stage([]string{"digest of a", "digest of b"}[n]))
			if errors.Is(err, digest.ErrOverlap) {
				d.warn(img.Path(), []string{err.Error()})
			} else if err != nil {
				return fmt.Errorf("%s: %w", img.Path(), err)
			}
			in.Digest = whole
			for i, p := range parts {
				sides[n][i].Digest = p
			}
		}
		if img.Format() == "raw" {
			continue
		}
		var err error
		if in.FileDigest, err = fileDigest(d.ctx, img.Path()); err != nil {
			return err
		}
	}
	return nil
}

func fileDigest(ctx context.Context, name string) (string, error) {
	f, err := readonly.Open(name)
	if err != nil {
		return "", patherr.At(name, err)
	}
	defer f.Close()
	sum, err := digest.Reader(ctx, f)
	if err != nil {
		return "", patherr.At(name, err)
	}
	return sum, nil
}

// digestOf enters the digest of a regular file that was not compared as a
// disk.
func (c *folders) digestOf(e entry, name string, in *report.Input) error {
	if !c.opt.Digests || !e.mode.IsRegular() {
		return nil
	}
	sum, err := fileDigest(c.ctx, name)
	if err != nil {
		return err
	}
	in.Files = append(in.Files, report.InputFile{Path: report.Printable(e.rel), Size: e.size, Digest: sum})
	return nil
}

func (c *folders) digestsOfAll(list []entry, dir string, in *report.Input) error {
	for _, e := range list {
		if err := c.digestOf(e, filepath.Join(dir, e.rel), in); err != nil {
			return err
		}
	}
	return nil
}

func (c *folders) digestsOfBoth(a, b entry) error {
	if err := c.digestOf(a, filepath.Join(c.a, a.rel), &c.report.A); err != nil {
		return err
	}
	return c.digestOf(b, filepath.Join(c.b, b.rel), &c.report.B)
}

// digestsOf takes the digests of an image over into those of its folder.
func digestsOf(image string, one report.Input, in *report.Input) {
	if one.Digest != "" {
		in.Files = append(in.Files, report.InputFile{
			Path: image, Size: one.Size, Format: one.Format, Digest: one.Digest, FileDigest: one.FileDigest,
		})
	}
}

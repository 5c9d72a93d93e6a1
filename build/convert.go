package build

import (
	"context"
	"path/filepath"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// image makes the image in the spec's format, and returns its path.
func (b *builder) image(ctx context.Context) (path string, err error) {
	kind := format.Kind(b.spec.Format)
	if err := format.Check(kind, b.layout.DiskSize); err != nil {
		return "", b.spec.Errorf("format", "%v", err)
	}
	return wholefile.Write(ctx, b.opt.OutDir, format.FileName(kind), func(o *wholefile.File) error {
		make := b.convert
		if kind == format.Raw {
			make = b.disk
		}
		if err := make(ctx, o); err != nil {
			return err
		}
		b.opt.phase("syncing")
		return nil
	})
}

// convert makes the raw disk in a file that has no name, beside the image,
// where there is room for a disk, and writes that in the spec's format.
func (b *builder) convert(ctx context.Context, o *wholefile.File) error {
	kind := format.Kind(b.spec.Format)
	raw, err := wholefile.Scratch(b.opt.OutDir, ImageName)
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := b.disk(ctx, raw); err != nil {
		return wholefile.Named(raw.Cause(err), raw.Name(), filepath.Join(b.opt.OutDir, ImageName))
	}
	ids := format.IDs{
		Image:    b.id(string(kind) + " image"),
		Snapshot: b.id(string(kind) + " snapshot"),
		CID:      b.number(string(kind) + " content"),
		Time:     b.epoch.Sec,
	}
	progress := b.opt.phase("writing " + string(kind))
	if err := format.Write(ctx, o, &container.File{F: raw.File, Length: b.layout.DiskSize}, kind, ids, progress); err != nil {
		if o.Failed() || ctx.Err() != nil {
			return err
		}
		return b.spec.Errorf("format", "%v", err)
	}
	return nil
}

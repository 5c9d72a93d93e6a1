package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// image makes the image in the spec's format, and returns its path.
func (b *builder) image(ctx context.Context) (path string, err error) {
	kind := format.Kind(b.spec.Format)
	if err := format.Check(kind, b.layout.DiskSize); err != nil {
		return "", b.spec.Errorf("format", "%v", err)
	}
	return wholefile.Write(ctx, b.opt.OutDir, format.FileName(kind), func(o *wholefile.File) error {
		if kind == format.Raw {
			return b.write(ctx, o)
		}
		return b.convert(ctx, o, kind)
	})
}

// convert makes the raw disk in a file that has no name, beside the image,
// where there is room for a disk, and writes that in the spec's format.
func (b *builder) convert(ctx context.Context, o *wholefile.File, kind format.Kind) error {
	raw, err := wholefile.Scratch(b.opt.OutDir, ImageName)
	if err != nil {
		return err
	}
	defer raw.Close()
	if err := b.write(ctx, raw); err != nil {
		return wholefile.Named(raw.Cause(err), raw.Name(), filepath.Join(b.opt.OutDir, ImageName))
	}
	ids := format.IDs{
		Image:    b.id(string(kind) + " image"),
		Snapshot: b.id(string(kind) + " snapshot"),
		CID:      b.number(string(kind) + " content"),
		Time:     b.epoch.Sec,
	}
	progress := b.opt.phase("writing " + string(kind))
	if err := format.Write(ctx, o, &disk{f: raw.File, size: b.layout.DiskSize}, kind, ids, progress); err != nil {
		if o.Failed() || ctx.Err() != nil {
			return err
		}
		return b.spec.Errorf("format", "%v", err)
	}
	b.opt.phase("syncing")
	return nil
}

// disk is the raw disk that was made.
type disk struct {
	f    *os.File
	size int64
}

func (d *disk) Size() int64  { return d.size }
func (d *disk) Close() error { return d.f.Close() }

func (d *disk) ReadAt(b []byte, off int64) (int, error) {
	if off >= d.size {
		return 0, io.EOF
	}
	return d.f.ReadAt(b, off)
}

// NextData asks the filesystem for its holes; one that knows of none has data
// to the end.
func (d *disk) NextData(off int64) (start, end int64, err error) {
	if off >= d.size {
		return d.size, d.size, nil
	}
	start, err = unix.Seek(int(d.f.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return d.size, d.size, nil
	case err != nil:
		return off, d.size, nil
	}
	if end, err = unix.Seek(int(d.f.Fd()), start, unix.SEEK_HOLE); err != nil {
		end = d.size
	}
	return start, min(end, d.size), nil
}

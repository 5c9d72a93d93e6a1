package split

import (
	"context"
	"errors"

	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/unpack"
)

// maxWrapped is how many compressed files may be around an image.
const maxWrapped = 2

// unpacked is an image out of a compressed file. Its disk is that of a
// temporary file without a name.
type unpacked struct {
	container.Disk
	inner  *Image
	format unpack.Format
	fields []container.Field
}

// openPacked opens what a compressed file holds.
func openPacked(format unpack.Format) opener {
	return func(ctx context.Context, s *source) (container.Image, error) {
		if s.wrapped == maxWrapped {
			return nil, errors.New("is compressed more than twice")
		}
		u, err := unpack.Open(ctx, s, s.Size(), format, unpack.Options{Limit: s.opt.UnpackLimit})
		if err != nil {
			return nil, err
		}
		at := s.place
		at.wrapped++
		inner, err := open(ctx, &container.File{F: u.File}, at, s.opt)
		if err != nil {
			u.File.Close()
			return nil, err
		}
		// All that is needed of the compressed file is known.
		if err := s.Disk.Close(); err != nil {
			inner.Close()
			return nil, err
		}
		return &unpacked{Disk: inner.Disk, inner: inner, format: format, fields: u.Fields}, nil
	}
}

func (u *unpacked) Format() string     { return u.inner.Format() + "." + u.format.Suffix() }
func (u *unpacked) Warnings() []string { return u.inner.Warnings() }

// Metadata lists what the compressed file says, and behind it what the image
// in it does.
func (u *unpacked) Metadata() []container.Field {
	return append(append([]container.Field(nil), u.fields...), u.inner.Metadata()...)
}

package normalize

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/reprodisk/reprodisk/build/format"
	"github.com/reprodisk/reprodisk/internal/ondisk/container"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/internal/wholefile"
	"github.com/reprodisk/reprodisk/split"
)

// KindOf is the format in which an image is written where none is chosen: its
// own. Some formats are only read.
func KindOf(img *split.Image) (format.Kind, error) {
	switch f := img.Format(); f {
	case "raw.zst":
		return format.Zstd, nil
	case "raw.xz":
		return format.Xz, nil
	case "raw", "qcow2", "vdi", "vpc", "vmdk":
		return format.Kind(f), nil
	default:
		return "", fmt.Errorf("%s: %s is not written here: choose a format with --format", img.Path(), f)
	}
}

// File writes the disk of an image into a file, in one of the formats that
// build writes. The file appears whole or not at all; its folder is made where
// it is missing. The account is what Write's is.
func File(ctx context.Context, path string, kind format.Kind, img *split.Image, opt Options) (*Account, error) {
	if err := format.Check(kind, img.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", img.Path(), err)
	}
	dir, name := filepath.Dir(path), filepath.Base(path)
	var account *Account
	_, err := wholefile.Write(ctx, dir, name, func(f *wholefile.File) (err error) {
		raw := f
		if kind != format.Raw {
			if raw, err = wholefile.Scratch(dir, name); err != nil {
				return err
			}
			defer raw.Close()
		}
		if err := raw.Truncate(img.Size()); err != nil {
			return fmt.Errorf("%s: a disk of %d bytes: %w", path, img.Size(), patherr.Bare(err))
		}
		if account, err = Write(ctx, raw, img, opt); err != nil {
			return wholefile.Named(raw.Cause(err), raw.Name(), path)
		}
		if kind == format.Raw {
			return nil
		}
		progress := opt.stage("writing " + string(kind))
		return format.Write(ctx, f, &container.File{F: raw.File, Length: img.Size()}, kind, account.formatIDs(opt.Epoch), progress)
	})
	return account, err
}

// formatIDs are what a format stores beside the disk: derived from the
// identifiers that the disk itself has, so that they change when those do.
func (a *Account) formatIDs(epoch tree.Time) format.IDs {
	name := strings.Join(a.identity, "\n")
	image, snapshot, content := purpose([32]byte{}, "image\n"+name), purpose([32]byte{}, "snapshot\n"+name), purpose([32]byte{}, "content\n"+name)
	ids := format.IDs{Time: epoch.Sec}
	id, _ := parseUUID(derived(image, formUUID))
	ids.Image = id
	id, _ = parseUUID(derived(snapshot, formUUID))
	ids.Snapshot = id
	ids.CID, _ = parseSerial(derived(content, formSerial))
	return ids
}

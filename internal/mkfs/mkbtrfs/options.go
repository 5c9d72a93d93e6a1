package mkbtrfs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/ondisk/btrfs"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are all that a filesystem depends on, besides its tree.
type Options struct {
	// Size of the device in bytes. What exceeds a multiple of the sector size
	// is not used.
	Size int64
	// UUIDs, all of which must be set and differ: of the filesystem, its
	// device, its chunks and its subvolume.
	UUID, Device, Chunks, Subvolume [16]byte
	Label                           string    // at most 255 bytes
	Epoch                           tree.Time // of the trees' own entries

	// Progress, where not nil, is told how many bytes of files' content are
	// written, and of how many.
	Progress func(done, total int64)
}

func (o *Options) check() error {
	switch {
	case len(o.Label) > btrfs.MaxLabel:
		return fmt.Errorf("btrfs: the label %q has %d bytes, at most %d fit", o.Label, len(o.Label), btrfs.MaxLabel)
	case strings.ContainsAny(o.Label, "\x00/\\\n"):
		return fmt.Errorf("btrfs: the label %q holds a slash, a backslash, a line break or a NUL byte", o.Label)
	}
	seen := map[[16]byte]bool{{}: true}
	for _, id := range [][16]byte{o.UUID, o.Device, o.Chunks, o.Subvolume} {
		if seen[id] {
			return errors.New("btrfs: a UUID is missing, or there twice")
		}
		seen[id] = true
	}
	return nil
}

// SpaceError says that a tree does not fit.
type SpaceError struct {
	Missing int64 // bytes, at most
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("btrfs: the tree does not fit: %d bytes are missing", e.Missing)
}

package mkerofs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are all that a filesystem depends on, besides its tree.
type Options struct {
	UUID  [16]byte
	Label string // at most 15 bytes, as mkfs.erofs -L takes
	// Epoch is the superblock's time. Inodes that have the same one, to the
	// nanosecond, take half the room.
	Epoch tree.Time

	// Progress, where not nil, is told how many bytes of files' content are
	// written, and of how many.
	Progress func(done, total int64)
}

// MaxLabel is in bytes: the field has 16, and tools read it up to a NUL.
const MaxLabel = 15

func (o *Options) check() error {
	switch {
	case len(o.Label) > MaxLabel:
		return fmt.Errorf("erofs: the label %q has %d bytes, at most %d fit", o.Label, len(o.Label), MaxLabel)
	case strings.IndexByte(o.Label, 0) >= 0:
		return fmt.Errorf("erofs: the label %q holds a NUL byte", o.Label)
	case o.Epoch.Sec < 0:
		return errors.New("erofs: the superblock's time is before 1970")
	}
	return nil
}

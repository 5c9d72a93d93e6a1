package mkxfs

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/reprodisk/reprodisk/internal/tree"
)

// Options are all that a filesystem depends on, besides its tree and mkfs.xfs.
type Options struct {
	Size  int64 // bytes; at least MinSize
	UUID  [16]byte
	Label string    // at most 12 bytes
	Epoch tree.Time // of the inodes that the tree does not hold

	// Progress, where not nil, is told how many bytes of files' content are
	// copied, and of how many.
	Progress func(done, total int64)
}

const (
	// MinSize is the least size that mkfs.xfs makes a filesystem of, in bytes.
	MinSize  = 300 << 20
	MaxLabel = 12 // bytes
)

// label is what may stand on mkfs.xfs' command line as one.
var label = regexp.MustCompile(`^[0-9A-Za-z._+-]*$`)

func (o *Options) check() error {
	switch {
	case len(o.Label) > MaxLabel:
		return fmt.Errorf("xfs: the label %q has %d bytes, at most %d fit", o.Label, len(o.Label), MaxLabel)
	case !label.MatchString(o.Label):
		return fmt.Errorf("xfs: the label %q: mkfs.xfs takes letters, digits and ._+- only", o.Label)
	case o.UUID == [16]byte{}:
		return errors.New("xfs: the UUID is missing")
	}
	return nil
}

// ErrSpace says that the tree does not fit.
var ErrSpace = errors.New("xfs: the tree does not fit")

package mkext4

import (
	"errors"
	"fmt"

	"github.com/reprodisk/reprodisk/internal/ondisk/ext4"
	"github.com/reprodisk/reprodisk/internal/tree"
)

// Sizes in bytes.
const (
	blockSize = 4096
	inodeSize = 256
	descSize  = ext4.GroupDescSize64
	mebibyte  = 1 << 20
)

// Options are all that a filesystem depends on, besides its tree.
type Options struct {
	// Size of the volume in bytes. What exceeds a multiple of the block size
	// is not used, and neither is a last group too small for its own tables,
	// as with mke2fs.
	Size int64

	UUID     [16]byte // must not be zero
	HashSeed [16]byte // of hashed directories; must not be zero, which stands for "none"

	// HashAlg is how hashed directories hash names: HashHalfMD4 (the default,
	// for which 0 stands too) or HashTEA.
	HashAlg ext4.HashVersion

	Label string // at most 16 bytes

	// Epoch is the time in the superblock, and of the inodes that the tree
	// does not hold: the journal, lost+found where the tree has none, and so on.
	// From 1970 to 2446.
	Epoch tree.Time

	// ReservedPercent of the blocks are for the superuser alone, 0 to 50.
	// Nil means 5.
	ReservedPercent *int

	// Inodes is the least number of inodes, as mke2fs -N. 0 means one for as
	// many bytes as mke2fs.conf says, and more where the tree needs more.
	Inodes uint32

	BlockSize int // bytes; 0 or 4096

	// NoJournal leaves the journal out, as mke2fs -O ^has_journal does.
	NoJournal bool

	// Errors is s_errors, what the kernel does when it meets damage:
	// ext4.ErrorsContinue, for which 0 stands too, ErrorsRO or ErrorsPanic.
	Errors uint16

	// MountOptions is s_default_mount_opts. Nil means DefmXattrUser and DefmACL.
	MountOptions *uint32

	// Progress is called now and then by the goroutine that runs Write, with
	// the bytes of regular files written so far and in all. It may be nil.
	Progress func(done, total int64)
}

// check returns the options with defaults filled in.
func (o Options) check() (Options, error) {
	if o.BlockSize == 0 {
		o.BlockSize = blockSize
	}
	if o.BlockSize != blockSize {
		return o, fmt.Errorf("ext4: a block size of %d bytes is not supported, only %d", o.BlockSize, blockSize)
	}
	if o.Errors == 0 {
		o.Errors = ext4.ErrorsContinue
	}
	if o.MountOptions == nil {
		usual := uint32(ext4.DefmXattrUser | ext4.DefmACL)
		o.MountOptions = &usual
	}
	if o.HashAlg == 0 {
		o.HashAlg = ext4.HashHalfMD4
	}
	if o.HashAlg != ext4.HashHalfMD4 && o.HashAlg != ext4.HashTEA {
		return o, fmt.Errorf("ext4: the directory hash %q is not supported, only half_md4 and tea", o.HashAlg)
	}
	if len(o.Label) > 16 {
		return o, fmt.Errorf("ext4: the label %q has %d bytes, at most 16 fit", o.Label, len(o.Label))
	}
	for i := range len(o.Label) {
		if o.Label[i] == 0 {
			return o, fmt.Errorf("ext4: the label %q holds a NUL byte", o.Label)
		}
	}
	if o.UUID == [16]byte{} {
		return o, errors.New("ext4: the UUID is all zeros, which means that there is none")
	}
	if o.HashSeed == [16]byte{} {
		return o, errors.New("ext4: the hash seed is all zeros, which means that there is none")
	}
	if p := o.ReservedPercent; p != nil && (*p < 0 || *p > 50) {
		return o, fmt.Errorf("ext4: %d %% of reserved blocks: must be 0 to 50", *p)
	}
	if o.Size < 0 {
		return o, fmt.Errorf("ext4: a size of %d bytes is negative", o.Size)
	}
	if o.Epoch.Sec < 0 || o.Epoch.Sec >= 1<<34-1<<31 || o.Epoch.Nsec >= 1e9 {
		return o, fmt.Errorf("ext4: the epoch of %d s %d ns is not between 1970 and 2446", o.Epoch.Sec, o.Epoch.Nsec)
	}
	return o, nil
}

func (o Options) reservedPercent() int {
	if o.ReservedPercent == nil {
		return 5
	}
	return *o.ReservedPercent
}

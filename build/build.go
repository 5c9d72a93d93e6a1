package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/reprodisk/reprodisk/build/boot"
	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/patherr"
	"github.com/reprodisk/reprodisk/internal/tree"
	"github.com/reprodisk/reprodisk/internal/wholefile"
)

// ImageName is the name of a raw image in the output folder, as
// make-disk-image has it.
const ImageName = "nixos.img"

// Options are what a build depends on beside its spec.
type Options struct {
	// OutDir is the folder that the image is written to. It is made where it
	// is missing, and removed again where the build fails after that.
	OutDir string
	// SourceDateEpoch is the value of the environment's variable of that name,
	// or empty. The spec's own option goes before it.
	SourceDateEpoch string
	// Warn is told, one line at a time, what the user should know. It may be
	// nil.
	Warn func(string)
	// Progress is told which phase begins, and how far it is, in bytes. It may
	// be nil.
	Progress func(phase string, done, total int64)
	// Output gets what postVM's shell code prints. It may be nil.
	Output io.Writer
	// Guest is the virtual machine's part, where the spec wants one.
	Guest GuestOptions
}

func (o Options) warn(list []string) {
	for _, w := range list {
		if o.Warn != nil {
			o.Warn(w)
		}
	}
}

func (o Options) phase(name string) func(done, total int64) {
	if o.Progress == nil {
		return nil
	}
	o.Progress(name, 0, 0)
	return func(done, total int64) { o.Progress(name, done, total) }
}

// Result is what a build has made.
type Result struct {
	Image     string   // path of the image
	Variables string   // path of the firmware's variables; empty: none are asked for
	Also      []string // paths of what postVM has put beside the image
	Size      int64    // of the disk, in bytes
	Layout    partition.Layout
}

// Build makes the image of a spec. An image that is there already is replaced
// when the new one is complete.
//
// An error is one line, with the place in the spec or the path that it is
// about, or ctx.Err() where ctx ended.
func Build(ctx context.Context, s *spec.Spec, opt Options) (Result, error) {
	if s.PostVM != "" {
		return withPostVM(ctx, s, opt)
	}
	return plain(ctx, s, opt)
}

// plain is a build up to the image.
func plain(ctx context.Context, s *spec.Spec, opt Options) (Result, error) {
	fresh, seconds, err := outset(s, opt.SourceDateEpoch)
	if err != nil {
		return Result{}, err
	}
	b := &builder{spec: s, opt: opt, epoch: tree.Time{Sec: seconds}, chance: fresh}
	defer b.close()
	opt.phase("staging")
	if err := b.stageAll(ctx); err != nil {
		return Result{}, err
	}
	if err := b.placeLoader(ctx); err != nil {
		return Result{}, err
	}
	opt.phase("planning")
	if err := b.plan(ctx); err != nil {
		return Result{}, err
	}
	if err := b.freshTable(); err != nil {
		return Result{}, err
	}
	if err := b.planVariables(); err != nil {
		return Result{}, err
	}
	opt.warn(b.layout.Warnings)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	r := Result{Size: b.layout.DiskSize, Layout: b.layout}
	image := func() (err error) {
		r.Image, err = b.image(ctx)
		return err
	}
	if b.variables == nil {
		err = image()
	} else {
		// The image is made while the variables wait under another name, so
		// that either both are there or none.
		r.Variables, err = wholefile.Write(ctx, opt.OutDir, VariablesName, func(o *wholefile.File) error {
			if _, err := o.WriteAt(b.variables, 0); err != nil {
				return err
			}
			b.firmware = o.File
			return image()
		})
	}
	if err != nil {
		return Result{}, err
	}
	return r, nil
}

// builder is one build under way.
type builder struct {
	spec   *spec.Spec
	opt    Options
	epoch  tree.Time
	chance *chance // nil: identifiers are derived from the spec
	trees  map[partition.Role]*tree.Node
	layout partition.Layout

	bios      *boot.BIOS     // GRUB's images for a BIOS; nil: none
	variables []byte         // of the firmware; nil: none
	later     []spec.Content // whose owners are set in the guest
	firmware  *os.File       // the variables' file, where the guest changes them; nil: it does not
	left      io.ReaderAt    // the guest's disk, when the image is made of what it holds; nil: it is not
	made      *os.File       // the root filesystem, where it is made before the disk; nil: it is not
}

// write makes the disk on an empty file.
func (b *builder) write(ctx context.Context, o *wholefile.File) error {
	if err := o.Truncate(b.layout.DiskSize); err != nil {
		return &os.PathError{Op: "truncate", Path: o.Name(), Err: fmt.Errorf("a disk of %d bytes: %w", b.layout.DiskSize, patherr.Bare(err))}
	}
	if err := partition.Write(o, b.layout); err != nil {
		return err
	}
	if b.bios != nil {
		if err := b.bios.Write(o, b.layout); err != nil {
			return err
		}
	}
	if err := b.writeLeft(o); err != nil {
		return err
	}
	for _, p := range b.layout.Partitions {
		if err := b.filesystem(ctx, o, p); err != nil {
			return err
		}
	}
	return nil
}

// filesystem makes the filesystem of one partition.
func (b *builder) filesystem(ctx context.Context, o *wholefile.File, p partition.Partition) error {
	w := io.NewOffsetWriter(o, p.Offset())
	switch p.Role {
	case partition.Root:
		if b.spec.FSType != spec.Ext4 {
			return b.writeOther(ctx, w, p.Length())
		}
		opt := b.ext4Options(p.Length())
		opt.Progress = b.opt.phase("root filesystem")
		_, err := mkext4.Write(ctx, w, b.trees[p.Role], opt)
		var full *mkext4.NoSpaceError
		if errors.As(err, &full) {
			return b.rootFull(full)
		}
		return err
	case partition.ESP, partition.XBOOTLDR:
		opt := b.fatOptions(p)
		opt.Progress = b.opt.phase(bootNames[p.Role].title)
		_, err := mkfat.Write(ctx, w, b.trees[p.Role], opt)
		var full *mkfat.SpaceError
		if errors.As(err, &full) {
			return b.bootFull(p, full.Missing)
		}
		return err
	}
	return nil // the BIOS boot partition has no filesystem
}

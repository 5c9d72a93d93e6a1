package build

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/reprodisk/reprodisk/build/partition"
	"github.com/reprodisk/reprodisk/build/spec"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkext4"
	"github.com/reprodisk/reprodisk/internal/mkfs/mkfat"
	"github.com/reprodisk/reprodisk/internal/ondisk/fat"
	"github.com/reprodisk/reprodisk/internal/ondisk/gpt"
	"github.com/reprodisk/reprodisk/internal/tree"
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
	// Progress is told how far a phase is, in bytes. It may be nil.
	Progress func(phase string, done, total int64)
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
	return func(done, total int64) { o.Progress(name, done, total) }
}

// Result is what a build has made.
type Result struct {
	Image  string // path of the image
	Size   int64  // of the disk, in bytes
	Layout partition.Layout
}

// Build makes the image of a spec.
func Build(ctx context.Context, s *spec.Spec, opt Options) (Result, error) {
	if err := s.Unbuilt(); err != nil {
		return Result{}, err
	}
	seconds, err := s.Epoch(opt.SourceDateEpoch)
	if err != nil {
		return Result{}, err
	}
	if opt.Progress != nil {
		opt.Progress("staging", 0, 0)
	}
	trees, err := stageAll(ctx, s, seconds, opt)
	if err != nil {
		return Result{}, err
	}
	b := &builder{spec: s, opt: opt, epoch: tree.Time{Sec: seconds}, trees: trees}
	if err := b.plan(); err != nil {
		return Result{}, err
	}
	opt.warn(b.layout.Warnings)
	path, err := writeFile(opt.OutDir, ImageName, func(f *os.File) error { return b.write(ctx, f) })
	if err != nil {
		return Result{}, err
	}
	return Result{Image: path, Size: b.layout.DiskSize, Layout: b.layout}, nil
}

// builder is one build under way.
type builder struct {
	spec   *spec.Spec
	opt    Options
	epoch  tree.Time
	trees  map[partition.Role]*tree.Node
	layout partition.Layout
}

// write makes the disk on an empty file.
func (b *builder) write(ctx context.Context, f *os.File) error {
	if err := f.Truncate(b.layout.DiskSize); err != nil {
		return fmt.Errorf("%d bytes of disk: %w", b.layout.DiskSize, unwrapPath(err))
	}
	if err := partition.Write(f, b.layout); err != nil {
		return err
	}
	for _, p := range b.layout.Partitions {
		if err := b.filesystem(ctx, f, p); err != nil {
			return err
		}
	}
	return nil
}

// filesystem makes the filesystem of one partition.
func (b *builder) filesystem(ctx context.Context, f *os.File, p partition.Partition) error {
	w := io.NewOffsetWriter(f, p.Offset())
	switch p.Role {
	case partition.Root:
		opt := b.ext4Options(p.Length())
		opt.Progress = b.opt.phase("root filesystem")
		_, err := mkext4.Write(ctx, w, b.trees[p.Role], opt)
		var full *mkext4.NoSpaceError
		if errors.As(err, &full) {
			return b.spec.Errorf("diskSize", "the contents do not fit into the root filesystem of %d bytes: %d bytes are missing; raise diskSize, or leave it at auto", full.Size, full.Missing)
		}
		return err
	case partition.ESP, partition.XBOOTLDR:
		opt, err := b.fatOptions(p)
		if err != nil {
			return err
		}
		opt.Progress = b.opt.phase(map[partition.Role]string{partition.ESP: "ESP", partition.XBOOTLDR: "XBOOTLDR"}[p.Role])
		_, err = mkfat.Write(ctx, w, b.trees[p.Role], opt)
		var full *mkfat.SpaceError
		if errors.As(err, &full) {
			return b.spec.Errorf("bootSize", "the %s: %v", p.Name, full)
		}
		return err
	}
	return nil // the BIOS boot partition stays empty
}

func (b *builder) ext4Options(size int64) mkext4.Options {
	opt := mkext4.Options{Size: size, HashSeed: b.spec.DeriveID("ext4 hash seed"), Label: b.spec.Label, Epoch: b.epoch}
	if id := b.spec.RootFSUID; id != nil {
		opt.UUID = *id
	} else {
		opt.UUID = b.spec.DeriveID("ext4 UUID")
	}
	return opt
}

// fatLabels are the labels of the boot partitions' filesystems, those that
// make-disk-image gives to mkfs.vfat -n.
var fatLabels = map[partition.Role]string{partition.ESP: "ESP", partition.XBOOTLDR: "BOOT"}

func (b *builder) fatOptions(p partition.Partition) (mkfat.Options, error) {
	if p.StartLBA > math.MaxUint32 {
		return mkfat.Options{}, fmt.Errorf("partition %d starts at sector %d, too far for FAT", p.Number, p.StartLBA)
	}
	opt := mkfat.Options{
		Size: p.Length(), Label: fatLabels[p.Role], Epoch: b.epoch, HiddenSectors: uint32(p.StartLBA),
		VolumeID: b.number(string(p.Role) + " volume ID"),
	}
	switch b.spec.EspFat {
	case spec.FAT12:
		opt.Type = fat.FAT12
	case spec.FAT16:
		opt.Type = fat.FAT16
	case spec.FAT32:
		opt.Type = fat.FAT32
	}
	return opt, nil
}

// number derives 32 bits for a purpose, never zero, which some fields take
// for "none".
func (b *builder) number(purpose string) uint32 {
	id := b.spec.DeriveID(purpose)
	for i := 0; i+4 <= len(id); i += 4 {
		if n := binary.BigEndian.Uint32(id[i:]); n != 0 {
			return n
		}
	}
	return 1
}

// rootGUID is rootGPUID as the table stores it.
func (b *builder) rootGUID() (gpt.GUID, error) { return gpt.ParseGUID(b.spec.RootGPUID.String()) }

// writeFile makes a file in a folder, whole or not at all: it is written under
// a name of its own, synced and renamed.
func writeFile(dir, name string, fill func(*os.File) error) (path string, err error) {
	made, err := makeDir(dir)
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, name)
	f, err := os.CreateTemp(dir, "."+name+".tmp-*")
	if err != nil {
		removeDir(made)
		return "", fmt.Errorf("%s: %w", dir, unwrapPath(err))
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			removeDir(made)
		}
	}()
	if err := fill(f); err != nil {
		return "", inFile(path, err)
	}
	if err := f.Chmod(0o644); err != nil {
		return "", inFile(path, err)
	}
	if err := f.Sync(); err != nil {
		return "", inFile(path, err)
	}
	if err := f.Close(); err != nil {
		return "", inFile(path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return "", fmt.Errorf("%s: %w", path, unwrapPath(err))
	}
	return path, nil
}

// inFile names the output where an error is about the temporary file, whose
// name means nothing to anybody.
func inFile(path string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) && filepath.Dir(pe.Path) == filepath.Dir(path) {
		return fmt.Errorf("%s: %w", path, pe.Err)
	}
	return err
}

func unwrapPath(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err
	}
	return err
}

// makeDir makes a folder with those above it, and returns the ones that it
// made, the topmost first.
func makeDir(dir string) (made []string, err error) {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, os.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], 0o755); err != nil {
			removeDir(made)
			return nil, fmt.Errorf("%s: %w", missing[i], unwrapPath(err))
		}
		made = append(made, missing[i])
	}
	if fi, err := os.Stat(dir); err != nil {
		return made, fmt.Errorf("%s: %w", dir, unwrapPath(err))
	} else if !fi.IsDir() {
		return made, fmt.Errorf("%s: is not a folder", dir)
	}
	return made, nil
}

// removeDir removes the folders that makeDir made, as far as they are empty.
func removeDir(made []string) {
	for i := len(made) - 1; i >= 0; i-- {
		if os.Remove(made[i]) != nil {
			return
		}
	}
}
